"""[compare]: the law of a case, what it refuses, and what is solved against it."""

import math
from typing import Any

import pytest

from spinepnp.case.case import Case, make_case
from spinepnp.meshes import generate
from spinepnp.solvers import SteadyProblem
from spinepnp.solvers.problem.columns import state_of
from spinepnp.validation.laws import CylinderLaw, HyperboloidLaw, assumptions, tube
from support.commands import refusal

THROAT = {"shape": "hyperboloid", "a": "50 nm", "c": "100 nm", "half_length": "500 nm", "ends": "confocal"}
CYLINDER = {"shape": "cylinder", "length": "1 um", "radius": "50 nm"}
CONE = {"shape": "cone", "length": "1 um"}
WAVE = "60 nm + 20 nm*cos(2*pi*z/(1 um))"
BINARY = [("C", 1, "167 mM"), ("A", -1, "167 mM")]
CALCIUM = [("Ca", 2, "20 mM"), ("Na", 1, "80 mM"), ("Cl", -1, "100 mM"), ("X", 0, "5 mM")]


def case(geometry, law, species=BINARY, ends=("base", "top"), carrier=None, **more: Any) -> Case:
    ground, injector = ends
    D, bulk = "200 um^2/s", more.pop("ions", species)
    ions = [{"name": n, "valence": z, "diffusivity": D, "concentration": c} for n, z, c in bulk]
    current = {"species": carrier or species[0][0], "value": more.pop("value", "50 pA")}
    boundaries = {
        ground: {"potential": "3 mV", "concentrations": "bulk"},
        injector: {"current": current, "field_matched": True},
        **more.pop("boundaries", {}),
    }
    electrolyte = {"thermal_voltage": "25.26 mV", "species": ions, **more.pop("electrolyte", {})}
    tables = {"geometry": geometry, "electrolyte": electrolyte, "boundaries": boundaries, "compare": {"law": law}}
    return make_case({**tables, **more})


def test_the_hyperboloid_has_the_exact_law_and_the_printed_one():
    value = case(THROAT, "hyperboloid").law()
    throat = HyperboloidLaw(50e-9, 50e-9, 100e-9, 500e-9)
    exact, printed = (throat.voltage(50e-12, 2e-10, 167.0, 25.26e-3, printed=p) for p in (False, True))
    assert value is not None
    assert value.potential == pytest.approx(exact, rel=1e-12)
    assert value.printed_potential == pytest.approx(printed, rel=1e-12)
    assert value.resistance == pytest.approx(exact / 50e-12)
    assert value.ohmic_potential > value.potential
    assert value.layer_drop == 0.0


def test_the_electroneutral_law_is_the_cylinder_s_where_both_hold():
    for current in ("0 pA", "50 pA", "-10 pA", "-300 pA"):
        open_end = {"top": {"current": {"species": "C", "value": current}}}
        one, other = (case(CYLINDER, law, boundaries=open_end).law() for law in ("cylinder", "electroneutral"))
        assert one is not None
        assert other is not None
        for name in ("current", "potential", "resistance", "ohmic_potential", "layer_drop"):
            found = getattr(other, name)
            assert found == pytest.approx(getattr(one, name), rel=1e-10, abs=1e-18, nan_ok=True), name
        if current != "-300 pA":  # beyond the limit
            assert other.concentration == pytest.approx(one.concentration, rel=1e-10)
        assert (other.injector, other.ground) == (one.injector, one.ground) == ("top", "base")


def test_a_slowly_varying_tube_says_how_far_its_law_may_be_off():
    value = case({**CONE, "base_radius": "100 nm", "top_radius": "50 nm"}, "electroneutral").law()
    assert value is not None
    assert value.leading_error == pytest.approx(0.05**2 / 2)
    G = tube.cone(1e-6, 100e-9, 50e-9).upper
    assert value.ohmic_potential == pytest.approx(25.26e-3 * 50e-12 * G / (2 * 2e-10 * 96485.33212 * 167.0))
    flat = {**THROAT, "ends": "flat", "dimension": "1d"}
    line = case(flat, "electroneutral").law()
    assert line is not None
    assert line.leading_error is None
    assert line.potential == pytest.approx(
        HyperboloidLaw(50e-9, 50e-9, 100e-9, 500e-9).voltage(50e-12, 2e-10, 167.0, 25.26e-3, printed=True)
    )


TUBE = {"shape": "tube", "length": "1 um", "profile": WAVE, "dimension": "1d"}
LEAK = {"name": "leak", "law": "ohmic", "species": "C", "conductance": "200 S/m^2", "reversal": "0 mV"}


@pytest.mark.parametrize("ends", [("base", "top"), ("top", "base")])
@pytest.mark.parametrize(
    ("geometry", "law"),
    [
        (CYLINDER, "cylinder"),
        ({**CONE, "base_radius": "100 nm", "top_radius": "80 nm"}, "electroneutral"),
        (TUBE, "electroneutral"),
        (THROAT, "hyperboloid"),
        ({**THROAT, "ends": "flat", "dimension": "1d"}, "electroneutral"),
        (CYLINDER, "leaky_neck"),
    ],
)
def test_the_profile_of_a_law_goes_from_the_ground_to_what_the_law_says(geometry, law, ends):
    boundaries = {"wall": {"mechanism": [LEAK]}} if law == "leaky_neck" else {}
    posed = case(geometry, law, ends=ends, boundaries=boundaries)
    value, profile = posed.law(), posed.law_profile()
    assert value is not None
    assert profile is not None
    at = slice(None) if ends[0] == "base" else slice(None, None, -1)
    assert profile.potential[at][[0, -1]] == pytest.approx([3e-3, 3e-3 + value.potential], rel=1e-9)
    for name, concentration in value.concentration.items():
        assert profile.concentration[name][at][[0, -1]] == pytest.approx([167.0, concentration], rel=1e-8)
    rising = profile.potential[at][1:] - profile.potential[at][:-1]
    assert (rising > 0.0).all()
    assert profile.concentration["C"] == pytest.approx(profile.concentration["A"])


def test_profiles_between_the_ends_are_those_of_the_papers_and_of_a_cone():
    """Paper 001, eqs. (5) and (12): of three ions; G of a cone up to z is z/(pi r r(z)), eq. (17) of a throat."""
    posed = case(CYLINDER, "cylinder", [("Na", 1, "12 mM"), ("K", 1, "155 mM"), ("Cl", -1, "167 mM")])
    profile = posed.law_profile()
    law = CylinderLaw(1e-6, 50e-9, 2e-10, injected=12.0, anions=167.0, thermal_voltage=25.26e-3)
    assert profile is not None
    assert profile.potential[30] - 3e-3 == pytest.approx(float(law.voltage(50e-12, profile.z[30])), rel=1e-9)
    wanted = [float(c) for c in law.concentrations(50e-12, profile.z[30])]
    assert [profile.concentration[name][30] for name in ("Na", "K", "Cl")] == pytest.approx(wanted, rel=1e-9)
    cone = case({**CONE, "base_radius": "100 nm", "top_radius": "80 nm", "dimension": "1d"}, "electroneutral")
    flat = case({**THROAT, "ends": "flat", "dimension": "1d"}, "electroneutral")
    throat = HyperboloidLaw(50e-9, 50e-9, 100e-9, 500e-9)
    for posed, z, G in (
        (cone, 0.5e-6, 0.5e-6 / (math.pi * 100e-9 * 90e-9)),
        (flat, 0.1e-6, float(throat.G_printed(0.1e-6))),
    ):
        profile, ions = posed.law_profile(), assumptions.electroneutral_of(posed.electrolyte, "C")
        assert profile is not None
        place = int(abs(profile.z - z).argmin())
        assert profile.z[place] == pytest.approx(z)
        assert profile.potential[place] - 3e-3 == pytest.approx(float(ions.voltage(50e-12, G)), rel=1e-8)


def test_what_has_no_profile():
    shell = {"shape": "shell", "inner_radius": "100 nm", "outer_radius": "500 nm"}
    assert case(shell, "electroneutral", ends=("inner", "outer")).law_profile() is None
    open_end = {"top": {"current": {"species": "C", "value": "-300 pA"}}}
    beyond = case(CYLINDER, "cylinder", boundaries=open_end).law_profile()
    assert beyond is not None
    assert math.isnan(beyond.potential[-1])
    assert math.isnan(beyond.concentration["C"][-1])


SLOW = {"shape": "hyperboloid", "a": "25 nm", "b": "35 nm", "c": "200 nm", "half_length": "500 nm"}
REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("hyperboloid", CYLINDER, {}, 'shape = "hyperboloid"'),
    ("hyperboloid", {**THROAT, "ends": "flat"}, {}, 'ends = "confocal"'),
    ("hyperboloid", {**THROAT, "half_length": "100 nm"}, {}, "half_length so large"),
    ("electroneutral", {**THROAT, "half_length": "100 nm"}, {}, "half_length so large"),
    ("hyperboloid", THROAT, {"species": CALCIUM, "electrolyte": {"fixed_charge": "-20 mM"}}, "monovalent ions"),
    ("hyperboloid", THROAT, {"carrier": "A"}, "an injected cation"),
    ("electroneutral", {**THROAT, "ends": "flat"}, {}, "a radius that varies slowly"),
    ("electroneutral", {**CONE, "base_radius": "50 nm", "top_radius": "400 nm"}, {}, "slowly"),
    ("electroneutral", {"shape": "pore", "radius": "50 nm", "length": "1 um"}, {"ends": ("outside", "inside")}, "pore"),
    ("electroneutral", CYLINDER, {"boundaries": {"wall": {"surface_charge": "0.01 C/m^2"}}}, "walls without surface"),
    ("electroneutral", CYLINDER, {"boundaries": {"wall": {"current": {"species": "C", "value": "1 pA"}}}}, "one cur"),
    ("electroneutral", CYLINDER, {"boundaries": {"wall": {"potential": "0 mV"}}}, "on no other boundary"),
    ("electroneutral", CYLINDER, {"ions": [("C", 1, "100 mM"), ("A", -1, "90 mM")],
                                  "electrolyte": {"neutral": False}}, "a neutral bulk"),
    ("electroneutral", CYLINDER, {"boundaries": {"top": {"current": {"species": "C", "value": "1 pA"}}},
                                  "electrolyte": {"fixed_charge": [{"region": ["0.1 um", "0.2 um"], "value": "1 mM"}]}},
     "a uniform fixed charge"),
    ("cylinder", {**CYLINDER, "obstacle": {"shape": "sphere", "centre": ["0 nm", "0 nm", "500 nm"], "radius": "20 nm"}},
     {}, "without an obstacle"),
    ("electroneutral", CYLINDER, {"boundaries": {"top": {"channel": {
        "law": "sigmoid", "species": "C", "maximum": "10 pA", "half": "5 mV", "slope": "1 mV"}}}}, "no channels"),
]  # fmt: skip


@pytest.mark.parametrize(("law", "geometry", "more", "reason"), REFUSED, ids=[f"{r[0]}-{r[3]}" for r in REFUSED])
def test_a_case_that_violates_an_assumption_is_told_so_in_one_line(law, geometry, more, reason):
    line = str(refusal(case, geometry, law, **more))
    assert line.startswith(f'compare.law = "{law}": the {law} law needs ')
    assert reason in line
    assert line.endswith("change the case or drop [compare]")


AXIAL = {"dimension": "axisymmetric"}
SOLVED: list[tuple[str, dict[str, Any], dict[str, Any], float]] = [
    ("hyperboloid", {**THROAT, **AXIAL}, {}, 1e-5),
    ("electroneutral", {**CONE, "base_radius": "250 nm", "top_radius": "60 nm", **AXIAL}, {}, 1e-3),
    ("electroneutral", {"shape": "tube", "length": "1 um", "profile": WAVE, **AXIAL}, {}, 1e-4),
    ("electroneutral", {"shape": "shell", "inner_radius": "50 nm", "outer_radius": "500 nm", "dimension": "1d"},
     {"ends": ("outer", "inner")}, 2e-5),
    ("electroneutral", {**CYLINDER, "dimension": "1d"},
     {"species": CALCIUM, "electrolyte": {"fixed_charge": "-60 mM"},
      "ions": [("Ca", 2, "20 mM"), ("Na", 1, "120 mM"), ("Cl", -1, "100 mM"), ("X", 0, "5 mM")]}, 1e-5),
    ("electroneutral", {**CYLINDER, "dimension": "1d"}, {"species": BINARY, "carrier": "A", "value": "-50 pA"}, 1e-5),
]  # fmt: skip


@pytest.mark.parametrize(
    ("law", "geometry", "more", "tolerance"), SOLVED, ids=[f"{s[1]['shape']}-{i}" for i, s in enumerate(SOLVED)]
)
def test_what_is_solved_meets_the_law(comm, law, geometry, more, tolerance):
    one = case(geometry, law, mesh={"element_degree": 2}, **more)
    value = one.law()
    assert value is not None
    mesh = generate(one.geometry, one.mesh, comm)
    solution = SteadyProblem(mesh, one.electrolyte, one.boundaries).solve(one.electrolyte, one.boundaries)
    told = state_of(solution, value)["law"]
    assert told["relative_error"] == pytest.approx(0.0, abs=tolerance)
    for name, concentration in value.concentration.items():
        found = solution.boundary[value.injector].concentration[name]
        assert found == pytest.approx(concentration, rel=10 * tolerance)
    assert ("printed_potential_mV" in told) == (law == "hyperboloid")
    assert ("leading_error" in told) == (geometry["shape"] in ("cone", "tube"))
    assert math.isfinite(value.layer_drop)


def test_an_elliptic_throat_that_opens_slowly_has_bounds():
    value = case(SLOW, "electroneutral").law()
    assert value is not None
    # (a^2 + b^2)/(4 c^2) of the slope's square, where the throat has opened
    assert 0.0 < (value.leading_error or 0.0) < (25**2 + 35**2) / (4 * 200**2)
