"""Formulas of calcium between a well-stirred cell and its store."""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp

from spinepnp.errors import CaseError
from spinepnp.geometries import Cylinder
from spinepnp.units import TIME
from spinepnp.validation.suite.context import FormulaContext

#: Constants d_1, d_2, d_3, d_5 (uM) and a_2 (1/(uM s)) of the receptor: Li and Rinzel, J. Theor. Biol. 166, 461 (1994).
RECEPTOR = 0.13, 1.049, 0.9434, 0.08234, 0.2

#: Local error of the integration, over the concentration.
TOLERANCE = 1e-10


def store(context: FormulaContext) -> float:
    """Calcium in a closed cylinder or in the store along its wall, mol/m^3: equations of Li and Rinzel."""
    case, neck = context.case, context.geometry(Cylinder)
    found = [b for b in case.boundaries.values() if [m.name for m in b.mechanisms] == ["SERCA", "leak", "IP3R"]]
    if len(found) != 1 or len(case.compartments or {}) != 1:
        raise CaseError("checks.reference.formula", "needs one store with SERCA, leak and IP3R; take another formula")
    ((name, lumen),) = (case.compartments or {}).items()
    pump, leak, receptor = found[0].mechanisms
    d1, d2, d3, d5, a2 = RECEPTOR
    ip3 = receptor.gates[0].constants["IP3"] * 1e3
    half = pump.half * 1e3
    # Rates by the area of the wall over the volume of the cell, 2/radius, in uM and s.
    uptake = pump.maximum.value * 2.0 / neck.radius * 1e3
    passive, opened = (m.permeability["Ca"].value * 2.0 / neck.radius for m in (leak, receptor))
    ratio = np.pi * neck.radius**2 * neck.length / lumen.volume

    def rates(_time: float, state: np.ndarray) -> list[float]:
        c, beyond, h = state
        fraction = (ip3 / (ip3 + d1) * c / (c + d5) * h) ** 3
        inflow = (passive + opened * fraction) * (beyond - c) - uptake * c**2 / (half**2 + c**2)
        return [inflow, -ratio * inflow, a2 * (d2 * (ip3 + d1) / (ip3 + d3) * (1.0 - h) - c * h)]

    c = case.electrolyte.bulk["Ca"] * 1e3
    level = d2 * (ip3 + d1) / (ip3 + d3)
    start = [c, lumen.concentrations["Ca"] * 1e3, level / (level + c)]
    time = float(context.row[f"{TIME.name}_{TIME.suffix}"]) * TIME.si
    if time == 0.0:
        end = start
    else:
        end = solve_ivp(rates, (0.0, time), start, method="LSODA", rtol=TOLERANCE, atol=TOLERANCE).y[:, -1].tolist()
    return float(end[context.quantity.startswith(f"compartments.{name}.")]) * 1e-3
