"""Electroneutral laws of a conductance: a synapse at the end of a neck with a load, and a neck with a leaky wall."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spinepnp.units import FARADAY
from spinepnp.validation.laws.debye_layer import Values
from spinepnp.validation.laws.electroneutral import ElectroneutralLaw

#: Share of the limiting current up to which a current is searched: potentials beyond it are not defined.
BELOW_LIMIT = 1.0 - 1e-12

#: Relative tolerance of the potential along a leaky neck.
TOLERANCE = 1e-10

#: Largest number of points of the potential along a leaky neck, far above what smooth solutions need.
MOST_POINTS = 100_000


@dataclass(frozen=True)
class SynapseLaw:
    """A conductance that lets one species in at the injector, the neck, and a load beyond the ground.

    The current fulfils I = g (E - V) with V = V_b + V_neck(I), V_b = V_rest + I R_load; V_neck is the electroneutral
    law of the shape, V_T ln(1 + I G/(2 D F C)) for one salt. As V rises the current falls, and as salt gathers so does
    the resistance of the neck.

    Assumes a steady state, and what `ElectroneutralLaw` assumes; g sees the solution beside the Debye layer.

    Examples:
        >>> from spinepnp.validation.laws import ElectroneutralLaw, SynapseLaw
        >>> salt = ElectroneutralLaw((1, -1), (167.0, 167.0), injected=0, diffusivity=200e-12, thermal_voltage=25.26e-3)
        >>> law = SynapseLaw(salt, G=1e-6 / (3.141593 * 100e-9**2), conductance=1e-9, reversal=70e-3)
        >>> round(law.current() * 1e12, 3), round(law.potential() * 1e3, 4)  # pA, mV
        (63.144, 6.8565)

    Attributes:
        ions: electrolyte with the species that the conductance lets in.
        G: geometric factor at the injector, 1/m: L/S of a cylinder.
        conductance: conductance g, S.
        reversal: potential E of the injector without current, V.
        load_resistance: resistance R_load between the ground and its rest, Ohm.
        rest: potential of the ground without current, V.
    """

    ions: ElectroneutralLaw
    G: float
    conductance: float
    reversal: float
    load_resistance: float = 0.0
    rest: float = 0.0

    def ground_potential(self, current: float) -> float:
        """Potential V_b of the ground, V, at a current, A."""
        return self.rest + self.load_resistance * current

    def potential(self) -> float:
        """Potential V of the injector, V."""
        current = self.current()
        return self.ground_potential(current) + float(self.ions.voltage(current, self.G))

    def current(self) -> float:
        """Current I that the conductance lets in, A; not a number beyond the limiting current."""
        from scipy.optimize import brentq

        short = self.conductance * (self.reversal - self.rest)
        if short == 0.0:
            return 0.0
        limit = BELOW_LIMIT * self.ions.limiting_current(self.G)
        largest = limit if short * limit > 0.0 and abs(short) > abs(limit) else short

        def excess(current: float) -> float:
            V = self.ground_potential(current) + float(self.ions.voltage(current, self.G))
            return (self.conductance * (self.reversal - V) - current) / short

        if excess(largest) > 0.0:
            return math.nan
        return float(brentq(excess, 0.0, largest, xtol=1e-15 * abs(short), rtol=1e-15))

    def ohmic_current(self) -> float:
        """Current by Ohm's law with the resistance of the neck at bulk concentrations, A."""
        resistance = self.ions.ohmic_resistance(self.G) + self.load_resistance
        return self.conductance * (self.reversal - self.rest) / (1.0 + self.conductance * resistance)


@dataclass(frozen=True)
class LeakyNeckLaw:
    """A straight neck whose injected species leaves through the wall by g (V - E), with a bath at its base.

    Averaged over the cross-section S, with u = V/V_T relative to the base and Phi of `ElectroneutralLaw`,

        z F D S Phi'' = 2 pi r g (V - E),   u(0) = 0,   z F D S Phi'(L) = I;

    for one salt 2 D F S c'' = 2 pi r g (V - E), V = V_T ln(c/C). In a body V varies over the cross-section by
    (r/lambda)^2 of its change.

    Assumes what `ElectroneutralLaw` assumes, and a slender neck.

    Examples:
        >>> from spinepnp.validation.laws import ElectroneutralLaw, LeakyNeckLaw
        >>> salt = ElectroneutralLaw((1, -1), (167.0, 167.0), injected=0, diffusivity=200e-12, thermal_voltage=25.26e-3)
        >>> law = LeakyNeckLaw(salt, length=5e-6, radius=100e-9, conductance=200.0)
        >>> round(float(law.voltage(50e-12)) * 1e3, 4), round(law.space_constant() * 1e6, 4)  # mV, um
        (19.0867, 7.9868)

    Attributes:
        ions: electrolyte with the injected species.
        length: length L, m.
        radius: radius r, m.
        conductance: conductance g of the wall per area, S/m^2.
        reversal: potential E without current through the wall, relative to the base, V.
    """

    ions: ElectroneutralLaw
    length: float
    radius: float
    conductance: float
    reversal: float = 0.0

    @property
    def area(self) -> float:
        """Area S of the cross-section, m^2."""
        return math.pi * self.radius**2

    def _unit(self) -> float:
        """Current F D S sum z^2 C/L that a slope u' = 1/L carries in the bulk, A."""
        return FARADAY * self.ions.diffusivity * self.area * float(self.ions.strength(0.0)) / self.length

    def voltage(self, current: float, x: float | Values | None = None) -> Values:
        """Potential V(x) relative to the base, V; not a number where the injected species is used up.

        Args:
            current: current I at the end, A.
            x: distance from the base, m, any shape; the length by default.
        """
        from scipy.integrate import solve_bvp

        V_T, unit, bulk = self.ions.thermal_voltage, self._unit(), self.ions.strength(0.0)
        wall = 2.0 * math.pi * self.radius * self.length * self.conductance / unit

        def slopes(_: Values, y: Values) -> Values:  # y: u, and the flux Phi' over that of a unit slope in the bulk
            return np.stack([y[1] * bulk / self.ions.strength(y[0]), wall * (V_T * y[0] - self.reversal)])

        def ends(base: Values, top: Values) -> Values:
            return np.array([base[0], top[1] - current / unit])

        with np.errstate(all="ignore"):
            places = np.linspace(0.0, 1.0, 51)
            found = solve_bvp(slopes, ends, places, np.zeros((2, 51)), tol=TOLERANCE, max_nodes=MOST_POINTS)
            u = found.sol(1.0 if x is None else x / self.length)[0]
        used_up = np.any(self.ions.concentrations_at(found.y[0])[self.ions.injected] < 0.0)
        return np.asarray(V_T * u if found.success and not used_up else math.nan)

    def space_constant(self) -> float:
        """Length lambda over which small potentials fall, m."""
        per_length = self.conductance * 2.0 * math.pi * self.radius
        return math.sqrt(1.0 / (per_length * self.ions.ohmic_resistance(1.0 / self.area)))

    def ohmic_voltage(self, current: float) -> float:
        """Potential V(L) of the cable equation, with the resistance of the bulk, V."""
        length = self.space_constant()
        resistance = self.ions.ohmic_resistance(length / self.area)
        ratio = self.length / length
        return current * resistance * math.tanh(ratio) + self.reversal * (1.0 - 1.0 / math.cosh(ratio))
