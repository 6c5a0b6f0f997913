"""The result directory of the contract: what is written, under which names, in which units.

Only rank 0 writes. Every file appears whole or not at all, so that an interrupted run leaves readable results.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from spinepnp.errors import CaseError
from spinepnp.runtime.versions import versions
from spinepnp.solvers.problem.problem import Problem
from spinepnp.solvers.problem.solution import PointState, RegionState, Solution, VolumeState
from spinepnp.units import (
    AMOUNT,
    AREA,
    CHARGE,
    CONCENTRATION,
    CURRENT,
    ENERGY,
    LENGTH,
    POTENTIAL,
    RESISTANCE,
    SURFACE_CHARGE,
    VOLUME,
    Kind,
    to_unit,
)
from spinepnp.validation.laws.catalogue import LawValue

#: In a column of text: there is nothing to be said.
NOTHING = "-"


def _estimate(value: float) -> float | None:
    """An estimate, without the digits that it does not have; null where there is none."""
    return finite(float(f"{value:.2g}"))


def finite(value: float) -> float | None:
    """JSON knows no infinity: an infinite length (a bulk without ions) is null."""
    return value if math.isfinite(value) else None


def _concentrations(values: dict[str, float]) -> dict[str, float]:
    return {name: to_unit(value, CONCENTRATION) for name, value in values.items()}


#: In place of the names of species, where there is none: a table then has text in all rows.
NOBODY = "-"


def _named(kind: Kind, quantity: str = "") -> str:
    """``potential_mV``: a quantity with its unit."""
    return f"{quantity or kind.name}_{kind.suffix}"


def _point(state: PointState) -> dict[str, Any]:
    return {
        _named(POTENTIAL): to_unit(state.potential, POTENTIAL),
        _named(CONCENTRATION): _concentrations(state.concentration),
    }


def _region(state: RegionState) -> dict[str, Any]:
    return {
        **_point(state),
        _named(POTENTIAL, "min_potential"): to_unit(state.min_potential, POTENTIAL),
        _named(POTENTIAL, "max_potential"): to_unit(state.max_potential, POTENTIAL),
        _named(CONCENTRATION, "min_concentration"): _concentrations(state.min_concentration),
        _named(CONCENTRATION, "max_concentration"): _concentrations(state.max_concentration),
    }


def _volume(state: VolumeState) -> dict[str, Any]:
    return {
        **_region(state),
        _named(AMOUNT): {name: to_unit(value, AMOUNT) for name, value in state.amount.items()},
        _named(CHARGE): to_unit(state.charge, CHARGE),
        _named(ENERGY, "free_energy"): to_unit(state.free_energy, ENERGY),
    }


def state_of(solution: Solution, law: LawValue | None) -> dict[str, Any]:
    """The physical part of summary.json: boundaries, volume, law.

    Args:
        solution: a steady state.
        law: what it is held against, if anything.
    """
    boundaries = {}
    for name, state in solution.boundary.items():
        currents = {species: to_unit(value, CURRENT) for species, value in state.current.items()}
        floors = {species: to_unit(value, CURRENT) for species, value in state.current_floor.items()}
        boundaries[name] = {
            _named(AREA): to_unit(state.area, AREA),
            **_point(state),
            _named(CURRENT): {**currents, "total": to_unit(state.total_current, CURRENT)},
            _named(CURRENT, "current_floor"): {**floors, "total": sum(floors.values())},
            "current_below_floor": " ".join(state.lost) or NOBODY,
        }
        if state.displacement is not None and state.displacement_floor is not None:
            boundaries[name][_named(CURRENT)]["displacement"] = to_unit(state.displacement, CURRENT)
            floor = to_unit(state.displacement_floor, CURRENT)
            boundaries[name][_named(CURRENT, "current_floor")]["displacement"] = floor
        if name in solution.electroneutral:
            boundaries[name][_named(POTENTIAL, "electroneutral_potential")] = to_unit(
                solution.electroneutral[name], POTENTIAL
            )
        if name in solution.potential_error:
            error = to_unit(solution.potential_error[name], POTENTIAL)
            boundaries[name][_named(POTENTIAL, "potential_error")] = _estimate(error)
    probes = {name: _point(state) for name, state in solution.probes.items()}
    regions = {
        name: {_named(VOLUME): to_unit(state.volume, VOLUME), **_region(state)}
        for name, state in solution.regions.items()
    }
    result: dict[str, Any] = {
        "boundaries": boundaries,
        **({"probes": probes} if probes else {}),
        **({"regions": regions} if regions else {}),
        "volume": _volume(solution.volume),
        "layers_resolved": solution.layers_resolved,
        "layers_unresolved": "; ".join(n for n, layer in solution.layers.items() if not layer.resolved) or NOTHING,
        "relative_error": _estimate(solution.relative_error),
        "formulation": solution.formulation,
        "formulation_reason": solution.formulation_reason or NOTHING,
        "change_within_cell_VT": _estimate(solution.change_within_cell),
        "too_steep": solution.too_steep,
    }
    if solution.wall_charge is not None:
        result[_named(SURFACE_CHARGE, "wall_charge")] = to_unit(solution.wall_charge, SURFACE_CHARGE)
    if law is not None:
        computed = solution.boundary[law.injector].potential - solution.boundary[law.ground].potential
        full = law.potential + law.layer_drop
        result["law"] = {
            _named(POTENTIAL): to_unit(law.potential, POTENTIAL),
            _named(RESISTANCE): to_unit(law.resistance, RESISTANCE),
            _named(POTENTIAL, "computed_potential"): to_unit(computed, POTENTIAL),
            "relative_error": computed / law.potential - 1.0 if law.potential != 0.0 else None,
            _named(POTENTIAL, "ohmic_potential"): to_unit(law.ohmic_potential, POTENTIAL),
            _named(POTENTIAL, "full_pnp_potential"): to_unit(full, POTENTIAL),
            "full_pnp_relative_error": computed / full - 1.0 if full != 0.0 else None,
            _named(CONCENTRATION): _concentrations(law.concentration),
        }
        if law.printed_potential is not None:
            result["law"][_named(POTENTIAL, "printed_potential")] = to_unit(law.printed_potential, POTENTIAL)
        if law.leading_error is not None:
            result["law"]["leading_error"] = law.leading_error
    return result


def summary_of(problem: Problem, solution: Solution, law: LawValue | None, seconds: float) -> dict[str, Any]:
    """All of summary.json for a point that was solved."""
    mesh, statistics = problem.mesh, solution.statistics
    return {
        "status": "ok",
        "versions": versions(),
        "mesh": {
            "cells": mesh.cells,
            "vertices": mesh.vertices,
            "dofs": statistics.dofs,
            _named(VOLUME): to_unit(solution.volume.volume, VOLUME),
            "min_quality": mesh.min_quality,
        },
        _named(LENGTH, "debye_length"): finite(to_unit(solution.electrolyte.debye_length(), LENGTH)),
        "ranks": statistics.ranks,
        "seconds": seconds,
        "newton_iterations": statistics.newton,
        "krylov_iterations": statistics.krylov,
        _named(CONCENTRATION, "min_concentration"): min(_concentrations(solution.volume.min_concentration).values()),
        "ion_balance_relative": solution.ion_balance,
        **state_of(solution, law),
    }


def flatten(state: dict[str, Any]) -> dict[str, Any]:
    """Columns of observables.csv: keys of `state_of` joined by dots; boundaries, probes and regions by name alone."""
    flat: dict[str, Any] = {}

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{prefix}.{key}" if prefix else key, inner)
        else:
            flat[prefix] = value

    for key, value in state.items():
        walk("" if key in ("boundaries", "probes", "regions") else key, value)
    return flat


def default_output(case_path: Path) -> Path:
    """``runs/STEM`` below the current directory.

    Raises:
        CaseError: the name of the file gives none to a directory.
    """
    if set(case_path.stem) <= {"."}:  # ``...toml``, whose stem is the folder above
        raise CaseError(str(case_path), "its name gives none to a directory of results; give --output")
    return Path("runs") / case_path.stem
