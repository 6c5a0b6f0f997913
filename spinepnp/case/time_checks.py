"""Checks that waveforms belong to a transient, and that its steps can follow them."""

from __future__ import annotations

from collections.abc import Mapping

from spinepnp.case.study import MOST_STEPS, SHORTEST_PULSE, Study
from spinepnp.errors import CaseError
from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.waveforms import STEPS_A_PERIOD


def check_time(
    study: Study, electrolyte: Electrolyte, boundaries: Mapping[str, Boundary], law: str | None, formulation: str
) -> None:
    """Refuse waveforms, boundaries and laws that do not fit the kind of the study.

    Args:
        study: table [study] of the case.
        electrolyte: species of the case.
        boundaries: boundary conditions by name.
        law: name of the law of [compare]; ``None`` without one.
        formulation: formulation of the unknowns, as `solver.formulation` names it.

    Raises:
        CaseError: names the key and what to do.
    """
    transient = study.kind == "transient"
    for name, boundary in boundaries.items():
        waveforms = [i.waveform for i in boundary.injections if i.waveform != "constant"]
        if waveforms and not transient:
            raise CaseError(
                f"boundaries.{name}.current.waveform",
                'goes in time, and the study does not; set study.kind = "transient", or drop it',
                waveforms[0],
            )
        if transient:
            _check_pace(name, boundary, study.duration or 0.0)
        if boundary.field_matched and transient:
            raise CaseError(f"boundaries.{name}.field_matched", "belongs to a steady state; drop it")
        if law is not None and set(waveforms) - {"step"}:
            raise CaseError(
                "compare.law",
                "holds for currents that stay; drop it, or make the waveform a step",
                law,
            )
    empty = [s.name for s in electrolyte.species if s.concentration == 0.0]
    if transient and empty and formulation == "log":
        raise CaseError(
            "solver.formulation", f'the bulk has no {empty[0]}, and zero no logarithm; use "density"', "log"
        )


def _check_pace(name: str, boundary: Boundary, duration: float) -> None:
    """Refuse waveforms that steps in time cannot follow over a duration, s."""
    key = f"boundaries.{name}.current"
    for i in boundary.injections:
        steps = STEPS_A_PERIOD * (i.frequency or 0.0) * min(duration, i.duration or duration)
        if i.waveform == "sine" and steps > MOST_STEPS:
            raise CaseError(
                f"{key}.frequency",
                f"would take more than {MOST_STEPS:g} steps; make it lower, or the study shorter",
            )
        if i.waveform == "pulse" and (i.duration or 0.0) < SHORTEST_PULSE * duration:
            raise CaseError(
                f"{key}.duration", "is less than 1e-9 of the study, too short to be hit; make the study shorter"
            )
