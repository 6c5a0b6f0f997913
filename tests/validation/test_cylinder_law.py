"""The analytic laws of the cylinder: against the reference table, their own limits and the equations they solve."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinepnp.validation.laws import CylinderLaw
from spinepnp.validation.reference import table as references

ROWS = references.rows("cylinder")


def law(radius_nm: float, injected: float = 12.0) -> CylinderLaw:
    return CylinderLaw(
        length=1e-6,
        radius=radius_nm * 1e-9,
        diffusivity=2e-10,
        injected=injected,
        anions=167.0,
        thermal_voltage=25.26e-3,
    )


def identity(row):
    return f"{row['radius']}nm-{row['current']}pA"


def test_there_are_twelve_reference_points():
    assert len({(row["radius"], row["current"]) for row in ROWS}) == 12


@pytest.mark.parametrize("row", ROWS, ids=identity)
def test_against_the_reference_table(row):
    cylinder, current = law(row["radius"]), row["current"] * 1e-12
    # The table was made with F = 96485 C/mol, which is 3.4e-6 low.
    assert cylinder.voltage(current) * 1e3 == pytest.approx(row["V_law"], rel=4e-6)
    assert cylinder.resistance(current) * 1e-6 == pytest.approx(row["R_law"], rel=4e-6)
    assert cylinder.ohmic_resistance() * current * 1e3 == pytest.approx(row["V_ohm"], rel=4e-6)
    found = [float(c) for c in cylinder.concentrations(current)]
    assert found == pytest.approx([row["Na"], row["K"], row["A"]], rel=1e-5)


@pytest.mark.parametrize("row", ROWS, ids=identity)
def test_the_layer_explains_what_full_pnp_adds_to_the_law(row):
    drop = float(law(row["radius"]).layer_drop(row["current"] * 1e-12)) * 1e3
    assert drop == pytest.approx(row["V_full"] - row["V_law"], rel=5e-3)


def test_limiting_currents():
    limits = references.load("cylinder")["limiting_current"]
    assert law(100.0).limiting_current() * 1e12 == pytest.approx(limits["three_species"], abs=0.005)
    assert law(100.0, injected=167.0).limiting_current() * 1e12 == pytest.approx(limits["two_species"], abs=0.05)


currents = st.floats(min_value=-7.4e-12, max_value=1e-9)


@given(currents)
def test_concentrations_are_neutral_boltzmann_and_not_negative(current):
    cylinder = law(100.0)
    sodium, potassium, anions = cylinder.concentrations(current)
    u = cylinder.voltage(current) / cylinder.thermal_voltage
    assert sodium + potassium == pytest.approx(anions)
    assert potassium == pytest.approx(155.0 * np.exp(-u))
    assert anions == pytest.approx(167.0 * np.exp(u))
    assert sodium > -1e-9


@given(currents)
def test_the_injected_flux_is_uniform_along_the_neck(current):
    """D (c' + c u') of sodium equals I/(S F) at every x: the law solves its equation."""
    cylinder, step = law(100.0), 1e-10
    for x in (2e-7, 5e-7, 9e-7):
        left, right = (cylinder.concentrations(current, x + s)[0] for s in (-step, step))
        field = (cylinder.voltage(current, x + step) - cylinder.voltage(current, x - step)) / (2 * step) / 25.26e-3
        flux = (right - left) / (2 * step) + cylinder.concentrations(current, x)[0] * field
        expected = current / (np.pi * cylinder.radius**2 * 96485.33212331 * cylinder.diffusivity)
        assert flux == pytest.approx(expected, rel=1e-5, abs=1e-1)


def test_the_resistance_at_zero_current_is_ohms():
    cylinder = law(75.0)
    assert cylinder.resistance(0.0) == cylinder.ohmic_resistance()
    assert cylinder.resistance(1e-16) == pytest.approx(cylinder.ohmic_resistance(), rel=1e-6)


def test_beyond_the_limit_there_is_no_voltage():
    assert np.isnan(law(100.0, injected=167.0).voltage(-203e-12))
