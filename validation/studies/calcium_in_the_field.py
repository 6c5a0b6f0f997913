"""How far the field of a synaptic current moves calcium in a neck: full PNP in one dimension, with and without drift.

Sodium enters at the top of a straight neck, the base is held at the bulk (140 mM of K, 10 mM of Na, 150 mM of Cl), and
a ten-thousandth as much calcium enters with it. Its current makes salt at the top and a potential there, which drives
calcium out. Without drift the field neither moves calcium nor feels it; all else is the same.

python -m spinepnp.validation.studies.calcium_in_the_field      prints a table
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.interpolate import CubicSpline

from spinepnp.units import VACUUM_PERMITTIVITY
from spinepnp.validation.laws import TraceLaw
from spinepnp.validation.reference.onedimensional import (
    End,
    Ion,
    Problem,
    State,
    line,
    solve_steady,
    solve_transient,
)

#: Length of the neck, m.
LENGTH = 1e-6

#: Salt: name, valence and concentration at the base, mol/m^3.
SALT = (("K", 1, 140.0), ("Na", 1, 10.0), ("Cl", -1, 150.0))

#: Diffusivity of the salt (of the papers) and of calcium in the cytosol, m^2/s.
DIFFUSIVITY, CALCIUM_DIFFUSIVITY = 200e-12, 220e-12

#: Calcium at the base, mol/m^3; beside 150 mM it is a trace to 2e-6.
CALCIUM = 1e-4

#: Thermal voltage, V, and relative permittivity of the papers.
V_T, PERMITTIVITY = 25.26e-3, 80.0

#: Synapse: largest current of sodium, A; rise and decay, s.
CURRENT, RISE, DECAY = 50e-12, 0.5e-3, 2e-3

#: Largest current of calcium, A: it makes at most some 10 uM, 1e-4 of the salt.
CALCIUM_CURRENT = 5e-15

#: Duration of a transient, s, and the number of its listed times.
DURATION, TIMES = 10e-3, 81


def _opening(time: float) -> float:
    """Time course of the synapse, one at its peak."""
    peak = RISE * DECAY / (DECAY - RISE) * math.log(DECAY / RISE)
    height = math.exp(-peak / DECAY) - math.exp(-peak / RISE)
    return (math.exp(-time / DECAY) - math.exp(-time / RISE)) / height if time > 0.0 else 0.0


@dataclass(frozen=True)
class Excursion:
    """Calcium at the top of a neck during an EPSP.

    Attributes:
        peak: largest concentration, mol/m^3.
        time: its time, s.
        lowest: smallest concentration, mol/m^3.
        left: charge of calcium that has left through the base after `DURATION`, C.
    """

    peak: float
    time: float
    lowest: float
    left: float


@dataclass(frozen=True)
class CalciumInTheField:
    """A neck with a synapse.

    Attributes:
        radius: radius of the neck, m.
        order: order of the polynomials of the solver.
        tolerance: tolerance of time steps.
    """

    radius: float
    order: int = 12
    tolerance: float = 1e-6

    def problem(self, drift: bool, calcium: float, waveform: Callable[[float], float] | None = None) -> Problem:
        """The neck with its currents.

        Args:
            drift: whether the field moves calcium.
            calcium: current of calcium, A.
            waveform: time course of both currents; constant without one.
        """

        def current(amperes: float) -> Callable[[float], float] | float:
            return amperes if waveform is None else partial(_scaled, waveform, amperes)

        ions = tuple(Ion(name, z, DIFFUSIVITY) for name, z, _ in SALT)
        ions += (Ion("Ca", 2, CALCIUM_DIFFUSIVITY, in_field=drift),)
        bulk = (*(c for *_, c in SALT[:-1]), SALT[-1][-1] + 2.0 * CALCIUM * drift, CALCIUM)
        return Problem(
            line(LENGTH, math.pi * self.radius**2), ions, PERMITTIVITY * VACUUM_PERMITTIVITY, V_T,
            left=End(potential=0.0, concentrations=bulk),
            right=End(currents=(0.0, current(CURRENT), 0.0, current(calcium)), field_matched=True),
        )  # fmt: skip

    @property
    def law(self) -> TraceLaw:
        """The electroneutral law of its steady states."""
        return TraceLaw(LENGTH, math.pi * self.radius**2, CURRENT, DIFFUSIVITY, SALT[-1][-1], 2, CALCIUM_DIFFUSIVITY)

    def steady(self, drift: bool, calcium: float) -> float:
        """Calcium at the top in the steady state of both currents, mol/m^3.

        Args:
            drift: whether the field moves calcium.
            calcium: current of calcium, A.
        """
        return float(solve_steady(self.problem(drift, calcium), self.order).concentrations[-1, -1])

    def excursion(self, drift: bool, calcium: float) -> Excursion:
        """Calcium at the top during an EPSP.

        Args:
            drift: whether the field moves calcium.
            calcium: largest current of calcium, A.
        """
        times = np.linspace(0.0, DURATION, TIMES)
        states = solve_transient(
            self.problem(drift, calcium, _opening), times.tolist(), initial=self._start(drift), order=self.order,
            rtol=self.tolerance,
        )  # fmt: skip
        top = np.array([state.concentrations[-1, -1] for state in states])
        return _excursion(times, top, states[-1])

    def _start(self, drift: bool) -> tuple[float, ...]:
        return self.problem(drift, 0.0).left.concentrations  # type: ignore[return-value]


def numbers(radius: float, order: int = 12, tolerance: float = 1e-6) -> dict[str, float]:
    """Numbers of a neck by the columns of references.toml: uM, nM and ms.

    Args:
        radius: radius, m.
        order: order of the polynomials of the solver.
        tolerance: tolerance of time steps.
    """
    neck = CalciumInTheField(radius, order, tolerance)
    drifting, free = (neck.excursion(drift, CALCIUM_CURRENT) for drift in (True, False))
    return {
        "radius": 1e9 * radius,
        "peak": 1e3 * drifting.peak,
        "time": 1e3 * drifting.time,
        "peak_free": 1e3 * free.peak,
        "time_free": 1e3 * free.time,
        "lowest": 1e6 * neck.excursion(True, 0.0).lowest,
        "steady": 1e3 * neck.steady(True, CALCIUM_CURRENT),
        "steady_free": 1e3 * neck.steady(False, CALCIUM_CURRENT),
        "steady_rest": 1e6 * neck.steady(True, 0.0),
    }


def _scaled(waveform: Callable[[float], float], amperes: float, time: float) -> float:
    return amperes * waveform(time)


def _excursion(times: np.ndarray, top: np.ndarray, last: State) -> Excursion:
    """Extremes of a smooth course between its listed times, and what has left."""
    course = CubicSpline(times, top)
    extremes = course.derivative().roots(extrapolate=False)
    places = np.concatenate([times[[0, -1]], extremes])
    values = course(places)
    k = int(np.argmax(values))
    return Excursion(float(values[k]), float(places[k]), float(np.min(values)), -float(last.passed[0, -1]))


if __name__ == "__main__":
    for radius in (100e-9, 50e-9):
        print(", ".join(f"{name} {value:.9g}" for name, value in numbers(radius).items()))
