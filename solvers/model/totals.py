"""Totals of concentrations that reactions conserve: the left null space of their stoichiometry, in small integers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np


@dataclass(frozen=True)
class Total:
    """Conserved total l . c of concentrations.

    Attributes:
        weights: weight l_i of each species, shape (N,).
        pivot: index of the species that stands for it in equations.
    """

    weights: tuple[float, ...]
    pivot: int

    def label(self, names: Sequence[str]) -> str:
        """The sum in words, such as "B + 2 CaB"."""
        text = ""
        for weight, name in zip(self.weights, names, strict=True):
            if weight:
                size = abs(weight)
                number = "" if size == 1.0 else f"{size:g} "
                sign = (" - " if weight < 0 else " + ") if text else ("-" if weight < 0 else "")
                text += f"{sign}{number}{name}"
        return text


def conserved_totals(net: np.ndarray, allowed: list[int], pivots: list[int]) -> tuple[Total, ...]:
    """Conserved totals of the allowed species, as many as they have, each with a pivot of its own.

    Totals without any weight on the pivots are left out. Weights are small integers where the stoichiometry has them.

    Args:
        net: molecules that each reaction makes, shape (R, N).
        allowed: indices of the species that may have a weight.
        pivots: those of them that may stand for a total.
    """
    order = [i for i in allowed if i not in pivots]
    # Unknown weights l of the allowed species: net l = 0. Free parameters are chosen among the last columns, and the
    # pivots stand there.
    columns = [*order, *(i for i in allowed if i in pivots)]
    rows = [[Fraction(int(value)) for value in row[columns]] for row in net]
    leading = _reduce(rows)
    found: list[tuple[int, list[Fraction]]] = []
    for k in range(len(columns)):
        if k in leading:
            continue
        weights = [Fraction(0)] * net.shape[1]
        weights[columns[k]] = Fraction(1)
        for row, lead in zip(rows, leading, strict=False):
            weights[columns[lead]] = -row[k]
        found.append((columns[k], weights))
    vectors = _with_few_negatives([weights for _, weights in found])
    return tuple(
        Total(_whole(weights), pivot) for (pivot, _), weights in zip(found, vectors, strict=True) if pivot in pivots
    )


def _whole(weights: list[Fraction]) -> tuple[float, ...]:
    """Weights times their smallest common denominator."""
    scale = math.lcm(*(w.denominator for w in weights))
    return tuple(float(w * scale) for w in weights)


def _with_few_negatives(vectors: list[list[Fraction]]) -> list[list[Fraction]]:
    """Basis of the same totals with as few negative weights as adding one vector to another gives.

    So Ca + CaB and B - Ca become Ca + CaB and B + CaB, which are amounts.
    """
    found = list(vectors)
    for k, vector in enumerate(found):
        for other in vectors[:k] + vectors[k + 1 :]:
            ratios = [-v / w for v, w in zip(vector, other, strict=True) if v < 0 < w]
            added = [v + max(ratios) * w for v, w in zip(vector, other, strict=True)] if ratios else vector
            if sum(v < 0 for v in added) < sum(v < 0 for v in vector):
                vector = added
        found[k] = vector
    for k, vector in enumerate(found):
        for other in found[:k] + found[k + 1 :]:
            ratios = [v / w for v, w in zip(vector, other, strict=True) if w]
            less = [v - min(ratios) * w for v, w in zip(vector, other, strict=True)]
            if all(v >= 0 for v in less) and sum(map(bool, less)) < sum(map(bool, vector)):
                vector = less
        found[k] = vector
    return found


def _reduce(rows: list[list[Fraction]]) -> list[int]:
    """Bring rows to reduced echelon form in place, and return the leading column of each nonzero row."""
    leading: list[int] = []
    for column in range(len(rows[0]) if rows else 0):
        k = len(leading)
        pivot = next((i for i in range(k, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[k], rows[pivot] = rows[pivot], rows[k]
        factor = rows[k][column]
        rows[k] = [value / factor for value in rows[k]]
        for i, row in enumerate(rows):
            if i != k and row[column]:
                rows[i] = [value - row[column] * lead for value, lead in zip(row, rows[k], strict=True)]
        leading.append(column)
    return leading
