"""Reduced law of a spine in time: the salt of the head, the neck whose resistance follows it, and an RC load.

One salt of monovalent ions with one diffusivity, whose cations carry the current I into the head:

    Omega dc/dt = I/(2 F) - D (c - C)/G,
    V = V_b + R(c) I,   R(c) = V_T G/(2 D F C) ln(c/C)/(c/C - 1),
    C_load dV_b/dt + (V_b - V_rest)/R_load = I.

G is the geometric factor at the head (1/m), and Omega = int (g/g_head)^2 dx with the unit-flux harmonic function g: the
volume of the head and a third of that of a straight neck. The law is exact in steady state, and Ohm's at the onset; at
times of the neck's own relaxation, below 4 L^2/(pi^2 D), the salt of the neck lags behind that of the head.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spinepnp.units import FARADAY

Values = NDArray[np.float64]

#: Relative tolerance of steps in time.
TOLERANCE = 1e-10

#: Relative change of the salt below which ln(q)/(q - 1) is taken from its series.
SMALL = 1e-5

#: Largest share of the time between two breaks that a step may take: no pulse is stepped over.
LARGEST_STEP = 1.0 / 50.0

#: Distance from a break, over the time between two, at which the stimulus is that of this side of a jump.
SIDE = 1e-9


@dataclass(frozen=True)
class Course:
    """States of a reduced spine at n times.

    Attributes:
        time: times, s, shape (n,).
        salt: concentration c of the head, mol/m^3, shape (n,).
        current: current I into the head, A, shape (n,).
        head: potential V of the head, V, shape (n,).
        dendrite: potential V_b beyond the neck, V, shape (n,).
    """

    time: Values
    salt: Values
    current: Values
    head: Values
    dendrite: Values


@dataclass(frozen=True)
class ReducedSpine:
    """Spine with one salt and a load of resistance and capacitance.

    Examples:
        >>> import math
        >>> from spinepnp.validation.laws import ReducedSpine
        >>> spine = ReducedSpine(G=0.5e-6 / (math.pi * 50e-9**2), volume=0.0313e-18)  # a small head
        >>> course = spine.respond([0.0, 5e-3], lambda t: 1e-9, reversal=70e-3)
        >>> (course.head * 1e3).round(2), (course.salt / spine.concentration).round(3)  # mV
        (array([13.98, 12.88]), array([1.   , 1.221]))

    Attributes:
        G: geometric factor at the head, 1/m: L/S of a straight neck.
        volume: effective volume Omega, m^3.
        load_resistance: resistance R_load, Ohm; zero for a ground.
        load_capacitance: capacitance C_load, F; zero where V_b follows the current at once.
        diffusivity: diffusivity D, m^2/s.
        concentration: bulk concentration C of the salt, mol/m^3.
        thermal_voltage: kT/e, V.
        rest: potential of the load without current, V.
    """

    G: float
    volume: float
    load_resistance: float = 0.0
    load_capacitance: float = 0.0
    diffusivity: float = 200e-12
    concentration: float = 167.0
    thermal_voltage: float = 25.26e-3
    rest: float = 0.0

    def neck_resistance(self, salt: ArrayLike) -> Values:
        """Resistance R(c) of the neck, Ohm, at a concentration of the head, mol/m^3, any shape."""
        rise = np.asarray(salt, dtype=float) / self.concentration - 1.0
        small = np.abs(rise) < SMALL
        ratio = np.where(small, 1.0 - rise / 2.0 + rise**2 / 3.0, np.log1p(rise) / np.where(small, 1.0, rise))
        return self.thermal_voltage * self.G / (2.0 * self.diffusivity * FARADAY * self.concentration) * ratio

    def respond(
        self,
        times: ArrayLike,
        stimulus: Callable[[float], float],
        *,
        reversal: float | None = None,
        breaks: tuple[float, ...] = (),
        frozen: bool = False,
    ) -> Course:
        """States at increasing times from the bulk at t = 0 on.

        Args:
            times: times, s, shape (n,).
            stimulus: conductance (S) at a time, where there is a reversal potential; else current (A).
            reversal: potential E of the head without current, V.
            breaks: times at which the stimulus jumps or bends, s.
            frozen: whether the resistance of the neck stays that of the bulk.
        """
        from scipy.integrate import solve_ivp

        times = np.atleast_1d(np.asarray(times, dtype=float))
        edges = np.unique([0.0, *(b for b in breaks if 0.0 < b < times[-1]), times[-1]])
        state, parts = np.array([self.concentration, self.rest]), []
        smallest = TOLERANCE * np.array([self.concentration, self.thermal_voltage])
        for start, end in itertools.pairwise(edges):
            inside = times[(times >= start) & ((times < end) | (end == edges[-1]))]
            near = SIDE * (end - start)

            def given(t: float, first: float = start + near, last: float = end - near) -> float:
                return stimulus(min(max(t, first), last))  # at a jump, that of this side

            def rates(t: float, y: Values, given: Callable[[float], float] = given) -> Values:
                return self._rates(y, given(t), reversal, frozen)

            found = solve_ivp(rates, (start, end), state, "LSODA", np.unique([*inside, end]), rtol=TOLERANCE,
                              atol=smallest, max_step=LARGEST_STEP * (end - start))  # fmt: skip
            state = found.y[:, -1]
            rows = zip(inside, found.y.T, strict=False)
            parts += [(t, y[0], *self._flow(y, given(t), reversal, frozen)) for t, y in rows]
        return Course(*np.array(parts).T)

    def _flow(self, y: Values, given: float, reversal: float | None, frozen: bool) -> tuple[float, float, float]:
        """Current, A, and the potentials of head and dendrite, V, at a state (c, V_b)."""
        neck = float(self.neck_resistance(self.concentration if frozen else y[0]))
        charged = self.load_capacitance > 0.0
        base, resistance = (y[1], neck) if charged else (self.rest, neck + self.load_resistance)
        current = given if reversal is None else given * (reversal - base) / (1.0 + given * resistance)
        dendrite = float(y[1]) if charged else self.rest + self.load_resistance * current
        return current, dendrite + current * neck, dendrite

    def _rates(self, y: Values, given: float, reversal: float | None, frozen: bool) -> Values:
        """Rates of c and V_b."""
        current, _, dendrite = self._flow(y, given, reversal, frozen)
        salt = current / (2.0 * FARADAY) - self.diffusivity * (y[0] - self.concentration) / self.G
        charged = self.load_capacitance > 0.0
        load = (current - (dendrite - self.rest) / self.load_resistance) / self.load_capacitance if charged else 0.0
        return np.array([salt / self.volume, load])


def facilitation(course: Course, second: float, *, at: str = "dendrite") -> float:
    """Ratio of the second peak to the first one, both above the rest at the start.

    Divided by that with frozen concentrations it is the facilitation by the salt that has gathered: summation in the
    load alone raises both.

    Args:
        course: states at times that are dense at both peaks.
        second: time at which the second pulse begins, s.
        at: "dendrite" or "head".
    """
    V = getattr(course, at) - getattr(course, at)[0]
    return float(V[course.time >= second].max() / V[course.time < second].max())
