"""The documentation: the site builds without a warning, links and anchors lead somewhere, commands are commands."""

import ast
import functools
import importlib
import inspect
import json
import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pandas
import pytest
import tomli_w
import typer
from docutils import nodes
from nbclient import NotebookClient

from spinepnp.case.case import make_case
from spinepnp.cli import app
from spinepnp.commands import docs as docs_verb
from spinepnp.errors import CaseError
from spinepnp.geometries import SHAPES
from spinepnp.reference import catalogue, results_page
from spinepnp.run.steady import run_case
from spinepnp.solvers import Channel
from spinepnp.solvers.problem.columns import GROUPS, STEP, SUMMARY
from spinepnp.validation import gnp
from spinepnp.validation.gnp import data, table
from spinepnp.validation.laws.catalogue import LAWS
from spinepnp.validation.suite.plan import load_subjects
from support import CASES, ROOT
from support.browser import look, needs_browser
from support.charged_cases import BATH
from support.ions import ion

sys.path.insert(0, str(ROOT / "docs"))


class Links(HTMLParser):
    """Addresses that a page loads or leads to, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: set[str] = set()
        self.leads: set[str] = set()
        self.anchors: set[str] = set()
        self.formulas = 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors |= {given[key] for key in ("id", "name") if given.get(key)}
        self.formulas += tag == "math"
        if tag == "a":
            self.leads.add(given.get("href") or "")
        elif tag != "use":  # parts of pictures that stand in the page itself
            self.loads |= {given[key] for key in ("src", "href") if given.get(key)}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "spinepnp", "docs", "--output", str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == [str(folder / "index.html")]
    return folder


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Links]:
    return {path: Links(path.read_text()) for path in site.rglob("*.html")}


def test_every_page_is_there(site):
    for page in PAGES[2:]:
        assert (site / page.relative_to(ROOT).with_suffix(".html")).exists()


def test_pages_load_nothing_from_elsewhere(site, pages):
    for path, page in pages.items():
        for address in page.loads:
            assert not urlsplit(address).netloc, f"{path}: {address}"
    for sheet in site.rglob("*.css"):
        assert not re.search(r"@import|url\(['\"]?(https?:)?//", sheet.read_text()), sheet


def test_links_and_anchors_of_the_site_lead_somewhere(pages):
    for path, page in pages.items():
        for address in page.leads | page.loads:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.exists(), f"{path}: {address}"
            if parts.fragment and target in pages and target.name != "search.html":
                assert unquote(parts.fragment) in pages[target].anchors | {""}, f"{path}: {address}"


def test_what_leads_nowhere_is_an_error(tmp_path):
    wrong = {
        "[a](nowhere.md)": "cross-reference target not found: 'nowhere.md'",
        "[a](#missing)": "missing",
        "[a](../solvers/fem/forms.py#nowhere)": "has no nowhere",
        "![a](nowhere.png)": "image file not readable",
        "$\\frac{$": "formula",
    }
    (tmp_path / "docs").mkdir()
    (tmp_path / "solvers").symlink_to(ROOT / "solvers")
    (tmp_path / "docs" / "index.md").write_text("\n\n".join(["# Title", *wrong]))
    done = subprocess.run(docs_verb.command(tmp_path, tmp_path / "out"), capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    for link, complaint in wrong.items():
        assert any(complaint in line and "WARNING" in line for line in done.stderr.splitlines()), (link, done.stderr)
    (tmp_path / "docs" / "index.md").write_text("# Title\n\n[a](../solvers/fem/forms.py#drift)\n")
    done = subprocess.run(docs_verb.command(tmp_path, tmp_path / "out"), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_without_its_tools_the_verb_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(docs_verb, "TOOLS", ("json", "no_such_tool"))
    with pytest.raises(CaseError, match="needs no_such_tool; use"):
        docs_verb.build_docs(tmp_path)


def test_links_to_files_are_found():
    from site_parts.sources import LINK, functions_of

    assert [m[2] for m in LINK.finditer("[a](../x.py#f) ![b](y.png) [![c](z.png)](d.toml)")] == ["../x.py", "d.toml"]
    assert set(functions_of("class A:\n    def b(self): ...\n\nC = 1\n")) == {"A", "A.b", "C"}


def test_the_theory_has_its_formulas_and_its_functions(pages, site):
    theory = pages[site / "docs" / "theory.html"]
    assert theory.formulas > 100
    assert sum("files/" in address and "#" in address for address in theory.leads) > 70


def test_the_search_has_the_texts_of_all_sections_on_its_own_page_only(pages, site):
    text = (site / "_static" / "texts.js").read_text().removeprefix("const PAGE_TEXTS = ").rstrip().rstrip(";")
    texts = json.loads(text)
    scripts = {"_static/texts.js", "_static/search.js"}
    for path, page in pages.items():
        assert {urlsplit(address).path for address in page.loads} >= scripts or path.name != "search.html"
        assert not any("texts.js" in address for address in page.loads) or path.name == "search.html"
    assert {f"{name}.html" for name in texts} <= {path.relative_to(site).as_posix() for path in pages}
    for name, sections in texts.items():
        assert sections, name
        for anchors, _ in sections:
            assert set(anchors) <= pages[site / f"{name}.html"].anchors, name
    assert any("Poisson" in own for _, own in texts["docs/theory"])
    assert not any("frac{" in own for _, own in texts["docs/theory"])


def test_texts_of_formulas_are_read_without_signs_of_latex():
    from site_parts.search import text_of

    paragraph = nodes.paragraph("", "", nodes.Text("falls by "), nodes.math("", r"V_T\, \lambda_D"), nodes.Text(" ("))
    paragraph += [nodes.literal("", "layer"), nodes.Text(")\nhere.")]
    items = nodes.bullet_list("", nodes.list_item("", paragraph), nodes.list_item("", nodes.paragraph("", "Two.")))
    assert text_of(items) == "falls by V_T lambda_D (layer) here. Two."


#: What a person sees of code on a page: a button on each block, commands that break, and where a copy goes.
ON_A_PAGE = """
const blocks = [...document.querySelectorAll("div.highlight")];
seen.blocks = [blocks.length, document.querySelectorAll("div.highlight > button.copy").length];
const commands = [...document.querySelectorAll("pre.commands")];
seen.cut = commands.filter(pre => pre.scrollWidth > pre.clientWidth + 1).length;
seen.commands = commands.length;
let copied = "";
Object.defineProperty(navigator, "clipboard", {value: {writeText: async text => { copied = text; }}});
blocks.find(block => block.textContent.includes("run cases/")).querySelector("button").click();
await null;
seen.copied = copied;
"""


@needs_browser
def test_a_browser_shows_code_with_buttons_and_whole_commands(site, tmp_path):
    shutil.copytree(site / "_static", tmp_path / "_static")
    (tmp_path / "docs").mkdir()
    shutil.copy(site / "docs" / "tutorial.html", tmp_path / "docs")
    for (_, width), seen in look(
        tmp_path / "docs", [tmp_path / "docs" / "tutorial.html"], ON_A_PAGE, (360, 1280)
    ).items():
        assert seen["scroll"] <= seen["width"] <= width
        assert seen["blocks"][0] == seen["blocks"][1] > 20
        assert seen["commands"] > 15
        assert seen["cut"] == 0
        assert seen["copied"] == "./spine run cases/cylinder_iv.toml"


# --- the reference of the Python interface

#: Modules with public names.
PUBLIC = {
    "spinepnp", "spinepnp.geometries", "spinepnp.meshes", "spinepnp.solvers", "spinepnp.validation.laws",
    "spinepnp.validation.gnp", "spinepnp.validation.reference.onedimensional", "spinepnp.case", "spinepnp.run",
    "spinepnp.errors", "spinepnp.units",
}  # fmt: skip


def test_the_reference_describes_every_public_name_and_its_members(pages, site):
    from site_parts import api

    described = [site / "docs" / "api.html", *(site / "docs" / "api").glob("*.html")]
    anchors = set().union(*(pages[page].anchors for page in described))
    places = api.described(ROOT / "docs")
    modules = api.modules_of(ROOT / "docs")
    assert set(modules) >= PUBLIC
    for module in map(importlib.import_module, modules):
        for name in api.names_of(module):
            thing = getattr(module, name)
            place = places.get(id(thing), f"{module.__name__}.{name}")
            members = api.members_of(thing, places) if inspect.isclass(thing) else []
            assert {place, *(f"{place}.{member}" for member in members)} <= anchors


def test_the_reference_leads_to_types_and_to_the_source(pages, site):
    solvers = pages[site / "docs" / "api" / "solvers.html"].leads
    for target in ("#spinepnp.solvers.problem.solution.BoundaryState", "meshes.html#spinepnp.meshes.SpineMesh",
                   "../../files/solvers/steady.py.html#SteadyProblem.solve"):  # fmt: skip
        assert target in solvers


def test_a_docstring_is_prose_and_no_markup():
    from types import SimpleNamespace

    from site_parts import api

    app = SimpleNamespace(env=SimpleNamespace(api_names={"Solution": "spinepnp.solvers.Solution"}))
    text = api.escape(app, "|N/N0 - 1| of a `Solution` at c_ or `x|y` and ``z*``, 2*pi")
    assert (
        text == r"\|N/N0 - 1\| of a :py:obj:`Solution <spinepnp.solvers.Solution>` at c\_ or ``x|y`` and ``z*``, 2\*pi"
    )


# --- pages that are made


def test_the_page_of_results_is_that_of_the_code():
    assert (ROOT / "docs" / "results.md").read_text() == results_page.page(), "./spine list results > docs/results.md"


def test_the_gallery_is_that_of_the_validation_cases():
    from site_parts import gallery

    page = (ROOT / "docs" / "gallery.md").read_text()
    assert page == gallery.page(), "python docs/site_parts/gallery.py > docs/gallery.md"
    for picture in gallery.PICTURES.glob("*.png"):
        assert page.count(f"/{picture.name})") == 1
    for path in (ROOT / "cases" / "validation").glob("*.toml"):
        assert f"    ./spine validate {path.stem}\n" in page


def test_what_the_gallery_says_was_measured_has_passed():
    from site_parts import gallery

    checks = {subject.name: subject.plan for subject in load_subjects(ROOT / "cases" / "validation", [], full=True)}
    measured = json.loads(gallery.MEASURED.read_text())
    assert len(measured) > 70
    for name, entry in measured.items():
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", entry["date"])
        for number in entry["numbers"]:
            within = max(number["error"] or 0.0, number["estimate"] or 0.0) <= number["tolerance"] * 1.05  # two digits
            assert within or checks[name].neurons, name  # of these some are expected to differ


def test_results_of_a_record_replace_those_of_its_cases(tmp_path, monkeypatch):
    from site_parts import gallery

    monkeypatch.setattr(gallery, "MEASURED", tmp_path / "measured.json")
    gallery.MEASURED.write_text('{"other": {"date": "2026-01-01", "numbers": []}}')
    rows = [{"case": "line", "quantity": "V", "point": p, "why": "w", "tolerance": 1e-3, "passed": True, "error": e,
             "estimate": 2e-6} for p, e in (("1", 1e-5), ("2", -3.21e-5))]  # fmt: skip
    (tmp_path / "report.json").write_text(json.dumps(rows))
    gallery.take_results(tmp_path / "report.json")
    written = json.loads(gallery.MEASURED.read_text())
    assert list(written) == ["line", "other"]
    (number,) = written["line"]["numbers"]
    assert (number["error"], number["estimate"], number["points"]) == (3.2e-5, 2e-6, 2)
    (tmp_path / "report.json").write_text(json.dumps([*rows, rows[0] | {"passed": False}]))
    with pytest.raises(SystemExit, match="line has failed"):
        gallery.take_results(tmp_path / "report.json")


# --- commands

PAGES = [
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "api").glob("*.md")),
]
COMMANDS = typer.main.get_command(app)

#: Words of a command that stand for others.
PLACEHOLDER = re.compile(r"[A-Z_]+(\.[a-z]+)?(/\w+)?")

#: Files that a reader makes as a page says.
MADE = {"three_necks.toml", "sweep.toml", "my_spine.toml"}


def commands_of(page: Path) -> list[list[str]]:
    """Words after ./spine of each command of a page, on lines of their own and within the text."""
    text = page.read_text()
    lines = re.findall(r"^(?:    )?\./spine (.*)$", text, flags=re.M) + re.findall(r"`\./spine ([^`]*)`", text)
    found = [shlex.split(line.split(" > ")[0], comments=True) for line in lines]
    found = [words[2:] if words[:1] == ["-n"] else words for words in found]
    return [words for words in found if words]


def names_of(verb: str) -> set[str]:
    """What an argument of a verb can be, where that is a name."""
    known = {
        "new": list(SHAPES),
        "gnp": ["all", "table", "run", "list", *(entry["name"] for entry in catalogue.figures())],
        "validate": [entry["name"] for entry in catalogue.validation()],
        "list": [*catalogue.TOPICS, "keys", "results", "schema"],
        "bench": ["none", *(entry["name"] for entry in catalogue.benchmarks())],
    }
    return set(known.get(verb, ()))


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_every_command_of_a_page_is_one(page):
    made = {f"{path.stem}" for path in (ROOT / "cases").rglob("*.toml")} | {"necks", "bench", "validate"}
    for words in commands_of(page):
        if words[0] in ("...", "VERB", "--help"):
            continue
        command = COMMANDS.get_command(None, words[0])
        assert command is not None, words
        # What begins with one dash is for PETSc.
        rest = [word for word in words[1:] if word != "..." and not re.match("-[a-z]", word)]
        if "--help" in rest:
            continue
        parsed = command.make_context(words[0], list(rest), resilient_parsing=len(rest) < 1)
        arguments = [word for word in rest if not word.startswith("-")]
        for word in arguments:
            if word.endswith(".toml") and not PLACEHOLDER.fullmatch(word):
                own = f"new ball_neck --output {word}" in page.read_text() or word in MADE
                new = f"--output {word}" in " ".join(words)
                assert (ROOT / word).exists() or own or new, words
        if arguments and names_of(words[0]) and not PLACEHOLDER.fullmatch(arguments[0]):
            assert arguments[0] in names_of(words[0]), words
        output = parsed.params.get("output")
        made |= {Path(output).name} if output else {Path(a).stem for a in arguments if a.endswith(".toml")}
        if words[0] in ("plot", "report") and arguments[0] != "DIR":
            assert Path(arguments[0]).name in made, words


# --- names of the code

#: Top-level folders of the checkout; a path that begins with another name is not one of the checkout.
FOLDERS = (
    "benchmarks", "cases", "cluster", "containers", "docs",
    "geometries", "meshes", "solvers", "spinepnp", "tests", "validation",
)  # fmt: skip

#: Capitalised names on the pages that belong to other software: a header of Python, an error of the C compiler.
FOREIGN = {"Python.h", "CompileError"}

every_page = pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])


def code_spans(page: Path) -> set[str]:
    """Text between single backticks on a page, without its blocks of code."""
    return set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", page.read_text(), flags=re.S)))


@functools.cache
def classes() -> set[str]:
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    trees = [ast.parse(path.read_text()) for path in files]
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


@every_page
def test_public_names_on_a_page_can_be_imported(page):
    for span in code_spans(page):
        if re.fullmatch(r"spinepnp(\.\w+)+(\(.*\))?", span):
            pkgutil.resolve_name(span.partition("(")[0])


@every_page
def test_classes_on_a_page_exist(page):
    named = {span for span in code_spans(page) if re.fullmatch(r"[A-Z][a-z]\w*(\.\w+)*", span)}
    assert {span for span in named - FOREIGN if span.partition(".")[0] not in classes()} == set()


@every_page
def test_paths_on_a_page_exist(page):
    for span in code_spans(page):
        if re.fullmatch(r"[\w.*-]+(/[\w.*-]*)+", span) and span.partition("/")[0] in FOLDERS:
            assert re.search(r"/[A-Z]+\b", span) or any(ROOT.glob(span.rstrip("/"))), span
        elif re.fullmatch(r"\w+\.py", span):
            assert any(path for folder in FOLDERS for path in (ROOT / folder).rglob(span)), span


@every_page
def test_links_to_functions_have_their_names(page):
    for text, anchor in re.findall(r"\[([\w.]+)\]\([^)#\s]+\.py#([\w.]+)\)", page.read_text()):
        assert f".{anchor}".endswith(f".{text}"), f"{text}: {anchor}"


# --- a new user

#: Commands of the tutorial that take long, and the tests that run what they do.
LONG = {
    "./spine run cases/spine_alpha.toml": "test_transient_run.py",
    "./spine run cases/spine_surface.toml": "test_surface.py",
    "./spine run cases/spine_synapse.toml": "test_synapse_case.py",
    "./spine run cases/spine_synapse.toml --output runs/stronger "
    '--set boundaries.cap.mechanism.AMPA.conductance="2 nS" '
    "--unset boundaries.base.load.capacitance": "test_synapse_case.py",
    './spine run spine.toml --set geometry.neck_radius="75 nm" --set boundaries.cap.current.value="20 pA" '
    "--output runs/thin": "test_new_list_info.py",
    "./spine plot runs/spine_alpha_5ms": "test_plots.py",
    "./spine -n 2 batch three_necks.toml": "test_batch.py",
}

#: Runs commands one after another in one process, as ./spine does each.
ONE_AFTER_ANOTHER = """
import json, shlex, sys
from spinepnp.__main__ import _run
for line in json.loads(sys.argv[1]):
    print("$", line, flush=True)
    try:
        code = _run(shlex.split(line)[1:], False)
    except SystemExit as end:
        code = end.code or 0
    assert code == 0, f"{line}: {code}"
"""


@pytest.fixture(scope="module")
def walked(tmp_path_factory) -> tuple[Path, str]:
    """The tutorial from its first line to its last in a folder of its own, but for what takes long."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "cases").symlink_to(ROOT / "cases")
    text = (ROOT / "docs" / "tutorial.md").read_text()
    (folder / "three_necks.toml").write_text(re.search(r"`three_necks.toml`.*?```toml\n(.*?)```", text, flags=re.S)[1])
    lines = re.findall(r"^    (\./spine .*)$", text, flags=re.M)
    assert set(LONG) <= set(lines)
    assert set(LONG.values()) <= {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    lines = [line for line in lines if line not in LONG or " batch " in line]
    lines = [line.replace("./spine -n 2", "./spine") for line in lines]
    command = [sys.executable, "-c", ONE_AFTER_ANOTHER, json.dumps(lines)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, env=environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder, done.stdout


def test_the_tutorial_works_as_written(walked):
    folder, said = walked
    for name in ("iv.png", "potential.png", "profile.png"):
        assert (folder / "runs" / "cylinder_iv" / name).exists()
    assert (folder / "runs" / "spine_mesh" / "mesh.png").exists()
    assert (folder / "runs" / "spine_alpha_5ms" / "trace.png").exists()
    assert (folder / "runs" / "three_necks" / "report.html").exists()
    cap = json.loads((folder / "runs" / "spine" / "summary.json").read_text())["boundaries"]["cap"]["potential_mV"]
    assert f"The cap is at {cap:.1f} mV." in (ROOT / "docs" / "tutorial.md").read_text()
    peaks = json.loads((folder / "runs" / "spine_alpha_5ms" / "summary.json").read_text())["peaks"]
    peak = peaks["cap.potential_mV"]
    said_of_it = (
        f"{peak['value']:.2f} mV at the cap after {peak['time_ms']:.2f} ms, {peak['half_width_ms']:.1f} ms wide"
    )
    assert said_of_it in " ".join((ROOT / "docs" / "tutorial.md").read_text().split())
    table = pandas.read_csv(folder / "runs" / "neck_synapse" / "observables.csv", index_col=0)
    row = table.loc[200.0]
    said_of_it = (
        f"{row['base.load.current_pA']:.1f} pA enter, the dendrite rises to {row['base.potential_mV']:.1f} mV and the "
        f"top of the neck to {row['top.potential_mV']:.1f} mV"
    )
    assert said_of_it in " ".join((ROOT / "docs" / "tutorial.md").read_text().split())
    # The frame of the table in README, and its last lines; its numbers are held elsewhere.
    printed = re.search(r"```\n(I-V law.*?)```", (ROOT / "README.md").read_text(), flags=re.S)[1]
    for line in printed.splitlines():
        assert line in said or "ok" in line, line


def known(section: str) -> set[str]:
    return set(GROUPS[section].names)


def pattern(column: str, names: set[str], species: set[str]) -> str:
    """A column with NAME, SPECIES and NUMBER in place of names."""
    parts = ["NAME" if i == 0 and part in names else "SPECIES" if part in species else part
             for i, part in enumerate(column.split("."))]  # fmt: skip
    return ".".join("NUMBER" if part.isdecimal() else part for part in parts)


TRANSIENT = {
    "geometry": {"shape": "cylinder", "length": "1 um", "radius": "100 nm", "dimension": "1d"},
    "electrolyte": {"species": [ion("Na", 1, 150), ion("Cl", -1, 150)]},
    "boundaries": {
        "base": BATH,
        "top": {
            "current": {"species": "Na", "waveform": "alpha", "value": "10 pA", "t_peak": "1 ms"},
            "channel": {"law": "sigmoid", "species": "Na", "maximum": "1 pA", "half": "1 mV", "slope": "1 mV",
                        "gates": [{"half": "0 mV", "slope": "5 mV", "time": "1 ms"}]},
        },
    },
    "study": {"kind": "transient", "duration": "1 ms"},
    "probes": {"middle": ["0 nm", "0 nm", "500 nm"]},
    "regions": {"half": ["0 nm", "500 nm"]},
}  # fmt: skip


def test_every_column_of_results_is_told(walked, comm, tmp_path):
    """Of a sweep against a law, of a transient with all there is, and of a batch."""
    (tmp_path / "case.toml").write_text(tomli_w.dumps(TRANSIENT))
    run_case(tmp_path / "case.toml", comm, tmp_path / "transient")
    runs, names = walked[0] / "runs", {"base", "top", "cap", "wall", "middle", "half"}
    species = {"Na", "Cl", "C", "A"}
    columns = set().union(*map(known, GROUPS))
    solver = {*(column.name for column in STEP), *results_page.statistics(), *results_page.BATCH}
    for folder in (tmp_path / "transient", runs / "cylinder_iv", runs / "three_necks"):
        told = {pattern(c, names, species) for c in header(folder / "observables.csv")}
        axes = {c for c in told if c.startswith(("boundaries.", "geometry."))}
        assert told - axes - columns - set(results_page.BATCH) == set(), folder
        assert {c for c in header(folder / "solver.csv") if not c.startswith("boundaries.")} <= solver
        files = {name.rstrip("/") for part in results_page.FILES.values() for name in part}
        assert {p.name for p in folder.iterdir()} <= files | {"cases"}, folder
    for folder in (tmp_path / "transient", runs / "cylinder_iv"):
        summary = json.loads((folder / "summary.json").read_text())
        rest = {k: v for k, v in summary.items() if k not in ("boundaries", "probes", "regions", "volume", "law")}
        for key, value in rest.items():
            inner = value if isinstance(value, dict) and key not in ("versions", "peaks") else {}
            paths = {f"{key}.{name}" for name in inner} or {"peaks.COLUMN.value" if key == "peaks" else key}
            assert paths <= {*(column.name for column in SUMMARY), *columns}, paths


def header(path: Path) -> list[str]:
    return path.read_text().splitlines()[0].split(",")


def test_the_recipes_of_the_cookbook_run(walked, monkeypatch, capsys):
    monkeypatch.chdir(walked[0])
    monkeypatch.setitem(LAWS, "ohm", LAWS["cylinder"])  # a recipe adds it; other tests must not see it
    text = (ROOT / "docs" / "cookbook.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    assert len(blocks) >= 6
    for block in blocks:
        exec(compile(block, "cookbook.md", "exec"), {})  # our own file
    said = capsys.readouterr().out
    straight, bent = (float(re.search(rf"^{name} ([\d.]+)", said, flags=re.M)[1]) for name in ("Cylinder", "BentNeck"))
    assert bent / straight - 1.0 == pytest.approx(-0.005, abs=0.001)  # "half a per cent below"
    tables = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", text, flags=re.S)]
    csv = re.search(r"```text\n(potential_mV.*?)```", text, flags=re.S)[1]
    Path("my_channel.csv").write_text(csv)
    for entry in tables:
        if "ring" in entry.get("boundaries", {}):
            Channel.model_validate(entry["boundaries"]["ring"]["channel"][0]).check()
            continue
        if "study" in entry:
            crowded = tomllib.loads((CASES / "neck_crowded.toml").read_text())
            assert len(make_case(crowded | entry).points()) == len(entry["study"]["values"])
            continue
        shape = SHAPES[entry["geometry"]["shape"]].model_validate(entry["geometry"])
        shape.check()
        assert set(shape.named) >= {"base", "wall", *entry.get("boundaries", ["psd"])}


def test_the_examples_of_validation_run(capsys):
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "validation.md").read_text(), flags=re.S):
        exec(compile(block, "validation.md", "exec"), names)  # our own file
    assert float(capsys.readouterr().out.split()[0]) > 0.0


def test_the_names_of_the_neuron_example_are_there():
    """Its runs, and the table, are those of test_gnp.py and test_gnp_table.py."""
    block = (ROOT / "docs" / "gnp.md").read_text().partition("In Python:")[2].partition("**What p_open")[0]
    found = re.findall(r"\b(gnp|data|table)\.([A-Za-z_]\w*)", block.replace("validation.gnp", ""))
    assert len(found) >= 6
    for module, name in found:
        assert hasattr({"gnp": gnp, "data": data, "table": table}[module], name), f"{module}.{name}"


def test_the_field_along_a_dendrite_has_the_charge_that_the_theory_says():
    """A part eps r/(2 C_m lambda^2) of that of the membrane, with lambda^2 = r R_M/(2 R_A) and R_A = 1 Ohm m."""
    case = make_case(tomllib.loads((CASES / "rallpack_1.toml").read_text()))
    wall, r = case.boundaries["wall"], case.geometry.radius
    square = r / wall.mechanisms[0].conductance_density(1.0) / 2.0
    part = case.electrolyte.absolute_permittivity * r / (2.0 * wall.capacitance.value * square)
    text = " ".join((ROOT / "docs" / "theory.md").read_text().split())
    said = f"{float(f'{part:.0e}'):.0e}".replace("e-0", "e-")
    assert f"of the charge of the membrane, {said} in a dendrite of 1 um" in text
    assert square == pytest.approx(1e-3**2)


def test_the_notebook_runs(tmp_path):
    notebook = nbformat.read(ROOT / "docs" / "notebooks" / "neck.ipynb", as_version=4)
    kept = outputs_of(notebook)
    assert sum("image/png" in kinds for kinds, _ in kept) == 2  # the body and the curve
    assert sum("text/html" in kinds for kinds, _ in kept) == 2  # tables
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    folder = {"metadata": {"path": str(tmp_path)}}
    client = NotebookClient(notebook, timeout=120, kernel_name="python3", resources=folder)
    client.execute(env=environment)
    for (kinds, numbers), (kinds_kept, numbers_kept) in zip(outputs_of(notebook), kept, strict=True):
        assert kinds == kinds_kept
        assert numbers == pytest.approx(numbers_kept, rel=1e-3)
    deviation = next(numbers for kinds, numbers in kept[::-1] if numbers)[0]
    assert 0.0 < deviation < 1e-3


def outputs_of(notebook):
    """Kinds of the outputs of each cell, without warnings, and the numbers in its text but for sizes of pictures."""
    found = []
    for cell in notebook.cells:
        outputs = [o for o in cell.get("outputs", ()) if o.get("name") != "stderr"]
        kinds = {kind for o in outputs for kind in o.get("data", {o.output_type: ""})}
        text = "".join(o.get("text", "") or o.get("data", {}).get("text/plain", "") for o in outputs)
        numbers = [float(n) for n in re.findall(r"-?\d+\.\d+(?:e-?\d+)?", re.sub("<.*?>", "", text))]
        found.append((kinds, numbers))
    return found


def test_errors_of_the_troubleshooting_page_are_errors_of_the_code():
    rooms = ("geometries", "meshes", "solvers", "validation", "spinepnp")
    source = "\n".join(p.read_text() for room in rooms for p in (ROOT / room).rglob("*.py") if not p.is_symlink())
    source = re.sub(r'"\s*\n\s*f?"', "", source) + (ROOT / "spine").read_text()
    source += "No such option, No such command"  # of typer
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    for symptom in re.findall(r"^\*\*(.*?)\*\*", page, flags=re.M):
        for line in re.findall(r"`([^`]*)`", symptom):
            for part in filter(None, map(str.strip, line.split("..."))):
                assert part in source, line


@pytest.mark.parametrize("place", ["/proc/x", "", "file"])
def test_a_folder_that_cannot_hold_the_site_is_told_in_a_line(verb, tmp_path, place):
    (tmp_path / "file").write_text("")
    done = verb("docs", "--output", place)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "--output" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
