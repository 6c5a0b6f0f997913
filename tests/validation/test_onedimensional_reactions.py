"""Reactions in the one-dimensional reference: laws, an integrator in a stirred line, totals, and what it refuses."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from spinepnp.units import FARADAY
from spinepnp.validation.laws import BufferedTube, RemovalLaw, conservation_laws, equilibrium
from spinepnp.validation.reference.onedimensional import (
    End,
    Ion,
    Problem,
    Reaction,
    line,
    solve_steady,
    solve_transient,
)
from spinepnp.validation.reference.onedimensional.equations import SteadyEquations
from spinepnp.validation.reference.onedimensional.steady import discretise
from support.onedimensional import LENGTH, PERMITTIVITY, V_T, D

#: Cross-section of the neck, m^2, and diffusivity of calcium, m^2/s.
AREA, CALCIUM = math.pi * 1e-14, 220e-12

#: Calcium, its buffer, and both together, without the field.
BUFFERED = (Ion("Ca", 2, CALCIUM, in_field=False), Ion("B", 0, 50e-12), Ion("CaB", 2, 50e-12, in_field=False))

#: Binding of calcium at rates of 1e8 /(M s) and 10 /s.
BINDING = Reaction((1, 1, 0), (0, 0, 1), 1e5, 10.0)

#: Equilibrium at 100 nM of calcium with 100 uM of the buffer, mol/m^3.
REST = (1e-4, 0.05, 0.05)


def problem(species, reactions, **more):
    given = {"left": End(potential=0.0), "right": End()}
    return Problem(line(LENGTH, AREA), species, PERMITTIVITY, V_T, reactions=reactions, **(given | more))


def buffered(current, mobile=True, **more):
    """The neck with calcium that enters at its right end."""
    species = BUFFERED if mobile else tuple(replace(i, diffusivity=0.0) if i.name != "Ca" else i for i in BUFFERED)
    bath = REST if mobile else (REST[0], None, None)
    left, right = End(potential=0.0, concentrations=bath), End(currents=(current, 0.0, 0.0))
    return problem(species, (BINDING,), left=left, right=right, **({} if mobile else {"start": REST}) | more)


def law_of(tube, reaction=BINDING, mobile=50e-12):
    """Law of such a neck."""
    flux = tube.right.currents[0] / (2.0 * FARADAY * AREA)
    return BufferedTube(LENGTH, CALCIUM, mobile, REST[0], 0.1, reaction.forward, reaction.backward, flux)


# --- rates


def test_a_stirred_line_follows_an_integrator():
    """2 A + B <-> C, C -> of first order, -> B of order zero; C stays where it is."""
    species = (Ion("A", 0, D), Ion("B", 0, D), Ion("C", 0, 0.0))
    reactions = (
        Reaction((2, 1, 0), (0, 0, 1), 2e6, 300.0),
        Reaction((0, 0, 1), (0, 0, 0), 50.0),
        Reaction((0, 0, 0), (0, 1, 0), 3.0),
    )
    start, times = (0.02, 0.05, 1e-5), [1e-4, 1e-3, 1e-2]

    def slopes(t, c):
        first, second, third = 2e6 * c[0] ** 2 * c[1] - 300.0 * c[2], 50.0 * c[2], 3.0
        return np.array([-2.0 * first, third - first, first - second])

    exact = solve_ivp(slopes, (0.0, times[-1]), start, "Radau", times, rtol=1e-11, atol=1e-16).y.T
    states = solve_transient(problem(species, reactions, start=start), times, elements=2, order=2, rtol=1e-7)
    for state, expected in zip(states, exact, strict=True):
        assert state.concentrations == pytest.approx(np.repeat(expected[:, None], 5, axis=1), rel=1e-6)


def test_the_jacobian_is_the_derivative_of_the_residual():
    species = (Ion("K", 1, D), Ion("Cl", -1, D), Ion("Ca", 2, D), Ion("B", -2, 0.0), Ion("CaB", 0, 0.0), Ion("X", 2, D))
    reactions = (
        Reaction((0, 0, 1, 1, 0, 0), (0, 0, 0, 0, 1, 0), 7.0, 2.0),
        Reaction((0, 0, 2, 0, 0, 0), (0, 0, 0, 0, 0, 2), 5.0, 3.0, region=(0.2e-6, 0.7e-6)),
    )
    system = discretise(problem(species, reactions, start=(3.0, 1.0, 0.5, 1.0, 0.7, 0.2)), 3, 2, 0.0, np.ones(6))
    assert np.min(np.abs(system.mesh.edges[:, None] - [0.2, 0.7]), axis=0) == pytest.approx(0.0, abs=1e-14)
    equations, loads = SteadyEquations(system), system.loads(0.0)
    rng = np.random.default_rng(5)
    point = rng.normal(size=np.prod(system.shape)) * 0.3
    direction = rng.normal(size=len(point))
    moved = (equations(point + step * direction, loads)[0] for step in (1e-6, -1e-6))
    by_difference = np.subtract(*moved) / 2e-6
    exact = equations(point, loads)[1] @ direction
    assert exact == pytest.approx(by_difference, abs=1e-7 * np.max(np.abs(exact)))


# --- steady states


def test_removal_in_salt_and_without_the_field():
    """Ca -> X beside 150 mM: the field that 1 fA makes changes the last digits only. Zero has no logarithm: 1e-9 mM."""
    law = RemovalLaw(LENGTH, AREA, CALCIUM, 1e3, 2, 1e-15)
    salt = (Ion("K", 1, D), Ion("Cl", -1, D), Ion("Ca", 2, CALCIUM), Ion("X", 2, CALCIUM))
    base = End(potential=0.0, concentrations=(150.0, 150.0 + 4e-9, 1e-9, 1e-9))
    removal = Reaction((0, 0, 1, 0), (0, 0, 0, 1), 1e3)
    tube = problem(salt, (removal,), left=base, right=End(currents=(0.0, 0.0, 1e-15, 0.0)))
    state = solve_steady(tube)
    rest = 1e-9 / math.cosh(LENGTH / law.range)
    assert state.concentrations[2, -1] - rest == pytest.approx(law.concentration(LENGTH), rel=3e-6)
    assert state.concentrations[3, -1] == pytest.approx(law.product(LENGTH, CALCIUM), rel=1e-4)
    assert -state.entering[0, 2:] == pytest.approx([1e-15 * law.leaving, 1e-15 * (1.0 - law.leaving)], rel=1e-3)


def test_removal_in_a_region():
    """D c'' = k c beyond 0.4 um, from a base that holds 1 uM."""
    region, reach = (0.4e-6, LENGTH), math.sqrt(D / 1e3)
    base = End(potential=0.0, concentrations=(1e-3,))
    state = solve_steady(problem((Ion("A", 0, D),), (Reaction((1,), (0,), 1e3, region=region),), left=base), elements=4)
    s, border = (LENGTH - region[0]) / reach, region[0]
    slope = -1e-3 * math.sinh(s) / (border * math.sinh(s) + reach * math.cosh(s))
    x = np.linspace(0.0, LENGTH, 11)
    far = (x - border) / reach
    beyond = (1e-3 + slope * border) * np.cosh(far) + slope * reach * np.sinh(far)
    assert state.evaluate(x)[0][0] == pytest.approx(np.where(x < border, 1e-3 + slope * x, beyond), rel=1e-10)


def test_an_immobile_buffer_leaves_steady_calcium_alone():
    tube = buffered(1e-15, mobile=False)
    x, state = np.linspace(0.0, LENGTH, 9), solve_steady(tube, elements=12)
    free, buffer, bound = state.evaluate(x)[0]
    assert free == pytest.approx(law_of(tube, mobile=0.0).rapid(x), rel=1e-9)
    assert buffer + bound == pytest.approx(0.1, rel=1e-9)
    assert bound == pytest.approx(0.1 * free / (1e-4 + free), rel=1e-9)


def test_a_species_without_charge_enters_at_a_rate():
    """The same neck with neutral calcium, in mol/s."""
    tube, rate = buffered(1e-14), 1e-14 / (2.0 * FARADAY)
    species = tuple(Ion(ion.name, 0, ion.diffusivity) for ion in BUFFERED)
    neutral = replace(tube, species=species, right=End(rates=(rate, 0.0, 0.0)))
    assert solve_steady(neutral).concentrations == pytest.approx(solve_steady(tube).concentrations, rel=1e-10)
    with pytest.raises(ValueError, match=r"left.rates .* concentrations are held here"):
        replace(tube, left=End(concentrations=REST, rates=(rate, 0.0, 0.0)))


def test_a_mobile_buffer_in_a_tube():
    x = np.linspace(0.0, LENGTH, 9)
    weak = buffered(1e-19)  # a rise of 2e-4 of calcium, on which the law is of first order
    rise = solve_steady(weak, elements=6).evaluate(x)[0][0] - REST[0]
    assert rise == pytest.approx(law_of(weak).linear(x)[0], rel=1e-5, abs=1e-13 * REST[0])
    errors = []
    for factor in (1e2, 1e4):  # the layer at the injector is of 20.8 and of 2.1 nm
        fast = replace(BINDING, forward=BINDING.forward * factor, backward=BINDING.backward * factor)
        tube = replace(buffered(1e-14), reactions=(fast,))
        free = solve_steady(tube, elements=16).evaluate(x[:-1])[0][0]
        errors.append(np.max(np.abs(free / law_of(tube, fast).rapid(x[:-1]) - 1.0)))
    assert errors[1] < 0.02 * errors[0] < 3e-4  # of first order in 1/k, beyond the layer


def test_a_closed_line_comes_to_the_equilibrium_of_its_totals():
    """A charged buffer that stays where it is, in salt: Ca + B <-> CaB, of valences 2, -2 and 0."""
    species = (Ion("K", 1, D), Ion("Cl", -1, D), Ion("Ca", 2, CALCIUM), Ion("B", -2, 0.0), Ion("CaB", 0, 0.0))
    start = (150.0, 149.82, 0.01, 0.1, 1e-9)
    reaction = Reaction((0, 0, 1, 1, 0), (0, 0, 0, 0, 1), 1e5, 10.0)
    closed = problem(species, (reaction,), left=End(), start=start)
    exact = equilibrium(np.array([reaction.change]).T, [1e4], start)
    steady = solve_steady(closed)
    assert steady.concentrations == pytest.approx(np.repeat(exact[:, None], len(steady.x), axis=1), rel=1e-9)
    (late,) = solve_transient(closed, [1.0], elements=2, order=2, rtol=1e-5)
    assert late.concentrations[:, 0] == pytest.approx(exact, rel=1e-8)


# --- in time


def test_totals_in_time():
    """All calcium is what was there and what came; all buffer of the immobile one stays at every place."""
    tube = buffered(1e-14, mobile=False)
    state = solve_transient(tube, [1e-3], elements=6, rtol=1e-5)[0]
    laws = conservation_laws(np.array([BINDING.change]).T)
    came = laws @ (state.passed.sum(axis=0) / np.array([2.0 * FARADAY, 1.0, 2.0 * FARADAY]))
    start = laws @ np.array(REST) * AREA * LENGTH
    assert laws @ state.amounts == pytest.approx(start + came, rel=1e-12)
    assert state.concentrations[1] + state.concentrations[2] == pytest.approx(0.1, rel=1e-11)
    assert state.concentrations[0, -1] > 10.0 * REST[0]


def test_a_step_comes_to_the_steady_state():
    tube = buffered(1e-14)
    states = solve_transient(tube, [1e-4, 2.0], rtol=1e-5)
    assert states[1].concentrations == pytest.approx(solve_steady(tube).concentrations, rel=1e-8)
    assert states[0].concentrations[0, -1] < 0.9 * states[1].concentrations[0, -1]


# --- bad input


@pytest.mark.parametrize(
    ("reaction", "message"),
    [
        (Reaction((1, 1), (0, 0, 1), 1.0), r"reactions\[0\].consumed .* whole number for each of the 3"),
        (Reaction((3, 1, 0), (0, 0, 1), 1.0), "at most 3"),
        (Reaction((-1, 1, 0), (0, 0, 1), 1.0), "whole number"),
        (Reaction((1, 0, 0), (1, 0, 0), 1.0), "is what it consumes"),
        (Reaction((1, 1, 0), (0, 0, 1), -1.0), "forward .* cannot be negative"),
        (Reaction((1, 1, 0), (0, 0, 1), 1.0, math.nan), "backward .* finite number"),
        (Reaction((1, 0, 0), (0, 1, 0), 1.0), "makes -4 elementary charges out of nothing"),
        (Reaction((1, 1, 0), (0, 0, 1), 1.0, region=(1e-6, 5e-7)), "two rising places"),
        (Reaction((1, 1, 0), (0, 0, 1), 1.0, region=(0.0, 5e-7)), "no immobile species"),
    ],
)
def test_a_reaction_that_does_not_fit(reaction, message):
    species = (Ion("Ca", 2, D), Ion("B", -2, 0.0), Ion("CaB", 0, D))
    with pytest.raises(ValueError, match=message):
        problem(species, (reaction,))


def test_immobile_species_at_ends():
    tube = buffered(1e-14, mobile=False)
    with pytest.raises(ValueError, match=r"left.concentrations\[B\].* takes None"):
        replace(tube, left=End(potential=0.0, concentrations=REST))
    with pytest.raises(ValueError, match=r"right.currents\[CaB\].* carries no current"):
        replace(tube, right=End(currents=(0.0, 0.0, 1e-15)))
    with pytest.raises(ValueError, match="start = None"):
        solve_steady(replace(tube, start=None))
    with pytest.raises(ValueError, match="at least one that diffuses"):
        problem((Ion("B", 0, 0.0),), ())
