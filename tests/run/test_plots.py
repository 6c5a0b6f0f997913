"""Pictures: curves that keep to the rows, surfaces without their inside, films on one scale, the verb `plot`."""

import json
import shutil
import subprocess
import sys
import tomllib

import matplotlib
import matplotlib.figure
import matplotlib.image
import numpy as np
import PIL.Image
import pytest
import pyvista

from spinepnp.case.case import load_case
from spinepnp.plots import animation, pictures, style, traces
from spinepnp.plots.bodies import View
from spinepnp.plots.cells import facets, surface
from spinepnp.plots.curves import pieces, smooth
from spinepnp.plots.scene import can_render
from support import CASES
from support.commands import STACK, call, run_code
from support.pictures import is_png, write_fields, write_results

ALPHA = str(CASES / "spine_alpha.toml")

#: A coarse meridian with a pulse, in a second.
SHORT = {
    "geometry.dimension": "axisymmetric", "mesh.size": "200 nm", "study.duration": "3 ms", "study.tolerance": 1e-2,
    "study.times": ["1 ms", "2 ms", "3 ms"],
    "boundaries.cap.current": {"species": "Na", "value": "50 pA", "waveform": "pulse", "duration": "2 ms"},
}  # fmt: skip


def overrides(values):
    """The options --set; a table as TOML."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield f"{key}={{{', '.join(f'{k} = {json.dumps(v)}' for k, v in value.items())}}}"
        else:
            yield f"{key}={json.dumps(value)}"


@pytest.fixture(scope="module")
def transient(tmp_path_factory):
    directory = tmp_path_factory.mktemp("transient")
    options = [word for text in overrides(SHORT) for word in ("--set", text)]
    command = [sys.executable, "-m", "spinepnp", "run", ALPHA, *options, "--output", "out"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return directory / "out"


class TestCurves:
    def test_a_row_at_a_jump_belongs_to_what_was_before(self):
        times = np.array([0.0, 5.0, 10.0, 10.0 + 3e-9, 11.0, 20.0, 20.0 + 3e-9, 30.0])
        jumps = np.array([10.0, 20.0])
        assert pieces(times, jumps, np.zeros(0)) == [slice(0, 3), slice(3, 6), slice(6, 8)]

    def test_a_row_at_a_bend_belongs_to_both_sides(self):
        times = np.arange(6.0)
        assert pieces(times, np.zeros(0), np.array([2.0])) == [slice(0, 3), slice(2, 6)]
        assert pieces(times, np.zeros(0), np.array([2.5])) == [slice(0, 6)]

    def test_jumps_at_the_ends_and_jumps_without_a_row(self):
        times = np.arange(5.0)
        assert pieces(times, np.array([0.0, 4.0, 9.0]), np.zeros(0)) == [slice(0, 1), slice(1, 5)]
        assert pieces(times, np.array([2.5]), np.zeros(0)) == [slice(0, 3), slice(3, 5)]
        assert pieces(times, np.array([2.5, 2.6]), np.zeros(0)) == [slice(0, 3), slice(3, 5)]

    def test_nothing_is_interpolated_over_a_jump(self):
        times = np.array([0.0, 0.5, 1.0, 1.0 + 3e-9, 2.0, 3.0])
        values = np.array([0.0, 0.0, 0.0, 50.0, 50.0, 50.0])
        x, y = smooth(times, values, pieces(times, np.array([1.0]), np.zeros(0)))
        assert set(y) == {0.0, 50.0}
        assert x[np.flatnonzero(y)[0]] == times[3]

    def test_rows_far_from_a_jump_leave_a_gap(self):
        times, values = np.arange(6.0), np.array([0.0, 0.0, 0.0, 50.0, 50.0, 50.0])
        x, y = smooth(times, values, pieces(times, np.array([2.5]), np.zeros(0)))
        assert np.isnan(x).sum() == np.isnan(y).sum() == 1
        assert set(y[np.isfinite(y)]) == {0.0, 50.0}

    def test_curves_go_through_the_rows_and_stay_between_them(self):
        times = np.concatenate([[0.0], np.geomspace(1e-9, 100.0, 25)])
        for values in (times * np.exp(-times / 10.0), 1.0 - np.exp(-times / 1e-6), np.random.default_rng(1).random(26)):
            x, y = smooth(times, values, [slice(0, 26)])
            assert np.all(np.diff(x) > 0.0)
            assert y[np.searchsorted(x, times)] == pytest.approx(values, abs=1e-12)
            after = np.clip(np.searchsorted(times, x), 1, 25)
            bounds = np.sort([values[after - 1], values[after]], axis=0)
            assert np.all(bounds[0] - 1e-12 <= y)
            assert np.all(y <= bounds[1] + 1e-12)

    def test_few_rows_of_a_smooth_curve_are_enough(self):
        times = np.linspace(0.0, 40.0, 17)
        x, y = smooth(times, times * np.exp(-times / 10.0), [slice(0, 17)])
        assert y == pytest.approx(x * np.exp(-x / 10.0), abs=0.04)

    def test_empty_cells_are_left_out(self):
        x, y = smooth(np.arange(4.0), np.array([np.nan, 1.0, 2.0, 3.0]), [slice(0, 4)])
        assert y == pytest.approx(x)
        assert x[0] == 1.0
        assert not len(smooth(np.arange(4.0), np.full(4, np.nan), [slice(0, 4)])[0])


class TestSurfaces:
    def test_faces_of_curved_cells_are_those_outside(self):
        """Two tetrahedra with a common face: six faces are left, and each has the middles of its own edges."""
        corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], dtype=float)
        cells, points, middles = [[0, 1, 2, 3], [1, 2, 3, 4]], list(corners), {}
        for cell in cells:
            for a, b in ((0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3)):
                edge = tuple(sorted((cell[a], cell[b])))
                if edge not in middles:
                    middles[edge] = len(points)
                    points.append(corners[list(edge)].mean(axis=0))
                cell.append(middles[edge])
        grid = pyvista.UnstructuredGrid({pyvista.CellType.QUADRATIC_TETRA: np.array(cells)}, np.array(points))
        outer = facets(grid)
        assert outer.shape == (6, 6)
        assert sorted(map(tuple, np.sort(outer[:, :3], axis=1))) == [
            (0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 4), (1, 3, 4), (2, 3, 4)
        ]  # fmt: skip
        for facet in outer:
            for i in range(3):
                assert facet[3 + i] == middles[tuple(sorted((facet[i], facet[(i + 1) % 3])))]
        grid["f"] = np.zeros(grid.n_points)
        assert surface(grid).area == pytest.approx(1.5 + 3.0 * np.sqrt(3.0) / 2.0)


class TestColours:
    """A cut and a meridian have those of the scale, else nobody could read them off it."""

    @pytest.mark.skipif(not can_render(), reason="no library to draw without a screen")
    @pytest.mark.parametrize("flat", [False, True])
    def test_they_are_those_of_the_scale(self, flat):
        if flat:
            grid = pyvista.Plane(i_resolution=4, j_resolution=4).triangulate().cast_to_unstructured_grid()
        else:
            grid = pyvista.ImageData(dimensions=(5, 5, 5)).to_tetrahedra()
        grid["f"] = np.full(grid.n_points, 0.3)
        view = View(grid, opened=True)
        picture = view.picture("f", style.ColourScale("f", "viridis", (0.0, 1.0)))
        view.close()
        assert view.flat == flat
        wanted = np.array(matplotlib.colormaps["viridis"](0.3, bytes=True))[:3].astype(int)
        middle = picture[picture.shape[0] // 2, picture.shape[1] // 3].astype(int)
        assert abs(middle - wanted).max() <= 3
        assert np.all(picture[0, 0] == 255)


class TestScale:
    def test_what_is_hot_in_a_small_part_is_left_out(self):
        base = np.linspace(0.0, 6.0, 1000)
        hot = np.where(np.arange(1000) > 997, 12.0, base)
        limits, extend = animation.scale(np.array([0.0 * base, hot]), np.ones(1000))
        assert extend == "max"
        assert limits == pytest.approx((0.0, 6.0), abs=0.05)

    def test_it_is_the_volume_that_counts_not_the_nodes(self):
        values, weights = np.repeat([1.0, 12.0], 500), np.repeat([1.0, 1e-4], 500)
        values[:250] = 0.0
        assert animation.scale(values[None], weights) == ((0.0, 1.0), "max")

    def test_nothing_else_is(self):
        base = np.linspace(0.0, 6.0, 1000)
        assert animation.scale(np.array([base, -base]), np.ones(1000)) == ((-6.0, 6.0), "neither")
        assert animation.scale(np.full((2, 10), 12.0), np.ones(10)) == ((11.5, 12.5), "neither")

    def test_weights_are_volumes(self):
        triangles = {pyvista.CellType.TRIANGLE: np.array([[0, 1, 2], [1, 3, 2]])}
        square = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], dtype=float)
        weights = animation.node_weights(pyvista.UnstructuredGrid(triangles, square))
        assert weights[3] / weights[0] == pytest.approx(2.0)  # mean radii 2/3 and 1/3


class TestTheVerb:
    def test_it_draws_everything_without_dolfinx(self, transient):
        names = ("potential.png", "profile.png", "trace.png", "animation.gif")
        assert (transient / "trace.png").exists()  # the run has drawn it
        for name in names:
            (transient / name).unlink(missing_ok=True)
        code = f"import sys\nfrom spinepnp.__main__ import _run\nsys.exit(_run(['plot', {str(transient)!r}], False))"
        done = run_code(code, cwd=transient.parent, blocked=STACK)
        assert done.stdout.splitlines() == [str(transient / name) for name in names]
        assert all(is_png(transient / name) for name in names[:3])
        film = PIL.Image.open(transient / "animation.gif")
        assert film.format == "GIF"
        assert film.n_frames == 1 + len(SHORT["study.times"])
        assert (transient / "animation.gif").stat().st_size < 1e6

    def test_a_run_that_was_killed_and_a_picture_that_fails(self, transient, tmp_path, monkeypatch, capfd):
        """Part of a row at the end, and fields only among the times."""
        shutil.copytree(transient, tmp_path / "out")
        (tmp_path / "out" / "fields.vtu").unlink()
        with (tmp_path / "out" / "observables.csv").open("a") as file:
            file.write("2.5,99,0.03")
        for name in ("potential.png", "profile.png", "trace.png"):
            (tmp_path / "out" / name).unlink()
        arguments = ["plot", str(tmp_path / "out"), "--no-animation"]
        assert call(*arguments) == 0
        assert capfd.readouterr().out.split() == [
            str(tmp_path / "out" / name) for name in ("potential.png", "profile.png", "trace.png")
        ]
        monkeypatch.setattr(pictures, "draw_potential", lambda *arguments, **_: 1 / 0)
        assert call(*arguments) == 0
        out, err = capfd.readouterr()
        assert out.split() == [str(tmp_path / "out" / "trace.png")]
        assert err.splitlines() == ["a picture could not be drawn: division by zero"]

    def test_a_line_and_gates(self, tmp_path, capfd):
        study = 'study={ kind = "transient", duration = "2 ms", times = ["1 ms", "2 ms"] }'
        case = load_case(CASES / "cylinder_iv.toml", ['geometry.dimension="1d"', study, "mesh={}", r'title="$\foo_$"'])
        rows = [
            {"time_ms": t, "step": i, "top.potential_mV": 6.0 * t, "top.current_pA.total": 50.0, "status": "ok"}
            | {f"volume.concentration_mM.{ion}": 167.0 + t for ion in ("C", "A")}
            | ({"top.gate0": t / 2.0, "top.gate1": 1.0 - t / 2.0} if i else {})
            for i, t in enumerate((0.0, 1e-6, 0.5, 1.0, 2.0))
        ]
        write_results(tmp_path / "out", case, rows)
        grids = []
        for i in range(3):
            points = np.column_stack([np.linspace(0.0, 1.0, 11), np.zeros((11, 2))])
            cells = np.column_stack([np.arange(10), np.arange(1, 11)])
            grid = pyvista.UnstructuredGrid({pyvista.CellType.LINE: cells}, points)
            grid["concentration_mM.C"] = grid["concentration_mM.A"] = 167.0 + i * points[:, 0]
            grid["potential_mV"] = 6.0 * i * points[:, 0]
            grids.append(grid)
        write_fields(tmp_path / "out", [0.0, 1.0, 2.0], grids)
        assert call("plot", str(tmp_path / "out")) == 0
        names = ("potential.png", "trace.png", "animation.gif")
        assert capfd.readouterr().out.split() == [str(tmp_path / "out" / name) for name in names]
        assert all(is_png(tmp_path / "out" / name) for name in names[:2])
        assert PIL.Image.open(tmp_path / "out" / "animation.gif").n_frames == 3
        assert [len(chart.curves) for chart in (traces._gates(case, rows), traces._gates(case, rows[:1]))] == [2, 0]

    def test_transients_of_which_a_key_was_varied(self, tmp_path, capfd):
        tables = tomllib.loads((CASES / "spine_alpha.toml").read_text())
        varied = {"vary": "boundaries.cap.current.t_peak", "values": ["5 ms", "10 ms"]}
        case = load_case(CASES / "spine_alpha.toml", overrides({"study": {**tables["study"], **varied}}))
        places = ("cap", "head", "neck")
        rows = [
            {case.study.column: float(t), "status": "ok"}
            | {f"peak.{name}.potential_mV": 6.0 for name in places}
            | {f"peak.{name}.concentration_mM.Na": 12.0 + t for name in places}
            for t in (5, 10)
        ]
        write_results(tmp_path / "out", case, rows)
        (tmp_path / "out" / "points").mkdir()
        for i, point in enumerate(case.points()):
            single = point.model_copy(update={"study": point.study.single()})
            over_time = [{"time_ms": t, "head.potential_mV": t, "status": "ok"} for t in (0.0, 1.0, 2.0)]
            write_results(tmp_path / "out" / "points" / f"{i + 1:04d}", single, over_time)
        assert call("plot", str(tmp_path / "out")) == 0
        names = ("sweep.png", "points/0001/trace.png", "points/0002/trace.png")
        assert capfd.readouterr().out.split() == [str(tmp_path / "out" / name) for name in names]
        assert all(is_png(tmp_path / "out" / name) for name in names)

    def test_a_sweep(self, tmp_path, capfd):
        case = load_case(CASES / "cylinder_iv.toml")
        rows = [{case.study.column: x, "top.potential_mV": x / 10.0, "status": "ok"} for x in (10.0, 50.0)]
        write_results(tmp_path / "out", case, rows)
        assert call("plot", str(tmp_path / "out")) == 0
        assert capfd.readouterr().out.split() == [str(tmp_path / "out" / "iv.png")]

    @pytest.mark.parametrize("held", ["nothing", "a file", "no files", "a case", "no rows", "failures", "no table"])
    def test_bad_input_is_one_line(self, held, tmp_path, capfd):
        out, case = tmp_path / "out", load_case(CASES / "cylinder_iv.toml")
        if held == "a file":
            out.write_text("")
        elif held == "no files":
            out.mkdir()
        elif held != "nothing":
            write_results(out, case, [{"status": "failed: it diverged"}] if held == "failures" else [])
        if held == "a case":
            (out / "observables.csv").unlink()
        if held == "no table":
            (out / "observables.csv").write_bytes(b"\xff\xfe\x00")
        assert call("plot", str(out)) == 2
        lines = capfd.readouterr().err.splitlines()
        assert len(lines) == 1
        assert lines[0].startswith(f"error: {out}")


def test_long_titles_stay_within_the_picture():
    figure = matplotlib.figure.Figure(figsize=(4.0, 3.0))
    for title in ("word " * 200, "x" * 1000, r"$\foo_$ " * 50):
        text = style.set_title(figure, title)
        figure.draw_without_rendering()
        box = text.get_window_extent()
        assert box.x0 >= 0.0
        assert box.x1 <= figure.bbox.width
        assert text.get_text().count("\n") == 3
