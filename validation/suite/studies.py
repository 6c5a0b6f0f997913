"""Studies that a validation case may name in place of a case file: numbers of several solves, each with a reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spinepnp.units import TIME, to_unit
from spinepnp.validation.studies.facilitation import HEADS, PulsePair
from spinepnp.validation.suite.solve import FINER, FIRST_ORDER, TIGHTER

#: Intervals of pairs of pulses, s.
INTERVALS = (10e-3, 20e-3)


@dataclass(frozen=True)
class StudyNumber:
    """One number of a study.

    Attributes:
        quantity: name of the quantity.
        point: parameters of the solves.
        value: result of the finest solve.
        reference: expected number.
        estimate: estimated error of mesh and time steps.
        tolerance: largest relative error and estimate that pass.
        why: reason for the tolerance.
    """

    quantity: str
    point: str
    value: float
    reference: float
    estimate: float
    tolerance: float
    why: str


def facilitation(comm: Any) -> list[StudyNumber]:
    """Facilitation of paper 000 in both heads at both intervals, by a conductance and by a current. Collective."""
    numbers = []
    for head, radius in HEADS.items():
        for interval in INTERVALS:
            coarse = PulsePair(comm, radius, interval)
            fine = PulsePair(comm, radius, interval, FINER * coarse.size, TIGHTER * coarse.tolerance)
            point = f"head of {head}, {to_unit(interval, TIME):g} {TIME.unit}"
            excess, before = (pair.facilitation() - 1.0 for pair in (fine, coarse))
            reduced = fine.reduced_ratio() / fine.reduced_ratio(frozen=True) - 1.0
            why = "the reduced law has one time constant, without the modes of neck and head"
            quantity = "excess of the second peak by salt, 1 nS"
            error = FIRST_ORDER * abs(excess - before) / reduced
            numbers.append(StudyNumber(quantity, point, excess, reduced, error, 0.1, why))
            ratio, before = (pair.ratio("current") for pair in (fine, coarse))
            linear = fine.reduced_ratio("current", frozen=True)
            why = "the dendrite takes the whole current at any resistance of the neck: no facilitation"
            error = FIRST_ORDER * abs(ratio - before) / linear
            numbers.append(StudyNumber("ratio of the peaks, 50 pA", point, ratio, linear, error, 1e-4, why))
    return numbers


#: Every study by its name in a validation case.
STUDIES: dict[str, Callable[[Any], list[StudyNumber]]] = {"facilitation": facilitation}
