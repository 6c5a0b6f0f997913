"""Report of a run: its numbers are those of the results, it needs nothing else, and nothing of a case is markup."""

import base64
import csv
import html.parser
import json
import tomllib

import numpy as np
import pytest
import pyvista
import tomli_w

from spinepnp.case.case import load_case
from spinepnp.pages import body, page, traces
from spinepnp.pages.curves import thinned
from spinepnp.pages.facts import currents_table
from spinepnp.pages.profiles import profile_charts
from spinepnp.plots.membranes import without_layers
from spinepnp.plots.style import ColourScale
from support import CASES
from support.browser import look, needs_browser
from support.commands import STACK, call, refused, run, run_code
from support.interruptions import LINE, SWEEP, TRANSIENT, VALUES

#: Something that would run if a page did not escape it.
EVIL = "</script><script>alert(1)</script><b>bold</b> & 'quoted'"

#: A transient of a meridian in a second.
MERIDIAN = tomllib.loads(TRANSIENT) | {"title": EVIL, "mesh": {"size": "60 nm"}}
MERIDIAN["geometry"] = MERIDIAN["geometry"] | {"dimension": "axisymmetric"}

#: A body in space in a second.
TOP = {"current": {"species": "Na", "value": "1 pA"}}
SOLID = MERIDIAN | {"geometry": MERIDIAN["geometry"] | {"dimension": "3d"}, "study": {"kind": "steady"}}
SOLID["boundaries"] = MERIDIAN["boundaries"] | {"top": TOP}


class Page(html.parser.HTMLParser):
    """Scripts, data, texts of headings, links and numbers of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.numbers, self.data, self.headings = [], [], [], {}, []
        self._open, self._id = "", ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append(tag)
        self.links += [given[key] for key in ("href", "src") if key in given]
        self.numbers += [float(given["value"])] if tag == "data" else []
        self._open, self._id = tag, given.get("id", "")

    def handle_data(self, text):
        if self._open == "script" and self._id:
            self.data[self._id] = json.loads(text)
        elif self._open in ("h1", "h2"):
            self.headings.append(text.strip())
        self._open = ""


def array(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


@pytest.fixture(scope="module")
def transient(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transient")
    (folder / "case.toml").write_text(tomli_w.dumps(MERIDIAN))
    assert run(folder / "case.toml", "--output", folder / "out") == 0
    return folder / "out"


@pytest.fixture(scope="module")
def solid(tmp_path_factory):
    folder = tmp_path_factory.mktemp("solid")
    (folder / "case.toml").write_text(tomli_w.dumps(SOLID))
    assert run(folder / "case.toml", "--output", folder / "out") == 0
    return folder / "out"


def test_numbers_are_those_of_the_results(transient):
    summary = json.loads((transient / "summary.json").read_text())
    numbers = set(Page((transient / "report.html").read_text()).numbers)
    states = [*summary["boundaries"].values(), summary["volume"]]
    assert {state["potential_mV"] for state in states} <= numbers
    assert {value for state in states for value in state["concentration_mM"].values()} <= numbers
    assert {value for state in states for value in state.get("current_pA", {}).values() if value} <= numbers
    assert {summary["peaks"]["top.potential_mV"][key] for key in ("value", "time_ms")} <= numbers
    assert {summary["seconds"], summary["mesh"]["cells"], summary["debye_length_nm"]} <= numbers


def test_curves_are_those_of_the_trace(transient):
    data = Page((transient / "report.html").read_text()).data
    shown = {curve["name"]: curve for curve in data["trace-1"]["curves"]}
    with (transient / "trace.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert np.array_equal(array(shown["top"]["x"], "<f8"), [float(row["time_ms"]) for row in rows])
    assert np.array_equal(array(shown["top"]["y"][0], "<f8"), [float(row["top.potential_mV"]) for row in rows])


def test_the_body_has_the_fields_of_all_times_and_its_boundaries(transient):
    content = Page((transient / "report.html").read_text()).data
    data = content["data-body"]
    assert content["frames-body"] == ["t = 0 ms", "t = 2 ms", "t = 5 ms", "t = 10 ms"]
    assert data["names"] == ["base", "top", "wall"]
    assert [field["label"] for field in data["fields"]] == ["potential", "Na", "Cl"]
    points = array(data["points"], "<f4").reshape(-1, 2)
    case = load_case(transient / "case.toml")
    for number, field in enumerate(data["fields"]):
        for frame, text in enumerate(field["values"]):
            grid = without_layers(case, pyvista.read(transient / "fields" / f"{frame:04d}.vtu"))  # cells are too large
            name = ("potential_mV", "concentration_mM.Na", "concentration_mM.Cl")[number]
            nearest = [grid.find_closest_point((*point, 0.0)) for point in points]
            values = field["low"] + array(text, "<u2") / 65535.0 * (field["high"] - field["low"])
            assert values == pytest.approx(grid[name][nearest], abs=1e-4 * (field["high"] - field["low"]))


def test_files_of_fields_name_the_facets_of_boundaries(solid, transient):
    """Their areas are those of the boundaries, with the facets as straight ones of a neck with a curved wall."""
    for folder, along in ((solid, 2), (transient, 1)):
        grid = pyvista.read(folder / "fields.vtu")
        boundaries = json.loads((folder / "summary.json").read_text())["boundaries"]
        marked = body.marked_facets(grid)
        assert list(marked) == sorted(boundaries)
        for name, facets in marked.items():
            x = np.asarray(grid.points)[facets[:, : along + 1]]
            if along == 2:
                area = np.linalg.norm(np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]), axis=1).sum() / 2.0
            else:
                area = (2.0 * np.pi * x[:, :, 0].mean(axis=1) * np.linalg.norm(x[:, 1] - x[:, 0], axis=1)).sum()
            assert area == pytest.approx(boundaries[name]["area_um2"], rel=0.1 if along == 2 else 1e-9)


def test_it_needs_no_other_file_and_nothing_of_a_case_is_markup(transient, solid):
    for folder in (transient, solid):
        text = (folder / "report.html").read_text()
        found = Page(text)
        assert found.headings[0] == EVIL
        assert "b" not in found.tags
        assert text.count("<script") == len(found.data) + 2  # viewer and curves
        outside = [link for link in found.links if ":" in link and not link.startswith("data:")]
        assert outside == []
        assert [link for link in found.links if link[0] not in "#d" and not (folder / link).exists()] == []
        assert len(text) < 3e6


def test_data_of_a_script_cannot_end_it():
    text = page.script_data({"name": "</script><!-- & \u2028"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"name": "</script><!-- & \u2028"}


def test_the_verb_makes_it_again_without_dolfinx(transient, tmp_path):
    before = (transient / "report.html").read_text()
    (transient / "report.html").unlink()
    code = f"""
import sys
from spinepnp.__main__ import _run
sys.exit(_run(["report", {str(transient)!r}], False))
"""
    done = run_code(code, cwd=tmp_path, blocked=STACK | {"gmsh"})
    assert done.stdout.split() == [str(transient / "report.html")]
    again = (transient / "report.html").read_text()

    def numbers(text):
        found = Page(text)
        return found.numbers, found.data

    assert numbers(again) == numbers(before)


def test_what_the_terminal_prints_stands_on_it(solid, capfd):
    assert call("run", solid / "case.toml", "--output", solid, "--resume") == 0
    text = (solid / "report.html").read_text()
    printed = capfd.readouterr().out
    line = next(line for line in printed.splitlines() if line.startswith("estimated error"))
    assert line in text
    cells = next(line for line in printed.splitlines() if "ok" in line).replace("│", " ").split()
    assert all(f"<td>{cell}</td>" in text for cell in cells)
    assert "report.html, pictures: " in printed


def test_a_run_that_failed_says_why(tmp_path, capfd):
    failing = LINE + '[boundaries.top]\ncurrent = { species = "Na", value = "300 pA" }\n[solver]\nmax_newton = 1\n'
    (tmp_path / "case.toml").write_text(failing + 'continuation = "none"\n[study]\nkind = "steady"\n')
    assert run(tmp_path / "case.toml", "--output", tmp_path / "out") == 1
    reason = json.loads((tmp_path / "out" / "summary.json").read_text())["reason"]
    found = Page((tmp_path / "out" / "report.html").read_text())
    assert "Failed" in found.headings
    assert reason.split(";")[0] in (tmp_path / "out" / "report.html").read_text().replace("&#39;", "'")
    assert "could not be drawn" not in capfd.readouterr().err


def test_a_sweep_has_curves_over_its_values_and_transients_have_pages_of_their_own(tmp_path):
    (tmp_path / "case.toml").write_text(SWEEP.replace(VALUES, '"2 pA", "5 pA"'))
    assert run(tmp_path / "case.toml", "--output", tmp_path / "out") == 0
    data = Page((tmp_path / "out" / "report.html").read_text()).data
    assert data["trace-1"]["x"] == "current at the top (pA)"
    assert data["frames-profiles"] == ["current at the top = 2 pA", "current at the top = 5 pA"]
    (tmp_path / "out" / "points" / "0001.vtu").unlink()
    assert call("report", tmp_path / "out") == 0  # without a slider the page tells which point is shown
    assert (
        "<h2>Profiles <small>current at the top = 5 pA</small></h2>" in (tmp_path / "out" / "report.html").read_text()
    )
    varied = 'vary = "boundaries.top.current.value"\nvalues = ["20 pA", "50 pA"]\n'
    (tmp_path / "case.toml").write_text(
        TRANSIENT.replace("10 ms", "1 ms").replace('"2 ms", "5 ms"', '"0.5 ms"') + varied
    )
    assert run(tmp_path / "case.toml", "--output", tmp_path / "out", "--force") == 0
    found = Page((tmp_path / "out" / "report.html").read_text())
    assert {"points/0001/report.html", "points/0002/report.html"} <= set(found.links)
    assert found.data["trace-1"]["y"] == "potential (mV)"


def test_an_option_of_batches_is_refused(transient, capfd):
    error = refused(capfd, "report", transient, "--x", "time")
    assert "--x" in error


def test_profiles_have_the_law_of_each_frame_dashed():
    study = 'study={kind = "steady"}'
    laws = [load_case(CASES / "cylinder_iv.toml", [study, f'boundaries.top.current.value="{i} pA"']).law_profile()
            for i in (10, 50)]  # fmt: skip
    line = pyvista.UnstructuredGrid({pyvista.CellType.LINE: np.array([[0, 1]])}, np.eye(3)[[2, 0]])
    for name in ("potential_mV", "concentration_mM.C"):
        line.point_data[name] = np.arange(2.0)
    fields = body.read_frames([("10 pA", line), ("50 pA", line)])
    charts = profile_charts(fields, laws)
    assert [[curve.name for curve in chart.curves] for chart in charts] == [["potential", "law"], ["C", "law"]]
    law = charts[0].curves[1]
    assert law.x[-1] == pytest.approx(1.0)  # um
    assert law.y[:, -1] == pytest.approx([1e3 * law.potential[-1] for law in laws])  # mV
    assert law.dash
    assert [len(chart.curves) for chart in profile_charts(fields, [laws[0], None])] == [1, 1]


def test_curves_of_membranes_are_beside_layers_that_cells_do_not_resolve():
    """As in the table and in trace.png; the potential of a load has a name of its own."""
    known = {"cap.area_um2": 1.0, "base.area_um2": 1.0, "layers_unresolved": "cap"}
    columns = ("base.potential_mV", "base.load.potential_mV", "cap.potential_mV", "cap.neutral_potential_mV")
    rows = [{"time_ms": t} | {name: t + i for i, name in enumerate(columns)} | known for t in (0.0, 1.0)]
    (chart,) = traces.charts(rows, "time_ms", "time (ms)")
    assert [curve.name for curve in chart.curves] == ["base", "base, load", "cap, beside its layer"]
    assert chart.curves[2].y == pytest.approx([3.0, 4.0])
    (chart,) = traces.charts([row | {"layers_unresolved": "-"} for row in rows], "time_ms", "time (ms)")
    assert [curve.name for curve in chart.curves] == ["base", "base, load", "cap"]
    peaks = [{"x": row["time_ms"], **known, **{f"peak.{name}": row[name] for name in columns}} for row in rows]
    (chart,) = traces.charts(peaks, "x", "x", peaks=True)
    assert [curve.name for curve in chart.curves] == ["base", "base, load", "cap, beside its layer"]


def test_compartments_have_axes_of_their_own():
    names = ("head.concentration_mM.Ca", "compartments.er.concentration_mM.Ca")
    rows = [{"time_ms": t, names[0]: 1e-4 + t, names[1]: 0.5 + t} for t in (0.0, 1.0)]
    found = {chart.title: [curve.name for curve in chart.curves] for chart in traces.charts(rows, "time_ms", "t")}
    assert found == {"Ca": ["head"], "Ca, compartments": ["er"]}


class TestGates:
    """Gates of membranes can be chosen in the viewer; they have values on their boundary only."""

    @pytest.fixture
    def square(self):
        """A meridian of two triangles with gates at the wall, r = 1, and a mark without facets."""
        corners = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
        grid = pyvista.UnstructuredGrid({pyvista.CellType.TRIANGLE: np.array([[0, 1, 2], [0, 2, 3]])}, corners)
        grid.point_data["gate.wall.Kv.rtm_n"] = np.array([0.0, 0.25, 0.5, 0.0])
        grid.point_data["gate.lost.Kv.rtm_n"] = np.full(4, 0.5)
        grid.point_data["membrane.wall"] = np.array([0.0, 1.0, 1.0, 0.0])
        grid.point_data["concentration_mM.Na"] = np.full(4, 10.0)
        grid.point_data["potential_mV"] = np.arange(4.0)
        for name, code in {"base": 2, "top": 4, "wall": 0}.items():
            grid.field_data[f"boundary.{name}"] = np.array([code])
        return grid

    def test_they_are_fields_of_their_boundary(self, square):
        fields = body.read_frames([("t = 0 ms", square), ("t = 1 ms", square)])
        data = body.body_of(fields, body.looks_of(fields), opened=True).data()
        potential, sodium, gate = data["fields"]
        assert (potential["label"], sodium["label"]) == ("potential", "Na")
        assert (gate["label"], gate["unit"]) == ("open fraction rtm_n of Kv at the wall", "")
        assert [data["names"][number] for number in gate["patches"]] == ["wall"]
        assert potential["patches"] == sodium["patches"] == []
        assert gate["limits"] == [0.25, 0.5]  # not of what stands at other nodes
        steps = array(gate["values"][0], "<u2")
        assert steps.max() < 65535  # which is no value
        values = gate["low"] + steps / 65535.0 * (gate["high"] - gate["low"])
        points = array(data["points"], "<f4").reshape(-1, 2)
        nearest = [square.find_closest_point((*point, 0.0)) for point in points]
        assert values == pytest.approx(square["gate.wall.Kv.rtm_n"][nearest], abs=1e-5)

    def test_the_axis_has_none(self, square):
        charts = profile_charts(body.read_frames([("", square)]))
        assert [chart.title for chart in charts] == ["potential (mV)", "Na (mM)"]


class TestLargeMeshes:
    @pytest.fixture
    def fine(self):
        """A cube with a wave, of more triangles than a page shows."""
        image = pyvista.ImageData(dimensions=(71, 71, 3), spacing=(1 / 70, 1 / 70, 1 / 70)).to_tetrahedra()
        grid = pyvista.UnstructuredGrid(image)
        grid.point_data["potential_mV"] = np.sin(9.0 * grid.points[:, 0])
        return grid

    def test_fewer_triangles_keep_their_nodes_and_values(self, fine, monkeypatch):
        monkeypatch.setattr(body, "MOST_TRIANGLES", 4000)
        monkeypatch.setattr(body, "FEWEST_TRIANGLES", 1000)
        looks = {"potential_mV": ColourScale("potential (mV)", "viridis", (-1.0, 1.0))}
        fields = body.Fields(fine, ("",), tuple(looks), np.asarray(fine["potential_mV"], np.float32)[:, None, None], 0)
        made = body.body_of(fields, looks, opened=True)
        assert len(made.surface) + len(made.cut) < 6000
        values = made.fields[0].values[0]
        assert values == pytest.approx(np.sin(9.0 * made.points[:, 0]), abs=1e-2)
        x = made.points[made.surface]
        area = np.linalg.norm(np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]), axis=1).sum() / 2.0
        assert area == pytest.approx(2.0 * (1.0 + 2.0 * 2 / 70), rel=1e-6)

    def test_times_are_left_out_before_a_page_grows(self, fine):
        frames = [(f"{i}", replace_values(fine, i)) for i in range(60)]
        fields = body.read_frames(frames)
        assert len(fields.labels) == body.MOST_TIMES
        assert (fields.labels[0], fields.labels[-1]) == ("0", "59")
        assert fields.first == body.MOST_TIMES - 1  # the largest potentials


def replace_values(grid, factor):
    made = grid.copy(deep=False)
    made.point_data["potential_mV"] = factor * np.asarray(grid["potential_mV"])
    return made


def test_thinned_curves_keep_their_extremes():
    x = np.linspace(0.0, 1.0, 20_001)
    y = np.exp(-(((x - 0.5) / 1e-4) ** 2))
    kept = thinned(x, y[None], 400)
    assert len(kept) <= 450
    assert y[kept].max() == y.max()
    assert {0, len(x) - 1} <= set(kept)


#: What a person does with a page: hover, choose another field, cut, turn, leave out a curve, move the slider.
ACTIONS = """
const viewer = document.querySelector("[data-viewer]");
seen.drawn = Boolean(viewer && !viewer.querySelector('[data-part="stage"]').hidden);
if (seen.drawn) {
  const canvas = viewer.querySelector("canvas"), box = canvas.getBoundingClientRect();
  const select = viewer.querySelector("select");
  const told = () => viewer.querySelector('[data-part="value"]').textContent;
  const point = (kind, x) => canvas.dispatchEvent(new PointerEvent(kind,
    {clientX: box.left + x, clientY: box.top + box.height / 2, pointerId: 1}));
  canvas.setPointerCapture = () => {};
  point("pointermove", box.width / 2);
  seen.value = told();
  select.value = String(select.options.length - 1);
  select.dispatchEvent(new Event("change"));
  viewer.querySelector('[data-part="cut"]').click();
  point("pointermove", box.width / 2);
  seen.boundary = told();
  point("pointerdown", 20);
  point("pointermove", 60);
  point("pointerup", 60);
  canvas.dispatchEvent(new WheelEvent("wheel", {deltaY: -100, cancelable: true}));
  const reset = viewer.querySelector('[data-part="reset"]'), drawn = () => new Promise(requestAnimationFrame);
  const zoom = () => parseFloat(viewer.querySelector('[data-part="bar"]').style.width)
    / parseFloat(viewer.querySelector('[data-part="length"]').textContent);
  const finger = (kind, id, x) => canvas.dispatchEvent(new PointerEvent(kind, {clientX: box.left + box.width / 2 + x,
    clientY: box.top + box.height / 2, pointerId: id, pointerType: "touch"}));
  reset.click();
  await drawn();
  const start = zoom();
  finger("pointerdown", 2, -10);
  finger("pointerdown", 3, 10);
  finger("pointermove", 2, -15);
  finger("pointermove", 3, 15);
  finger("pointerup", 2, -15);
  finger("pointerup", 3, 15);
  finger("pointerleave", 3, 15);
  await drawn();
  seen.pinched = zoom() / start;
  seen.quiet = viewer.querySelector('[data-part="value"]').hidden;
  finger("pointerdown", 2, 0);
  finger("pointerup", 2, 0);
  finger("pointerleave", 2, 0);
  seen.tapped = viewer.querySelector('[data-part="value"]').hidden ? "" : told();
  reset.click();
}
const slider = document.querySelector("[data-frames] input");
if (slider) {
  slider.value = slider.max;
  slider.dispatchEvent(new Event("input"));
  seen.frame = [...document.querySelectorAll("[data-frames] output")].map(o => o.textContent);
}
const curves = document.querySelector("[data-curves]"), stage = curves.querySelector(".stage");
const place = stage.getBoundingClientRect();
stage.dispatchEvent(new PointerEvent("pointermove", {clientX: place.left + place.width / 2, clientY: place.top + 50}));
seen.legend = curves.querySelector("b").textContent;
const before = curves.querySelectorAll("path").length;
curves.querySelector("button").click();
seen.paths = [before, curves.querySelectorAll("path").length];
"""


@needs_browser
def test_a_browser_shows_it_at_three_widths(transient, tmp_path):
    for (_, width), seen in look(tmp_path, [transient / "report.html"], ACTIONS).items():
        assert (seen["bad"], seen["wide"]) == (0, []), width
        assert seen["scroll"] <= seen["width"] <= width
        assert seen["frame"] == ["t = 10 ms"] * 2
        assert float(seen["legend"])
        assert seen["paths"][0] == seen["paths"][1] + 1
        if seen["drawn"]:
            assert seen["value"].startswith("potential ")
            assert seen["value"].endswith("mV (inside)")
            assert seen["boundary"] == "wall"
            assert seen["pinched"] == pytest.approx(1.5, rel=0.01)
            assert seen["quiet"]
            assert seen["tapped"] == "wall"


def test_a_load_is_no_mechanism_in_the_table_of_currents():
    """Its own current is one number, a mechanism's a table."""
    base = {"current_pA": {"Na": -1.0, "total": -1.0}, "load": {"current_pA": 1.0, "potential_mV": -70.0},
            "leak": {"current_pA": {"Na": 0.5, "total": 0.5}}}  # fmt: skip
    table = currents_table({"boundaries": {"base": base}})
    assert [row[0].text for row in table.rows] == ["base", "base: leak"]
