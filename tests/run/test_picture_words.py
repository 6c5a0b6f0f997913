"""Words and limits of pictures: whole titles with their moment, fields that are flat, points that are seen."""

import matplotlib.figure
import numpy as np
import pytest
import pyvista

from spinepnp.case.case import load_case
from spinepnp.plots import membrane_labels, membrane_outline, membranes, pictures, style, sweeps, traces
from spinepnp.plots.bodies import page
from spinepnp.plots.lines import profiles, sweep_profiles
from spinepnp.plots.multiples import sweep_figure
from spinepnp.plots.scene import can_render
from support import CASES

TITLE = "A synapse on a spine: AMPA and NMDA receptors, a living membrane, and the dendrite as a load"


@pytest.fixture(scope="module")
def synapse():
    """A sweep over the resistance of the dendrite."""
    return load_case(CASES / "neck_synapse.toml")


@pytest.fixture(scope="module")
def spine():
    return load_case(CASES / "spine_synapse.toml")


def caught(monkeypatch, module):
    """Figures that a module writes."""
    figures = []
    monkeypatch.setattr(module, "write", lambda figure, _path: figures.append(figure))
    return figures


def test_a_title_is_whole_on_a_narrow_page_and_tells_the_moment():
    picture = np.zeros((200, 50, 3), dtype=np.uint8)
    look = style.ColourScale("potential (mV)", "viridis", (0.0, 1.0))
    figure, _, title = page([(picture, look)], (0.0, 1.0, 0.0, 4.0), TITLE, flat=True, moment="t = 40 ms")
    figure.draw_without_rendering()
    assert title.get_text().replace("\n", " ") == f"{TITLE} t = 40 ms"
    box = title.get_window_extent()
    assert box.x0 >= 0.0
    assert max(box.x1 - figure.bbox.width, box.y1 - figure.bbox.height) <= 0.0


def test_the_moment_is_the_last_point_of_a_sweep_and_the_time(synapse, spine):
    row = {"boundaries.base.load.resistance_MOhm": "1000", "status": "ok"}
    assert style.moment_of(synapse, row) == "last point: boundaries.base.load.resistance = 1000 MOhm"
    assert style.moment_of(spine, {"time_ms": "40"}) == "t = 40 ms"
    assert style.moment_of(load_case(CASES / "pore_steady.toml"), {}) == ""


@pytest.mark.parametrize(("low", "high", "flat"), [
    (-70.0, -70.0 + 5e-8, True), (-70.0, -69.9999, False), (0.0, 1e-10, True), (-1e-3, 1e-3, False), (0.0, 5e-9, False),
])  # fmt: skip
def test_a_field_that_is_constant_to_rounding_is_flat_with_its_value_in_words(low, high, flat):
    assert style.is_flat(low, high) == flat
    look = style.scale_of("potential (mV)", "viridis", low, high)
    assert (look.limits[1] - look.limits[0] == pytest.approx(1.0)) == flat
    assert look.limits[0] <= low <= high <= look.limits[1]
    assert look.label == (f"potential (mV)\n{low if low else 0:g} everywhere" if flat else "potential (mV)")


def test_curves_of_a_constant_field_are_flat_too():
    grid = pyvista.UnstructuredGrid({pyvista.CellType.LINE: np.array([[0, 1], [1, 2]])}, np.diag([0.0, 1.0, 2.0]))
    grid["potential_mV"] = -70.0 + 1e-9 * np.arange(3)
    grid["concentration_mM.Na"] = np.array([1.0, 2.0, 3.0])
    upper, lower = profiles(grid, "")[0].axes
    assert upper.get_ylim() == pytest.approx((-70.5, -69.5))
    assert [text.get_text() for text in upper.texts] == ["-70 everywhere"]
    assert not lower.texts


def test_numbers_on_axes_are_their_values():
    figure = matplotlib.figure.Figure()
    axes = figure.add_subplot()
    axes.plot([0.0, 1.0], [-70.0, -69.99999])
    style.snapshot(figure)
    assert axes.yaxis.get_offset_text().get_text() == ""
    assert axes.yaxis.get_ticklabels()[1].get_text().endswith(tuple("0123456789"))


def test_all_points_of_a_sweep_are_within_the_axes_and_none_covers_another(synapse, monkeypatch, tmp_path):
    figures = caught(monkeypatch, sweeps)
    x = [1e-6, 50.0, 200.0, 1000.0]
    rows = [
        {
            "boundaries.base.load.resistance_MOhm": R,
            "base.potential_mV": V,
            "top.potential_mV": V + 1e-3,
            "status": "ok",
        }
        for R, V in zip(x, (0.0, 3.0, 10.0, 400.0), strict=True)
    ]
    sweeps.draw_sweep(synapse, rows, tmp_path)
    (axes,) = figures[0].axes
    low, high = axes.get_ylim()
    points = [line for line in axes.lines if line.get_marker() not in ("None", "", None)]
    assert len(points) == 2
    for line in points:
        assert np.all((low < line.get_ydata()) & (line.get_ydata() < high))
        assert line.get_markersize() > 4.0
    assert len({(line.get_marker(), line.get_markersize()) for line in points}) == 2
    assert {line.get_markerfacecolor() for line in points} == {"none"}


@pytest.fixture(scope="module")
def nine():
    """A sweep of a line over nine currents."""
    values = ", ".join(f'"{i} pA"' for i in range(1, 10))
    study = f'study={{kind = "sweep", vary = "boundaries.top.current.value", values = [{values}]}}'
    return load_case(CASES / "cylinder_iv.toml", [study, 'geometry.dimension="1d"', "mesh={}"])


def line(slope):
    """A line of 1 um with the fields of a cylinder."""
    grid = pyvista.UnstructuredGrid({pyvista.CellType.LINE: np.array([[0, 1], [1, 2]])}, np.diag([0.0, 0.5, 1.0]))
    grid.points[:, 1:] = 0.0
    grid["potential_mV"] = slope * grid.points[:, 0]
    grid["concentration_mM.C"] = grid["concentration_mM.A"] = 167.0 + slope * grid.points[:, 0]
    return grid


class TestSweeps:
    """A picture shows several values of a sweep, at most six, on one scale."""

    def test_points_are_those_with_fields_at_even_distances(self, nine, tmp_path):
        assert pictures.sweep_points(nine, tmp_path) == []
        (tmp_path / "points").mkdir()
        for i in (0, 1, 2, 4, 5, 6, 7, 8):
            line(1.0).save(tmp_path / "points" / f"{i + 1:04d}.vtu")
        (tmp_path / "points" / "0004.vtu").write_text("cut off")
        found = pictures.sweep_points(nine, tmp_path)
        assert [point.value for point in found] == ["1 pA", "2 pA", "5 pA", "6 pA", "8 pA", "9 pA"]
        assert [point.case.boundaries["top"].injections[0].value for point in found][-1] == pytest.approx(9e-12)

    def test_lines_are_curves_with_their_laws(self, nine):
        points = [(value, line(slope), nine.with_value(nine.study.vary, value).law_profile())
                  for value, slope in (("1 pA", 1.0), ("9 pA", 9.0))]  # fmt: skip
        figure = sweep_profiles(points, "title")
        assert [axes.get_ylabel() for axes in figure.axes] == ["potential (mV)", "C (mM)", "A (mM)"]
        for axes in figure.axes:
            assert len(axes.lines) == 4
            assert [curve.get_linestyle() for curve in axes.lines] == ["-", "-", "--", "--"]
        assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["1 pA", "9 pA", "law"]
        law = figure.axes[0].lines[-1]
        assert law.get_xdata()[-1] == pytest.approx(1.0)  # um
        ratio = 9e-18 / 2.02482e-16  # I L / (2 D F C S)
        assert law.get_ydata()[-1] == pytest.approx(25.26 * np.log1p(ratio), rel=1e-5)  # mV
        only = sweep_profiles([(value, grid, None) for value, grid, _ in points], "title")
        assert [text.get_text() for text in only.axes[0].get_legend().get_texts()] == ["1 pA", "9 pA"]

    def test_a_law_beyond_its_limit_is_not_drawn(self, nine):
        beyond = nine.with_value(nine.study.vary, "-9 nA").law_profile()
        upper, lower = profiles(line(1.0), "", law=beyond)[0].axes
        assert (len(upper.lines), len(lower.lines)) == (1, 2)
        within = nine.with_value(nine.study.vary, "9 pA").law_profile()
        upper, lower = profiles(line(1.0), "", law=within)[0].axes
        assert (len(upper.lines), len(lower.lines)) == (2, 4)

    @pytest.mark.skipif(not can_render(), reason="no library to draw without a screen")
    def test_meridians_stand_side_by_side_on_one_scale(self):
        def meridian(slope):
            grid = pyvista.Plane(i_resolution=2, j_resolution=4, i_size=0.2).triangulate().cast_to_unstructured_grid()
            grid["potential_mV"] = slope * grid.points[:, 1]
            return grid

        figure = sweep_figure([(f"{i} pA", meridian(i)) for i in (1, 5, 20)], "", opened=True, moment="by current")
        figure.draw_without_rendering()
        *panels, scale = figure.axes
        assert [axes.get_title() for axes in panels] == ["1 pA", "5 pA", "20 pA"]
        assert scale.get_ylim() == pytest.approx((-10.0, 10.0))
        assert {round(value, 6) for value in scale.get_yticks()} >= {-8.0, 0.0, 8.0}
        images = [np.asarray(axes.images[0].get_array()).astype(int) for axes in panels[::2]]
        height, width = images[0].shape[:2]
        dark, bright = (image[[height // 4, 3 * height // 4], width // 2] for image in images)
        assert abs(dark[1] - dark[0]).max() < 0.3 * abs(bright[1] - bright[0]).max()

    @pytest.mark.skipif(not can_render(), reason="no library to draw without a screen")
    @pytest.mark.parametrize(("ratio", "alike"), [(2.0, True), (50.0, False)])
    def test_bodies_of_like_size_have_one_scale_of_lengths(self, ratio, alike):
        grids = [pyvista.Plane(i_resolution=1, j_resolution=1, i_size=size).triangulate() for size in (1.0, ratio)]
        for grid in grids:
            grid["potential_mV"] = grid.points[:, 1]
        points = [("a", grids[0].cast_to_unstructured_grid()), ("b", grids[1].cast_to_unstructured_grid())]
        one, other, _ = sweep_figure(points, "", opened=True).axes
        assert (np.ptp(one.get_xlim()) == pytest.approx(np.ptp(other.get_xlim()))) == alike


def test_the_electroneutral_curve_of_a_few_points_is_smooth():
    """Through points of V = V_T ln(1 + I/I_0) with their slopes, MOhm."""
    current, fine = np.array([10.0, 50.0, 100.0]), np.linspace(10.0, 100.0, 41)
    x, V = sweeps._curve(current, 25.0 * np.log1p(current / 80.0), 25e3 / (80.0 + current))
    assert np.interp(fine, x, V) == pytest.approx(25.0 * np.log1p(fine / 80.0), abs=0.02)
    assert sweeps._curve(current, current, np.full(3, np.nan))[0] is current


def test_marks_of_a_tiny_membrane_do_not_cover_each_other():
    grid = pyvista.PolyData(np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.99, 1.0, 0.0]]))
    wall = membranes.Stretch("wall", np.array([0.0, 1.0]), np.array([1, 2]))
    cap = membranes.Stretch("cap", np.array([1.0, 1.01]), np.array([2, 3]))
    figure = matplotlib.figure.Figure()
    axes = figure.add_subplot()
    membrane_outline._mark_lengths(axes, grid, [[cap], [wall]])
    places = np.array([text.xy for text in axes.texts])
    assert len(places) > 3
    far = (np.abs(places[:, None] - places) >= membrane_outline.APART).any(axis=2)
    assert far[~np.eye(len(places), dtype=bool)].all()


def test_names_of_tiny_membranes_stand_side_by_side():
    def stretch(name, low, high):
        return membranes.Stretch(name, np.array([low, high]), np.array([0, 1]))

    part = [stretch("wall", 0.0, 0.5), stretch("ring", 0.5, 0.51), stretch("wall", 0.51, 0.52),
            stretch("ring2", 0.52, 0.53), stretch("wall", 0.53, 1.8), stretch("cap", 1.8, 1.81)]  # fmt: skip
    labels = membrane_labels.labels(part, 1.81 / 5.6)
    assert [(name, upright) for _, name, upright in labels] == [
        ("wall", False), ("ring", True), ("ring2", True), ("wall", False), ("cap", True)
    ]  # fmt: skip
    places = np.array([place for place, _, upright in labels if upright])
    assert np.diff(places).min() >= membrane_labels.LINE * 1.81 / 5.6 - 1e-12
    assert places[[0, -1]] == pytest.approx([0.505, 1.805])


class TestBesideTheLayer:
    """The potential of a membrane is that of the neutral solution beside it where cells do not resolve its layer."""

    ROW = {"layers_unresolved": "wall; cap", "cap.neutral_potential_mV": -70.4, "cap.potential_mV": -70.0}  # noqa: RUF012

    def test_which_membranes_are_drawn_so(self, spine):
        assert membranes.unresolved(spine, [self.ROW]) == {"cap"}  # of the wall there is no such number
        assert membranes.unresolved(spine, [self.ROW | {"layers_unresolved": "-"}]) == set()

    def test_the_shift_is_that_of_the_neutral_trace(self, synapse):
        """Of a salt it is V_T ln(c_+/c_-)/2."""
        fields = {"potential_mV": np.full((2, 3), 5.0), "concentration_mM.C": np.full((2, 3), 170.0),
                  "concentration_mM.A": np.full((2, 3), 160.0)}  # fmt: skip
        found = membranes.over_membrane(
            synapse, fields, membranes.VOLTAGE, "top", nodes=np.array([1, 2]), beside=np.zeros(2)
        )
        assert found == pytest.approx(np.full((2, 2), 5.0 + 25.26 * 0.5 * np.log(170.0 / 160.0)), rel=1e-9)

    def test_pictures_without_layers_show_the_neutral_solution_at_each_node(self, synapse):
        grid = pyvista.UnstructuredGrid({pyvista.CellType.LINE: np.array([[0, 1], [1, 2]])}, np.diag([0.0, 1.0, 2.0]))
        fields = {
            "potential_mV": 5.0,
            "concentration_mM.C": np.array([170.0, 160.0, 150.0]),
            "concentration_mM.A": 160.0,
        }
        for name, value in fields.items():
            grid[name] = np.full(3, value)
        shown = membranes.without_layers(synapse, grid)
        shift = 25.26 * 0.5 * np.log(np.array([170.0, 160.0, 150.0]) / 160.0)
        assert shown["potential_mV"] == pytest.approx(5.0 + shift, rel=1e-9)
        salt = np.sqrt(160.0 * np.array([170.0, 160.0, 150.0]))
        assert shown["concentration_mM.C"] == pytest.approx(salt, rel=1e-9)
        assert shown["concentration_mM.A"] == pytest.approx(salt, rel=1e-9)
        assert (grid["potential_mV"] == 5.0).all()

    def test_it_is_named(self, spine):
        assert membranes.voltage_label({"cap"}, ["wall", "cap"]).endswith("beside the Debye layer of cap")
        assert membranes.voltage_label({"cap", "wall"}, ["wall", "cap"]).endswith("beside the Debye layer")
        assert membranes.voltage_label((), ["wall", "cap"]) == membranes.VOLTAGE
        times = [{"time_ms": t, **{f"{p}.potential_mV": -70.0 for p in ("cap", "base")}} for t in (0.0, 1.0)]
        chart = traces._potentials(spine, [row | self.ROW for row in times])
        assert "cap, beside its layer" in chart.legend
        assert "base" in chart.legend


def test_the_current_at_the_base_is_drawn_by_ion(spine):
    rows = [
        {"time_ms": t, "base.current_pA.Na": -t, "base.current_pA.K": -2 * t, "base.current_pA.total": -3 * t}
        for t in (0.0, 1.0)
    ]
    (chart,) = traces._currents_out(spine, rows)
    assert list(chart.legend) == ["Na", "K", "all ions"]
    assert [column[-1] for column, _ in chart.curves] == [1.0, 2.0, 3.0]
    assert "base" in chart.label
    assert traces._currents_out(load_case(CASES / "spine_alpha.toml"), rows) == []
