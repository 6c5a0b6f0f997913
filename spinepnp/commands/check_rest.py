"""Rest of membranes in `check`: potential, concentrations and currents of a well-stirred inside, before any field."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.geometries import MODEL_UNIT
from spinepnp.run.membranes import current_lines
from spinepnp.solvers.model.compartment_charge import foreseen_charges
from spinepnp.solvers.model.initial import STEADY_STARTS
from spinepnp.solvers.model.membrane.rest import NO_REST, Rest
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.zero_dimensions import (
    exchanged_concentrations,
    first_membrane_potentials,
    has_mechanisms,
    initial_rest,
    rest_or_reason,
    uncharged_membranes,
)
from spinepnp.solvers.problem.prediction import ElectroneutralPrediction
from spinepnp.units import CONCENTRATION, CURRENT, POTENTIAL, to_unit

#: Difference of the potential in the domain, mV, up to which it is one potential.
ISOPOTENTIAL = 0.5

#: Smallest difference that is printed, mV.
NO_DROP = 0.001

#: What a run of a steady study has to do with the rest without space, where the electroneutral law holds.
AS_ELECTRONEUTRAL = "run gives the electroneutral answer above, not this"


def rest_facts(case: Case, electroneutral: ElectroneutralPrediction) -> dict[str, Any]:
    """Facts on the rest of a case with mechanisms, and on membranes of a transient from the bulk. Collective.

    Args:
        case: the case.
        electroneutral: electroneutral answer on its mesh.

    Returns:
        `rest` with potential, concentrations and currents, ``None`` where there is none; `why_no_rest`;
        `rest_is_needed`, whether the run begins with it; `charges`, remarks on compartments; `start`, a remark on the
        first step. Nothing where there are no membranes.
    """
    whole, data = electroneutral.discretisation, case.problem_data
    areas, volume = whole.areas(), whole.weights.total_volume * MODEL_UNIT**3
    facts: dict[str, Any] = {}
    if data.transient and case.study.initial in (None, "bulk"):
        remark = uncharged_membranes(data, first_membrane_potentials(data, volume, areas), volume, areas)
        facts |= {"start": remark} if remark else {}
    if not has_mechanisms(data):
        return facts
    before, is_needed = initial_rest(data), not data.transient or case.study.initial in STEADY_STARTS
    rest, reason = rest_or_reason(before, volume, areas)

    def drop(currents: dict[str, float], inside: np.ndarray) -> float:
        return electroneutral.resistive_drop(before, currents, inside)[0]

    charges = foreseen_charges(data, volume, areas, rest if is_needed else None, case.study.duration, drop)
    facts |= {"rest": None, "why_no_rest": reason or None, "rest_is_needed": is_needed, "charges": charges}
    if rest is not None:
        facts["rest"] = _of_rest(before, rest) | _resistance(electroneutral, before, rest)
    return facts


def _of_rest(before: ProblemData, rest: Rest) -> dict[str, Any]:
    """Numbers of a rest."""
    mM, outside = CONCENTRATION.suffix, exchanged_concentrations(before, rest)
    concentrations = zip(before.electrolyte.names, rest.inside.tolist(), strict=True)
    return {
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


def _resistance(electroneutral: ElectroneutralPrediction, before: ProblemData, rest: Rest) -> dict[str, Any]:
    """Difference of potentials that the currents at rest need in the domain, left out of the rest. Collective."""
    areas = electroneutral.discretisation.areas()
    currents = {name: sum(i.total(areas[name]) for i in b.injections) for name, b in before.boundaries.items()}
    for (boundary, _), found in rest.currents.items():
        currents[boundary] += sum(found.values())
    drop, lowest, highest = electroneutral.resistive_drop(before, currents, rest.inside)
    return {f"drop_{POTENTIAL.suffix}": to_unit(drop, POTENTIAL), "drop_from": lowest, "drop_to": highest}


def rest_lines(facts: dict[str, Any]) -> list[str]:
    """Lines on the facts of `rest_facts`."""
    lines = [facts["start"]] if "start" in facts else []
    if "rest" not in facts:
        return lines
    lines += _no_rest(facts) if facts["rest"] is None else _rest(facts)
    return lines + [f"warning: {remark}" for remark in facts["charges"]]


def _no_rest(facts: dict[str, Any]) -> list[str]:
    """Line on a rest that is not there, or was not looked for."""
    reason = facts["why_no_rest"]
    if not reason.startswith(NO_REST):
        then = (
            "run looks for the rest in space, of compartments too, and starts there"
            if facts["rest_is_needed"]
            else "run starts without one"
        )
        return [f"no estimate of the rest from a cell without space: {reason}; {then}"]
    if facts["rest_is_needed"]:
        return [f"warning: {reason} (found without space); run looks for this rest and will probably fail"]
    told = reason in facts.get("start", "")
    return [] if told else [f"{reason} (found without space); run starts without one"]


def _rest(facts: dict[str, Any]) -> list[str]:
    """Lines on a rest."""
    rest = facts["rest"]
    potential = rest["potential_mV"] if abs(rest["potential_mV"]) > NO_DROP else 0.0
    parts = [f"V = {potential:.6g} mV", _listed("inside", rest["concentration_mM"])]
    parts += [_listed(name, found["concentration_mM"]) for name, found in rest["compartments"].items()]
    if facts["study"] != "transient":
        what = "run gives the steady state in space" if facts["electroneutral"] is None else AS_ELECTRONEUTRAL
    else:
        what = "run starts from the rest in space" if facts["rest_is_needed"] else "run starts from the bulk"
    lines = [f"rest without space: {'; '.join(parts)}"]
    if rest["drop_mV"] <= ISOPOTENTIAL:
        small = f"{max(rest['drop_mV'], NO_DROP):.1g} mV"
        lines.append(
            f"that is one potential for all of the inside, and concentrations that no current changes; the resistance "
            f"of the inside changes V by about {small}; {what}"
        )
    else:
        lines.append(
            f"that is one potential for all of the inside, by which V can be wrong by about {rest['drop_mV']:.2g} mV: "
            "the currents at rest need that much over the resistance of the inside, which is left out, between "
            f"{rest['drop_from']} and {rest['drop_to']}; {what}"
        )
    lines += current_lines(rest["current_pA"])
    if rest["load_current_pA"]:
        lines.append(f"current from the load at rest: {rest['load_current_pA']:.4g} pA")
    if rest["others_mV"]:
        others = ", ".join(f"{V:.4g}" for V in rest["others_mV"])
        lines.append(
            f"other steady potentials: {others} mV; a run takes the one that is reached when the strengths of gated "
            "mechanisms rise from zero beside the leaks and pumps"
        )
    return lines


def _listed(place: str, concentrations: dict[str, float]) -> str:
    return f"{place} " + ", ".join(f"{name} {c:.4g}" for name, c in concentrations.items()) + " mM"
