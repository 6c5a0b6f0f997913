"""Studies that a validation case may name in place of a case file: numbers of several solves, each with a reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from spinepnp.units import TIME, to_unit

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
    # The lists of cases need the names of the studies, and no finite elements.
    from spinepnp.validation.studies.facilitation import HEADS, PulsePair
    from spinepnp.validation.suite.solve import FINER, TIGHTER

    numbers = []
    for head, radius in HEADS.items():
        for interval in INTERVALS:
            coarse = PulsePair(comm, radius, interval)
            tight = replace(coarse, tolerance=TIGHTER * coarse.tolerance)
            solves = coarse, tight, replace(tight, size=FINER * tight.size)
            point = f"head of {head}, {to_unit(interval, TIME):g} {TIME.unit}"
            reduced = tight.reduced_ratio() / tight.reduced_ratio(frozen=True) - 1.0
            numbers.append(
                _number(
                    "excess of the second peak by salt, 1 nS", point, [pair.facilitation() - 1.0 for pair in solves],
                    reduced, 0.1, "the reduced law has one time constant, without the modes of neck and head",
                )
            )  # fmt: skip
            numbers.append(
                _number(
                    "ratio of the peaks, 50 pA", point, [pair.ratio("current") for pair in solves],
                    tight.reduced_ratio("current", frozen=True), 1e-4,
                    "the dendrite takes the whole current at any resistance of the neck: no facilitation",
                )
            )  # fmt: skip
    return numbers


def _number(
    quantity: str, point: str, values: list[float], reference: float, tolerance: float, why: str
) -> StudyNumber:
    """Number with the estimate of its error from solves with tighter steps, then with smaller cells."""
    from spinepnp.validation.suite.solve import FIRST_ORDER

    first, tight, fine = values
    estimate = (abs(tight - first) + FIRST_ORDER * abs(fine - tight)) / abs(reference)
    return StudyNumber(quantity, point, fine, reference, estimate, tolerance, why)


#: Largest relative error of G by how a surface is given: as it is or with displaced vertices, and as voxels.
SURFACE_TOLERANCES = {"turned": 5e-3, "rough": 5e-3, "voxels": 2e-2}


def known_surfaces(comm: Any) -> list[StudyNumber]:
    """Conductance of known bodies whose surfaces are turned, displaced and voxelised; and their bounds. Collective."""
    from scipy.spatial.transform import Rotation

    from spinepnp.runtime.communication import on_root
    from spinepnp.validation.studies.known_surfaces import BODIES, bounds_of, ready_from_a_file

    numbers = []
    for seed, (name, body) in enumerate(BODIES.items(), start=1):
        turn = Rotation.random(random_state=seed).as_matrix()
        reference = body.reference(comm)
        for how, tolerance in SURFACE_TOLERANCES.items():
            surface = on_root(comm, partial(ready_from_a_file, body, how, turn))
            coarse, fine = (bounds_of(surface, body.injector, comm, refine) for refine in (0, 1))
            numbers.append(
                StudyNumber(
                    "G (1/um) of a surface", f"{name}, {how}", coarse.value, reference,
                    2.0 * abs(fine.value / coarse.value - 1.0), tolerance,
                    "the error of the surface: of its polygons, its noise and its voxels",
                )
            )  # fmt: skip
            inside = coarse.low < coarse.value < fine.value < fine.high < coarse.high and coarse.low < fine.low
            numbers.append(
                StudyNumber(
                    "whether G of finer cells lies within the bounds", f"{name}, {how}", float(inside), 1.0, 0.0, 1e-9,
                    "the bounds are rigorous for the triangulated body",
                )
            )  # fmt: skip
    return numbers


def conserved_totals(comm: Any) -> list[StudyNumber]:
    """Totals that reactions conserve, after a thousand steps of pulses of calcium. Collective."""
    from spinepnp.validation.studies.conserved_totals import PULSES, conservation

    found = conservation(comm)
    point, why = f"{PULSES} pulses, {found.steps} steps", "nodes lose and gain the same: only rounding is left"
    totals = {f"amount of {name}, mol": pair for name, pair in found.totals.items()}
    totals["1 + conservation_relative"] = (1.0 + found.reported, 1.0)
    return [StudyNumber(name, point, *pair, estimate=0.0, tolerance=1e-11, why=why) for name, pair in totals.items()]


#: Every study by its name in a validation case.
STUDIES: dict[str, Callable[[Any], list[StudyNumber]]] = {
    "conserved_totals": conserved_totals,
    "facilitation": facilitation,
    "known_surfaces": known_surfaces,
}
