"""Table at the end of a run: resistances of steady states, peaks of transients, digits by what is known of them."""

import re

import pytest

from spinepnp.case.case import make_case
from spinepnp.case.toml import parse_toml
from spinepnp.run.options import RunOptions, SweepPoint
from spinepnp.run.outcome_table import cells, law_line, limit_line
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
