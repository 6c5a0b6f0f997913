"""Quantities with units: what is read, what is refused and how it is said."""

import math
import subprocess
import sys

import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spinepnp import units
from spinepnp.units import COMMON_UNITS, KINDS, LENGTH, format_quantity, kind_of_quantity, parse_quantity
from support import CASES


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_unit_of_a_kind_has_the_si_value_that_pint_gives_it(kind):
    assert parse_quantity(f"1 {kind.unit}", kind) == pytest.approx(kind.si, rel=4e-15)
    assert parse_quantity(kind.example, kind) > 0.0


@pytest.mark.parametrize(
    ("text", "metres"),
    [("100 nm", 1e-7), ("1 um", 1e-6), ("1000 nm", 1e-6), ("1.5µm", 1.5e-6), ("-2e-1 mm", -2e-4), ("1 m", 1.0)],
)
def test_lengths(text, metres):
    assert parse_quantity(text, LENGTH) == metres


def test_temperatures_in_celsius_are_shifted():
    assert parse_quantity("20 degC", units.TEMPERATURE) == pytest.approx(293.15)


@given(st.floats(min_value=0.0, max_value=1.0), st.sampled_from(KINDS))
def test_a_formatted_quantity_reads_back_to_the_same_number(fraction, kind):
    value = kind.smallest * 2.0 * (kind.largest / kind.smallest / 4.0) ** fraction
    assert parse_quantity(format_quantity(value, kind), kind) == pytest.approx(value, rel=4e-15)


@given(st.floats(min_value=1e-14, max_value=1.0) | st.floats(min_value=-1.0, max_value=-1e-14) | st.just(0.0))
def test_numbers_are_read_as_python_reads_them(number):
    assert parse_quantity(f"{number!r} m", LENGTH) == number


@given(st.text(max_size=60))
def test_any_text_is_either_a_finite_length_or_refused_with_a_reason(text):
    try:
        assert math.isfinite(parse_quantity(text, LENGTH))
    except ValueError as error:
        assert "length" in str(error)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("5", "the unit is missing"),
        (5.0, "text with a unit"),
        (True, "text with a unit"),
        ("nan nm", "not a number"),
        ("inf nm", "not a number"),
        ("1e999 nm", "too large a length to be meant"),
        ("1e-99 nm", "too small a length to be meant"),
        ("20 mV", '"mV" is the unit of a potential'),
        ("3 kg", "not a unit of it"),
        ("3 furlongings", "unknown unit"),
        ("9**9**9 nm", "unknown unit"),
        ("2 nm^99999", "unknown unit"),
        ("__import__('os').system('true') nm", "not a number"),
        ("1 nm; import os", "unknown unit"),
    ],
)
def test_what_is_refused(value, complaint):
    with pytest.raises(ValueError, match=r"for example \"100 nm\"") as caught:
        parse_quantity(value, LENGTH)
    assert complaint in str(caught.value)


def test_a_pint_quantity_is_taken():
    assert parse_quantity(pint.UnitRegistry().Quantity(2.0, "micrometer"), LENGTH) == pytest.approx(2e-6)


def test_the_kind_of_a_quantity_is_recognised():
    assert [kind_of_quantity(k.example) for k in KINDS] == list(KINDS)
    assert kind_of_quantity("bulk") is None
    assert kind_of_quantity(3) is None


def test_the_faraday_constant_is_the_product_of_the_exact_ones():
    assert pytest.approx(96485.33212331, rel=1e-13) == units.FARADAY


def test_known_units_are_those_of_pint(monkeypatch):
    monkeypatch.setattr(units, "_COMMON", {})
    by_pint = units._unit_in_si.__wrapped__
    for dimension, factors in COMMON_UNITS.items():
        for unit, factor in factors.items():
            assert by_pint(unit) == (factor, 0.0, dimension), unit


def test_what_case_files_use_needs_no_registry():
    """Units of the results and of all ready-made cases are known: pint takes half a second to begin."""
    code = "import pathlib, sys; from spinepnp.case.case import load_mesh_case as load\n"
    code += f"for p in sorted(pathlib.Path({str(CASES)!r}).glob('*.toml')): load(p)\nassert 'pint' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
