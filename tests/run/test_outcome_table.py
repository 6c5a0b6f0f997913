"""Table at the end of a run: resistances of steady states, peaks of transients, digits by what is known of them."""

import csv
import json
import math
import re

import pytest

from spinepnp.case.case import make_case
from spinepnp.case.toml import parse_toml
from spinepnp.run.concentration_table import concentration_cells
from spinepnp.run.options import RunOptions, SweepPoint
from spinepnp.run.outcome_table import cells, columns_by_width, law_line, limit_line
from spinepnp.run.steady import solve_case
from spinepnp.runtime.stack import MPI
from support.cases import CASE
from support.interruptions import TRANSIENT

PROBES = {"head": ["0 nm", "0 nm", "450 nm"]}


def solved(tmp_path, text, **tables):
    case = make_case(parse_toml(text, "case") | tables)
    return solve_case(case, MPI.COMM_SELF, tmp_path, RunOptions(quiet=True, fields=False, pictures=False))


def digits(text):
    """Number of significant digits."""
    return len(re.sub(r"e.*|\D", "", text).lstrip("0"))


class TestSteady:
    @pytest.fixture
    def points(self, tmp_path):
        study = {"kind": "sweep", "vary": "boundaries.top.current.value", "values": ["10 pA", "30 pA"]}
        return solved(tmp_path, CASE, probes=PROBES, study=study)

    def test_has_what_a_physiologist_wants(self, points):
        headings, sides, rows = cells(points)
        assert [heading.replace("\n", " ") for heading in headings] == [
            "boundaries.top.current [pA]", "V(top) [mV]", "+- [mV]", "R(top) [MOhm]", "dV/dI [MOhm]", "V(head) [mV]",
            "R(head) [MOhm]", "dV/dI [MOhm]", "C(top) [mM]", "C(head) [mM]", "status",
        ]  # fmt: skip
        assert len(sides) == len(headings)
        for point, cell in zip(points, rows, strict=True):
            current, row = float(cell[0]), point.row
            assert float(cell[3]) == pytest.approx(1e3 * row["top.potential_mV"] / current, rel=1e-3)
            assert float(cell[6]) == pytest.approx(1e3 * row["head.potential_mV"] / current, rel=1e-3)
            assert float(cell[4]) < float(cell[3])
        limit = points[0].row["top.limiting_current_pA"]
        assert limit < 0.0
        assert limit_line(points) == f"limiting current at top: {limit:.4g} pA, outwards (electroneutral law)"

    def test_six_digits_stand_beside_their_error_alone(self, points):
        for _, potential, error, *others, _ in cells(points)[2]:
            assert digits(potential) == 6
            assert digits(error) == 1
            assert max(map(digits, others)) == 4

    def test_a_law_stands_beside_the_solution_and_its_error(self, tmp_path):
        compared = {"law": "cylinder"}
        points = solved(tmp_path, CASE, compare=compared)
        headings, _, rows = cells(points)
        names = [heading.split("\n")[0] for heading in headings]
        assert names[:3] == ["PNP", "+-", "full PNP"]
        assert names[-3:] == ["R", "dV/dI", "status"]
        assert all(rows[0])

    def test_a_failed_point_has_empty_cells(self, points):
        failed = SweepPoint(2, points[0].case, "-500 pA", {**points[0].key, "status": "failed: x"})
        assert set(cells([*points, failed])[2][-1][1:-1]) == {""}


class TestInTime:
    @pytest.fixture(scope="class")
    @classmethod
    def points(cls, tmp_path_factory):
        return solved(tmp_path_factory.mktemp("time"), TRANSIENT, probes=PROBES)

    def test_a_row_for_each_place_with_its_moment_and_peak(self, points):
        headings, _, rows = cells(points)
        assert [heading.replace("\n", " ") for heading in headings] == [
            "place", "V at 10 ms [mV]", "peak V [mV]", "at [ms]", "half-width [ms]", "20-80 % rise [ms]",
            "peak Na [mM]", "status",
        ]  # fmt: skip
        assert [row[0] for row in rows] == ["top", "head"]
        top = dict(zip(headings, rows[0], strict=True))
        assert float(top["at\n[ms]"]) == pytest.approx(1.0, rel=0.1)
        # An alpha function is above half of its height for 2.446 of its times to the peak.
        assert float(top["half-width\n[ms]"]) == pytest.approx(2.446, rel=0.05)
        assert 0.3 < float(top["20-80 % rise\n[ms]"]) < 0.5
        assert float(top["peak V\n[mV]"]) == pytest.approx(points[0].row["peak.top.potential_mV"], rel=1e-3)

    def test_a_law_has_a_line(self, tmp_path):
        step = TRANSIENT.replace('waveform = "alpha"', 'waveform = "step"').replace(', t_peak = "1 ms"', "")
        (point,) = solved(tmp_path, step.replace("200 mM", "100 mM"), compare={"law": "cylinder"})
        line = law_line([point])
        assert re.fullmatch(r"law at 10 ms: [\d.]+ mV, solution [\d.]+ mV, deviation [+-][\d.e-]+", line), line
        assert f"solution {point.row['top.potential_mV']:.6g} mV" in line

    def test_peaks_of_a_sweep_have_columns(self, tmp_path):
        study = parse_toml(TRANSIENT, "case")["study"]
        study |= {"vary": "boundaries.top.current.t_peak", "values": ["1 ms", "2 ms"]}
        points = solved(tmp_path, TRANSIENT, study=study)
        headings, _, rows = cells(points)
        assert [heading.replace("\n", " ") for heading in headings] == [
            "boundaries.top.current.t_peak [ms]", "V(top) at the end [mV]", "peak V(top) [mV]", "at [ms]",
            "half-width [ms]", "20-80 % rise [ms]", "status",
        ]  # fmt: skip
        assert [float(row[3]) for row in rows] == pytest.approx([1.0, 2.0], rel=0.1)
        assert points[1].row["peak.top.potential_mV.half_width_ms"] == pytest.approx(2.0 * 2.446, rel=0.05)


#: Calcium enters for a millisecond and is bound; salt around it.
CALCIUM = {
    "geometry": {"shape": "cylinder", "length": "1 um", "radius": "100 nm", "dimension": "1d"},
    "mesh": {"size": "250 nm"},
    "electrolyte": {
        "thermal_voltage": "25.26 mV",
        "species": [
            {"name": n, "valence": z, "diffusivity": "1000 um^2/s", "concentration": c}
            for n, z, c in (("K", 1, "150 mM"), ("A", -1, "150.0202 mM"), ("Ca", 2, "0.1 uM"), ("B", 0, "100 uM"),
                            ("CaB", 2, "10 uM"))
        ],
        "reactions": [{"equation": "Ca + B <-> CaB", "forward": "1e8 1/(M s)", "backward": "100 1/s"}],
    },
    "boundaries": {"base": {"potential": "0 mV", "concentrations": "bulk"}},
    "probes": {"spot": ["0 nm", "0 nm", "500 nm"]},
}  # fmt: skip
PULSE = {"species": "Ca", "value": "20 fA", "waveform": "pulse", "duration": "1 ms"}


def of_calcium(tmp_path, current, **study):
    case = make_case(CALCIUM | {"boundaries": CALCIUM["boundaries"] | {"top": {"current": current}}, "study": study})
    return solve_case(case, MPI.COMM_SELF, tmp_path, RunOptions(quiet=True, fields=False, pictures=False))


class TestTraces:
    """Calcium has a table of its own, in readable units; no rows of an end that holds it."""

    def test_peak_and_decay_in_time(self, tmp_path):
        points = of_calcium(tmp_path, PULSE, kind="transient", duration="4 ms", tolerance=0.01)
        headings, sides, rows = concentration_cells(points)
        assert len(headings) == len(sides) == len(rows[0]) == 7
        assert [row[:3] for row in rows[:3]] == [[place, "Ca", "100 nM"] for place in ("spot", "top", "mean")]
        assert {row[1] for row in rows[3:]} == {"CaB"}
        peak = json.loads((tmp_path / "summary.json").read_text())["peaks"]["top.concentration_mM.Ca"]
        assert set(peak) == {"value", "time_ms", "half_width_ms", "decay_ms"}
        assert rows[1][3:] == [
            f"{1e3 * peak['value']:.4g} uM",
            *(f"{peak[key]:.4g}" for key in ("time_ms", "half_width_ms", "decay_ms")),
        ]
        assert peak["time_ms"] == pytest.approx(1.0, rel=0.1)
        assert "peak Ca\n[mM]" not in cells(points)[0]
        with (tmp_path / "trace.csv").open() as file:
            trace = [(float(r["time_ms"]), float(r["top.concentration_mM.Ca"])) for r in csv.DictReader(file)]
        points[0].course = None  # as in the report of several transients
        assert concentration_cells(points)[2][1] == ["top", "Ca", rows[1][3]]
        rest, height = trace[0][1], (peak["value"] - trace[0][1]) / math.e
        later = next(t for t, c in trace if t > peak["time_ms"] and c - rest < height)
        earlier = max(t for t, c in trace if t < later)
        assert earlier <= peak["time_ms"] + peak["decay_ms"] <= later

    def test_places_of_steady_states(self, tmp_path):
        study = {"kind": "sweep", "vary": "boundaries.top.current.value", "values": ["1 fA", "20 fA"]}
        points = of_calcium(tmp_path, {"species": "Ca", "value": "1 fA"}, **study)
        headings, _, rows = concentration_cells(points)
        assert headings == ["boundaries.top.current", "Ca(spot)", "Ca(top)", "Ca(mean)"]
        assert rows[1][2] == f"{1e3 * points[1].row['top.concentration_mM.Ca']:.4g} uM"
        for point in points:
            point.value = None
        assert concentration_cells(points[1:])[2][1] == ["top", "Ca", rows[1][2]]

    def test_a_salt_has_none(self):
        case = make_case(parse_toml(CASE, "case"))
        assert concentration_cells([SweepPoint(0, case, None, {"status": "ok"})]) == ([], [], [])


def test_tables_are_not_wider_than_the_screen_and_cut_no_number():
    """Columns of a place stay together; each table begins with the varied value, and no column is lost."""
    headings = ["key", *(f"{text}\n[mV]" for p in "abcd" for text in (f"V({p}) at the end", f"peak V({p})", "at"))]
    headings.append("status")
    rows = [["1", *("-69.99123" for _ in headings[2:]), "ok"]]
    parts = columns_by_width(headings, rows, 80)
    assert parts == [[0, 1, 2, 3], [0, 4, 5, 6], [0, 7, 8, 9], [0, 10, 11, 12, 13]]
    assert sorted(i for part in parts for i in part[1:]) == list(range(1, len(headings)))
    for part in parts:
        assert part[0] == 0
        assert sum(max(map(len, [*headings[i].split("\n"), rows[0][i]])) + 3 for i in part) < 80
    assert columns_by_width(headings, rows, 1000) == [list(range(len(headings)))]
