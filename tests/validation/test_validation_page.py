"""The page of a validation: what stands on it, that it is safe and whole, and how it looks in a browser."""

import base64
import html.parser
import json
import re
import tomllib
from dataclasses import asdict, replace
from xml.etree import ElementTree

import matplotlib.figure
import numpy as np
import pytest
import pyvista

from spinepnp.pages.body import viewer_html
from spinepnp.plots.style import ColourScale
from spinepnp.validation.report import error_bars, page, previous, statements
from spinepnp.validation.report.environment import Environment
from spinepnp.validation.report.errata import ERRATA
from spinepnp.validation.report.evidence import Evidence, MissingError, anchors
from spinepnp.validation.report.figures import drawing
from spinepnp.validation.report.figures.drawing import Drawn, Job, LeftOutError, Sheet, draw_all, select_jobs
from spinepnp.validation.report.figures.list import jobs
from spinepnp.validation.report.page import Contents, render, write_page
from spinepnp.validation.suite.assess import Verdict
from spinepnp.validation.suite.plan import load_subjects
from support import CASES, ROOT
from support.browser import look, needs_browser

FOLDER = CASES / "validation"
HERE = Environment({"spinepnp": "1", "numpy": "2"}, "1+abc", "a <machine>", 1, "2026-01-01 00:00", 12.0)

#: Something that would run if a page did not escape it.
EVIL = '<script>alert("x")</script>'


def verdict(case="line", quantity="top.potential_mV", point="10 pA", **changes):
    plain = Verdict(
        case=case, quantity=quantity, point=point, reference=2.0, value=2.00002, error=1e-5, estimate=2e-5,
        uncertainty=1e-6, tolerance=1e-4, passed=True, figure="001 Fig 1", why="why so", seconds=0.5,
    )  # fmt: skip
    return replace(plain, **changes)


FAILED = verdict("cone", passed=False, value=2.1, error=5e-2, verdict="differs")
PRINTED = verdict("neurons_channels", "P_KG", "", estimate=None, verdict="differs", why="power of ten", error=-0.9)
SAMPLE = [FAILED, verdict("cone", point="20 pA"), verdict(), verdict(point="50 pA"), PRINTED]


def contents(verdicts=SAMPLE, **changes):
    subjects = load_subjects(FOLDER, ["line", "cone", "neurons_channels"], full=False)
    return Contents(subjects, verdicts, HERE, **changes)


def picture(name="fig", **changes):
    canvas = matplotlib.figure.Figure(figsize=(2, 1))
    canvas.add_subplot().plot([0, 1])
    uri, size = drawing.encoded(Sheet(canvas, "", ""))
    return replace(Drawn(name, "001", "A figure", "a line", uri, size, "caption", "a line that rises"), **changes)


class Tags(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def named(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


# --- what stands on it


def test_failed_cases_come_first_and_counts_are_right():
    text = render(contents())
    assert text.index('id="failed"') < text.index('id="case-cone"') < text.index('id="trust"') < text.index("case-line")
    assert "1 of 3 cases FAILED" in text
    assert re.search(r"<b>4 of 5</b><span>numbers", text)
    assert re.search(r'class="failed"[^>]*>\s*<summary>', text)
    good = render(contents([v for v in SAMPLE if v.passed]))
    assert "FAILED" not in good
    assert 'id="failed"' not in good
    assert "all 3 cases passed" in good


def test_every_number_has_its_row_and_every_link_its_place():
    text = render(contents(drawn=[picture()]))
    tags = Tags(text)
    assert tags.open == []
    places = [attributes["id"] for _, attributes in tags.found if "id" in attributes]
    assert len(places) == len(set(places))
    assert {anchor for _, anchor in anchors(SAMPLE)} <= set(places)
    assert {a["href"][1:] for a in tags.named("a")} <= set(places)
    assert "power of ten" in text
    assert "differs, as expected" in text
    for cell in ("2.00002", "+1.0e\N{MINUS SIGN}05", "2.0e\N{MINUS SIGN}05", "why so", "top.potential_mV"):
        assert cell in text


def test_error_bars_are_counted():
    found = error_bars.bars([verdict(error=1e-5), verdict(error=5e-5), verdict(error=1e-7), PRINTED])
    assert found.number == 3
    assert found.covered == pytest.approx(2 / 3)
    assert found.within == pytest.approx(2 / 3)
    assert found.largest == pytest.approx(0.5)
    assert error_bars.bars([PRINTED]) is None
    assert "are covered by their error bar" not in render(contents([PRINTED]))


def test_whatever_stands_in_a_number_is_escaped():
    evil = verdict(EVIL, EVIL, EVIL, reference=EVIL, value=EVIL, why=EVIL, reason=EVIL, passed=False, figure=EVIL)
    figure = picture(title=EVIL, caption=EVIL, alt=EVIL, shows=EVIL, error=EVIL)
    then = previous.PreviousReport(
        EVIL, ({"case": EVIL, "quantity": EVIL, "point": EVIL, "passed": True, "value": EVIL},)
    )
    text = render(contents([evil], drawn=[figure, replace(figure, error="")], previous=then))
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_nothing_is_fetched_from_elsewhere(tmp_path):
    path = write_page(contents(drawn=[picture()]), tmp_path)
    text = path.read_text()
    tags = Tags(text)
    links = [a.get(key, "") for _, a in tags.found for key in ("src", "href", "srcset", "action")]
    assert all(link.startswith(("#", "data:")) for link in links if link)
    assert not re.search(r"@import|url\(|https?://|//cdn", text)
    assert tags.named("html")[0]["lang"] == "en"
    assert all(image["alt"] for image in tags.named("img"))
    assert [name for name, _ in tags.found if name == "h1"] == ["h1"]


def test_images_can_be_decoded():
    canvas = matplotlib.figure.Figure(figsize=(2, 1))
    canvas.add_subplot().plot(np.arange(5))
    uri, size = drawing.encoded(Sheet(canvas, "", "", vector=False))
    assert size == (192, 96)
    assert base64.b64decode(uri.partition(",")[2]).startswith(b"\x89PNG\r\n")
    uri, _ = drawing.encoded(Sheet(canvas, "", ""))
    assert ElementTree.fromstring(base64.b64decode(uri.partition(",")[2])).tag.endswith("svg")


def test_what_the_page_is_made_of_is_packaged():
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    there = {path.name for path in (ROOT / "validation" / "report").iterdir() if path.suffix not in (".py", "")}
    assert there == set(packaged["spinepnp.validation.report"])


# --- figures and errata


def test_a_figure_that_fails_leaves_the_page_whole(comm):
    def breaks(_evidence, _comm):
        raise ValueError("no such <thing>")

    def leaves(_evidence, _comm):
        raise LeftOutError("no screen")

    def lacks(evidence, _comm):
        return evidence.all("nowhere", "nothing")

    made = [Job(work.__name__, "001", work.__name__, "", work, ("line",)) for work in (breaks, leaves, lacks)]
    broken, left, lacking = drawn = draw_all(made, SAMPLE, comm)
    assert broken.error == "ValueError: no such <thing>"
    assert (left.error, left.left_out) == ("", "no screen")
    assert "nowhere" in lacking.left_out
    text = render(contents([verdict()], drawn=drawn))
    assert "no such &lt;thing&gt;" in text
    assert "1 figure could not be drawn" in text
    assert "Left out: no screen." in text


@pytest.mark.mpi
def test_ranks_share_the_figures_and_all_have_them(comm):
    def work(evidence, alone):
        assert alone.size == 1
        canvas = matplotlib.figure.Figure(figsize=(1, 1))
        return Sheet(canvas, f"{len(evidence.verdicts)} numbers", "nothing", {"rank": float(comm.rank)})

    drawn = draw_all([Job(f"j{i}", "", f"{i}", "", work, ()) for i in range(6)], SAMPLE, comm)
    assert [figure.name for figure in drawn] == [f"j{i}" for i in range(6)]
    assert all(figure.caption == "5 numbers" and not figure.error for figure in drawn)
    assert len({json.dumps([f.numbers for f in part]) for part in comm.allgather(drawn)}) == 1


def test_every_figure_belongs_to_cases_that_exist():
    names = {path.stem for path in FOLDER.glob("*.toml")}
    listed = jobs(sorted(names))
    assert len({job.name for job in listed}) == len(listed)
    for job in listed:
        assert set(job.cases) <= names
        assert job.cases
        assert job.paper in page.PAPERS
    assert select_jobs(listed, ()) == listed
    assert [job.name for job in select_jobs(listed, ["box1_salt"])] == ["overview", "fig-000-box1"]


def test_a_neck_is_drawn_from_solved_data(comm):
    (job,) = (job for job in jobs(["line"]) if job.name == "fig-001-1cd")
    (drawn,) = draw_all([job], [], comm)
    assert drawn.error == drawn.left_out == ""
    for radius in (50, 75, 100):
        assert drawn.numbers[f"V_{radius}"] == pytest.approx(drawn.numbers[f"law_{radius}"], rel=1e-3)
        assert drawn.numbers[f"V_{radius}"] != drawn.numbers[f"law_{radius}"]
    assert drawn.uri.startswith("data:image/svg+xml;base64,")


def test_findings_quote_what_was_computed_and_stay_silent_without_it():
    solved = verdict("cylinder_100", "top.potential_mV", "100 pA", value=10.1335, reference=10.1335)
    evidence = Evidence([solved], {"fig": {"V": 1.0}})
    told = statements.resistance(evidence)
    assert '<a href="#v-cylinder_100-0">10.1335 mV</a>' in told
    assert "101.3 MOhm" in told
    found = page.statements_of(ERRATA, evidence)
    assert [erratum.statement for erratum, _ in found] == [statements.resistance]
    assert page.statements_of(ERRATA, Evidence([])) == []
    assert evidence.number("fig", "V") == 1.0
    assert evidence.any("nowhere", "V") == []
    with pytest.raises(MissingError):
        evidence.number("fig", "W")
    failed = replace(solved, value=None, reference=None)
    with pytest.raises(MissingError):
        Evidence([failed]).at("cylinder_100", "top.potential_mV", "100 pA")


def test_minus_signs_are_put_where_numbers_are():
    assert drawing.minus("-1.5e-05 mV, 3-species, a-b") == "\N{MINUS SIGN}1.5e\N{MINUS SIGN}05 mV, 3-species, a-b"
    assert drawing.minus('<a href="#v-line-0">') == '<a href="#v-line-0">'


def tetrahedra():
    """A cube of five tetrahedra with a field."""
    points = np.array([[x, y, z] for x in (0.0, 1.0) for y in (0.0, 1.0) for z in (0.0, 1.0)])
    cells = np.array([[0, 3, 5, 6], [1, 0, 3, 5], [2, 0, 3, 6], [4, 0, 5, 6], [7, 3, 5, 6]])
    grid = pyvista.UnstructuredGrid({pyvista.CellType.TETRA: cells}, points)
    grid.point_data["V"] = points[:, 2]
    return grid


LOOKS = {"V": ColourScale("V (mV)", "viridis", (0.0, 1.0))}


def test_a_body_to_turn_holds_its_field():
    text = viewer_html(tetrahedra(), LOOKS)
    data = json.loads(re.search(r'type="application/json"[^>]*>(.*?)</script>', text).group(1))
    points = np.frombuffer(base64.b64decode(data["points"]), "<f4").reshape(-1, 3)
    triangles = np.frombuffer(base64.b64decode(data["triangles"]), "<u4").reshape(-1, 3)
    (field,) = data["fields"]
    values = np.frombuffer(base64.b64decode(field["values"][0]), "<u2") / 65535.0
    assert triangles.max() == len(points) - 1 == len(values) - 1
    assert values == pytest.approx(points[:, 2], abs=1e-4)
    assert (field["label"], field["unit"], field["limits"]) == ("V", "mV", [0.0, 1.0])
    cut = triangles[len(base64.b64decode(data["patches"])) :]
    assert len(cut) > 1
    assert points[cut][:, :, 1] == pytest.approx(data["plane"])
    assert data["plane"] == 0.5


# --- comparison with the run before


def as_previous(verdicts):
    return previous.PreviousReport("yesterday", tuple(asdict(v) for v in verdicts))


def test_changes_are_told_the_worst_first():
    now = [verdict(passed=False, error=1.0), verdict(point="50 pA"), verdict("new"), verdict(point="1 pA", error=9e-5)]
    then = as_previous([verdict(), verdict(point="50 pA", error=1.0001e-5), verdict(point="1 pA"), verdict("old")])
    kinds = [(change.kind, change.case, change.point) for change in previous.changes(then, now, whole=True)]
    assert kinds == [("fails now", "line", "10 pA"), ("error moved", "line", "1 pA"), ("new", "new", "10 pA"),
                     ("gone", "old", "10 pA")]  # fmt: skip
    assert all(c.kind != "gone" for c in previous.changes(then, now, whole=False))
    text = render(contents(now, previous=then))
    assert "yesterday" in text
    assert text.index("fails now") < text.index("error moved")
    same = render(contents(SAMPLE, previous=as_previous(SAMPLE)))
    assert "Nothing has changed" in same


def test_two_references_of_one_number_are_kept_apart():
    both = [verdict(error=1e-5), verdict(error=5e-5)]
    assert previous.changes(as_previous(both), both, whole=True) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", "[1]", '[{"case": 1}]', "no json"])
def test_a_report_that_cannot_be_read_is_none(tmp_path, text):
    (tmp_path / "report.json").write_text(text)
    assert previous.read_previous(tmp_path) is None
    assert previous.read_previous(tmp_path / "nowhere") is None


def test_the_verb_writes_the_page_and_compares(spinepnp, verb, tmp_path):
    spinepnp("validate", "cone", "--output", "out", exit_code=0)
    text = (tmp_path / "out" / "report.html").read_text()
    assert "some cases only" in text
    assert "Since the last run" not in text
    assert "data:image/svg+xml" in text
    rows = json.loads((tmp_path / "out" / "report.json").read_text())
    rows[0]["passed"] = False
    (tmp_path / "out" / "report.json").write_text(json.dumps(rows))
    verb("validate", "cone", "--output", "out", "--no-figures", exit_code=0)
    text = (tmp_path / "out" / "report.html").read_text()
    assert "passes now" in text
    assert "data:image/svg+xml" not in text


# --- in a browser


@needs_browser
def test_a_browser_shows_it_whole_also_on_a_phone(tmp_path):
    solid = picture("wide", size=(2000, 100), extra=viewer_html(tetrahedra(), LOOKS))
    path = write_page(contents(drawn=[picture(), solid]), tmp_path)
    for (_, width), seen in look(tmp_path, [path], widths=(400, 1280)).items():
        assert seen["images"] == 2
        assert (seen["bad"], seen["wide"]) == (0, [])
        assert seen["scroll"] <= seen["width"] <= width
