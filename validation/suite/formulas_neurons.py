"""Formulas of the neuron of paper 002: the GNP models of `validation.gnp` under the stimulus of a case in space."""

from __future__ import annotations

import functools
import math

import numpy as np

from spinepnp.case.case import Case
from spinepnp.errors import CaseError
from spinepnp.geometries import Ball
from spinepnp.units import CONCENTRATION, POTENTIAL, TIME, to_unit
from spinepnp.validation import gnp
from spinepnp.validation.gnp.wall import WallModel
from spinepnp.validation.suite.context import FormulaContext

#: Names of the boundary and of the mechanism that the case of a neuron in a ball has.
WALL, STIMULUS = "wall", "glutamate"

#: Interval of the samples of a run, ms: times of a study are multiples of it.
SAMPLE = 0.005

#: Tolerance of a run: spike times err by less than 1e-5 ms.
TOLERANCE = 1e-9


@functools.lru_cache(maxsize=4)
def _run(protocol: tuple[gnp.Piece, ...], wall: tuple[float, float] | None) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Numbers of a run, see `numbers`.

    Args:
        protocol: protocol of the stimulus.
        wall: capacitance, F/m^2, and permittivity, F/m, of a membrane whose laws see the wall.
    """
    model = gnp.Model("gnp")
    if wall is None:
        trace = gnp.run(model, protocol, model.rest(), sample=SAMPLE, tolerance=TOLERANCE, threshold=0.0)
        return {"V": trace.V, **trace.concentrations}, trace.spikes
    at_wall, p = WallModel(model, *wall), model.parameters
    states, rises = at_wall.run(protocol, np.linspace(0.0, protocol[-1].until, _samples(protocol) + 1))
    K_o, Na_i, Cl_i = states[:, 3:].T
    inside = {"K_i": p.K - K_o, "Na_i": Na_i, "Cl_i": Cl_i}
    outside = {"K_o": K_o, "Na_o": p.Na - Na_i, "Cl_o": p.Cl - Cl_i}
    return {"V": np.array([at_wall.seen(state)[0] for state in states]), **inside, **outside}, rises


def _samples(protocol: tuple[gnp.Piece, ...]) -> int:
    return round(protocol[-1].until / SAMPLE)


def numbers(case: Case) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Numbers of the neuron of a case without space.

    Returns:
        V (mV) and K_i, K_o, Na_i, Na_o, Cl_i, Cl_o (mM), each at multiples of `SAMPLE`; and the times at which V rises
        through zero, ms.

    Raises:
        CaseError: the case is no such neuron.
    """
    boundary, parameters = case.boundaries[WALL], gnp.Parameters()
    (stimulus,) = (m for m in boundary.mechanisms if m.name == STIMULUS)
    if not isinstance(case.geometry, Ball) or stimulus.waveform != "step" or boundary.capacitance is None:
        raise CaseError("checks.reference.formula", "needs a neuron in a ball with a step of its glutamate channels")
    p_eff = stimulus.permeability["K"].value / parameters.P_KG
    onset, end = (to_unit(t, TIME) for t in (stimulus.onset or 0.0, max(case.study.times or (0.0,))))
    first = (gnp.Piece(onset, 0.0),) if onset > 0.0 else ()
    layer = boundary.capacitance.value, case.electrolyte.absolute_permittivity
    return _run((*first, gnp.Piece(end, p_eff)), None if boundary.traces_of(stimulus) == "neutral" else layer)


def _at(context: FormulaContext, name: str) -> float:
    """Number of the neuron at the time of the results."""
    values, _ = numbers(context.case)
    return float(values[name][round(context.row[f"{TIME.name}_{TIME.suffix}"] / SAMPLE)])


def potential(context: FormulaContext) -> float:
    """Potential inside, beside the layer, V."""
    return _at(context, "V") * POTENTIAL.si


def ions(context: FormulaContext) -> float:
    """Mean concentration of an ion inside ("volume...") or outside ("compartments...")."""
    side = "o" if context.place == "compartments" else "i"
    return _at(context, f"{context.species.name}_{side}") * CONCENTRATION.si


def spike(context: FormulaContext) -> float:
    """Last time, up to that of the results, at which the potential rises through zero, s; or that of its peak."""
    values, rises = numbers(context.case)
    if context.place == "peak":
        top = int(np.argmax(values["V"]))
        a, b, c = values["V"][top - 1 : top + 2]
        return SAMPLE * (top + 0.5 * (a - c) / (a - 2.0 * b + c)) * TIME.si
    before = rises[rises <= context.row[f"{TIME.name}_{TIME.suffix}"]]
    return float(before[-1]) * TIME.si if len(before) else math.nan
