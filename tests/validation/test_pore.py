"""Pores of the full equations against the constant-field reduction of paper 002 (eqs. 1, 2, 13, 14)."""

import itertools
import math

import numpy as np
import pytest

from spinepnp.validation.gnp import data
from spinepnp.validation.studies import pore
from spinepnp.validation.studies.pore_limits import access_resistance, exit_times

VOLTAGES = (-0.08, -0.02, 0.0, 0.04, 0.08)
MEASURES = ("current", "profile", "mean", "potential")
CHANNELS = {"gaba": data.gaba, "ampa": data.ampa, "leak": data.leak}


@pytest.mark.parametrize("name", CHANNELS)
def test_the_constant_field_is_the_limit_of_dilute_solutions(comm, name):
    """The deviation is as the charge in the pore: it falls with the concentrations, that is with (d/lambda_D)^2."""
    rows = pore.deviation_map(comm, CHANNELS[name](), VOLTAGES, (1e-5, 1e-4, 1e-3, 1e-2))
    for low, high in itertools.pairwise(rows[1:]):
        assert high["d_over_debye"] / low["d_over_debye"] == pytest.approx(math.sqrt(10.0), rel=1e-9)
        for measure in MEASURES:
            assert high[measure] / low[measure] == pytest.approx(10.0, rel=0.05)
    assert max(rows[0][measure] for measure in MEASURES) < 1e-4


def test_equally_strong_neutral_solutions_keep_the_field_constant_at_any_length(comm):
    """sum c without gradient is neutral along eq. 13: current, profile and mean are those of the reduction."""
    channel = pore.isotonic(pore.neutralised(data.gaba()))
    rows = pore.deviation_map(comm, channel, VOLTAGES, (1e-2, 1.0))
    assert rows[1]["d_over_debye"] > 3.0
    assert max(row[measure] for row in rows for measure in MEASURES) < 1e-4


def test_at_full_concentrations_and_with_fixed_charge_the_reduction_fails(comm):
    rows = pore.deviation_map(comm, data.gaba(), VOLTAGES, (1e-2, 1e-1, 1.0))
    assert [row["current"] for row in rows] == sorted(row["current"] for row in rows)
    assert rows[-1]["current"] > 0.3
    charged = pore.deviation_map(comm, pore.neutralised(data.gaba()), VOLTAGES, (1.0,), (0.0, 0.3, 1.0))
    assert [row["current"] for row in charged] == sorted(row["current"] for row in charged)
    assert charged[-1]["current"] > 3.0 * charged[0]["current"]


@pytest.mark.mpi
def test_three_dimensions_are_the_meridian_and_the_line(comm):
    thin, V, states = pore.diluted(data.gaba(), 1e-2), -0.07, []
    for dimension, size in (("1d", 0.1e-9), ("axisymmetric", 0.125e-9), ("3d", 0.25e-9)):
        solver = pore.PorePNP(comm, thin, dimension, size=size)
        states.append(solver.solve(thin, V))
        solver.close()
    for state in states[1:]:
        for name, current in states[0].current.items():
            assert state.current[name] == pytest.approx(current, rel=1e-3)
            assert state.mean[name] == pytest.approx(states[0].mean[name], rel=1e-3)
            assert np.allclose(state.profile[name], states[0].profile[name], rtol=1e-3)


def test_access_lies_between_equipotential_and_evenly_fed_mouths(comm):
    access = access_resistance(comm)
    assert math.pi / 4.0 < access.end_correction < 8.0 / (3.0 * math.pi)
    assert access.loss == pytest.approx(access.access / access.pore)


@pytest.mark.parametrize("w", [0.0, 3.0])
def test_exit_times_are_those_of_figure_s2(comm, w):
    """T = [xi - (e^(w xi) - 1)/(e^w - 1)]/w over d^2/D; at w = 0 it is xi (1 - xi)/2, 0.125 at the most."""
    found = exit_times(comm, w)
    xi = found.xi
    exact = 0.5 * xi * (1.0 - xi) if w == 0.0 else (xi - np.expm1(w * xi) / np.expm1(w)) / w
    assert np.allclose(found.times, exact, rtol=2e-3)
    assert found.slowest == pytest.approx(math.pi**2 + w**2 / 4.0, rel=1e-2)
