"""Rates of the reactions of a system with their derivatives, and what the reactions conserve.

With ln c as unknowns the derivatives are the parts of a rate, each times the number of particles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spinepnp.validation.reference.onedimensional.mesh import Mesh
from spinepnp.validation.reference.onedimensional.reactions import Reaction
from spinepnp.validation.reference.onedimensional.scales import Scales

Values = NDArray[np.float64]

#: Size below which an entry of an elimination of small whole numbers is zero.
ZERO = 1e-9


class Kinetics:
    """Reactions of a system, scaled.

    Args:
        reactions: the reactions.
        mesh: mesh in scaled x.
        scale: scales of the problem.
    """

    def __init__(self, reactions: tuple[Reaction, ...], mesh: Mesh, scale: Scales) -> None:
        middles = 0.5 * (mesh.edges[:-1] + mesh.edges[1:]) * scale.length
        unit = scale.time / scale.concentration
        self.consumed = np.array([r.consumed for r in reactions])
        self.produced = np.array([r.produced for r in reactions])
        self.change = self.produced - self.consumed
        self.active = np.ones((len(reactions), len(middles)))
        for active, reaction in zip(self.active, reactions, strict=True):
            if reaction.region is not None:
                low, high = reaction.region
                active[:] = (low < middles) & (middles < high)
        self.forward, self.backward = (
            np.array([k * unit * scale.concentration ** sum(n) for k, n in pairs])
            for pairs in (
                [(r.forward, r.consumed) for r in reactions],
                [(r.backward, r.produced) for r in reactions],
            )
        )

    def _rates(self, c: Values) -> tuple[Values, Values]:
        """Forward and backward rate of each reaction, (reactions, elements, points) each."""
        active = self.active[..., None]
        forward, backward = (
            k[:, None, None] * active * np.prod(c[None] ** n[:, :, None, None], axis=1)
            for k, n in ((self.forward, self.consumed), (self.backward, self.produced))
        )
        return forward, backward

    def sources(self, c: Values) -> Values:
        """Rate at which each species is produced.

        Args:
            c: scaled concentrations, (species, elements, points).
        """
        forward, backward = self._rates(c)
        return np.tensordot(self.change.T, forward - backward, 1)

    def slopes(self, c: Values) -> list[tuple[int, int, Values]]:
        """Derivatives of the source of a species by ln c of another: (row, column, values), those that are not zero.

        Args:
            c: scaled concentrations, (species, elements, points).
        """
        forward, backward = self._rates(c)
        found: dict[tuple[int, int], Values] = {}
        for change, n, m, f, b in zip(self.change, self.consumed, self.produced, forward, backward, strict=True):
            for j in np.flatnonzero(n + m):
                by_log = n[j] * f - m[j] * b
                for i in np.flatnonzero(change):
                    found[int(i), int(j)] = found.get((int(i), int(j)), 0.0) + change[i] * by_log
        return [(i, j, values) for (i, j), values in found.items()]


@dataclass(frozen=True)
class Conserved:
    """Totals that reactions, held concentrations and immobile species leave unchanged.

    Attributes:
        local: totals of immobile species alone, which hold at every place, (laws, species).
        whole: further totals, which hold for the whole interval, (laws, species).
    """

    local: Values
    whole: Values

    @staticmethod
    def of(reactions: tuple[Reaction, ...], immobile: Sequence[bool], held: Sequence[bool]) -> Conserved:
        """Totals of a network.

        Args:
            reactions: the reactions.
            immobile: whether each species stays where it is.
            held: whether an end holds the concentration of each species.
        """
        count, unit = len(immobile), np.eye(len(immobile))
        change = np.array([r.change for r in reactions], dtype=float).reshape(-1, count).T
        local = null_space(np.hstack([change, unit[:, ~np.asarray(immobile)]]))
        open_ = unit[:, np.asarray(held)]
        return Conserved(local, null_space(np.hstack([change, open_, unit[:, rows_of(local)]])))


def rows_of(laws: Values) -> list[int]:
    """Species whose equation each law replaces: its last one, which the other laws lack."""
    return [int(np.flatnonzero(law)[-1]) for law in laws]


def null_space(matrix: Values) -> Values:
    """Basis of all n with n M = 0, (laws, rows of M), each with a one last, where the other laws have zero."""
    A = matrix.T.copy()
    pivots: list[int] = []
    for k in range(A.shape[1]):
        row = len(pivots)
        best = row + int(np.argmax(np.abs(A[row:, k]))) if row < len(A) else row
        if row == len(A) or abs(A[best, k]) < ZERO:
            continue
        A[[row, best]] = A[[best, row]]
        A[row] /= A[row, k]
        others = np.arange(len(A)) != row
        A[others] -= np.outer(A[others, k], A[row])
        pivots.append(k)
    free = [k for k in range(A.shape[1]) if k not in pivots]
    basis = np.eye(A.shape[1])[free]
    basis[:, pivots] = -A[: len(pivots), free].T
    return np.where(np.abs(basis) < ZERO, 0.0, basis)
