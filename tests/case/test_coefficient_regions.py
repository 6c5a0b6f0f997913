"""Diffusivity and permittivity as lists of regions: what a list means, and what is refused."""

import numpy as np
import pytest

from spinepnp.case.case import make_case
from spinepnp.case.digest import case_digest
from spinepnp.errors import CaseError
from spinepnp.run.steady import Model
from spinepnp.solvers.model.profiles import Profile
from spinepnp.validation.suite.context import FormulaContext
from spinepnp.validation.suite.formulas import FORMULAS
from support.cases import spine
from support.charged_cases import BATH, NECK, USUAL
from support.ions import ion

NECKS = {"geometry": {**NECK, "dimension": "1d"}, "boundaries": {"base": BATH}}


def made(diffusivity="1 um^2/s", permittivity=80, **tables):
    species = [{**ion(n, z, 150), "diffusivity": diffusivity} for n, z in (("C", 1), ("A", -1))]
    return make_case({**NECKS, "electrolyte": {**USUAL, "permittivity": permittivity, "species": species}, **tables})


def regions(*entries, unit=" um^2/s"):
    """A list of regions from (low, high, value), in um, or from the value elsewhere."""
    parts = []
    for *heights, value in (entry if isinstance(entry, tuple) else (entry,) for entry in entries):
        part = {"region": [f"{z} um" for z in heights]} if heights else {}
        parts.append({**part, "value": f"{value}{unit}" if unit else value})
    return parts


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (((0, 0.5, 1), (0.4, 1, 2)), "two regions overlap from 400 nm to 500 nm; let each height have one value"),
        (((0, 0.4, 1), (0.5, 1, 2)), "has no value from 400 nm to 500 nm; add a region, or an entry without region"),
        (((0.1, 1, 1),), "has no value from 0 nm to 100 nm; add a region"),
        (((0, 0.9, 1),), "has no value from 900 nm to 1000 nm; add a region"),
        (((2, 3, 1), 2), ".0.region: lies outside of the body, which is from 0 nm to 1000 nm; move it inside"),
        (((0, 0.5, 1), 2, 3), "several entries have no region; one value holds elsewhere, drop the others"),
        (((0.5, 0.2, 1), 2), 'region: the lower end comes first, for example ["0.2 um", "0.8 um"]'),
        (((0, 0.5, 0), 2), "must be greater than zero|greater than 0"),
        ((), "at least 1 entry|too short|at least one"),
    ],
    ids=str,
)
@pytest.mark.parametrize("key", ["diffusivity", "permittivity"])
def test_regions_that_do_not_fit_are_refused(key, entries, message):
    with pytest.raises(CaseError) as refused:
        made(**{key: regions(*entries, unit="" if key == "permittivity" else " um^2/s")})
    start = "electrolyte.permittivity" if key == "permittivity" else "electrolyte.species."
    assert str(refused.value).startswith(start)
    assert any(part in str(refused.value) for part in message.split("|"))


def test_a_radial_line_has_no_regions():
    ball = {"geometry": {"shape": "ball", "radius": "500 nm", "dimension": "1d"}}
    with pytest.raises(CaseError, match="a line along the radius has no planes z = const"):
        made(permittivity=regions((0, 0.1, 2), 80, unit=""), **ball)


@pytest.mark.parametrize(
    ("entries", "planes", "values"),
    [
        ((200,), (), (200.0,)),
        (((0, 1, 200),), (), (200.0,)),
        (((0, 0.5, 100), (0.5, 1, 200)), (0.5,), (100.0, 200.0)),
        (((0.5, 1, 100), (0, 0.5, 100)), (), (100.0,)),
        (((0.2, 0.5, 100), 200), (0.2, 0.5), (200.0, 100.0, 200.0)),
        (((0.2, 0.5, 100), (0.5, 0.6, 50), 200), (0.2, 0.5, 0.6), (200.0, 100.0, 50.0, 200.0)),
        (((-1, 0.5, 100), (0.5, 3, 200)), (0.5,), (100.0, 200.0)),
    ],
    ids=str,
)  # fmt: skip
def test_a_list_of_regions_is_a_profile(entries, planes, values):
    profile = Profile.of(made(permittivity=regions(*entries, unit="")).electrolyte.permittivity)
    assert profile.planes == pytest.approx([z * 1e-6 for z in planes])
    assert profile.values == values
    for z in (0.1, 0.3, 0.55, 0.9):
        (value,) = {e[-1] for e in entries if isinstance(e, tuple) and e[0] < z < e[1]} or {entries[-1]}
        assert profile.at(np.array(z * 1e-6)) == value
    assert profile.smallest_near(0.5e-6, 0.5e-6) == min(profile.at(np.array([0.499e-6, 0.501e-6])))


def test_planes_of_regions_are_planes_of_the_mesh():
    case_ = made(regions((0.123, 0.5, 1), 2), regions((0.5, 0.7, 2), 80, unit=""))
    assert [plane.z for plane in case_.mesh.grade_planes] == pytest.approx([0.123e-6, 0.5e-6, 0.7e-6])
    assert all(plane.size is None for plane in case_.mesh.grade_planes)
    assert made().mesh.grade_planes is None


def test_one_value_everywhere_is_that_value():
    """A list with one value gives the equations of the plain value, but is another text in the case."""
    plain, listed = made("200 um^2/s"), made(regions(200))
    assert plain.problem_data.signature == listed.problem_data.signature
    assert not listed.electrolyte.has_profiles
    assert case_digest(plain) != case_digest(listed)


@pytest.mark.parametrize("key", ["diffusivity", "permittivity"])
def test_laws_with_one_value_refuse_regions(key):
    boundaries = {"base": BATH, "top": {"current": {"species": "C", "value": "10 pA"}}}
    data = {key: regions((0, 0.5, 1), 2, unit="" if key == "permittivity" else " um^2/s")}
    with pytest.raises(CaseError, match="law needs a uniform permittivity and uniform diffusivities"):
        made(**data, boundaries=boundaries, compare={"law": "cylinder"})


def test_formulas_with_one_value_refuse_regions():
    context = FormulaContext(made(regions((0, 0.5, 1), 2)), "top.potential_mV", {})
    with pytest.raises(CaseError, match="needs uniform diffusivities and a uniform permittivity"):
        FORMULAS["junction"].value(context)


def test_a_region_thinner_than_the_cells_is_refused(comm):
    geometry = spine(100).model_dump(mode="json", exclude_none=True)
    case_ = made(regions((0.5, 0.501, 1), 2), geometry=geometry, boundaries={"base": BATH})
    with pytest.raises(CaseError, match=r"electrolyte.species.C.diffusivity.0.region.*is thinner than the cells there"):
        Model(comm).fit(case_, lambda _: None)
