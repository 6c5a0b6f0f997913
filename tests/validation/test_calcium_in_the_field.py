"""Calcium in the field of a synaptic current: its law, and the study by the one-dimensional reference."""

import math

import numpy as np
import pytest

from spinepnp.validation.laws import TraceLaw
from spinepnp.validation.reference import table as references
from spinepnp.validation.studies import calcium_in_the_field as study

ROWS = references.rows("calcium_in_the_field")


def test_the_law_of_a_trace():
    law = TraceLaw(1e-6, math.pi * 1e-14, 50e-12, 200e-12, 150.0, 2, 220e-12)
    grown = law.growth(1e-6)
    assert law.concentration(1e-6, 1.0) == pytest.approx(grown**-2.0, rel=1e-14)  # Boltzmann
    assert law.share() == pytest.approx((grown**3 - 1.0) / (3.0 * (grown - 1.0) * grown**2), rel=1e-13)
    x, h = np.linspace(1e-8, 0.99e-6, 5), 1e-10
    c, u = (lambda x: law.concentration(x, 1e-4, 1e-15)), (lambda x: np.log(law.growth(x)))
    flux = [(f(x + h) - f(x - h)) / (2.0 * h) for f in (c, u)]
    through = law.trace_diffusivity * (flux[0] + 2.0 * c(x) * flux[1])
    assert through * 2.0 * 96485.332 * law.area == pytest.approx(1e-15, rel=1e-6)


@pytest.mark.parametrize("row", ROWS)
def test_the_steady_states_of_the_study(row):
    """Full PNP with a matched field differs from the law of thin layers by their square."""
    neck = study.CalciumInTheField(1e-9 * row["radius"], order=10)
    with_drift, without = (neck.steady(drift, study.CALCIUM_CURRENT) for drift in (True, False))
    assert 1e3 * with_drift == pytest.approx(row["steady"], rel=1e-8)
    assert 1e3 * without == pytest.approx(row["steady_free"], rel=1e-8)
    assert with_drift == pytest.approx(
        neck.law.concentration(study.LENGTH, study.CALCIUM, study.CALCIUM_CURRENT), rel=3e-5
    )
    assert neck.law.share() == pytest.approx({100: 0.7998623, 50: 0.5676960}[row["radius"]], rel=1e-6)


def test_the_field_lowers_the_peak_of_calcium(monkeypatch):
    monkeypatch.setattr(study, "DURATION", 2.5e-3)
    monkeypatch.setattr(study, "TIMES", 21)
    row = ROWS[1]
    neck = study.CalciumInTheField(1e-9 * row["radius"], order=8, tolerance=1e-4)
    found = neck.excursion(True, study.CALCIUM_CURRENT)
    assert 1e3 * found.peak == pytest.approx(row["peak"], rel=1e-5)
    assert 1e3 * found.time == pytest.approx(row["time"], rel=1e-4)
    assert row["peak"] / row["peak_free"] < 0.7
