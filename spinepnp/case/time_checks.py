"""Checks that waveforms belong to a transient, and that its steps can follow them."""

from __future__ import annotations

from collections.abc import Mapping

from spinepnp.case.study import Study
from spinepnp.errors import CaseError
from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.terms import TERM_KEYS


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
        for term in TERM_KEYS:
            tables = term.waveforms_by_path(f"boundaries.{name}", boundary)
            waveforms = [table.waveform for table in tables.values() if table.waveform != "constant"]
            for key, table in tables.items():
                if table.waveform != "constant" and not transient:
                    raise CaseError(
                        f"{key}.waveform",
                        'goes in time, and the study does not; set study.kind = "transient", or drop it',
                        table.waveform,
                    )
                if transient:
                    table.check_pace(key, study.duration or 0.0)
            if transient and term.steady_only and term.at_boundary(boundary):
                raise CaseError(f"boundaries.{name}.{term.key}", "belongs to a steady state; drop it")
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
