"""The verbs new, list and info, the JSON Schemas, and the page of all keys: what they say is what the models do."""

import copy
import json
import os
import re
import subprocess
import sys
import tomllib

import jsonschema
import pytest

from spinepnp.case.case import Case, read_case
from spinepnp.case.toml import set_value
from spinepnp.commands.list import list_topics
from spinepnp.errors import CaseError
from spinepnp.geometries import SHAPES
from spinepnp.reference import catalogue, keys_page, schema, templates
from spinepnp.reference.describe import keys_of, walk
from spinepnp.reference.template_values import STARTERS
from spinepnp.solvers import Mechanism, MechanismGate
from spinepnp.validation.laws.catalogue import LAWS
from support import CASES, ROOT
from support.commands import STACK, run_code


def validator(kind: str) -> jsonschema.Draft7Validator:
    made = schema.schema_of(kind)
    jsonschema.Draft7Validator.check_schema(made)
    return jsonschema.Draft7Validator(made)


@pytest.fixture(scope="module")
def of_cases() -> jsonschema.Draft7Validator:
    return validator("case")


# --- new


def test_every_shape_has_a_starter():
    assert list(STARTERS) == list(SHAPES)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_new_case_is_right_and_so_is_each_of_its_alternatives(shape, of_cases):
    seen = set()
    for chosen in [(), *[(name,) for name in templates.alternatives(shape)]]:
        text = templates.write(shape, chosen)
        case = read_case(text, shape)
        case.points()
        of_cases.validate(tomllib.loads(text))
        seen.add(json.dumps(case.to_dict()))
    # Each of them changes something, but for the two by which a transient is chosen.
    assert len(seen) >= len(templates.alternatives(shape)) - 1
    assert {"sweep", "transient"} <= set(templates.alternatives(shape))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_new_case_shows_every_key_of_its_shape(shape):
    text = templates.write(shape)
    assert all(len(line) <= 120 for line in text.splitlines())
    for key in keys_of(SHAPES[shape]):
        shown = re.search(rf"^(# )?{key.name} *=", text, flags=re.M)
        possible = {"obstacle": SHAPES[shape].takes_obstacle, "dimension": len(SHAPES[shape].dimensions) > 1}
        assert bool(shown) == possible.get(key.name, True), key.name


def test_alternatives_are_chosen_by_hand_as_the_header_says():
    text = templates.write("ball_neck")
    # In [study]: the sweep instead of the steady state.
    head, study = text.split("[study]\n")
    live, sweep, *rest = study.split("\n\n")
    edited = "\n\n".join([f"# {live}", re.sub("^# ", "", sweep, flags=re.M), *rest])
    case = read_case(f"{head}[study]\n{edited}", "edited")
    assert case.study.kind == "sweep"
    assert len(case.points()) == 3


@pytest.mark.parametrize("shape", ["ball_neck", "surface"])
def test_a_living_membrane_is_chosen_by_hand_as_its_comment_says(shape):
    text = templates.write(shape)
    before, boundaries, block, after = re.split(
        r"^(?=\[boundaries\.base\])|^# A living |^(?=\[study\])", text, flags=re.M
    )
    block = block[block.index("# [boundaries.base]") :]
    species, third = before.split("# [[electrolyte.species]]")
    species = re.sub(r"(?m)^(concentration.*)\n# (concentration.*)", r"# \1\n\2", species)
    steady, sweep, transient, *rest = after.split("\n\n")
    edited = "\n\n".join([
        species + uncommented("# [[electrolyte.species]]" + third), re.sub("(?m)^(?=\\S)", "# ", boundaries),
        uncommented(block), steady.replace("kind", "# kind"), sweep, uncommented(transient), *rest,
    ])  # fmt: skip
    case = read_case(edited, "edited")
    assert case.to_dict() == read_case(templates.write(shape, ["living"]), "chosen").to_dict()
    (synapse,) = case.boundaries[STARTERS[shape].injector].mechanisms
    assert (synapse.law, synapse.waveform, set(synapse.moved)) == ("ghk", "biexponential", {"Na", "K"})
    assert case.boundaries["wall"].mechanisms[0].law == "ghk"
    assert (case.boundaries["base"].load.resistance, case.study.initial) == (pytest.approx(200e6), "rest")


def uncommented(text):
    """Text of a template whose alternatives are chosen."""
    return re.sub("(?m)^# ", "", text)


def test_channels_of_a_ring():
    case = read_case(templates.write("ball_neck", ["channels", "transient"]), "case")
    assert case.boundaries["ring"].channels[0].law == "sigmoid"


@pytest.mark.parametrize("shape", ["cylinder", "cone", "tube", "pore"])
def test_charge_of_a_ring(shape):
    case = read_case(templates.write(shape, ["rings"]), "case")
    assert case.boundaries["ring"].surface_charge == pytest.approx(-0.01)
    assert "ring" in case.geometry.boundaries


@pytest.mark.parametrize("shape", ["cylinder", "ball"])
def test_a_new_case_runs(shape, verb, tmp_path):
    made = verb("new", shape, "--output", "begin.toml", exit_code=0)
    assert made.stdout.splitlines() == ["begin.toml", "next: ./spine run begin.toml"]
    verb("run", "begin.toml", exit_code=0)
    summary = json.loads((tmp_path / "runs" / "begin" / "summary.json").read_text())
    assert summary["status"] == "ok"
    if shape == "cylinder":
        assert abs(summary["law"]["relative_error"]) < 2e-3


def test_new_refuses_a_file_that_is_there(verb, tmp_path):
    (tmp_path / "mine.toml").write_text("mine")
    done = verb("new", "cone", "--output", "mine.toml")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "--force" in done.stderr
    assert (tmp_path / "mine.toml").read_text() == "mine"
    assert verb("new", "cone", "--output", "mine.toml", "--force").returncode == 2
    assert (tmp_path / "mine.toml").read_text() == "mine"
    assert verb("new", "cylinder", "--output", "new.toml").returncode == 0
    assert verb("new", "cone", "--output", "new.toml", "--force").returncode == 0
    assert "cone" in (tmp_path / "new.toml").read_text()


def test_new_refuses_what_it_cannot_write(tmp_path):
    for path in (tmp_path, tmp_path / "none" / "a.toml"):
        with pytest.raises(CaseError, match="give"):
            templates.new_case("cone", path, force=False)


def test_a_new_surface_goes_where_its_case_goes(verb, tmp_path):
    """Both files can be given to somebody else; the surface of the checkout is not named."""
    (tmp_path / "given").mkdir()
    made = verb("new", "surface", "--output", "given/begin.toml", exit_code=0)
    assert made.stdout.splitlines() == ["given/begin.toml", "given/spine.ply", "next: ./spine run given/begin.toml"]
    assert (tmp_path / "given" / "spine.ply").read_bytes() == (CASES / "surfaces" / "spine.ply").read_bytes()
    assert str(ROOT) not in (tmp_path / "given" / "begin.toml").read_text()
    (tmp_path / "given").rename(tmp_path / "theirs")
    verb("check", "theirs/begin.toml", "--json", exit_code=0)
    assert verb("new", "surface", "--output", "theirs/begin.toml", "--force").returncode == 0


def test_a_new_surface_replaces_no_other(verb, tmp_path):
    (tmp_path / "spine.ply").write_text("mine")
    done = verb("new", "surface", "--output", "begin.toml")
    assert (done.returncode, len(done.stderr.splitlines()), done.stdout) == (2, 1, "")
    assert "spine.ply" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["spine.ply"]
    assert (tmp_path / "spine.ply").read_text() == "mine"
    assert verb("new", "surface", "--output", "begin.toml", "--force").returncode == 2
    assert (tmp_path / "spine.ply").read_text() == "mine"


def test_a_printed_surface_is_relative_and_runs_from_there(tmp_path, monkeypatch, capsys):
    for folder in (ROOT, tmp_path):
        monkeypatch.chdir(folder)
        templates.new_case("surface", None, force=False)
        text = capsys.readouterr().out
        file = tomllib.loads(text)["geometry"]["file"]
        assert not os.path.isabs(file)
        assert read_case(text, "printed").geometry.named == ("base", "psd", "wall")
        assert folder != ROOT or file == "cases/surfaces/spine.ply"


def test_a_new_surface_of_an_installed_package_says_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(templates, "SURFACE", tmp_path / "cases" / "surfaces" / "spine.ply")
    templates.new_case("surface", None, force=False)
    assert 'file      = "spine.ply"' in (text := capsys.readouterr().out)
    assert "a file of yours" in text
    templates.new_case("surface", tmp_path / "begin.toml", force=False)
    assert [path.name for path in tmp_path.iterdir()] == ["begin.toml"]


def test_an_unknown_shape_names_the_nearest(verb):
    done = verb("new", "ball_nek")
    assert (done.returncode, len(done.stderr.splitlines()), done.stdout) == (2, 1, "")
    assert 'did you mean "ball_neck"?' in done.stderr


def test_only_the_first_rank_speaks(monkeypatch, capsys):
    monkeypatch.setenv("PMI_RANK", "1")
    assert templates.new_case("cone", None, force=False) == 0
    assert list_topics("laws", None, as_json=False) == 0
    assert capsys.readouterr().out == ""


# --- list


def test_all_lists_load_no_finite_elements(tmp_path):
    code = f"""
import sys
from spinepnp.__main__ import _run
assert _run(["list"], False) == 0
assert _run(["list", "schema"], False) == 0
assert _run(["new", "ball_neck"], False) == 0
found = set({sorted(STACK | {"gmsh", "pyvista"})}) & set(sys.modules)
assert not found, found
"""
    done = run_code(code, cwd=tmp_path)
    for topic in catalogue.TOPICS:
        assert re.search(rf"^{topic} \(\d+\), ", done.stdout, flags=re.M), topic
    for shape in SHAPES:
        assert re.search(rf"^  {shape} ", done.stdout, flags=re.M), shape
    for law in LAWS:
        assert f"\n  {law} " in done.stdout
    assert max(map(len, done.stdout.split("More:")[0].splitlines())) <= 130


def test_lists_know_every_file():
    assert {entry["name"] for entry in catalogue.cases()} == {f"cases/{path.name}" for path in CASES.glob("*.toml")}
    assert all(entry["title"] for entry in catalogue.cases())
    assert len(catalogue.validation()) == len(list((CASES / "validation").glob("*.toml")))
    assert len(catalogue.sweeps()) == len(list((CASES / "sweeps").glob("*.toml")))
    assert {entry["name"] for entry in catalogue.benchmarks()} >= {"solve", "batch"}


def test_lists_have_every_key_of_a_mechanism_and_of_a_gate(capsys):
    of_waveforms = {key for entry in catalogue.waveforms() for key in (*entry["needs"], *entry["may have"])}
    for topic, table, elsewhere in (
        ("mechanisms", Mechanism, of_waveforms | {"name", "law"}),
        ("gates", MechanismGate, set()),
    ):
        listed = {key for entry in catalogue.TOPICS[topic][0]() for key in (*entry["needs"], *entry["may have"])}
        assert listed == set(table.model_fields) - elsewhere
        list_topics(topic, None, as_json=False)
        assert all(re.search(rf"\b{key}\b", said) for said in [capsys.readouterr().out] for key in listed)


def test_a_waveform_says_what_cannot_have_it(capsys):
    list_topics("waveforms", None, as_json=False)
    said = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()[1:] if line}
    assert said["sine"].endswith("; not of a mechanism")
    assert said["constant"].endswith("; not of a potential")
    assert "not of" not in said["biexponential"]
    with pytest.raises(CaseError, match=r"waveform|sine"):
        Mechanism(name="a", law="ohmic", species="K", conductance="1 nS", waveform="sine")


def test_kinetics_tell_the_temperature_of_their_rates(capsys):
    list_topics("kinetics", None, as_json=False)
    said = capsys.readouterr().out
    assert len(re.findall(r"^  hh_.* rates at 6.3 degrees Celsius$", said, flags=re.M)) == 3
    assert "degrees" not in re.sub("(?m)^  hh_.*$", "", said)


def test_boundaries_are_those_of_the_shape():
    found = {entry["name"]: entry["boundaries"] for entry in catalogue.shapes()}
    assert found["cylinder"] == ["base", "top", "wall", "ring", "obstacle"]
    assert found["ball_neck"] == ["base", "cap", "wall", "ring", "obstacle"]
    assert found["shell"] == ["inner", "outer"]
    for name, starter in STARTERS.items():
        assert {starter.ground, starter.injector, starter.wall} - {""} <= set(found[name])


@pytest.mark.parametrize("topic", [None, *catalogue.TOPICS])
def test_json_of_every_topic(topic, capsys):
    list_topics(topic, None, as_json=True)
    found = json.loads(capsys.readouterr().out)
    entries = found if topic else [entry for entries in found.values() for entry in entries]
    assert entries
    assert all(entry["name"] for entry in entries)


def test_one_shape_is_drawn(capsys):
    list_topics("shapes", "pore", as_json=False)
    text = capsys.readouterr().out
    assert "|____   ____|" in text
    assert "reservoir_radius" in text
    assert "boundaries: outside, inside, wall" in text
    assert "places for probes: middle\n" in text


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["shaeps"], 'list = "shaeps": no such topic; did you mean "shapes"?'),
        (["shapes", "balll"], 'did you mean "ball"?'),
        (["laws", "x"], 'list = "x": laws takes no name'),
        (["keys", "mehs"], 'did you mean "mesh"?'),
        (["schema", "cases"], 'did you mean "case"?'),
    ],
)
def test_an_unknown_topic_or_name_is_one_line(words, problem):
    with pytest.raises(CaseError) as error:
        list_topics(*[*words, None][:2], as_json=False)
    assert problem in str(error.value)
    assert error.value.exit_code == 2


# --- info


def test_info_for_people_and_programs(spinepnp, mpiexec):
    done = spinepnp("info", "--json", ranks=2, mpiexec=mpiexec, exit_code=0)
    found = json.loads(done.stdout)  # once for both ranks
    assert found["stack"]["problem"] == ""
    assert found["stack"]["ranks"] == 2
    assert found["compiler"]["problem"] == ""
    assert found["machine"]["memory_GB"] >= found["machine"]["free_memory_GB"] > 0
    assert set(found["caches"]) == {"kernels", "meshes"}
    assert "mumps" in found["stack"]["petsc_packages"]
    assert re.fullmatch(r"0\.1[01]\..*", found["stack"]["dolfinx"])


def test_info_without_dolfinx_and_without_a_compiler_says_so(tmp_path):
    code = """
import os, sys
os.environ["CC"] = "no-such-compiler"
from spinepnp.__main__ import _run
sys.exit(_run(["info"], False))
"""
    done = run_code(code, cwd=tmp_path, blocked=STACK)
    assert "finite elements: MISSING: DOLFINx with PETSc and mpi4py is needed" in done.stdout
    assert "no-such-compiler is not found; install a C compiler" in done.stdout
    assert "Python 3." in done.stdout


# --- schemas


@pytest.mark.parametrize(
    ("kind", "folder"), [("case", CASES), ("sweep", CASES / "sweeps"), ("validation", CASES / "validation")]
)
def test_every_file_fits_its_schema(kind, folder):
    checker = validator(kind)
    files = sorted(folder.glob("*.toml"))
    assert files
    for path in files:
        errors = list(checker.iter_errors(tomllib.loads(path.read_text())))
        assert not errors, f"{path.name}: {errors[0].json_path}: {errors[0].message}"


GOOD = tomllib.loads((CASES / "spine_rings_head_top_step.toml").read_text())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("geometry.shape", "bal_neck"),
        ("geometry.head_radius", 500),
        ("geometry.head_radius", "500"),
        ("geometry.head_radius", "-500 nm"),
        ("geometry.dimension", "1d"),
        ("geometry.radius", "100 nm"),
        ("geometry.rings", [{"theta": ["25 deg", "35 deg"]}]),
        ("mesh.order", 3),
        ("mesh.refine", 7),
        ("mesh.sise", "10 nm"),
        ("electrolyte.permittivity", "80"),
        ("electrolyte.species", []),
        ("electrolyte.species.Na.valence", 1.5),
        ("boundaries.base.potential", "float"),
        ("boundaries.base.concentrations", "bulky"),
        ("boundaries.cap.current.waveform", "steps"),
        ("boundaries.cap.current.value", True),
        ("boundaries.ring.channel.0.law", "linear"),
        ("probes.head", ["0 nm", "0 nm"]),
        ("regions.body", ["0 nm"]),
        ("compare.law", "ohm"),
        ("study.kind", "sweeps"),
        ("solver.tolerance", 0.5),
        ("tilte", "x"),
    ],
)
def test_what_is_wrong_does_not_fit(path, value, of_cases):
    of_cases.validate(GOOD)
    data = copy.deepcopy(GOOD)
    set_value(data, path, value)
    assert not of_cases.is_valid(data)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("boundaries.base.potential", "floating"),
        ("boundaries.base.potential", "-70 mV"),
        ("boundaries.base.concentrations", {"Na": "12 mM", "K": "155 mM", "A": "167 mM"}),
        ("boundaries.cap.current", [{"species": "Na", "value": "50 pA"}, {"species": "K", "value": "-5 pA"}]),
        ("electrolyte.fixed_charge", [{"region": ["0 um", "1 um"], "value": "-1 mM"}]),
        ("mesh.size", "1e-2 µm"),
        ("regions.lower", ["0 um", "1 um"]),
        ("boundaries.ring.channel", {"law": "gates", "species": "Na", "gates": {"half": "1 mV", "slope": "1 mV"}}),
    ],
)
def test_every_form_of_a_key_fits(path, value, of_cases):
    data = copy.deepcopy(GOOD)
    set_value(data, path, value)
    errors = [(error.json_path, error.message) for error in of_cases.iter_errors(data)]
    # A gate needs a time: the schema looks into the short form of a list, too, and says what is wrong there.
    missing = [("$.boundaries.ring.channel.gates", "'time' is a required property")]
    assert errors == (missing if path.endswith("channel") else [])


def test_errors_are_told_where_they_are(of_cases):
    data = copy.deepcopy(GOOD)
    data["geometry"]["head_radius"] = "500"
    data["boundaries"]["ring"]["channel"][0]["law"] = "sigmid"
    data["boundaries"]["cap"]["current"] = [{"species": "Na", "value": "50 pA", "onst": "1 ms"}, "K"]
    found = {error.json_path: error.message for error in of_cases.iter_errors(data)}
    assert set(found) == {
        "$.geometry.head_radius", "$.boundaries.ring.channel[0].law", "$.boundaries.cap.current[0]",
        "$.boundaries.cap.current[1]",
    }  # fmt: skip
    assert "onst" in found["$.boundaries.cap.current[0]"]


def test_each_shape_has_its_own_keys(of_cases):
    case = tomllib.loads((CASES / "shell_steady.toml").read_text())
    of_cases.validate(case)
    case["geometry"]["obstacle"] = {"centre": ["0 nm", "0 nm", "0 nm"], "radius": "1 nm"}
    assert not of_cases.is_valid(case)  # a shell takes none


def test_a_schema_says_what_keys_mean_and_has_no_relics():
    text = json.dumps(schema.schema_of("case"))
    for relic in ('"null"', "$defs", "prefixItems", "discriminator", '"default"'):
        assert relic not in text
    mesh = schema.schema_of("case")["definitions"]["MeshOptions"]["properties"]
    assert mesh["refine"]["description"].endswith("whole number >= 0, <= 6; default 0")
    assert mesh["size"]["examples"] == ["100 nm"]


# --- keys


def test_every_key_has_a_meaning():
    for path, table in walk(Case):
        for key in keys_of(table):
            assert key.meaning or key.name == "shape", f"{path}.{key.name}"
            assert not re.search(r"(^|, )(m|V|A|s|rad)[.;]", key.meaning), f"{path}.{key.name}: {key.meaning}"


def test_the_page_of_keys_is_that_of_the_models():
    assert (ROOT / "docs" / "keys.md").read_text() == keys_page.page(), "./spine list keys > docs/keys.md"


def test_part_of_the_page():
    assert keys_page.part("mesh").count("###") == 3
    assert "t_peak" in keys_page.part("boundaries")
    assert "head_radius" in keys_page.part("ball_neck")


def test_a_name_that_is_too_long_is_told_in_a_line(verb):
    done = verb("new", "cylinder", "--output", "a" * 300)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


def test_a_validation_case_of_neurons_is_known_as_one(verb):
    done = verb("run", str(CASES / "validation" / "neurons_gated.toml"), exit_code=2)
    assert "is a validation case" in done.stderr


# --- what is printed cannot leave


WORDS = [["new", "cylinder"], ["list", "keys"], ["info"], ["--help"], ["--version"]]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize(
    ("words", "unbuffered"), [*((words, False) for words in WORDS), (WORDS[0], True), (WORDS[3], True)]
)
def test_a_full_disk_behind_standard_output_is_one_line(words, unbuffered, tmp_path):
    command = [sys.executable, *(["-u"] if unbuffered else []), "-m", "spinepnp", *words]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: standard output: cannot be written (no space left on device); make room, then run it again"
    ]


@pytest.mark.parametrize("words", WORDS[:3])
def test_a_closed_pipe_is_the_quiet_end(words, tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "spinepnp", *words]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, cwd=tmp_path, timeout=120)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_an_error_of_a_file_is_not_taken_for_one_of_standard_output(tmp_path):
    code = """
import sys
from spinepnp import __main__, cli
cli.app.registered_commands.clear()
@cli.app.command()
def write():
    open("/dev/full", "w").write(100_000 * "x")
@cli.app.command()
def other(): ...
sys.argv = ["spinepnp", "write"]
__main__.main()
"""
    (line,) = run_code(code, cwd=tmp_path, exit_code=1).stderr.splitlines()
    assert "unexpected OSError" in line


def test_a_shape_without_template_values_is_said_in_one_line(monkeypatch):
    monkeypatch.delitem(STARTERS, "cone")
    with pytest.raises(CaseError, match=r"new = \"cone\": has no template values; add them to .*template_values\.toml"):
        catalogue.shapes()
