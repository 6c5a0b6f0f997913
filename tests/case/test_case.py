"""Case files: what is read, filled in, overridden and refused, each refusal with its key, its value and a way out."""

import datetime
import pickle
import re
import tomllib

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from spinepnp.batch.sweep import load_sweep
from spinepnp.case.case import Case, load_case, load_mesh_case, make_case, read_case
from spinepnp.case.toml import parse_override, set_value
from spinepnp.errors import CaseError, nearest
from spinepnp.geometries import SHAPES
from support import CASES
from support.commands import refusal

TWO = CASES / "cylinder_iv.toml"
THREE = CASES / "cylinder_iv_three_species.toml"


MESHES = ["ball_layers"]  # what is only meshed


@pytest.mark.parametrize("name", MESHES)
def test_a_case_without_boundaries_is_enough_for_a_mesh(name):
    assert load_mesh_case(CASES / f"{name}.toml").mesh.size is not None
    with pytest.raises(CaseError, match=r"electrolyte: is missing; add it"):
        load_case(CASES / f"{name}.toml")
    assert isinstance(load_mesh_case(TWO), Case)


@pytest.mark.parametrize(
    ("file", "verb", "complaint"),
    [
        ("sweeps/necks.toml", load_case, r"is a sweep file; \./spine batch"),
        ("validation/line.toml", load_case, r"is a validation case; \./spine validate"),
        ("cylinder_iv.toml", load_sweep, r"is a case file; \./spine run"),
        ("validation/line.toml", load_sweep, r"is a validation case; \./spine validate"),
    ],
)
def test_a_file_of_another_kind_is_told_what_to_do_with(file, verb, complaint):
    with pytest.raises(CaseError, match=complaint):
        verb(CASES / file)


def test_every_shape_has_a_case():
    shapes = {load_mesh_case(path).geometry.shape for path in CASES.glob("*.toml")}
    assert shapes == set(SHAPES)


SOLVED = sorted(path for path in CASES.glob("*.toml") if path.stem not in MESHES)


@pytest.mark.parametrize("path", SOLVED, ids=lambda path: path.stem)
def test_every_shipped_case_is_good_and_its_resolved_form_is_itself(path):
    case = load_case(path)
    assert case.points()
    again = make_case(tomllib.loads(case.to_toml()))
    assert again == case
    assert again.to_toml() == case.to_toml()


def test_defaults_are_filled_in():
    case = load_case(TWO, ["mesh={}", 'electrolyte.thermal_voltage="25.26 mV"'])
    resolved = tomllib.loads(case.to_toml())
    assert resolved["mesh"] == {"size": "25 nm", "order": 2, "refine": 0, "element_degree": 1, "grade": {}}
    assert resolved["electrolyte"]["fixed_charge"] == "0 mM"
    assert resolved["electrolyte"]["tortuosity"] == 1.0
    assert resolved["geometry"]["dimension"] == "3d"
    assert resolved["solver"]["linear"] == "auto"


def test_temperature_stands_for_the_thermal_voltage():
    text = TWO.read_text().replace('thermal_voltage = "25.26 mV"', 'temperature = "20 degC"')
    case = read_case(text, "case")
    assert pytest.approx(25.2616e-3, rel=1e-5) == case.electrolyte.V_T
    assert "thermal_voltage" not in tomllib.loads(case.to_toml())["electrolyte"]


def test_tortuosity_divides_the_diffusivity_by_its_square():
    electrolyte = load_case(TWO, ["electrolyte.tortuosity=2"]).electrolyte
    assert electrolyte.effective_diffusivity(electrolyte.species[0]) == pytest.approx(50e-12)


def test_the_debye_length_of_the_papers():
    assert load_case(TWO).electrolyte.debye_length() == pytest.approx(0.74513e-9, rel=1e-5)


def test_a_sweep_gives_one_checked_case_a_value():
    points = load_case(CASES / "cylinder_iv_radii.toml").points()
    assert [p.geometry.radius for p in points] == [50e-9, 75e-9, 100e-9]
    # A default that depends on what is varied is that of each value.
    assert [p.mesh.resolved(p.geometry).size for p in points] == pytest.approx([12.5e-9, 18.75e-9, 25e-9])


def test_the_temperature_can_be_varied_where_no_thermal_voltage_is_given():
    text = TWO.read_text().replace('thermal_voltage = "25.26 mV"\n', "").split("[study]")[0]
    study = '[study]\nkind = "sweep"\nvary = "electrolyte.temperature"\nvalues = ["280 K", "310 K"]\n'
    points = read_case(text + study, "case").points()
    assert [p.electrolyte.V_T for p in points] == pytest.approx([24.1284e-3, 26.7136e-3], rel=1e-4)


def test_lists_are_entered_by_name_or_number():
    for path in ("electrolyte.species.Na.diffusivity", "electrolyte.species.0.diffusivity"):
        case = load_case(THREE, [f'{path}="650 um^2/s"'])
        assert case.electrolyte.species[0].diffusivity == pytest.approx(650e-12)


def test_one_current_or_a_list_of_them():
    data = load_case(THREE).to_dict()
    del data["compare"], data["study"]
    data["boundaries"]["top"]["current"] = [{"species": "Na", "value": "10 pA"}, {"species": "K", "value": "-5 pA"}]
    case = make_case(data)
    assert [(i.species, i.value) for i in case.boundaries["top"].injections] == [("Na", 1e-11), ("K", -5e-12)]
    assert make_case(tomllib.loads(case.to_toml())) == case


BAD = [
    ('geometry.radius="-5 nm"', 'geometry.radius = "-5 nm": a length here must be greater than zero'),
    ("geometry.radius=100", "geometry.radius = 100: a length is text with a unit"),
    ('geometry.radius="100"', 'geometry.radius = "100": the unit is missing'),
    ('geometry.length="20 mV"', 'geometry.length = "20 mV": a length is needed, "mV" is the unit of a potential'),
    ('geometry.lenght="1 um"', 'geometry.lenght: unknown key; did you mean "length"?'),
    (
        'geometry.shape="cylindre"',
        'geometry.shape = "cylindre": no such shape in this version; did you mean "cylinder"?',
    ),
    ("geometry=3", "geometry = 3: must be a table"),
    ("boundaries.base={concentrations='bulk'}", "boundaries: no boundary prescribes the potential; ground one of"),
    ("boundaries.base={potential='0 mV'}", "boundaries: no boundary prescribes the concentration of"),
    ("boundaries.tip.potential='0 mV'", 'boundaries.tip: no such boundary; did you mean "top"?'),
    ("boundaries.top.current.species='Ka'", 'boundaries.top.current.species = "Ka": no such species; did you mean'),
    ("boundaries.top.current.value=nan", "boundaries.top.current.value = nan: a current is text with a unit"),
    ("boundaries.top.current={species='Na'}", "boundaries.top.current: needs either value ="),
    ("boundaries.base.concentrations='bluk'", 'boundaries.base.concentrations = "bluk": write "bulk", "absorbing", or'),
    ("boundaries.base.concentrations={Q='1 mM'}", "boundaries.base.concentrations.Q: no such species"),
    ("boundaries.base.concentrations={Na='1 mM', K='1 mM', A='1 mM'}", "boundaries.base.concentrations: the charges"),
    ("boundaries.base.current={species='Na', value='1 pA'}", "its concentration is prescribed here too"),
    ("electrolyte.species.A.concentration='160 mM'", "leave 7 mM; change a concentration, balance it by"),
    ("electrolyte.species.A.name='K'", 'electrolyte.species.2.name = "K": is used twice'),
    ("electrolyte.species.A.valence=1.5", "electrolyte.species.A.valence = 1.5: must be an integer"),
    ("electrolyte.species.Na.diffusivity='-1 um^2/s'", "a diffusivity here must be zero or greater"),
    ("electrolyte.species=[]", "electrolyte.species: must have at least one entry"),
    ("electrolyte.permittivity=nan", "electrolyte.permittivity = nan: must be a finite number"),
    ("electrolyte.permittivity=inf", "electrolyte.permittivity = inf: must be a finite number"),
    ("electrolyte.temperature='293 K'", "electrolyte: thermal_voltage and temperature say the same twice"),
    ("mesh.size='0 nm'", 'mesh.size = "0 nm": a length here must be greater than zero'),
    ("mesh.order=3", "mesh.order = 3: must be 1 or 2"),
    ("mesh.grade.tip.size='1 nm'", 'mesh.grade.tip: no such boundary; did you mean "top"?'),
    ("mesh.grade.rim.size='1 nm'", "mesh.grade.rim: no such boundary"),
    ("mesh.grade.top.size='1 um'", 'mesh.grade.top.size = "1000 nm": is coarser than mesh.size = 25 nm'),
    ("study.kind='oscillating'", "study.kind = \"oscillating\": must be 'steady', 'sweep' or 'transient'"),
    ("study.values=[]", "study: a sweep needs both vary"),
    ("compare.law='cylindre'", 'compare.law = "cylindre": no such law; did you mean "cylinder"?'),
    ("solver.tolerance=0", "solver.tolerance = 0: must be greater than 0"),
    ('geometry.radius="1e9999999 nm"', "too large a length to be meant"),
    ('geometry.radius="1e-300 m"', "too small a length to be meant"),
    ('boundaries.top.current.value="1e300 A"', "too large a current to be meant"),
    ("electrolyte.tortuosity=1e200", "must be less than or equal to 1000"),
    ("electrolyte.permittivity=true", "electrolyte.permittivity = true: must be a number"),
    ("electrolyte.species.Na.valence=true", "valence = true: must be an integer"),
    ("electrolyte.neutral=0", "electrolyte.neutral = 0: must be true or false"),
    ("electrolyte.species=3", "electrolyte.species = 3: must be a list"),
    ("boundaries.top.current=3", "boundaries.top.current = 3: must be a list"),
    ("probes.x=['0 nm','0 nm','0 nm','0 nm']", "probes.x: must have at most 3 entries"),
    ("probes.x=['0 nm','0 nm']", "probes.x.2: is missing; add it"),
    ("geometry.length=1979-05-27", "geometry.length: a length is text with a unit"),
    ("title=3", "title = 3: must be text"),
    ("electrolyte.species.Na.name='1x'", 'electrolyte.species.0.name = "1x": must be a letter, then letters, digits'),
    ('electrolyte.species.Na.name="Na\\n"', "must be a letter, then letters, digits"),
    ("closed.amounts.Na='1 nm'", 'an amount is needed, "nm" is the unit of a length'),
    ("boundaries.wall.surface_charge='1e4 C/m^2'", "too large a surface charge to be meant"),
    (
        "electrolyte.fixed_charge=[{region=['0.2 um','0.5 um'],value='1 mM'},{region=['0.4 um','1 um'],value='1 mM'}]",
        "electrolyte.fixed_charge: two regions overlap from 400 nm to 500 nm; let each height have one value",
    ),
    (
        "electrolyte.fixed_charge=[{region=['0 um','0.9 um'],value='1 mM'},{region=['0.4 um','0.5 um'],value='1 mM'}]",
        "electrolyte.fixed_charge: two regions overlap from 400 nm to 500 nm; let each height have one value",
    ),
    ("solver.petsc={snes_max_it=1}", "snes_max_it is set by solver.max_newton; use that key"),
    ("closed.amounts={Na='5 ions'}", "closed.amounts.Na: a boundary prescribes its concentration"),
    ("title.text='a'", 'title.text: "text" cannot stand below a plain value'),
]


@pytest.mark.parametrize(("override", "complaint"), BAD, ids=[b[0] for b in BAD])
def test_what_is_refused(override, complaint):
    assert complaint in str(refusal(load_case, THREE, [override]))


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ('study.values=["10 pA", "10 nm"]', 'boundaries.top.current.value = "10 nm": a current is needed'),
        ('study.vary="boundaries.top.curent.value"', 'boundaries.top.curent: unknown key; did you mean "current"?'),
        ('study.vary="geometry"', 'geometry = "10 pA": must be a table'),
        ('study.vary="study.kind"', 'study.vary = "study.kind": cannot be varied'),
        ('study.vary="a..b"', 'study.vary = "a..b"'),
    ],
)
def test_a_sweep_over_nonsense_is_refused_before_solving(override, complaint):
    assert complaint in str(refusal(lambda: load_case(THREE, [override]).points()))


def test_a_charged_bulk_is_allowed_where_it_is_meant_or_balanced():
    for way in ("electrolyte.neutral=false", 'electrolyte.fixed_charge="-7 mM"'):
        text = THREE.read_text().replace('[compare]\nlaw = "cylinder"\n', "")
        case = read_case(text, "case", [("electrolyte.species.A.concentration", "160 mM"), parse_override(way)])
        assert case.electrolyte.species[2].concentration == 160.0


OTHER_BULK = {
    "electrolyte.species.C.valence=2": ['electrolyte.species.A.concentration="334 mM"'],
    "electrolyte.neutral=false": ['electrolyte.species.A.concentration="100 mM"'],
}


@pytest.mark.parametrize(
    "assumption",
    [
        "electrolyte.species.C.valence=2",
        'boundaries.wall.potential="0 mV"',
        'boundaries.top.potential="0 mV"',
        'boundaries.wall.current={species="C", value="1 pA"}',
        'boundaries.top.current.species="A"',
        "electrolyte.neutral=false",
    ],
)
def test_a_law_whose_assumptions_do_not_hold_is_refused(assumption):
    with pytest.raises(CaseError, match=r"the cylinder law needs .*; change the case or drop"):
        load_case(TWO, [assumption, *OTHER_BULK.get(assumption, [])])


MALFORMED = {
    "no value": ("title = ", "is not valid TOML"),
    "open table": ("[geometry\n", "is not valid TOML"),
    "long number": ("title = " + "1" * 5000, "is not valid TOML"),
    "empty": ("", "geometry: is missing"),
    "key twice": ("[a]\nx = 1\nx = 2\n[b]\n", '"x" stands twice, the second time in line 3; keep one of them'),
    "key twice, a list": ("x = 1\nx = [\n [1],\n [2]\n]", '"x" stands twice, the second time in line 2'),
    "table twice": ("[a.b]\nx = 1\n[a.b]\n", '"a.b" stands twice, the second time in line 3'),
    "key twice in braces": ("\na = { x = 1, x = 2 }", '"x" stands twice, the second time in line 2'),
    "more than the braces": ("a = { x = 1 }\na.y = 2\n", '"a" stands in braces or brackets above, so that line 2'),
    "no quotes": ("x = 100 nm", 'text, and numbers with a unit, stand in quotes: "100 nm"'),
}


@pytest.mark.parametrize(("text", "complaint"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_files(text, complaint):
    assert complaint in str(refusal(read_case, text, "case.toml"))


@pytest.mark.parametrize("load", [load_case, load_mesh_case])
def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path, load):
    path = tmp_path / "case.toml"
    path.write_text("\ufeff" + TWO.read_text(), encoding="utf-8")
    assert load(path) == load(TWO)
    assert read_case("\ufeff" + TWO.read_text(), "case") == read_case(TWO.read_text(), "case")
    path.write_text(TWO.read_text(), encoding="utf-16")
    with pytest.raises(CaseError, match="is not a text file in UTF-8"):
        load(path)


def test_a_sweep_without_axes_is_told_so(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text('[base]\ncase = "case.toml"\n')
    for load in (load_case, load_mesh_case):
        with pytest.raises(CaseError, match=r"is a sweep file, without axes; \./spine batch"):
            load(path)


def test_no_value_is_answered_by_a_type_of_python(tmp_path):
    """Nor by a regular expression, for any key of a case."""
    data = load_case(THREE).to_dict()
    values = (None, True, 3, 2.5, 2**70, "", "x", [], [[]], [1], {}, {"": 1}, {"x": 1}, [{}], datetime.date(2000, 1, 1))
    python = re.compile(
        r"tuple|NoneType|\bdict|\bbool\b|\bstr(ing)?\b|\bint\b|datetime|True|False|None|\^\[|Input|parse"
    )

    def below(table, path=()):
        yield path
        for key, inner in table.items() if isinstance(table, dict) else enumerate(table):
            if isinstance(inner, dict | list):
                yield from below(inner, (*path, str(key)))
            else:
                yield (*path, str(key))

    for path in [p for p in below(data) if p]:
        for value in values:
            changed = tomllib.loads(tomli_w.dumps(data))
            set_value(changed, ".".join(path), value)
            try:
                make_case(changed)
            except CaseError as error:
                assert not python.search(error.problem), f"{'.'.join(path)} = {value!r}: {error.problem}"


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
SECTIONS = ("title", "geometry", "mesh", "electrolyte", "boundaries", "study", "compare", "solver", "other")


@settings(max_examples=300)
@given(
    st.sampled_from(SECTIONS),
    st.one_of(json, st.dictionaries(st.sampled_from(["shape", "species", "kind", "base"]), json)),
)
def test_any_data_is_either_a_case_or_refused_in_one_line(section, value):
    data = load_case(TWO).to_dict()
    data[section] = value
    try:
        assert isinstance(make_case(data), Case)
    except CaseError as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 800


@given(st.text(max_size=30), json)
def test_any_path_is_either_set_or_refused(path, value):
    data = {"a": {"b": [{"name": "x", "v": 1}]}, "c": 2}
    try:
        set_value(data, path, value)
    except CaseError as error:
        assert str(error)


def test_set_value_makes_tables_on_the_way():
    data: dict = {}
    set_value(data, "mesh.grade.top.size", "1 nm")
    assert data == {"mesh": {"grade": {"top": {"size": "1 nm"}}}}


def test_override_values_are_toml_or_else_text():
    assert parse_override('a.b="5 nm"') == ("a.b", "5 nm")
    assert parse_override("a.b=5 nm") == ("a.b", "5 nm")
    assert parse_override("a.b=[1, 2]") == ("a.b", [1, 2])
    assert parse_override("a=b=c") == ("a", "b=c")


def test_the_nearest_word_is_named():
    assert nearest("radious", ["length", "radius"]) == 'did you mean "radius"? known: length, radius'
    assert nearest("zzz", ["length", "radius"]) == "known: length, radius"
    many = [f"{name}.{what}" for name in ("top", "base", "probe") for what in map(str, range(100))]
    assert nearest("op.12", many) == 'did you mean "top.12"? among the 300 known: top.12'
    assert len(nearest("probe", many).split(",")) == 8
    assert nearest("?", many) == "none of the 300 is like it"


def test_an_error_survives_the_way_between_ranks():
    error = CaseError("a.b", "is bad", {"x": [1, 2]})
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
