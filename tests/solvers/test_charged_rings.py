"""A surface charge, a current or channels on a ring of a wall: potentials and charges known from outside."""

import numpy as np
import pytest

from spinepnp.errors import CaseError
from spinepnp.units import ELEMENTARY_CHARGE, FARADAY
from spinepnp.validation.laws import ChargedCylinderLaw, RingsLaw
from support.charged_cases import BATH, ROOM, USUAL, case, ions, sodium_chloride, solve

PERMITTIVITY, V_T = 78.36 * 8.8541878128e-12, 298.15 * 8.617333262e-5
SALT = 10.0  # mM, with a Debye length of 3.04 nm
TALL = {"length": "200 nm", "radius": "10 nm", "rings": [{"name": "band", "z": ["50 nm", "150 nm"]}]}
SHORT = {"length": "60 nm", "radius": "5 nm", "rings": [{"name": "band", "z": ["20 nm", "40 nm"]}]}


def charged(sizes, charge, dimension="axisymmetric", middle=100, shape="cylinder", ends=("base", "top"), **more):
    """Salt in a neck between two grounded baths, with a surface charge (C/m^2) on a ring."""
    boundaries = {**dict.fromkeys(ends, BATH), "band": {"surface_charge": f"{charge} C/m^2"}}
    radius = sizes.get("radius", "10 nm")
    probes = {
        "at_wall": [radius, "0 nm", f"{middle} nm"],
        "axis": ["0 nm", "0 nm", f"{middle} nm"],
        "far": ["0 nm", "0 nm", "10 nm"],
    }
    electrolyte = {**ROOM, "species": sodium_chloride(SALT)}
    return case({"shape": shape, **sizes}, electrolyte, boundaries, dimension=dimension, probes=probes, **more)


def charge_of_ions(solved):
    """Charge of all ions in the body, C."""
    electrolyte, mean = solved.case.electrolyte, solved.solution.volume.concentration
    volume = solved.case.geometry.exact_measures()["volume"]
    return FARADAY * volume * sum(s.valence * mean[s.name] for s in electrolyte.species)


@pytest.mark.parametrize("charge", [-0.001, -0.02, 0.08])
def test_the_middle_of_a_long_band_is_an_endless_charged_cylinder(charge):
    """By collocation of the Poisson-Boltzmann equation in the radius; the band is 33 Debye lengths long."""
    found = solve(charged(TALL, charge))
    law = ChargedCylinderLaw(10e-9, charge, (1, -1), (SALT, SALT), PERMITTIVITY, V_T)
    axis, wall = 1e3 * law.potential([0.0, 10e-9])
    assert found.V("at_wall") == pytest.approx(wall, rel=1e-3)
    assert found.V("axis") == pytest.approx(axis, abs=1e-3 * abs(wall))
    assert abs(found.V("far")) < 1e-5 * abs(wall)  # 13 Debye lengths away
    assert found.solution.layers_resolved
    on_band = charge * found.case.geometry.exact_area("band")
    assert charge_of_ions(found) == pytest.approx(-on_band, rel=1e-5)


def test_three_dimensions_agree_with_the_meridian():
    mesh = {"size": "1.5 nm", "element_degree": 2, "grade": {"band": {"size": "0.3 nm", "growth": 1.3}}}
    body, meridian = (solve(charged(SHORT, -0.02, d, 30, mesh=mesh)) for d in ("3d", "axisymmetric"))
    for place in ("band", "at_wall", "axis"):
        assert body.V(place) == pytest.approx(meridian.V(place), rel=2e-3)
    assert charge_of_ions(body) == pytest.approx(charge_of_ions(meridian), rel=1e-3)
    assert body.solution.layers_resolved
    assert meridian.solution.layers_resolved


def test_defaults_in_three_dimensions_resolve_the_layer_of_a_ring_as_that_of_a_wall():
    """Where a charged wall is affordable, so is a ring of it; see `default_grading`."""
    sizes = {"length": "100 nm", "radius": "5 nm"}
    ring = charged({**sizes, "rings": [{"name": "band", "z": ["30 nm", "70 nm"]}]}, -0.01, "3d", 50)
    whole = charged(sizes, -0.01, "3d", 50)
    whole["boundaries"]["wall"] = whole["boundaries"].pop("band")
    flat = ring | {"geometry": ring["geometry"] | {"dimension": "axisymmetric"}}
    found, as_wall, meridian = solve(ring), solve(whole), solve(flat)
    assert found.solution.layers_resolved
    assert as_wall.solution.layers_resolved
    assert found.V("band") == pytest.approx(meridian.V("band"), rel=2e-2)


@pytest.mark.parametrize(
    ("shape", "sizes", "ends"),
    [
        ("cone", {"length": "200 nm", "base_radius": "12 nm", "top_radius": "8 nm"}, ("base", "top")),
        ("tube", {"length": "200 nm", "profile": "10 nm + 2 nm*cos(2*pi*z/(200 nm))"}, ("base", "top")),
        ("pore", {"length": "200 nm", "radius": "10 nm"}, ("outside", "inside")),
        ("pore", {"length": "60 nm", "radius": "10 nm", "reservoir_radius": "40 nm"}, ("outside", "inside")),
    ],
)
def test_the_ions_screen_the_charge_of_a_ring_on_each_shape(shape, sizes, ends):
    z = ["50 nm", "150 nm"] if sizes["length"] == "200 nm" else ["10 nm", "50 nm"]
    found = solve(charged({**sizes, "rings": [{"name": "band", "z": z}]}, -0.02, middle=30, shape=shape, ends=ends))
    on_band = -0.02 * found.case.geometry.exact_area("band")
    assert charge_of_ions(found) == pytest.approx(-on_band, rel=1e-3)
    assert found.solution.layers_resolved


def closed(counter_ions, charge=-0.01):
    """Monovalent counter-ions, by the charge of a band in a closed cylinder, with salt."""
    band = {"name": "band", "z": ["10 nm", "30 nm"]}
    sizes = {"shape": "cylinder", "length": "40 nm", "radius": "10 nm", "rings": [band]}
    area = 2.0 * np.pi * 10e-9 * 20e-9
    number = counter_ions * abs(charge) * area / ELEMENTARY_CHARGE
    electrolyte = {**ROOM, "neutral": False, "species": ions(("K", 1, 1960, 10.0), ("Cl", -1, 2030, 10.0))}
    data = case(sizes, electrolyte, {"band": {"surface_charge": f"{charge} C/m^2"}}, dimension="axisymmetric")
    salt = 75.0
    data["closed"] = {"amounts": {"K": f"{salt + number!r} ions", "Cl": f"{salt!r} ions"}}
    return data


def test_gauss_law_of_a_closed_body_with_a_charged_ring():
    found = solve(closed(1.0))
    assert charge_of_ions(found) == pytest.approx(0.01 * found.case.geometry.exact_area("band"), rel=1e-6)
    assert abs(found.solution.wall_charge) < 1e-8  # nothing is spread over the walls
    assert found.V("band") < found.V("wall") < found.V("top")
    with pytest.raises(CaseError, match="incompatible charge in a closed domain"):
        solve(closed(0.9))


def test_a_current_through_a_ring_of_a_neck():
    """Two rings of 25 pA: the electroneutral law with the G of bands on a long neck, and a field that matches it."""
    bands = {"low": (0.2, 0.25), "high": (0.5, 0.55)}
    rings = [{"name": name, "z": [f"{a} um", f"{b} um"]} for name, (a, b) in bands.items()]
    salt = {**USUAL, "species": ions(("C", 1, 200, 167), ("A", -1, 200, 167))}
    boundaries = {"base": BATH}
    for name in bands:
        boundaries[name] = {"current": {"species": "C", "value": "25 pA"}, "field_matched": True}
    neck = {"shape": "cylinder", "length": "1 um", "radius": "100 nm", "rings": rings}
    found = solve(case(neck, salt, boundaries, dimension="axisymmetric"))
    law = RingsLaw(100e-9)
    for name, band in bands.items():
        G = sum(law.mean(*(tuple(1e-6 * z for z in b) for b in (band, other))) for other in bands.values())
        anions = 167.0 + 25e-12 * G / (2.0 * FARADAY * 200e-12)  # of the electroneutral equations, exact
        assert found.solution.boundary[name].concentration["A"] == pytest.approx(anions, rel=1e-4)
