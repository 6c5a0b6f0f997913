"""Formulas of currents through bodies of known G: necks, throats, spines, rings; and how a potential sets in."""

from __future__ import annotations

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
from spinepnp.validation.laws.assumptions import absolute_permittivity, electroneutral_of
from spinepnp.validation.laws.catalogue import throat_of
from spinepnp.validation.laws.liquid_junction import conductivity
from spinepnp.validation.laws.relaxation import charging, debye_time
from spinepnp.validation.reference import table as references
from spinepnp.validation.suite.context import FormulaContext
from spinepnp.validation.suite.stimuli import current, gated

#: Largest distance, in V_T, of bounds that are one solution; and how often they are made narrower.
SAME, STEPS = 1e-10, 2000


def voltage(asked: FormulaContext, G: float) -> float:
    """V of the electroneutral law of one injected species at a place of unit-flux function G, 1/m (facts pnp B6)."""
    _, injection = asked.injection
    return float(electroneutral_of(asked.case.electrolyte, injection.species).voltage(asked.current, G))


def electroneutral(asked: FormulaContext) -> float:
    """The electroneutral law where G is the number, 1/um."""
    return voltage(asked, asked.number / 1e-6)


def of_bulk(asked: FormulaContext) -> float:
    """The number times the concentration of the bulk."""
    return asked.number * asked.species.concentration


def throat(asked: FormulaContext) -> float:
    """The electroneutral law of a throat whose G is the number times that of paper 001, eq. (18)."""
    geometry = asked.case.geometry
    assert isinstance(geometry, Hyperboloid)
    return voltage(asked, asked.number * float(throat_of(geometry).G_printed()))


def corrugated(asked: FormulaContext) -> float:
    """The electroneutral law of a smooth tube, with the G of `smooth_tube`."""
    geometry = asked.case.geometry
    assert isinstance(geometry, Tube)
    return voltage(asked, smooth_tube(geometry.radius, geometry.length).mean)


def obstacle(asked: FormulaContext) -> float:
    """The electroneutral law of a tube with a sphere on its axis."""
    geometry = asked.case.geometry
    assert isinstance(geometry, Cylinder)
    assert geometry.obstacle is not None
    return voltage(asked, ObstacleLaw(geometry.radius, geometry.obstacle.radius).G(geometry.length))


def neck_rings(asked: FormulaContext) -> float:
    """What anions have more than their bulk, as a mean over a ring of a long neck where rings let currents in."""
    case, geometry = asked.case, asked.case.geometry
    assert isinstance(geometry, BallNeck)
    rings = {ring.name: band for ring in geometry.rings if (band := ring.on_neck) is not None}
    names = [name for name, b in case.boundaries.items() if b.injections]
    measures = geometry.exact_measures()
    currents = [sum(i.total(measures[n]) for i in case.boundaries[n].injections) for n in names]
    law = RingsLaw(geometry.neck_radius)
    G = np.array([law.mean(rings[asked.place], rings[n]) for n in names])
    return float(G @ currents) / strength(asked) * asked.species.concentration


def strength(asked: FormulaContext) -> float:
    """2 D F C of monovalent ions with one diffusivity, A/m."""
    species = asked.case.electrolyte.species
    (D,) = {s.diffusivity for s in species}
    return 2.0 * D * FARADAY * sum(s.concentration for s in species if s.valence < 0)


def _band(asked: FormulaContext) -> float:
    """w of a band of the spine in a steady state: w_i = sum_j G_ij I_j(V_j) / (2 D F C), c = C (1 + w), u = ln(1 + w).

    The bands and their mean G are those of `spine_rings` in validation/reference/references.toml (facts pnp B8). Exact for given
    currents; channels see the mean V of their band, which is that of the mean w to the square of its spread.

    Raises:
        CaseError: channels that are no plain sigmoids.
        SolveError: there are several solutions, of which nothing says which one a solver finds, or none.
    """
    case = asked.case
    table, V_T = references.load("spine_rings"), case.electrolyte.V_T
    names = [name for name, b in case.boundaries.items() if b.injections or b.channels]
    names += [asked.place] if asked.place not in names else []
    rows = [table["bands"].index(name) for name in names]
    G = np.array(table["G"])[np.ix_(rows, rows)] / 1e-6 / strength(asked)
    measures, problem_data = case.geometry.exact_measures(), [case.boundaries.get(n, Boundary()) for n in names]
    given = [sum(current(i, measures[n], 0.0) for i in b.injections) for n, b in zip(names, problem_data, strict=True)]
    channels = [(k, channel) for k, boundary in enumerate(problem_data) for channel in boundary.channels]
    if any(channel.law != "sigmoid" or channel.gates for _, channel in channels):
        raise CaseError("checks.reference.formula", "needs channels that are plain sigmoids; take another formula")

    def excess(where: Callable[[int, Channel], float]) -> np.ndarray:
        """w of all bands with each channel (its band, itself) as open as it is at some potential, V."""
        currents = np.array(given, dtype=float)
        for k, channel in channels:
            currents[k] += gated(channel, where(k, channel))
        return G @ currents

    place = names.index(asked.place)
    if any(_rises(channel) for _, channel in channels):
        low, high = _enclosed(excess, len(names), V_T)
        gap = high - low
        if not gap.max() <= SAME:
            ends = f"{1e3 * V_T * low[gap.argmax()]:.4g} to {1e3 * V_T * high[gap.argmax()]:.4g} mV"
            where = f"from {ends} at {names[gap.argmax()]}"
            raise SolveError(f"the channels' scalar equations have, or nearly have, several solutions, {where}")
        return float(np.expm1(low[place]))
    # If all channels close what they open, there is one: currents and potentials of two would differ with unlike signs.
    start = np.log1p(excess(lambda _, channel: -math.copysign(math.inf, channel.slope or 1.0)))  # all closed
    found, _, status, reason = fsolve(
        lambda u: np.expm1(u) - excess(lambda k, _: V_T * u[k]), start, xtol=1e-13, full_output=True
    )
    if status != 1 and np.abs(np.expm1(found) - excess(lambda k, _: V_T * found[k])).max() > 1e-10:
        raise SolveError(f"the channels' scalar equations have no solution: {reason}")
    return float(np.expm1(found[place]))


def _rises(channel: Channel) -> bool:
    """Whether a sigmoid lets in more with rising potential."""
    return (channel.maximum or 0.0) * (channel.slope or 0.0) > 0.0


def _enclosed(
    excess: Callable[[Callable[[int, Channel], float]], np.ndarray], bands: int, V_T: float
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of u between which every solution of u = ln(1 + w(u)) lies; one point if they have met.

    As G is positive, least and largest currents of the channels between two bounds give narrower ones. Where all
    channels let in more with rising potential, both limits are solutions, the least and the largest (Tarski).

    Args:
        excess: w, of the potential that each channel sees.
        bands: how many.
        V_T: V.
    """

    def bound(rising: np.ndarray, falling: np.ndarray) -> np.ndarray:
        w = excess(lambda k, channel: V_T * (rising if _rises(channel) else falling)[k])
        with np.errstate(divide="ignore"):  # beyond a limiting current
            return np.asarray(np.log1p(np.maximum(w, -1.0)))

    low, high = np.full(bands, -np.inf), np.full(bands, np.inf)
    for _ in range(STEPS):
        before = low, high
        low, high = bound(low, high), bound(high, low)
        if all(np.array_equal(new, old) for new, old in zip((low, high), before, strict=True)):
            break
    return low, high


def band(asked: FormulaContext) -> float:
    """Mean V of a band of the spine."""
    return float(np.log1p(_band(asked))) * asked.case.electrolyte.V_T


def band_ions(asked: FormulaContext) -> float:
    """Mean over a band of what an anion has more than its bulk."""
    return _band(asked) * asked.species.concentration


def relaxation(asked: FormulaContext) -> float:
    """V_Ohm (1 - exp(-t/tau)) with V_Ohm the number in mV, t since the onset and tau the Debye time (facts pnp D2)."""
    electrolyte, (_, injection) = asked.case.electrolyte, asked.injection
    ions = electrolyte.species
    c, z, D = ([getattr(s, key) for s in ions] for key in ("concentration", "valence", "diffusivity"))
    tau = debye_time(absolute_permittivity(electrolyte), conductivity(c, z, D, electrolyte.V_T))
    elapsed = float(asked.row[f"{TIME.name}_{TIME.suffix}"]) * TIME.si - (injection.onset or 0.0)
    return float(charging(elapsed, asked.number * POTENTIAL.si, tau))


def leaving(asked: FormulaContext) -> float:
    """What leaves at the ground is what enters, at every moment: minus the injected current, A."""
    name, injection = asked.injection
    time = float(asked.row.get(f"{TIME.name}_{TIME.suffix}", 0.0)) * TIME.si
    return -current(injection, asked.case.geometry.exact_measures()[name], time)
