"""Kinetics of gates as formulas in the potential V and in concentrations, written [Ca], with exact derivatives.

A derivative is the imaginary part of the formula at V + i h with a tiny h (complex step), exact to rounding. Near a
zero V_0 of a denominator, as of (V - V_0)/(1 - exp(-(V - V_0)/(4 mV))), digits cancel. There the formula is replaced by
its Taylor series about V_0, from the formula on a circle in the complex plane (Cauchy's integral by the trapezoid rule,
exact to rounding). A series with negative powers means a pole: the formula is refused. A formula with concentrations
has no such limit; it must be finite as it stands.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spinepnp.expressions import Formula, Function, Grammar, read_formula
from spinepnp.units import CONCENTRATION, POTENTIAL, TIME

#: Largest exponent of a formula: two such factors do not overflow.
LARGEST_EXPONENT = 300.0

#: Largest size of a potential, V, beyond which a rate stays as it is: Newton's iterates may go far.
LARGEST_POTENTIAL = 2.0

#: Size of potentials, V, up to which a rate must be a number that is not negative: no membrane goes farther.
PHYSICAL_POTENTIAL = 0.15

#: Rate, 1/s, from which on an exponential has overflowed: it is `LARGEST_EXPONENT` that keeps the number finite.
OVERFLOW = 1e100

#: Points at which a formula is checked and zeros of denominators are looked for; even, so that none is at zero.
GRID = np.linspace(-LARGEST_POTENTIAL, LARGEST_POTENTIAL, 8000)

#: Potentials, V, and concentrations, mol/m^3, at which a formula with concentrations is checked: up to 10 M.
CHECKED_POTENTIALS, CHECKED_CONCENTRATIONS = GRID[::40], np.concatenate([[0.0], np.logspace(-8.0, 4.0, 25)])

#: Imaginary part of a complex step, V or mol/m^3.
STEP = 1e-25

#: Largest radius of a circle about a singularity, V.
LARGEST_RADIUS = 20e-3

#: How often that radius is halved, down to 2 uV, where another singularity is near.
HALVINGS = 14

#: Points on a circle about a singularity.
CIRCLE = 64

#: Size of Fourier coefficients on a circle, over the largest one, that are rounding.
ROUNDING = 1e-12

#: Part of the circle's radius within which the series is used: its error is below 1e-16 there.
NEAR = 0.25

#: Size of a denominator at a point without a change of sign, over that beside it, that is a zero.
TOUCHES = 1e-10


def _bounded(function: Function) -> Function:
    return lambda x: function(np.minimum(x, LARGEST_EXPONENT))


#: Words of a formula. The unit V is none of them, since V is the variable.
GRAMMAR = Grammar(
    variable="V",
    kind=POTENTIAL,
    units={
        "mV": POTENTIAL, "uV": POTENTIAL, "s": TIME, "ms": TIME, "us": TIME,
        "mM": CONCENTRATION, "uM": CONCENTRATION, "nM": CONCENTRATION,
    },
    functions={"exp": _bounded(np.exp), "log": np.log, "sqrt": np.sqrt, "tanh": np.tanh},
    example="1.28/ms * (V + 54 mV)/(4 mV) / (1 - exp(-(V + 54 mV)/(4 mV)))",
    concentration=CONCENTRATION,
)  # fmt: skip


@dataclass(frozen=True)
class _Expansion:
    """Taylor series of a formula about a removable singularity.

    Attributes:
        centre: the singularity, V.
        radius: distance from it within which the series is used, V.
        coefficients: coefficients of ((V - centre)/radius)^k, k = 0, 1, ...
    """

    centre: float
    radius: float
    coefficients: np.ndarray

    def values(self, V: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Value and derivative of the formula."""
        x = (V - self.centre) / self.radius
        return np.polyval(self.coefficients[::-1], x), np.polyval(self._slopes[::-1], x)

    @functools.cached_property
    def _slopes(self) -> np.ndarray:
        """Coefficients of the derivative by V."""
        return np.arange(1, len(self.coefficients)) * self.coefficients[1:] / self.radius


@dataclass(frozen=True)
class RateExpression:
    """A rate, or another quantity of a gate, as a function of the potential. Made by `read_rate`.

    Attributes:
        function: the formula, 1/s, of real or complex potentials, V.
        expansions: series about its removable singularities.
        species: species whose concentrations stand in it.
    """

    function: Function
    expansions: tuple[_Expansion, ...] = ()
    species: tuple[str, ...] = ()

    def __call__(self, V: np.ndarray, concentrations: Sequence[np.ndarray] = ()) -> tuple[np.ndarray, np.ndarray]:
        """Rate and its derivative.

        Args:
            V: membrane potential, V, any shape.
            concentrations: concentrations of `species`, mol/m^3, like V; one below zero counts as zero.

        Returns:
            Rate, 1/s, and its derivative, 1/(s V), arrays like V.
        """
        V = np.asarray(V, dtype=float)
        inside = np.clip(V, -LARGEST_POTENTIAL, LARGEST_POTENTIAL)
        if self.species:
            value, slope = self._derived(inside, concentrations, 0)
        else:
            with np.errstate(all="ignore"):  # at singularities
                both = np.broadcast_to(self.function(inside + 1j * STEP), V.shape)
                value, slope = np.array(both.real), np.array(both.imag / STEP)
        for expansion in self.expansions:
            near = np.abs(inside - expansion.centre) < expansion.radius
            if np.any(near):
                value[near], slope[near] = expansion.values(inside[near])
        return value, np.where(inside == V, slope, 0.0)

    def by_concentration(self, V: np.ndarray, concentrations: Sequence[np.ndarray], number: int) -> np.ndarray:
        """Derivative by one of the concentrations, 1/s per mol/m^3.

        Args:
            V: membrane potential, V, any shape.
            concentrations: concentrations of `species`, mol/m^3, like V.
            number: number of the one.
        """
        inside = np.clip(V, -LARGEST_POTENTIAL, LARGEST_POTENTIAL)
        return np.where(concentrations[number] >= 0.0, self._derived(inside, concentrations, 1 + number)[1], 0.0)

    def _derived(
        self, V: np.ndarray, concentrations: Sequence[np.ndarray], variable: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Value, and derivative by the potential (0) or a concentration."""
        arguments: Any = [V, *(np.maximum(c, 0.0) for c in concentrations)]
        arguments[variable] = arguments[variable] + 1j * STEP
        with np.errstate(all="ignore"):
            both = np.broadcast_to(self.function(arguments), np.shape(V))
        return np.array(both.real), np.array(both.imag / STEP)


@functools.lru_cache(maxsize=256)
def read_rate(text: str, power: float = -1.0) -> RateExpression:
    """A rate, or another quantity of a gate, from its text in a case file.

    Args:
        text: formula in V and concentrations with units, such as "0.07/ms * exp(-(V + 65 mV)/(20 mV))".
        power: power of the time in its unit: -1 of a rate, 0 of a number, 1 of a time.

    Raises:
        ValueError: the text is no formula of that unit, its value is infinite, or, between -150 and 150 mV, it
            overflows or is negative; says where.
    """
    formula = read_formula(text, GRAMMAR, {TIME.name: power} if power else {})
    if formula.species:
        rate = RateExpression(formula.function, (), formula.species)
        _check_with_concentrations(rate)
        return rate
    with np.errstate(all="ignore"):
        expansions = [_expansion(formula.function, zero) for zero in _zeros(formula)]
    rate = RateExpression(formula.function, tuple(e for e in expansions if e is not None))
    with np.errstate(all="ignore"):
        value = np.broadcast_to(formula.function(GRID), GRID.shape)
    bad = GRID[~np.isfinite(value) | ~np.all(np.isfinite(rate(GRID)), axis=0)]  # complex numbers have roots everywhere
    if len(bad):
        V = bad[np.argmin(np.abs(bad))]
        raise ValueError(f"its value is not finite at V = {V * 1e3:.4g} mV; change it there")
    _check_physical(value)
    return rate


def check_points(species: Sequence[str]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Potentials, V, and concentrations of species, mol/m^3, at which formulas with concentrations are checked."""
    each = CHECKED_CONCENTRATIONS if len(species) < 3 else CHECKED_CONCENTRATIONS[::6]
    V, *concentrations = np.meshgrid(CHECKED_POTENTIALS, *[each] * len(species), indexing="ij")
    return V.ravel(), [c.ravel() for c in concentrations]


def _check_with_concentrations(rate: RateExpression) -> None:
    """Refuse a formula with concentrations that is not finite, or negative at a potential of a membrane.

    Raises:
        ValueError: says where.
    """
    V, concentrations = check_points(rate.species)
    value = rate(V, concentrations)[0]
    physical = np.abs(V) < PHYSICAL_POTENTIAL
    size = np.abs(value[physical & np.isfinite(value)]).max(initial=0.0)
    bad = ~np.isfinite(value)
    for number in range(len(rate.species)):
        bad |= ~np.isfinite(rate.by_concentration(V, concentrations, number))
    for found, problem in ((bad, "is not finite"), (physical & (value < -ROUNDING * size), "is negative")):
        if np.any(found):
            k = int(np.flatnonzero(found)[np.argmin(np.abs(V[found]))])
            pairs = zip(rate.species, concentrations, strict=True)
            where = ", ".join([f"V = {V[k] * 1e3:.4g} mV", *(f"[{name}] = {c[k]:.4g} mM" for name, c in pairs)])
            raise ValueError(f"its value {problem} at {where}; change it there")


def _check_physical(value: np.ndarray) -> None:
    """Refuse a rate, 1/s, given on `GRID`, that overflows or is negative where membranes may be.

    Raises:
        ValueError: says where, and what to do.
    """
    there = np.abs(GRID) < PHYSICAL_POTENTIAL
    physical = f"rates are checked from {-PHYSICAL_POTENTIAL * 1e3:g} to {PHYSICAL_POTENTIAL * 1e3:g} mV"
    size = np.max(np.abs(value[there]))
    for bad, problem, remedy in (
        (np.abs(value) > OVERFLOW, "overflows", "divide V in the exponent by a larger potential"),
        (value < -ROUNDING * size, "is negative", "change the formula there"),
    ):
        found = GRID[bad & there]
        if len(found):
            V = found[np.argmin(np.abs(found))] * 1e3
            raise ValueError(f"its value {problem} at V = {V:.4g} mV ({physical}); {remedy}")


def _zeros(formula: Formula) -> list[float]:
    """Zeros of the denominators of a formula, V."""
    from scipy.optimize import brentq

    def roots(function: Function) -> list[float]:
        values = np.broadcast_to(function(GRID), GRID.shape)
        changes = np.flatnonzero(np.isfinite(values[:-1] * values[1:]) & (np.sign(values[:-1]) != np.sign(values[1:])))
        return [
            brentq(lambda V: float(function(np.asarray(V))), GRID[i], GRID[i + 1], xtol=1e-18, maxiter=1000)
            for i in changes
        ]

    def touched(function: Function) -> list[float]:
        """Zeros without a change of sign, as of cosh(x) - 1: there the derivative is zero, too."""
        step = GRID[1] - GRID[0]
        sizes = ((V, abs(function(np.array([V, V + step])))) for V in roots(lambda V: np.imag(function(V + 1j * STEP))))
        return [V for V, (here, beside) in sizes if here < TOUCHES * beside]

    return [V for of in formula.denominators for V in (*roots(of), *touched(of))]


def _expansion(function: Function, zero: float) -> _Expansion | None:
    """Series of a formula about a zero of a denominator.

    Raises:
        ValueError: the formula has a pole there.
    """
    turns = np.exp(2j * np.pi * np.arange(CIRCLE) / CIRCLE)
    for halving in range(HALVINGS):
        radius = LARGEST_RADIUS / 2.0**halving
        coefficients = np.fft.fft(np.broadcast_to(function(zero + radius * turns), turns.shape)) / CIRCLE
        limit = ROUNDING * np.max(np.abs(coefficients))
        quarter = CIRCLE // 4
        if np.all(np.abs(coefficients[quarter:-quarter]) <= limit):  # all powers that matter are there
            if np.any(np.abs(coefficients[-quarter:]) > limit):
                break
            scale = NEAR ** np.arange(quarter)
            return _Expansion(zero, NEAR * radius, coefficients[:quarter].real * scale)
    raise ValueError(f"its value is infinite at V = {zero * 1e3:.4g} mV; change it there")
