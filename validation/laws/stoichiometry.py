"""Conservation laws of a network of reactions: the left null space of its stoichiometric matrix, in whole numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

Integers = NDArray[np.int64]


def null_space(matrix: ArrayLike) -> Integers:
    """Basis of all n with n M = 0, in whole numbers, by elimination with fractions: exact.

    Args:
        matrix: whole numbers M, (species, columns).

    Returns:
        Basis, (laws, species). Each vector has one species that the others lack: its last one that is not zero.
    """
    M = np.asarray(matrix, dtype=np.int64)
    species = M.shape[0]
    rows = [[Fraction(int(value)) for value in column] for column in M.T]
    pivots: list[int] = []
    for k in range(species):
        found = next((row for row in rows[len(pivots) :] if row[k] != 0), None)
        if found is None:
            continue
        rows.remove(found)
        found = [value / found[k] for value in found]
        rows = [_without(row, found, k) for row in rows]
        rows.insert(len(pivots), found)
        pivots.append(k)
    free = [k for k in range(species) if k not in pivots]
    basis = np.zeros((len(free), species), dtype=np.int64)
    for law, k in zip(basis, free, strict=True):
        vector = {k: Fraction(1)} | {pivot: -row[k] for pivot, row in zip(pivots, rows, strict=False)}
        factor = math.lcm(*(value.denominator for value in vector.values()))
        for i, value in vector.items():
            law[i] = int(value * factor)
    return basis


def _without(row: list[Fraction], pivot: list[Fraction], k: int) -> list[Fraction]:
    """Row less the multiple of the pivot's row that leaves zero in column k."""
    return [value - row[k] * other for value, other in zip(row, pivot, strict=True)]


def conservation_laws(stoichiometry: ArrayLike) -> Integers:
    """Conserved totals sum n_i c_i of a network, with n_i >= 0 as far as such totals span them.

    Nonnegative totals are those of moieties, "all calcium", "all buffer"; no cancellation hides a trace in them. They
    are the extreme rays of the cone n >= 0, n N = 0 (Schuster and Hoefer, J. Chem. Soc. Faraday Trans. 87 (1991) 2561),
    of which a basis of the smallest ones is chosen. Laws that they do not span, like the charge of an exchange of ions,
    are added with signs.

    Args:
        stoichiometry: N, whole numbers of each species that each reaction produces less those that it consumes,
            (species, reactions).

    Returns:
        Laws n, (laws, species), whole numbers without a common divisor; fewer and smaller ones first.
    """
    N = np.asarray(stoichiometry, dtype=np.int64)
    everything = null_space(N)
    rays = sorted(
        (tuple(map(int, ray)) for ray in _rays(N)), key=lambda ray: (np.count_nonzero(ray), sum(ray), ray[::-1])
    )
    chosen: list[tuple[int, ...]] = []
    for law in [*rays, *(tuple(map(int, row)) for row in everything)]:
        # The rank of small whole numbers is exact: the null space of their transpose.
        trial = np.array([*chosen, law], dtype=np.int64)
        if len(chosen) < len(everything) and not len(null_space(trial)):
            chosen.append(law)
    return np.array(chosen, dtype=np.int64).reshape(len(chosen), N.shape[0])


def _rays(N: Integers) -> list[Integers]:
    """Extreme rays of the cone n >= 0, n N = 0, by Farkas' algorithm."""
    species = N.shape[0]
    table = [(N[i].copy(), np.eye(species, dtype=np.int64)[i]) for i in range(species)]
    for k in range(N.shape[1]):
        kept = [pair for pair in table if pair[0][k] == 0]
        for a, m in (pair for pair in table if pair[0][k] > 0):
            for b, n in (pair for pair in table if pair[0][k] < 0):
                left, law = a * -b[k] + b * a[k], m * -b[k] + n * a[k]
                divisor = math.gcd(*(int(value) for value in (*left, *law)))
                kept.append((left // divisor, law // divisor))
        table = _minimal(kept)
    return [law for _, law in table]


def _minimal(table: list[tuple[Integers, Integers]]) -> list[tuple[Integers, Integers]]:
    """Rows whose species are not all those of another row, or more."""
    supports = [frozenset(np.flatnonzero(law)) for _, law in table]
    return [
        row
        for i, row in enumerate(table)
        if not any(other < supports[i] or (other == supports[i] and j < i) for j, other in enumerate(supports))
    ]
