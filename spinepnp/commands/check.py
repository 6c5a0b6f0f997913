"""The verb `check`: facts about a case before it is solved, in seconds.

They are scales, Debye layers and whether the mesh resolves them, limiting currents, the electroneutral answer with its
whole current-voltage curve, and the cost of a solve.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.case.case import Case, load_case
from spinepnp.case.remarks import remarks_of
from spinepnp.commands.check_chemistry import chemistry_facts, chemistry_lines
from spinepnp.commands.check_rest import rest_facts, rest_lines
from spinepnp.errors import CaseError
from spinepnp.geometries import MODEL_UNIT
from spinepnp.geometries.description import anatomy_of, body_line
from spinepnp.meshes import generate
from spinepnp.run.progress import print_line
from spinepnp.run.summary import bounds_lines
from spinepnp.runtime.communication import on_root
from spinepnp.solvers.algebra.cost import estimates
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.problem.columns import BOUNDS, finite, flatten, values
from spinepnp.solvers.problem.prediction import ElectroneutralPrediction, discretise
from spinepnp.units import CONCENTRATION, CURRENT, LENGTH, POTENTIAL, RESISTANCE, TIME, VOLUME, to_unit

#: Number of points of the current-voltage curve.
POINTS = 13

#: Share of the limiting currents up to which the curve goes.
NEAR_LIMIT = 0.99

#: State whose potentials the electroneutral answer gives, by the kind of the study.
STATES = {
    "steady": "steady state",
    "sweep": "steady state of the case as it stands, before study.vary changes it",
    "transient": "steady state with all waveforms at their height",
}

#: What the run has to do with the electroneutral answer, by the kind of the study.
AS_RUN = {
    "steady": " (run gives these, and the drops of resolved Debye layers)",
    "sweep": " (run gives these for that value, and the drops of resolved Debye layers)",
    "transient": "",
}

#: Largest factor of the imposed currents on the curve.
LARGEST_FACTOR = 2.0


def check_case(
    path: Path, comm: Any, *, overrides: tuple[str, ...] = (), removals: tuple[str, ...] = ()
) -> tuple[Case, dict[str, Any]]:
    """Facts about a case before it is solved. Collective.

    Args:
        path: path of the case file.
        comm: MPI communicator.
        overrides: ``key=value`` texts that change the case.
        removals: paths of keys that are removed from it before.

    Returns:
        The case, and the facts by name, with units in the names; ``None`` for what has no value.

    Raises:
        CaseError: bad input, a current beyond the limiting one among it.
    """
    case = on_root(comm, lambda: load_case(path, overrides, removals))
    case.points()  # each value of a sweep is checked
    if case.initial is not None:
        on_root(comm, case.initial.check_file)
    mesh = generate(case.geometry, case.mesh, comm, log=print_line)
    problem_data = case.problem_data
    discretisation = discretise(mesh, problem_data, case.probes, case.regions)
    electroneutral = ElectroneutralPrediction(discretisation, problem_data)
    try:
        of_a_node = len(case.electrolyte.species) + 1
        unknowns = discretisation.nodes * of_a_node
        volume = discretisation.weights.total_volume * MODEL_UNIT**3
        answer = _electroneutral(electroneutral, problem_data)
        facts = {
            "title": case.title,
            "shape": case.geometry.shape,
            "body": {f"volume_{VOLUME.suffix}": to_unit(volume, VOLUME), **anatomy_of(case.geometry)},
            "mesh": {
                "cells": mesh.cells,
                "vertices": mesh.vertices,
                "dofs": unknowns,
                "graded": {place: to_unit(size, LENGTH) for place, size in case.mesh.graded_places().items()},
            },
            **estimates(case.solver.linear, unknowns, case.geometry.dimension, of_a_node),
            **_scales(case, discretisation.extent()),
            **answer,
            "bounds": {
                name: values(BOUNDS.columns, found, None)
                for name, found in electroneutral.conductances(problem_data).items()
            },
            **rest_facts(case, electroneutral),
            **_law(case),
            **chemistry_facts(case, answer["layers"]),
            "study": case.study.kind,
            "remarks": remarks_of(case),
        }
    finally:
        electroneutral.destroy()
        discretisation.destroy()
    return case, facts


def _scales(case: Case, extent: float) -> dict[str, Any]:
    """Lengths and times of a case."""
    electrolyte, debye = case.electrolyte, case.electrolyte.debye_length()
    diffusivity = max(electrolyte.effective_diffusivity(s) for s in electrolyte.species)
    return {
        f"thermal_voltage_{POTENTIAL.suffix}": to_unit(electrolyte.V_T, POTENTIAL),
        f"ionic_strength_{CONCENTRATION.suffix}": to_unit(electrolyte.ionic_strength(), CONCENTRATION),
        f"debye_length_{LENGTH.suffix}": finite(to_unit(debye, LENGTH)),
        f"debye_time_{TIME.suffix}": finite(to_unit(debye**2 / diffusivity, TIME)),
        f"extent_{LENGTH.suffix}": to_unit(extent, LENGTH),
        f"diffusion_time_{TIME.suffix}": to_unit(extent**2 / diffusivity, TIME),
    }


def _electroneutral(electroneutral: ElectroneutralPrediction, problem_data: ProblemData) -> dict[str, Any]:
    reason = ""
    try:
        reason = electroneutral.why_not(problem_data)
        prediction = electroneutral.predict(problem_data)
    except CaseError as error:
        if not problem_data.transient:
            raise
        prediction, reason = None, f"for a while: {error}"  # a short current may be any
    facts: dict[str, Any] = {
        "layers": {
            name: {
                "forms": layer.forms,
                f"debye_length_{LENGTH.suffix}": finite(to_unit(layer.debye_length, LENGTH)),
                f"cell_height_{LENGTH.suffix}": to_unit(layer.cell_height, LENGTH),
                "charged": layer.charged,
                "resolved": layer.resolved,
                f"error_{POTENTIAL.suffix}": finite(to_unit(abs(layer.error), POTENTIAL)),
            }
            for name, layer in electroneutral.layers(problem_data, prediction).items()
        },
    }
    facts["layers_resolved"] = all(layer["resolved"] for layer in facts["layers"].values())
    if prediction is None:
        return {**facts, "electroneutral": None, "why_not": reason, "limiting_currents": {}, "curve": []}
    potentials = electroneutral.potentials(problem_data, prediction)
    facts["electroneutral"] = {
        name: {f"potential_{POTENTIAL.suffix}": to_unit(value, POTENTIAL)} for name, value in potentials.items()
    }
    facts["why_not"] = None
    problem_data = electroneutral.with_currents(problem_data)
    below, above = electroneutral.limits(problem_data)
    areas = electroneutral.discretisation.areas()
    currents = {
        n: sum(i.total(areas[n]) for i in b.injections) for n, b in problem_data.boundaries.items() if b.injections
    }
    facts["limiting_currents"] = {
        name: {
            f"current_{CURRENT.suffix}": to_unit(value, CURRENT),
            f"reversed_{CURRENT.suffix}": finite(to_unit(below * value, CURRENT)) if value else None,
            f"forward_{CURRENT.suffix}": finite(to_unit(above * value, CURRENT)) if value else None,
        }
        for name, value in currents.items()
    }
    facts["curve"] = _curve(electroneutral, problem_data, currents, below, above)
    return facts


def _law(case: Case) -> dict[str, Any]:
    law = case.law()
    if law is None:
        return {}
    return {
        "law": {
            "name": case.compare.law if case.compare is not None else "",
            "injector": law.injector,
            "ground": law.ground,
            f"potential_{POTENTIAL.suffix}": to_unit(law.potential, POTENTIAL),
            f"full_pnp_potential_{POTENTIAL.suffix}": to_unit(law.potential + law.layer_drop, POTENTIAL),
            f"resistance_{RESISTANCE.suffix}": to_unit(law.resistance, RESISTANCE),
        }
    }


def _curve(
    electroneutral: ElectroneutralPrediction,
    problem_data: ProblemData,
    currents: dict[str, float],
    below: float,
    above: float,
) -> list[dict[str, float]]:
    """The electroneutral potential of each injecting boundary against the currents, all changed in proportion."""
    if not any(currents.values()):
        return []
    lowest = max(NEAR_LIMIT * below, -LARGEST_FACTOR)
    highest = min(NEAR_LIMIT * above, LARGEST_FACTOR)
    rows = []
    for factor in np.linspace(lowest, highest, POINTS):
        scaled = replace(problem_data, boundaries=problem_data.scaled_from_bulk(float(factor), {}).boundaries)
        prediction = electroneutral.predict(scaled)
        if prediction is None:
            break
        potentials = electroneutral.potentials(scaled, prediction)
        row = {"factor": float(factor)}
        for name, value in currents.items():
            row[f"{name}.current_{CURRENT.suffix}"] = to_unit(float(factor) * value, CURRENT)
            row[f"{name}.potential_{POTENTIAL.suffix}"] = to_unit(potentials[name], POTENTIAL)
        rows.append(row)
    return rows


def print_facts(case: Case, facts: dict[str, Any], *, as_json: bool) -> None:
    """Print the facts of `check_case` on standard output. On rank 0 only.

    Args:
        case: checked case.
        facts: facts by name, of `check_case`.
        as_json: whether they are printed as JSON.
    """
    if as_json:
        print(json.dumps(facts, indent=2, allow_nan=False))
        return
    from rich.console import Console

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120, highlight=False, markup=False)
    if case.title:
        console.print(case.title)
    volume = facts["body"][f"volume_{VOLUME.suffix}"] * VOLUME.si
    warnings = (f"warning: {remark}" for remark in facts["remarks"])
    lines = (*_lines(facts), *chemistry_lines(case, facts), *rest_lines(facts), *warnings)
    for line in (body_line(case.geometry, volume), *lines):
        console.print(line, soft_wrap=True)
    if facts["curve"]:
        console.print("the electroneutral current-voltage curve, before any solving:")
        console.print(_curve_table(facts["curve"]))
    console.print(
        f"cost: {facts['mesh']['cells']} cells, {facts['mesh']['dofs']} unknowns, about "
        f"{facts['estimated_memory_GB']:.2g} GB and {facts['estimated_solve_s']:.2g} s a solve on one core "
        f"(linear solver: {facts['linear']})"
    )


def _number(value: float | None, unit: str) -> str:
    return "infinite" if value is None else f"{value:.4g} {unit}"


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [
        f"scales: Debye length {_number(facts['debye_length_nm'], 'nm')}, Debye time "
        f"{_number(facts['debye_time_ms'], 'ms')}, extent {facts['extent_nm']:.4g} nm, diffusion time "
        f"{facts['diffusion_time_ms']:.4g} ms, kT/e {facts['thermal_voltage_mV']:.4g} mV",
    ]
    graded = ", ".join(f"{place} to {size:.3g} nm" for place, size in facts["mesh"]["graded"].items())
    lines += [f"mesh graded toward {graded}"] if graded else []
    for name, layer in facts["layers"].items():
        if layer["forms"]:
            how = "resolved" if layer["resolved"] else "not resolved: expect the electroneutral value"
            how = how if layer["charged"] else "no charged layer"
            if not layer["resolved"] and layer["error_mV"]:
                how += f", off by about {layer['error_mV']:.1g} mV"
            lines.append(
                f"layer at {name}: Debye length {_number(layer['debye_length_nm'], 'nm')}, cells "
                f"{layer['cell_height_nm']:.3g} nm high, {how}"
            )
    if "law" in facts:
        law = facts["law"]
        lines.append(
            f"analytic law {law['name']}, steady state: V({law['injector']}) - V({law['ground']}) = "
            f"{law['potential_mV']:.4g} mV; of full PNP {law['full_pnp_potential_mV']:.4g} mV (in results: law)"
        )
    lines += bounds_lines([flatten({"bounds": facts["bounds"]})])
    if facts["electroneutral"] is None:
        why = facts["why_not"] or "the Debye layer fills the domain"
        lines.append(
            f"no electroneutral answer: {why}; potentials and limiting currents are not estimated before a run"
        )
        return lines
    shown = (f"V({n}) = {v['potential_mV']:.4g} mV" for n, v in facts["electroneutral"].items())
    lines.append(f"electroneutral answer, {STATES[facts['study']]}: {', '.join(shown)}{AS_RUN[facts['study']]}")
    for name, limit in facts["limiting_currents"].items():
        known = [limit[f"{way}_pA"] for way in ("reversed", "forward") if limit[f"{way}_pA"] is not None]
        text = " and ".join(f"{value:.4g} pA" for value in known) if known else "none"
        lines.append(f"limiting current at {name} (it is {limit['current_pA']:.4g} pA): {text}")
    return lines


def _curve_table(rows: list[dict[str, float]]) -> Any:
    from rich.table import Table

    table = Table()
    columns = [key for key in rows[0] if key != "factor"]
    for column in columns:
        name, _, quantity = column.rpartition(".")
        kind, _, unit = quantity.rpartition("_")
        table.add_column(f"{'I' if kind == 'current' else 'V'}({name})\n[{unit}]", justify="right")
    for row in rows:
        table.add_row(*(f"{row[column]:.4g}" for column in columns))
    return table
