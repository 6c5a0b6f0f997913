"""Pictures of membranes: where they lie, what is drawn over them, and currents of mechanisms over time."""

from types import SimpleNamespace

import numpy as np
import pytest
import pyvista

from spinepnp.case.case import load_case
from spinepnp.plots import charts, membrane_bodies, membrane_pictures, membranes, traces
from spinepnp.plots.concentration_traces import compartment_charts, concentration_charts
from spinepnp.plots.lines import profiles
from spinepnp.plots.scene import can_render
from support import CASES
from support.commands import call
from support.pictures import is_png, write_fields, write_results


@pytest.fixture(scope="module")
def spine():
    """Wall with leak, pump and gated channels; a cap with two receptors and a compartment outside."""
    return load_case(CASES / "living_spine.toml")


@pytest.fixture(scope="module")
def dendrite():
    return load_case(CASES / "dendrite_spike.toml")


def with_fields(grid, voltage, marks, gates=()):
    """The grid with a potential, marks of membranes and gates that are open by one half there."""
    grid["potential_mV"], grid["concentration_mM.Na"] = voltage, np.full(grid.n_points, 15.0)
    for name, there in marks.items():
        grid[f"membrane.{name}"] = there.astype(float)
        for gate in gates:
            grid[f"gate.{name}.{gate}"] = 0.5 * there
    return grid


def meridian():
    """A cylinder of radius 1 um and length 2 um."""
    sheet = pyvista.Plane(center=(0.5, 1.0, 0.0), i_size=1.0, j_size=2.0, i_resolution=4, j_resolution=8)
    return sheet.triangulate().cast_to_unstructured_grid()


def cable(count=11):
    points = np.column_stack([np.linspace(0.0, 1000.0, count), np.zeros((count, 2))])
    cells = np.column_stack([np.arange(count - 1), np.arange(1, count)])
    return pyvista.UnstructuredGrid({pyvista.CellType.LINE: cells}, points)


def spike(times, dendrite):
    """A wave that goes along a cable, and an open sodium gate behind it."""
    for time in times:
        grid = cable()
        behind = 1.0 / (1.0 + np.exp((grid.points[:, 0] - 200.0 * time) / 50.0))
        yield with_fields(grid, -67.0 + 100.0 * behind, {"wall": np.ones(11)}, ("NaV.hh_m", "NaV.hh_h", "Kv.hh_n"))


class TestWhere:
    def test_arc_length_goes_along_the_outline_from_one_membrane_to_the_next(self, spine):
        grid = meridian()
        r, z = grid.points[:, 0], grid.points[:, 1]
        grid = with_fields(grid, z, {"wall": r > 0.99, "cap": z > 1.99})
        (part,) = membranes.stretches(spine, grid)
        assert [stretch.boundary for stretch in part] == ["wall", "cap"]
        wall, cap = part
        assert wall.position == pytest.approx(z[wall.nodes], abs=1e-6)
        assert cap.position == pytest.approx(3.0 - r[cap.nodes], abs=1e-6)
        assert (wall.position[-1], cap.position[-1]) == pytest.approx((2.0, 3.0))

    def test_what_is_bare_between_two_membranes_has_its_length_too(self, spine):
        grid = meridian()
        r, z = grid.points[:, 0], grid.points[:, 1]
        grid = with_fields(grid, z, {"wall": (r > 0.99) & (np.abs(z - 1.0) > 0.3)})
        (part,) = membranes.stretches(spine, grid)
        ends = [s.position[end] for s in part for end in (0, -1)]
        assert ends == pytest.approx([0.0, 0.5, 1.5, 2.0])

    def test_an_inner_and_an_outer_membrane_are_two_parts(self, spine):
        grid = meridian()
        grid.points[:, 0] += 0.5  # a tube: wall inside and outside, ends bare
        r, z = grid.points[:, 0], grid.points[:, 1]
        grid = with_fields(grid, z, {"wall": r > 1.49, "cap": r < 0.51})
        found = {
            stretch.boundary: np.ptp(stretch.position) for part in membranes.stretches(spine, grid) for stretch in part
        }
        assert found == pytest.approx({"wall": 2.0, "cap": 2.0})

    def test_the_potential_is_that_over_the_membrane(self):
        case = load_case(CASES / "living_spine.toml", ['boundaries.wall.outside.potential="20 mV"'])
        fields = {"potential_mV": np.full((2, 3), -70.0), "gate.wall.Kv.rtm_n": np.full((2, 3), 0.5)}
        assert membranes.over_membrane(case, fields, membranes.VOLTAGE, "wall") == pytest.approx(np.full((2, 3), -90.0))
        assert membranes.over_membrane(case, fields, "Kv rtm_n", "wall") == pytest.approx(np.full((2, 3), 0.5))
        assert membranes.over_membrane(case, fields, "Kv rtm_n", "cap") is None


class TestPictures:
    @pytest.mark.parametrize("count", [1, 4, 20])
    def test_a_spike_along_a_cable(self, count, dendrite, tmp_path, capfd):
        """A state, curves of a few times, and an image of many."""
        times = np.linspace(0.0, 4.0, count)
        rows = [{"time_ms": t, "step": i, "wall.potential_mV": -67.0 + t, "status": "ok"} for i, t in enumerate(times)]
        write_results(tmp_path / "out", dendrite, rows)
        write_fields(tmp_path / "out", times, list(spike(times, dendrite)))
        assert call("plot", str(tmp_path / "out"), "--no-animation") == 0
        assert str(tmp_path / "out" / "membrane.png") in capfd.readouterr().out.split()
        assert is_png(tmp_path / "out" / "membrane.png")

    @pytest.mark.parametrize("times", [[np.nan], [0.0, 1.0], list(range(12))])
    def test_a_meridian_shows_places_and_values(self, times, spine):
        grid = meridian()
        r, z = grid.points[:, 0], grid.points[:, 1]
        marks = {"wall": r > 0.99, "cap": z > 1.99}
        files = [(t, with_fields(grid.copy(), -68.0 + (i + 1) * z, marks, ("Kv.rtm_n",))) for i, t in enumerate(times)]
        figure = membrane_pictures._along(spine, files[0][1], files)
        figure.draw_without_rendering()
        shown = [axes for axes in figure.axes if axes.get_xlabel().startswith("arc")]
        assert len(shown) == 1  # one part; the row below has the label
        upper = next(axes for axes in figure.axes if axes.texts and axes.texts[0].get_text() == "wall")
        assert [text.get_text() for text in upper.texts] == ["wall", "cap"]
        curves = [line for line in upper.lines if len(line.get_xdata()) > 2]
        assert len(curves) == (2 * len(times) if len(times) < 9 else 0)
        if curves:
            assert curves[0].get_ydata() == pytest.approx(-68.0 + curves[0].get_xdata(), rel=1e-6)
            assert curves[-1].get_ydata() == pytest.approx(np.full(5, -68.0 + 2.0 * len(times)), rel=1e-6)

    def test_of_many_gates_those_that_change_most_are_shown(self):
        def panels(size):
            return [[(SimpleNamespace(), np.array([[0.0, size]]))]]

        found = {membranes.VOLTAGE: panels(0.0)} | {f"gate {i}": panels(i / 10.0) for i in range(6)}
        assert membrane_pictures._without_small(found, 4) == ["gate 1", "gate 0"]
        assert list(found) == [membranes.VOLTAGE, "gate 2", "gate 3", "gate 4", "gate 5"]

    @pytest.mark.skipif(not can_render(), reason="no library to draw without a screen")
    def test_a_body_is_coloured_where_it_has_membranes(self, spine):
        grid = pyvista.ImageData(dimensions=(4, 4, 4)).to_tetrahedra()
        x, z = grid.points[:, 0], grid.points[:, 2]
        grid = with_fields(grid, -68.0 + z, {"wall": x > 2.99, "cap": z > 2.99}, ("Kv.rtm_n",))
        assert [len(facets) for facets in membranes.facets_by_boundary(spine, grid).values()] == [18, 18]
        figure = membrane_bodies.body_figure(spine, grid, "t = 1.5 ms")
        assert [axes.get_ylabel() for axes in figure.axes[2:]] == [
            "membrane potential (mV)",
            "open fraction of Kv rtm_n\n0.5 everywhere",
        ]
        assert "t = 1.5 ms" in figure.get_suptitle()

    def test_a_body_is_shown_at_its_largest_change(self, spine):
        rows = [
            {"time_ms": t, "wall.potential_mV": V, "cap.potential_mV": V} for t, V in ((0, -68), (1, -60), (2, -67))
        ]
        assert membrane_bodies.time_of_largest_change(spine, np.array([0.0, 1.0, 2.0]), rows) == 1

    def test_nothing_is_drawn_without_a_membrane_that_has_a_length(self, dendrite, tmp_path):
        plain = cable()
        plain["potential_mV"] = np.zeros(11)
        end = with_fields(cable(), np.zeros(11), {"wall": np.arange(11) == 10})
        rows = [{"time_ms": 1.0}]
        assert membrane_pictures.draw_membranes(dendrite, plain, rows, tmp_path) == []
        assert membrane_pictures.draw_membranes(dendrite, end, rows, tmp_path) == []

    def test_gates_are_no_concentrations(self, dendrite):
        (grid,) = spike([1.0], dendrite)
        assert set(profiles(grid, "")[1]) == {"potential_mV", "concentration_mM.Na"}


class TestTraces:
    def rows(self, times, **columns):
        return [{"time_ms": float(t)} | {name: size * t for name, size in columns.items()} for t in times]

    def test_currents_by_mechanism_and_ion_a_chart_for_each_boundary(self, spine):
        currents = {"wall.leak.current_pA.Na": 1, "wall.leak.current_pA.K": -2, "wall.leak.current_pA.A": 0,
                    "wall.Kv.current_pA.K": -3, "cap.AMPA.current_pA.Na": 50}  # fmt: skip
        wall, cap = traces._mechanisms(spine, self.rows((0, 1, 2), **currents))
        assert list(wall.legend) == ["leak, Na", "leak, K", "Kv, K"]
        assert list(cap.legend) == ["AMPA, Na"]
        leak, other, kv = wall.legend.values()
        assert leak["linestyle"] == other["linestyle"] != kv["linestyle"]
        assert leak["color"] == cap.legend["AMPA, Na"]["color"] != other["color"] == kv["color"]

    def test_the_smaller_ones_of_a_large_family_are_named(self):
        curves = {f"curve {i}": (np.array([0.0, i]), {}) for i in range(10)}
        chart = charts.family("", curves, None, charts.highest_of)
        assert list(chart.legend) == [f"curve {i}" for i in range(2, 10)]
        assert chart.note == "smaller: curve 0; curve 1"
        assert chart.height > charts.family("", {}, None, charts.highest_of).height

    def test_columns_that_the_trace_lacks_come_from_the_other_table(self, spine, tmp_path):
        more = {"wall.Kv.gate.rtm_n": 0.1, "compartments.cleft.concentration_mM.Na": 3.0}
        rows, trace = (
            self.rows((0, 1, 2), **more, **{"cap.potential_mV": 99.0}),
            self.rows(np.linspace(0, 2, 9), **{"cap.potential_mV": 5.0}),
        )
        joined = traces._joined(trace, rows)
        assert len(joined) == 9
        assert [row["cap.potential_mV"] for row in joined[::4]] == [0.0, 5.0, 10.0]
        assert list(traces._gates(spine, joined).legend) == ["Kv rtm_n"]
        assert list(compartment_charts(spine, joined)[0].legend) == ["Na"]
        assert traces.draw_trace(spine, rows, tmp_path, trace) == [tmp_path / "trace.png"]
        assert is_png(tmp_path / "trace.png")

    def test_the_current_into_a_load_goes_out(self):
        case = load_case(CASES / "spine_synapse.toml")
        rows = self.rows((0, 1), **{"base.current_pA.total": -5.0, "base.load.current_pA": 5.0})
        assert list(traces._currents(case, rows).legend) == ["base", "base, out into load"]

    def test_traces_have_linear_axes_by_magnitude_and_a_colour_a_species(self):
        """Free calcium, what binds it, and free buffers; no two lines of nine species are alike."""
        case = load_case(CASES / "calcium_dye.toml")
        sizes = {n: 1e-4 if n == "Ca" else 0.01 if n.endswith("_Ca") else 0.06 for n in case.electrolyte.names[2:]}
        rows = [
            {"time_ms": t} | {f"volume.concentration_mM.{n}": c * (1 + t) for n, c in sizes.items()} for t in (0, 1)
        ]
        found = concentration_charts(case, rows)
        assert [chart.label for chart in found] == [f"concentration ({unit})" for unit in ("nM", "uM", "uM")]
        assert list(found[0].legend) == ["Ca"]
        assert found[0].curves[0][0] == pytest.approx([100.0, 200.0])
        assert set(found[1].legend) == {n for n in sizes if n.endswith("_Ca")}
        looks = [look for chart in found for _, look in chart.curves]
        assert len({look["color"] for look in looks}) == len(looks) == 9
        assert {look["linestyle"] for look in looks} == {"-"}

    def test_calcium_of_a_store_is_not_beside_its_salt(self):
        case = load_case(CASES / "calcium_store.toml")
        names = [f"compartments.er.concentration_mM.{n}" for n in case.electrolyte.names]
        salt, calcium = compartment_charts(case, self.rows((0, 1), **dict.fromkeys(names, 0.25)))
        assert list(salt.legend) == ["Na", "K", "A"]
        assert (list(calcium.legend), calcium.label) == (["Ca"], "concentration (uM)")
        assert calcium.curves[0][0] == pytest.approx([0.0, 250.0])
