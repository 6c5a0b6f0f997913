"""Prescribed potentials in time: a membrane is charged through a column of salt, which is an RC circuit."""

import math

import numpy as np
import pytest

from spinepnp.geometries import Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.solvers import Boundary, Schedule, TransientProblem
from spinepnp.units import FARADAY
from support.ions import salt

US, mV = 1e-6, 1e-3

#: Capacitance of the membrane, F/m^2.
MEMBRANE = 0.01

ELECTROLYTE = salt(150)


@pytest.fixture(scope="module")
def column(comm):
    shape = Cylinder(length="10 um", radius="100 nm", dimension="1d")
    return generate(shape, MeshOptions(size="250 nm", grade={"top": {"size": "0.1 nm", "growth": 1.3}}), comm)


class Circuit:
    """Salt (conductance and capacitance per area) in series with its Debye layer and the membrane."""

    def __init__(self, electrolyte, length):
        eps, debye = electrolyte.absolute_permittivity, electrolyte.debye_length()
        mobility = sum(s.valence**2 * s.concentration * s.diffusivity for s in electrolyte.species)
        self.conductance = FARADAY * mobility / electrolyte.V_T / length
        self.column, layer = eps / length, eps / debye
        self.charge = 1.0 / (1.0 / MEMBRANE + 1.0 / layer)
        self.time = (self.charge + self.column) / self.conductance

    def wall(self, V, t):
        """Potential of the membrane at a time after a step to V, once the layer has formed."""
        jump = self.column / (self.charge + self.column)
        return V * self.charge / MEMBRANE * (1.0 - (1.0 - jump) * math.exp(-t / self.time))

    def amplitude(self, V, omega):
        """Complex amplitude of the membrane's potential for V sin(omega t)."""
        column, series = self.conductance + 1j * omega * self.column, 1j * omega * self.charge
        return V * self.charge / MEMBRANE * column / (column + series)


CIRCUIT = Circuit(ELECTROLYTE, 1e-5)


def solve(mesh, potential, schedule, initial="bulk"):
    """Times, potentials of base and top, and total currents (ions and displacement) through the base, by step."""
    boundaries = {
        "base": Boundary(potential=potential, concentrations="bulk"),
        "top": Boundary(capacitance={"value": f"{MEMBRANE} F/m^2"}),
    }
    problem = TransientProblem(mesh, ELECTROLYTE, boundaries)
    try:
        problem.begin(initial)
        steps = list(problem.steps(schedule))
    finally:
        problem.destroy()
    return [(step, step.solution.boundary["base"].potential, step.solution.boundary["top"].potential) for step in steps]


def test_a_step_charges_the_membrane(column):
    onset, V = 0.1 * US, 1 * mV
    times = tuple(onset + t * CIRCUIT.time for t in (0.1, 0.3, 1.0, 2.0, 4.0))
    clamp = {"waveform": "step", "value": "1 mV", "onset": "0.1 us"}
    found = solve(column, clamp, Schedule(times[-1], times, tolerance=1e-5))
    before = [(base, top) for step, base, top in found if step.time <= onset]
    assert before
    assert np.abs(before).max() < 1e-9 * V
    after = [(step.time, base, top) for step, base, top in found if step.listed]
    assert [base for _, base, _ in after] == pytest.approx([V] * len(times))
    expected = [CIRCUIT.wall(V, time - onset) for time, *_ in after]
    assert [top for *_, top in after] == pytest.approx(expected, rel=3e-3)


def test_a_sine_is_filtered(column):
    """Amplitude and phase after two periods: what is left of the start is a millionth of them."""
    omega = 1.0 / CIRCUIT.time
    period = 2.0 * math.pi / omega
    times = tuple(period * (2.0 + k / 4.0) for k in range(4))
    clamp = {"waveform": "sine", "value": "1 mV", "frequency": f"{1e-6 / period!r} MHz"}
    found = solve(column, clamp, Schedule(times[-1], times, tolerance=1e-5))
    for step, base, _ in found:  # ends of steps have the prescribed value; between them it is a polynomial
        assert base == pytest.approx(mV * math.sin(omega * step.time), abs=(1e-6 if step.interpolated else 1e-9) * mV)
    amplitude, listed = CIRCUIT.amplitude(1 * mV, omega), [(step.time, top) for step, _, top in found if step.listed]
    assert len(listed) == len(times)
    for time, top in listed:
        assert top == pytest.approx((amplitude * np.exp(1j * omega * time)).imag, abs=4e-3 * abs(amplitude))


@pytest.mark.mpi
def test_a_steady_start_is_that_before(column):
    clamp = {"waveform": "pulse", "value": "1 mV", "before": "-1 mV", "onset": "0.2 us", "duration": "10 us"}
    found = solve(column, clamp, Schedule(0.3 * US, (0.1 * US, 0.2 * US, 0.3 * US), tolerance=1e-5), "steady")
    listed = {round(step.time / US, 6): (base, top) for step, base, top in found if step.listed}
    rest = -mV * CIRCUIT.charge / MEMBRANE
    assert listed[0.1] == pytest.approx((-mV, rest), rel=3e-3)
    assert listed[0.3][0] == pytest.approx(mV)
    assert listed[0.3][1] == pytest.approx(rest + CIRCUIT.wall(2 * mV, 0.1 * US), rel=1e-2)


def test_what_enters_charges_the_membrane(column):
    """The charge that passes the base is that of the membrane at the end."""
    clamp = {"waveform": "ramp", "value": "1 mV", "duration": "0.2 us"}
    step, _, top = solve(column, clamp, Schedule(0.5 * US, tolerance=1e-5))[-1]
    entered = sum(step.passed["base"].values())
    assert entered == pytest.approx(MEMBRANE * top * math.pi * 1e-14, rel=0.02)
