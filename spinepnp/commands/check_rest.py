"""Rest of membranes in `check`: potential, concentrations and currents of a well-stirred inside, before any field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spinepnp.case.case import Case
from spinepnp.run.membranes import current_lines
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.zero_dimensions import (
    exchanged_concentrations,
    first_membrane_potentials,
    has_mechanisms,
    initial_rest,
    rest_or_reason,
    uncharged_membranes,
)
from spinepnp.units import CONCENTRATION, CURRENT, POTENTIAL, to_unit


def rest_facts(case: Case, areas: Mapping[str, float], volume: float) -> dict[str, Any]:
    """Facts on the rest of a case with mechanisms, and on the membranes of a transient that starts from the bulk.

    Args:
        case: the case.
        areas: areas of the boundaries, m^2, by name.
        volume: volume of the domain, m^3.

    Returns:
        `rest` with potential, concentrations and currents, ``None`` where there is none; `why_no_rest`; `start`, a
        remark on the first step. Nothing where there are no membranes.
    """
    data: ProblemData = case.problem_data
    facts: dict[str, Any] = {}
    if data.transient and case.study.initial in (None, "bulk"):
        remark = uncharged_membranes(data, first_membrane_potentials(data, volume, areas), volume, areas)
        facts |= {"start": remark} if remark else {}
    if not has_mechanisms(data):
        return facts
    before = initial_rest(data)
    rest, reason = rest_or_reason(before, volume, areas)
    if rest is None:
        return {**facts, "rest": None, "why_no_rest": reason}
    mM, outside = CONCENTRATION.suffix, exchanged_concentrations(before, rest)
    concentrations = zip(data.electrolyte.names, rest.inside.tolist(), strict=True)
    facts["rest"] = {
        f"potential_{POTENTIAL.suffix}": to_unit(rest.potential, POTENTIAL),
        f"concentration_{mM}": {name: to_unit(c, CONCENTRATION) for name, c in concentrations},
        "compartments": {
            name: {f"concentration_{mM}": {ion: to_unit(c, CONCENTRATION) for ion, c in found.items()}}
            for name, found in outside.items()
        },
        f"current_{CURRENT.suffix}": {
            f"{boundary}.{mechanism}": {ion: to_unit(I, CURRENT) for ion, I in found.items()}
            for (boundary, mechanism), found in rest.currents.items()
        },
        f"load_current_{CURRENT.suffix}": to_unit(rest.load_current, CURRENT),
        f"others_{POTENTIAL.suffix}": [to_unit(V, POTENTIAL) for V in rest.others],
    }
    return {**facts, "why_no_rest": None}


def rest_lines(facts: dict[str, Any]) -> list[str]:
    """Lines on the facts of `rest_facts`."""
    lines = [facts["start"]] if "start" in facts else []
    if "rest" not in facts:
        return lines
    rest = facts["rest"]
    if rest is None:
        return [*lines, f"rest without space: {facts['why_no_rest']}"]
    parts = [f"V = {rest['potential_mV']:.6g} mV", _listed("inside", rest["concentration_mM"])]
    parts += [_listed(name, found["concentration_mM"]) for name, found in rest["compartments"].items()]
    lines.append("rest without space: " + "; ".join(parts))
    lines += current_lines(rest["current_pA"])
    if rest["load_current_pA"]:
        lines.append(f"current from the load at rest: {rest['load_current_pA']:.4g} pA")
    if rest["others_mV"]:
        others = ", ".join(f"{V:.4g}" for V in rest["others_mV"])
        lines.append(
            f"other steady potentials: {others} mV; meant is the one to which the start leads, with gated mechanisms "
            "raised from zero beside the others"
        )
    return lines


def _listed(place: str, concentrations: dict[str, float]) -> str:
    return f"{place} " + ", ".join(f"{name} {c:.4g}" for name, c in concentrations.items()) + " mM"
