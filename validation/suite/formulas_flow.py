"""Formulas of currents through bodies of known G (necks, throats, spines, rings), and of charging in time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import fsolve

from spinepnp.errors import CaseError, SolveError
from spinepnp.geometries import BallNeck, Cylinder, Hyperboloid, Tube
from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.model.channels import Channel
from spinepnp.units import FARADAY, POTENTIAL, TIME
from spinepnp.validation.laws import ObstacleLaw, RingsLaw, smooth_tube
from spinepnp.validation.laws.assumptions import electroneutral_of
from spinepnp.validation.laws.geometric_factors import throat_of
from spinepnp.validation.laws.liquid_junction import conductivity
from spinepnp.validation.laws.relaxation import charging, debye_time
from spinepnp.validation.reference import table as references
from spinepnp.validation.suite.context import FormulaContext
from spinepnp.validation.suite.stimuli import current, gated

#: Largest gap of lower and upper bounds of u = V/V_T that counts as one solution.
LARGEST_GAP = 1e-10

#: Largest number of steps that narrow these bounds; near a fold they converge slowly.
MOST_STEPS = 2000


def voltage(context: FormulaContext, G: float) -> float:
    """V of the electroneutral law of one injected species where the unit-flux function is G, 1/m (facts pnp B6)."""
    _, injection = context.injection
    return float(electroneutral_of(context.case.electrolyte, injection.species).voltage(context.current, G))


def electroneutral(context: FormulaContext) -> float:
    """V of the electroneutral law, where the number is G, 1/um."""
    return voltage(context, context.number / 1e-6)


def of_bulk(context: FormulaContext) -> float:
    """Concentration of the bulk times the number."""
    return context.number * context.species.concentration


def throat(context: FormulaContext) -> float:
    """V of the electroneutral law of a throat whose G is the number times that of paper 001, eq. (18)."""
    return voltage(context, context.number * float(throat_of(context.geometry(Hyperboloid)).G_printed()))


def corrugated(context: FormulaContext) -> float:
    """V of the electroneutral law of a smooth tube, with the G of `smooth_tube`."""
    geometry = context.geometry(Tube)
    return voltage(context, smooth_tube(geometry.radius, geometry.length).mean)


def obstacle(context: FormulaContext) -> float:
    """V of the electroneutral law of a tube with a sphere on its axis."""
    geometry = context.geometry(Cylinder)
    if geometry.obstacle is None:
        raise CaseError("checks.reference.formula", "needs an obstacle; take another formula")
    return voltage(context, ObstacleLaw(geometry.radius, geometry.obstacle.radius).G(geometry.length))


def series(context: FormulaContext) -> float:
    """V of the electroneutral law of a neck whose diffusivity differs by region, at its top or at a probe.

    The length over the area of each part counts by its own diffusivity.
    """
    geometry, electrolyte, (_, injection) = context.geometry(Cylinder), context.case.electrolyte, context.injection
    at_probe = context.place in context.case.probes
    top = context.case.probe_position(context.place)[2] if at_probe else geometry.length
    profile = electrolyte.diffusivity_profile(electrolyte.species[electrolyte.index(injection.species)])
    heights = [0.0, *(z for z in profile.planes if z < top), top]
    parts = zip(itertools.pairwise(heights), profile.values, strict=False)
    length = sum((high - low) / relative for (low, high), relative in parts)
    return voltage(context, length / geometry.exact_area("base"))


def neck_rings(context: FormulaContext) -> float:
    """Mean excess of anions over a ring of a long neck into which rings inject currents."""
    case, geometry = context.case, context.geometry(BallNeck)
    rings = {ring.name: band for ring in geometry.rings if (band := ring.on_wall) is not None}
    names = [name for name, b in case.boundaries.items() if b.injections]
    measures = geometry.exact_measures()
    currents = [sum(i.total(measures[n]) for i in case.boundaries[n].injections) for n in names]
    law = RingsLaw(geometry.neck_radius)
    G = np.array([law.mean(rings[context.place], rings[n]) for n in names])
    return float(G @ currents) / strength(context) * context.species.concentration


def strength(context: FormulaContext) -> float:
    """Strength 2 D F C of monovalent ions with one diffusivity, A/m."""
    electrolyte = context.case.electrolyte
    species = electrolyte.species
    (D,) = {electrolyte.effective_diffusivity(s) for s in species}
    return 2.0 * D * FARADAY * sum(s.concentration for s in species if s.valence < 0)


def _band(context: FormulaContext) -> float:
    """Relative excess w of salt in a band of the spine in a steady state.

    w_i = sum_j G_ij I_j(V_j) / (2 D F C) with c = C (1 + w) and u = ln(1 + w). The bands and their mean G are those of
    `spine_rings` in references.toml (facts pnp B8). Exact for given currents; channels depend on the mean V of their
    band, which differs from V of the mean w by the square of its spread.

    Raises:
        CaseError: a channel is not a plain sigmoid.
        SolveError: the equations have no solution, or several, so that no single reference exists.
    """
    case = context.case
    table, V_T = references.load("spine_rings"), case.electrolyte.V_T
    names = [name for name, b in case.boundaries.items() if b.injections or b.channels]
    names += [context.place] if context.place not in names else []
    rows = [table["bands"].index(name) for name in names]
    G = np.array(table["G"])[np.ix_(rows, rows)] / 1e-6 / strength(context)
    measures, boundaries = case.geometry.exact_measures(), [case.boundaries.get(n, Boundary()) for n in names]
    given = [sum(current(i, measures[n], 0.0) for i in b.injections) for n, b in zip(names, boundaries, strict=True)]
    channels = [(k, channel) for k, boundary in enumerate(boundaries) for channel in boundary.channels]
    if any(channel.law != "sigmoid" or channel.gates for _, channel in channels):
        raise CaseError("checks.reference.formula", "needs channels that are plain sigmoids; take another formula")

    def excess(where: Callable[[int, Channel], float]) -> np.ndarray:
        """Excess w of all bands; `where` gives the potential (V) of a channel from its band and itself."""
        currents = np.array(given, dtype=float)
        for k, channel in channels:
            currents[k] += gated(channel, where(k, channel))
        return G @ currents

    place = names.index(context.place)
    if any(_rises(channel) for _, channel in channels):
        low, high = _enclosed(excess, len(names), V_T)
        gap = high - low
        if not gap.max() <= LARGEST_GAP:
            ends = f"{1e3 * V_T * low[gap.argmax()]:.4g} to {1e3 * V_T * high[gap.argmax()]:.4g} mV"
            where = f"from {ends} at {names[gap.argmax()]}"
            raise SolveError(f"the channels' scalar equations have, or nearly have, several solutions, {where}")
        return float(np.expm1(low[place]))
    # Where currents of all channels fall with the potential there is one solution: between two solutions, currents and
    # potentials would differ with opposite signs.
    start = np.log1p(excess(lambda _, channel: -math.copysign(math.inf, channel.slope or 1.0)))  # all closed
    u, _, status, reason = fsolve(
        lambda u: np.expm1(u) - excess(lambda k, _: V_T * u[k]), start, xtol=1e-13, full_output=True
    )
    if status != 1 and np.abs(np.expm1(u) - excess(lambda k, _: V_T * u[k])).max() > 1e-10:
        raise SolveError(f"the channels' scalar equations have no solution: {reason}")
    return float(np.expm1(u[place]))


def _rises(channel: Channel) -> bool:
    """Whether the current of a sigmoid rises with the potential."""
    return (channel.maximum or 0.0) * (channel.slope or 0.0) > 0.0


def _enclosed(
    excess: Callable[[Callable[[int, Channel], float]], np.ndarray], bands: int, V_T: float
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds between which every solution of u = ln(1 + w(u)) lies; equal where there is one solution.

    As G is positive, the smallest and the largest currents of the channels between two bounds give narrower bounds.
    Where currents of all channels rise with the potential, the limits are the smallest and the largest solution
    (Tarski).
    """

    def bound(rising: np.ndarray, falling: np.ndarray) -> np.ndarray:
        w = excess(lambda k, channel: V_T * (rising if _rises(channel) else falling)[k])
        with np.errstate(divide="ignore"):  # beyond a limiting current
            return np.asarray(np.log1p(np.maximum(w, -1.0)))

    low, high = np.full(bands, -np.inf), np.full(bands, np.inf)
    for _ in range(MOST_STEPS):
        before = low, high
        low, high = bound(low, high), bound(high, low)
        if all(np.array_equal(new, old) for new, old in zip((low, high), before, strict=True)):
            break
    return low, high


def band(context: FormulaContext) -> float:
    """Mean V of a band of the spine."""
    return float(np.log1p(_band(context))) * context.case.electrolyte.V_T


def band_ions(context: FormulaContext) -> float:
    """Mean excess of an anion over a band of the spine."""
    return _band(context) * context.species.concentration


def relaxation(context: FormulaContext) -> float:
    """V = V_Ohm (1 - exp(-t/tau)), V_Ohm the number in mV, t since the onset, tau the Debye time (facts pnp D2)."""
    electrolyte, (_, injection) = context.case.electrolyte, context.injection
    ions = electrolyte.species
    c, z = ([getattr(s, key) for s in ions] for key in ("concentration", "valence"))
    D = [electrolyte.effective_diffusivity(s) for s in ions]
    tau = debye_time(electrolyte.absolute_permittivity, conductivity(c, z, D, electrolyte.V_T))
    elapsed = float(context.row[f"{TIME.name}_{TIME.suffix}"]) * TIME.si - (injection.onset or 0.0)
    return float(charging(elapsed, context.number * POTENTIAL.si, tau))


def leaving(context: FormulaContext) -> float:
    """Current at the ground, A: minus the injected current at every moment."""
    name, injection = context.injection
    time = float(context.row.get(f"{TIME.name}_{TIME.suffix}", 0.0)) * TIME.si
    return -current(injection, context.case.geometry.exact_measures()[name], time)
