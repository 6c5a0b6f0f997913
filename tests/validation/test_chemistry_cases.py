"""Cases of reactions against their laws, and the rate of convergence."""

import pytest

from spinepnp.checkout import validation_folder
from spinepnp.validation.reference import table as references
from spinepnp.validation.studies.conserved_totals import conservation
from spinepnp.validation.suite.context import FormulaContext
from spinepnp.validation.suite.formulas import FORMULAS
from spinepnp.validation.suite.plan import load_subject
from spinepnp.validation.suite.solve import observables


def case_of(name):
    return load_subject(validation_folder() / f"{name}.toml").case


def test_a_buffered_neck_converges_with_second_order(comm):
    case, column = case_of("buffered_tube_line"), "top.concentration_mM.Ca"
    errors = []
    for size in ("50 nm", "25 nm"):
        (row,) = observables(case.with_value("mesh.size", size), comm)
        expected = FORMULAS["buffered_linear"].value(FormulaContext(case, column, row))
        errors.append((row[column] - row["base.concentration_mM.Ca"]) / expected - 1.0)
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.1)
    assert abs(errors[1]) < 2e-3


def test_binding_in_time_keeps_its_totals_with_logarithms_on_quadratic_elements(comm):
    case = case_of("binding").with_value("mesh.element_degree", 2)
    case = case.with_value("electrolyte.species.C.concentration", "1e-9 mM")  # so that logarithms are the unknowns
    case = (
        case.with_value("study.times", ["0.1 ms"])
        .with_value("study.duration", "0.1 ms")
        .with_value("study.tolerance", 1e-3)
    )
    (row,) = observables(case, comm)
    bound = row["middle.concentration_mM.C"]
    assert bound == pytest.approx(references.load("chemistry")["irreversible_uM"] * 1e-3, rel=1e-3)
    assert row["middle.concentration_mM.A"] + bound == pytest.approx(1e-2 + 1e-9, rel=1e-11)
    assert row["conservation_relative"] < 1e-11


def test_totals_are_conserved_by_pulses(comm):
    found = conservation(comm, pulses=2)
    for value, expected in found.totals.values():
        assert value == pytest.approx(expected, rel=1e-13)
    assert found.reported < 1e-12
