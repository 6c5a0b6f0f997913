"""Transients by Radau IIA of order 5 with adaptive steps, for times from nanoseconds to seconds.

Currents are on from t = 0. Prescribed values and the potential, which has no memory, follow at once: the state at t = 0
is the one just after. Other jumps of currents in time must be listed in ``breaks``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spinepnp.units import FARADAY
from spinepnp.validation.reference.onedimensional.checks import refuse
from spinepnp.validation.reference.onedimensional.equations import Equations
from spinepnp.validation.reference.onedimensional.instant import check_charge, flows, settled
from spinepnp.validation.reference.onedimensional.newton import NoConvergenceError
from spinepnp.validation.reference.onedimensional.problem import Problem, Values
from spinepnp.validation.reference.onedimensional.profile import Profile
from spinepnp.validation.reference.onedimensional.radau import C, Step, Stepper
from spinepnp.validation.reference.onedimensional.scales import integral, reference_concentrations, scales
from spinepnp.validation.reference.onedimensional.steady import ORDER, discretise
from spinepnp.validation.reference.onedimensional.system import System

#: Default tolerance of a step; see `solve_transient`.
TOLERANCE = 1e-7

#: Smallest factor from one step size to the next.
SHRINK = 0.1

#: Largest factor from one step size to the next.
GROW = 6.0

#: Ratio of the step size that is taken to the one that the tolerance allows.
SAFETY = 0.85

#: First step size, in Debye times.
FIRST = 1e-3

#: Largest ratio of a step size to the one before at which the polynomial of that step is extrapolated as a guess.
EXTRAPOLATED = 4.0

#: Smallest step size, in Debye times.
SMALLEST_STEP = 1e-9

#: Step size, in Debye times, below which a step counts as too short.
TOO_SHORT = 1e-5

#: Number of steps in a row that are too short after which the transient is given up.
MOST_SHORT = 200

#: ln of a concentration, in units of the largest one at the start, below which ions are used up if steps are too short.
EXHAUSTED = -25.0

#: Smallest and largest tolerance that are accepted; see also `smallest_tolerance`.
TOLERANCES = (1e-12, 1e-2)


@dataclass(frozen=True, eq=False)
class State(Profile):
    """State of a transient, with the currents of its instant.

    Examples:
        >>> from spinepnp.units import VACUUM_PERMITTIVITY
        >>> from spinepnp.validation.onedimensional import End, Ion, Problem, line, solve_transient
        >>> salt = (Ion("Na", 1, 2e-10), Ion("A", -1, 2e-10))
        >>> geometry = line(1e-6, 7.854e-15)
        >>> ends = {"left": End(potential=0.0, concentrations=(167.0, 167.0)), "right": End(currents=(50e-12, 0.0))}
        >>> problem = Problem(geometry, salt, 80 * VACUUM_PERMITTIVITY, 25.26e-3, **ends)
        >>> (state,) = solve_transient(problem, [1e-9], rtol=1e-4)
        >>> f"{state.time:.0e} s, {state.potential[-1] * 1e3:.3f} mV"
        '1e-09 s, 7.544 mV'

    Attributes:
        time: time after the start, s.
        passed: charge that has entered with each species since the start, left and right, C, (2, species); a neutral
            species has none.
        steps: number of steps so far.
        gates: values of the gates of each end, if there are any.
    """

    time: float
    passed: Values
    steps: int
    gates: tuple[Values, ...] | None = None


def smallest_tolerance(system: System) -> float:
    """Smallest tolerance of a step; below it the error estimate is rounding.

    Charge is a difference of concentrations. Its rounding error enters the potential divided by the square of the Debye
    length. Measured in 167 mM: steps become tiny from 1e-11 at a length of 1 um, from 2e-8 at 10 um.
    """
    return max(4.0 * float(np.finfo(float).eps) / system.scale.delta2, TOLERANCES[0])


def _check(times: Sequence[float], rtol: float | None, step: float | None, breaks: Sequence[float]) -> None:
    """Refuse invalid arguments of `solve_transient`."""
    given: tuple[tuple[str, Any], ...] = (("times", times), ("breaks", breaks))
    for key, values in given:
        if not isinstance(values, Sequence | np.ndarray) or isinstance(values, str):
            refuse(key, values, "a list of times is needed, s")
        for value in values:
            if not (
                isinstance(value, int | float | np.integer | np.floating) and math.isfinite(value) and value >= 0.0
            ):
                refuse(key, value, "finite times of at least zero are needed, s")
    if any(late <= early for early, late in itertools.pairwise(times)):
        refuse("times", list(times), "must grow")
    if not len(times):
        refuse("times", list(times), "at least one is needed")
    if rtol is not None and not TOLERANCES[0] <= rtol <= TOLERANCES[1]:
        refuse("rtol", rtol, f"must lie between {TOLERANCES[0]:g} and {TOLERANCES[1]:g}")
    if step is not None and not (math.isfinite(step) and step > 0.0):
        refuse("step", step, "a finite number greater than zero is needed")


def _check_currents(problem: Problem, time: float, potentials: Values) -> None:
    """Refuse currents that are not finite at a time."""
    for key, end, V in zip(("left", "right"), problem.ends, potentials, strict=True):
        if not np.all(np.isfinite(end.inflow(problem.species, time, float(V)))):
            refuse(f"{key}.currents", end.currents, f"not finite at t = {time:.6g} s, V = {V:.6g} V")


def _begin(
    problem: Problem,
    initial: str | tuple[float, ...] | Profile,
    order: int | None,
    elements: int | None,
    times: Sequence[float],
) -> tuple[System, Values]:
    """Discretisation and state at the start; an initial state keeps its mesh unless order or elements are given."""
    if not isinstance(initial, Profile):
        if initial == "bulk":
            reference = reference_concentrations(problem)
        elif isinstance(initial, tuple) and len(initial) == len(problem.species) and min(initial) > 0.0:
            reference = np.array(initial)
        else:
            refuse("initial", initial, "known: bulk, a positive concentration of each species, or a state")
        system = discretise(problem, ORDER if order is None else order, elements, _strongest(problem, times), reference)
        return system, system.uniform()
    theirs, own = initial.system.problem, problem.geometry
    if (theirs.geometry.start, theirs.geometry.stop) != (own.start, own.stop):
        refuse("initial", (theirs.geometry.start, theirs.geometry.stop), "is a state of another interval")
    if [(i.name, i.valence) for i in theirs.species] != [(i.name, i.valence) for i in problem.species]:
        refuse("initial", [ion.name for ion in theirs.species], "is a state of other species")
    if problem.closed:
        problem = replace(problem, amounts=tuple(initial.amounts))
        reference = initial.amounts / integral(problem)
    else:
        reference = reference_concentrations(problem)
    if order is None and elements is None:
        system = System(problem, initial.system.mesh, scales(problem, reference), reference)
        state = initial.state.copy()
    else:
        system = discretise(problem, ORDER if order is None else order, elements, _strongest(problem, times), reference)
        state = initial.system.mesh.interpolate(initial.state, system.mesh.x)
    state[:-1] += math.log(initial.system.scale.concentration / system.scale.concentration)
    state[-1] *= theirs.thermal_voltage / problem.thermal_voltage
    return system, state


def _strongest(problem: Problem, times: Sequence[float]) -> float:
    """Time at which the currents are largest, s."""
    for time in (0.0, *times):
        _check_currents(problem, time, np.zeros(2))
    return max(times, key=lambda t: sum(float(np.sum(np.abs(e.inflow(problem.species, t)))) for e in problem.ends))


class _Run:
    """State of an integration."""

    def __init__(self, system: System, state: Values, rtol: float | None, fixed: float | None) -> None:
        least = smallest_tolerance(system)
        if rtol is not None and rtol < least:
            refuse("rtol", rtol, f"rounding in the potential leaves no less than {least:.2g} here")
        self.system, self.fixed = system, fixed
        self.rtol = max(TOLERANCE, least) if rtol is None else rtol
        self.equations = Equations(system)
        self.stepper = Stepper(self.equations, self.rtol)
        self.time, self.steps, self.state = 0.0, 0, state
        self.debye = system.scale.delta2 * system.scale.time
        self.passed = np.zeros((2, len(system.z)))
        if any(end.gates for end in system.problem.ends):
            system.gates = system.rest(state)
        self.start()

    def start(self) -> None:
        """Restart at a time at which currents jump."""
        potentials = self.state[-1, self.system.end_nodes] * self.system.problem.thermal_voltage
        _check_currents(self.system.problem, self.time, potentials)
        self.state = settled(self.equations, self.state, self.time)
        check_charge(self.equations, self.state, self.system.loads(self.time))
        self.last: Step | None = None
        self.next = FIRST * self.debye

    def advance(self, end: float) -> None:
        """Integrate to a time, exactly."""
        short = 0
        while self.time < end:
            self._advance_once(end)
            short = short + 1 if self.fixed is None and self.next < TOO_SHORT * self.debye else 0
            if short and np.min(self.state[:-1]) < EXHAUSTED:
                raise NoConvergenceError(f"transient lost: ions are used up at t = {self.time:.6g} s")
            if short > MOST_SHORT:
                raise NoConvergenceError(f"transient lost at t = {self.time:.6g} s: steps of {self.next:.1e} s only")
        loads = self.system.loads(math.nextafter(end, 0.0))
        check_charge(self.equations, self.state, loads)

    def _advance_once(self, end: float) -> None:
        """Take one accepted step that does not pass ``end``."""
        length = self.next if self.fixed is None else self.fixed
        left = end - self.time
        if length >= left * (1.0 - 1e-9):
            stop, cut = end, True
        else:
            cut = self.fixed is None and length > 0.5 * left  # two equal steps rather than a long and a short one
            stop = self.time + (0.5 * left if cut else length)
        failed = False
        while True:
            step, factor = self._attempt(stop, failed)
            if step is not None:
                break
            failed = True
            stop = self.time + factor * (stop - self.time)
            cut = False
            if stop - self.time < SMALLEST_STEP * self.debye or self.fixed is not None:
                raise NoConvergenceError(f"transient lost at t = {self.time:.6g} s: steps fail")
        proposal = (stop - self.time) * (min(factor, 1.0) if failed else factor)
        self.next = max(proposal, self.next) if cut else proposal
        self.time, self.state, self.last = stop, step.state, step
        self.passed, self.system.gates = self.passed + step.passed, step.gates
        self.steps += 1

    def _attempt(self, stop: float, failed: bool) -> tuple[Step | None, float]:
        """Step, if its error is within the tolerance, and the factor to the next step size."""
        length, last = stop - self.time, self.last
        if last is None or length > EXTRAPOLATED * last.length or failed:
            guess = np.repeat(self.state[None], len(C), axis=0)
        else:
            guess = last.extrapolated(self.time + C * length)
        try:
            step = self.stepper.step(self.time, stop, self.state, guess, filtered=last is None or failed)
        except NoConvergenceError:
            return None, 0.25
        if self.fixed is not None:
            return step, 1.0
        if not math.isfinite(step.error):
            return None, SHRINK
        factor = SAFETY * (self.rtol / max(step.error, 1e-300)) ** 0.25
        good = step.error <= self.rtol
        return (step if good else None), min(max(factor, SHRINK), GROW if good else 0.9)

    def snapshot(self) -> State:
        """State at the current time."""
        at = self.time if self.time == 0.0 else math.nextafter(self.time, 0.0)
        entering, displaced, field = flows(self.equations, self.state, at)
        passed = self.passed * self.system.carried * FARADAY * self.system.scale.amount
        return State(
            self.system, self.state, entering, displaced, field, self.time, passed, self.steps, self.system.gates
        )


def solve_transient(
    problem: Problem,
    times: Sequence[float],
    *,
    initial: str | tuple[float, ...] | Profile = "bulk",
    order: int | None = None,
    elements: int | None = None,
    rtol: float | None = None,
    step: float | None = None,
    breaks: Sequence[float] = (),
) -> list[State]:
    """States of a problem at given times after its currents are switched on.

    Args:
        problem: the problem; a closed one needs amounts, or an initial state.
        times: rising times from 0 on, s; at 0 the ions are those of the start.
        initial: "bulk" for the uniform state (geometric mean of prescribed concentrations, or amounts over volume), the
            concentrations of another uniform state, mol/m^3, or a state of the same interval and ions, such as a steady
            one, whose mesh is kept unless order or elements are given.
            Uniform ions do not screen a fixed charge (or a field at an end): start from a steady state there.
        order: order of the polynomials; ``None`` for 12.
        elements: number of elements; ``None`` for as many as resolve a Debye length at the ends.
        rtol: largest estimated error of a step, relative in each concentration and in units of V_T in the potential;
            the error of the result is usually far smaller, as the estimate is of order 3 and the method of order 5.
            ``None`` for 1e-7, or for `smallest_tolerance` if that is larger.
        step: constant step size, s, without control of the error; ``None`` for steps that keep ``rtol``.
        breaks: times at which currents jump or set in, s; steps end there, and restart small (a pulse between the
            stages of a long step would be missed). At a time that is also in ``times`` the state before the jump is
            returned.

    Returns:
        States at the times, in their order.

    Raises:
        ValueError: an argument is invalid, or fields do not balance the charge of a floating potential.
        NoConvergenceError: Newton's method does not converge, as when a current exhausts the ions.
    """
    _check(times, rtol, step, breaks)
    system, state = _begin(problem, initial, order, elements, times)
    run = _Run(system, state, rtol, step)
    requested, jumps = {float(t) for t in times}, {float(t) for t in breaks if 0.0 < t < times[-1]}
    states = [run.snapshot()] if 0.0 in requested else []
    for time in sorted((requested | jumps) - {0.0}):
        run.advance(time)
        if time in requested:
            states.append(run.snapshot())
        if time in jumps:
            run.start()
    return states
