"""Charge of compartments: what mechanisms take from them is not replaced, so that they may leave neutrality.

A current of one sign through the membranes of a compartment leaves its charge sum z c behind. In a cell the solution
outside is larger than a cleft and takes this charge up; a compartment has no other way out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.membrane.mechanism import Mechanism
from spinepnp.solvers.model.membrane.rest import Rest, RestError, potential_without_current
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.zero_dimensions import exchanged_concentrations, well_stirred_cell
from spinepnp.units import CONCENTRATION, FARADAY, format_quantity

#: Charge of a compartment over that of all its ions of either sign, from which it is told.
LARGEST_CHARGE = 0.01

#: Points in time at which a waveform is summed up.
SAMPLES = 4001

#: Remedies against a charge.
REMEDY = (
    "nothing returns the net current of its mechanisms; make its volume larger, give constant outside.concentrations "
    "in its place, add a leak beside them that returns the current, of chloride for one, or name a counter-ion"
)


def charge_of(concentrations: Mapping[str, float], electrolyte: Electrolyte) -> float:
    """Charge sum z c of a solution, mol/m^3, from its concentrations, mol/m^3, by species."""
    return sum(s.valence * concentrations.get(s.name, 0.0) for s in electrolyte.species)


def remark_on_charge(data: ProblemData, name: str, charge: float, beginning: str, circumstances: str) -> str:
    """Remark on a compartment that has left neutrality; empty as long as its charge is small.

    Args:
        data: data of the case, with the concentrations at the start.
        name: name of the compartment.
        charge: its charge sum z c, mol/m^3.
        beginning: words before the charge, such as "has left neutrality by".
        circumstances: words behind it, such as "at 2 ms".
    """
    start = data.compartments[name].concentrations
    change = charge - charge_of(start, data.electrolyte)
    ions = sum(abs(s.valence) * start.get(s.name, 0.0) for s in data.electrolyte.species)
    if abs(change) <= LARGEST_CHARGE * ions:
        return ""
    amount = format_quantity(float(f"{change:.3g}"), CONCENTRATION)
    return f"compartments.{name} {beginning} {amount} {circumstances}: {REMEDY}"


def foreseen_charges(
    data: ProblemData,
    volume: float,
    areas: Mapping[str, float],
    rest: Rest | None,
    duration: float | None,
    drop: Callable[[dict[str, float], np.ndarray], float],
) -> list[str]:
    """Remarks on compartments that will leave neutrality, before the field.

    At rest the charge is that of the concentrations there. In time it is that of the currents with all waveforms at
    their height and the concentrations of the start, at the potential of a bath or a load inside: I/(1 + R G) over the
    resistance R of the inside, with the slope G of the current by the potential.

    Args:
        data: data of the study.
        volume: volume of the domain, m^3.
        areas: areas of the boundaries, m^2, by name.
        rest: rest without space from which the study starts or which it looks for; ``None`` without one.
        duration: duration of a transient, s; ``None`` of a steady state.
        drop: difference of the potential in the domain, V, by currents into it, A, by boundary, and the concentrations
            inside, mol/m^3. May be collective: ranks with the same data make the same calls.
    """
    found: dict[str, str] = {}
    if duration is not None:
        found = _foreseen_in_time(data, volume, areas, duration, drop)
    if rest is not None:
        for name, exchanged in exchanged_concentrations(data, rest).items():
            charge = charge_of({**data.compartments[name].concentrations, **exchanged}, data.electrolyte)
            found[name] = remark_on_charge(data, name, charge, "leaves neutrality by", "at rest") or found.get(name, "")
    return [remark for remark in found.values() if remark]


def _foreseen_in_time(
    data: ProblemData,
    volume: float,
    areas: Mapping[str, float],
    duration: float,
    drop: Callable[[dict[str, float], np.ndarray], float],
) -> dict[str, str]:
    """Remarks by the currents of the mechanisms of each compartment at their height."""
    boundaries = {name: _at_height(boundary) for name, boundary in data.boundaries.items()}
    open_ = replace(data, boundaries=boundaries, transient=False)
    try:
        cell = well_stirred_cell(open_, volume, areas)
        V = potential_without_current(cell)
    except RestError:
        return {}
    if not cell.is_held or V is None:  # nothing inside replaces the charge: the current ends with that of the membrane
        return {}
    taken, currents, slope = dict.fromkeys(data.compartments, 0.0), dict.fromkeys(data.boundaries, 0.0), 0.0
    for patch in cell.patches:
        for mechanism, given in zip(patch.mechanisms, data.boundaries[patch.name].mechanisms, strict=True):
            if mechanism.compartment is None:
                continue
            found = patch.current(mechanism, np.array([V]), cell.inside[None, :], patch.outside)
            current = patch.area * float(found.current[0] @ mechanism.current.is_charged)
            currents[patch.name] += current
            slope -= patch.area * float(found.by_potential[0] @ mechanism.current.is_charged)
            taken[cell.compartments[mechanism.compartment]] += current * _open_time(given, duration) / FARADAY
    total = sum(map(abs, currents.values()))
    over_resistance = 1.0 + max(slope, 0.0) * drop(currents, cell.inside) / total if total else 1.0
    how = "within the study, by its currents at their height over the resistance of the inside"
    return {
        name: remark_on_charge(
            data, name, charge_of(c.concentrations, data.electrolyte) - taken[name] / c.volume / over_resistance,
            "may leave neutrality by up to about", how,
        )
        for name, c in data.compartments.items()
    }  # fmt: skip


def _at_height(boundary: Boundary) -> Boundary:
    """Boundary with the full strengths of its mechanisms, and the other values of the start."""
    start = boundary.at(0.0, 0.0)
    if not boundary.mechanisms:
        return start
    return start.model_copy(update={"mechanism": tuple(mechanism.constant() for mechanism in boundary.mechanisms)})


def _open_time(mechanism: Mechanism, duration: float) -> float:
    """Integral of the waveform of a mechanism over a study, s."""
    if mechanism.waveform == "constant":
        return duration
    factor = mechanism.time_profile.factor
    times = (np.arange(SAMPLES) + 0.5) * duration / SAMPLES
    return float(np.mean([factor(t, t) for t in times.tolist()])) * duration
