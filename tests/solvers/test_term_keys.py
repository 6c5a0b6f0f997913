"""Keys of physical terms: their discovery, prescribed potentials in time, high valences."""

import math
import pickle
import shutil

import numpy as np
import pytest

from spinepnp.case.case import make_case, read_case
from spinepnp.case.digest import case_digest
from spinepnp.case.toml import set_value
from spinepnp.errors import CaseError
from spinepnp.geometries import Cylinder
from spinepnp.meshes import MeshOptions
from spinepnp.solvers import Boundary, PotentialWaveform, SolverOptions, grade_layers, solve_steady
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.term_keys import TermKeys
from spinepnp.solvers.model.terms import TERM_KEYS
from support import ROOT
from support.cases import CASE, GROUND, line, spine_case
from support.commands import refusal, run_code
from support.ions import SALT, salt

MS, mV = 1e-3, 1e-3

#: Potential of the contract, in time.
CLAMP = {"waveform": "step", "value": "50 mV", "onset": "1 ms", "before": "0 mV"}

#: A term in a file of its own, for a boundary and for the volume.
NEW_TERM = '''
from spinepnp.errors import CaseError
from spinepnp.solvers.model.term_keys import TermKeys
from spinepnp.units import Concentration, Permeability, Table


class Sieve(Table):
    """Sieve with a bath beyond the boundary.

    Attributes:
        species: species that passes.
        rate: permeability of the boundary, m/s.
        outside: concentration of the bath, mol/m^3.
        file: table of the rate.
    """

    species: str
    rate: Permeability
    outside: Concentration
    file: str | None = None


class SieveKeys(Table):
    """Sieve.

    Attributes:
        sieve: sieve of species with a bath.
    """

    sieve: tuple[Sieve, ...] | None = None


class Mixture(Table):
    """Mixture of two species.

    Attributes:
        equation: the equation.
    """

    equation: str


class MixtureKeys(Table):
    """Mixtures.

    Attributes:
        mixtures: mixtures between species.
    """

    mixtures: tuple[Mixture, ...] | None = None


class SieveTerm(TermKeys):
    """Sieve and mixtures."""

    order = 999
    boundary = SieveKeys
    electrolyte = MixtureKeys
    file_keys = ("sieve.file",)

    def check_boundary(self, key, boundary, electrolyte, geometry):
        for sieve in boundary.sieve or ():
            if sieve.species not in electrolyte.names:
                raise CaseError(f"{key}.sieve.species", "no such species", sieve.species)

    def check_electrolyte(self, electrolyte):
        for mixture in electrolyte.mixtures or ():
            if "->" not in mixture.equation:
                raise CaseError("electrolyte.mixtures", "has no arrow", mixture.equation)

    def signature(self, data):
        return tuple((n, e.species) for n, b in data.boundaries.items() for e in b.sieve or ())

    def determines(self, boundary, electrolyte):
        return {sieve.species for sieve in boundary.sieve or ()}
'''

#: What the rest of the program makes of it.
USE = """
from pathlib import Path
from spinepnp.case.case import load_case, read_case
from spinepnp.case.digest import table_digests
from spinepnp.errors import CaseError
from spinepnp.reference.keys_page import part
from spinepnp.reference.schema import schema_of
from spinepnp.solvers.problem.predictor import why_not_electroneutral

case = load_case(Path("case.toml"))
assert case.problem_data.signature.terms == (("sieve", (("top", "A"),)),)
assert case.problem_data.undetermined_species == ()
at_bulk = load_case(Path("case.toml"), ['boundaries.base.concentrations="bulk"'])
assert why_not_electroneutral(at_bulk.electrolyte, at_bulk.boundaries) == "sieve"
assert read_case(case.to_toml(), "again") == case
assert [Path(path).name for path in table_digests(case)] == ["rates.csv"]
assert case.electrolyte.mixtures[0].equation == "C + A -> A"
assert "rate" in part("boundaries.NAME.sieve") and "equation" in part("electrolyte.mixtures")
assert {"sieve"} <= set(schema_of("case")["definitions"]["Boundary"]["properties"])
for change, message in (
    ('compare.law="cylinder"', "the cylinder law needs no sieve"),
    ('boundaries.top.sieve.species="X"', "no such species"),
    ('electrolyte.mixtures.0.equation="A"', "has no arrow"),
    ('boundaries.top.sieve.0.speed="1 um/s"', "unknown key"),
):
    try:
        load_case(Path("case.toml"), [change])
    except CaseError as error:
        assert message in str(error), error
    else:
        raise AssertionError(change)
"""


@pytest.fixture
def checkout(tmp_path):
    """Copy of the code of the checkout, which a test may change."""
    unwanted = shutil.ignore_patterns("__pycache__", "geometries", "meshes", "solvers", "validation")
    shutil.copytree(ROOT / "spinepnp", tmp_path / "spinepnp", ignore=unwanted)
    for room in ("geometries", "meshes", "solvers", "validation"):
        shutil.copytree(ROOT / room, tmp_path / "spinepnp" / room, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_a_term_is_one_file_on_the_side_of_the_data(checkout):
    (checkout / "spinepnp" / "solvers" / "model" / "terms" / "sieve.py").write_text(NEW_TERM)
    (checkout / "rates.csv").write_text("time_ms,rate\n")
    tables = ('sieve = [{ species = "A", rate = "1 um/s", outside = "150 mM", file = "rates.csv" }]\n'
              'current = { species = "C", value = "10 pA" }\n')  # fmt: skip
    case = CASE.replace("[boundaries.top.current]", f"[boundaries.top]\n{tables}\n[unused]")
    case = case[: case.index("[unused]")] + '[[electrolyte.mixtures]]\nequation = "C + A -> A"\n'
    (checkout / "case.toml").write_text(case.replace('concentrations = "bulk"', 'concentrations = { C = "150 mM" }'))
    run_code(f"import sys; sys.path.insert(0, {str(checkout)!r})\n{USE}", cwd=checkout)


def test_terms_answer_every_question_by_a_default():
    """A term that overrides nothing changes nothing, but takes away what laws assume, where it is given."""

    class Plain(TermKeys):
        order = 0
        boundary = type(TERM_KEYS[0]).boundary

    plain, ground = Plain(), {"base": GROUND}
    assert not plain.at("base", 0.0, 0.0)
    assert not plain.scaled(GROUND, 0.5, SALT, 0.0)
    assert not plain.carries(GROUND, SALT)
    assert not plain.forms_layer(GROUND, SALT, (0.0,))
    assert plain.why_not_electroneutral(SALT, ground) == plain.key == "potential"
    assert plain.law_needs(SALT, ground) == "no potential"
    assert not plain.bounds_potential(SALT, ground)
    assert plain.bounds_potential(SALT, {})


def test_terms_have_different_places_and_questions_have_the_names_of_the_base():
    assert len({term.order for term in TERM_KEYS}) == len(TERM_KEYS)
    for term in TERM_KEYS:
        assert {name for name in vars(type(term)) if not name.startswith("_")} <= {"order", *dir(TermKeys)}, term.name


def test_boundaries_go_from_rank_to_rank():
    boundary = Boundary(potential=CLAMP, concentrations="bulk")
    assert pickle.loads(pickle.dumps(boundary)) == boundary


# --- high valences


@pytest.mark.parametrize("z", [20, -20])
def test_a_tracer_of_high_valence_follows_boltzmann_beside_a_flowing_salt(comm, z):
    tracer = 1e-4
    electrolyte = salt((150.0 + max(0, -z) * tracer, 150.0 + max(0, z) * tracer, tracer), 200, "CAP", (1, -1, z))
    injector = Boundary(current={"species": "C", "value": "20 pA"}, field_matched=True)
    options = SolverOptions(formulation="density", linear="direct")
    errors = []
    for size in ("50 nm", "25 nm"):
        solution = solve_steady(line(comm, size=size), electrolyte, {"base": GROUND, "top": injector}, options)
        top = solution.boundary["top"]
        exponent = -z * top.potential / electrolyte.V_T
        assert 0.5 < abs(exponent) < 5.0
        errors.append(abs(top.concentration["P"] / (tracer * math.exp(exponent)) - 1.0))
        assert solution.ion_balance < 1e-9
    assert errors[0] < 0.02
    assert errors[1] < 0.3 * errors[0]  # second order


@pytest.mark.parametrize("z", [21, -21])
def test_valences_beyond_are_refused(z):
    with pytest.raises(CaseError, match="20"):
        salt(150, z=(z, -1))


# --- prescribed potentials in time


def potential(waveform, value="50 mV", **keys):
    return Boundary(potential={"waveform": waveform, "value": value, **keys})


def at(boundary, time, inside=None):
    """Prescribed potential at a time in ms, mV."""
    inside = time if inside is None else inside
    return boundary.at(time * MS, inside * MS).prescribed_potential / mV


class TestPotentials:
    def test_step(self):
        step = potential("step", onset="1 ms", before="-70 mV")
        assert [at(step, t) for t in (0, 0.9, 1.1, 100)] == pytest.approx([-70, -70, 50, 50])
        assert [at(step, 1, inside) for inside in (0.5, 2)] == pytest.approx([-70, 50])
        (profile,) = step.waveforms
        assert profile.jumps == profile.breaks == (1 * MS,)

    def test_pulse(self):
        train = potential("pulse", duration="1 ms", onset="1 ms", count=2, interval="5 ms", before="-10 mV")
        assert [at(train, t) for t in (0.5, 1.5, 3, 6.5, 8)] == pytest.approx([-10, 50, -10, 50, -10])

    def test_alpha(self):
        alpha = potential("alpha", t_peak="2 ms", before="10 mV")
        assert [at(alpha, t) for t in (0, 2, 5)] == pytest.approx([10, 50, 10 + 40 * 2.5 * math.exp(-1.5)])

    def test_ramp(self):
        ramp = potential("ramp", duration="4 ms", onset="1 ms", before="-50 mV")
        assert [at(ramp, t) for t in (1, 2, 3, 5, 9)] == pytest.approx([-50, -25, 0, 50, 50])

    def test_sine_is_added_to_the_potential_before(self):
        sine = potential("sine", frequency="100 Hz", onset="1 ms", before="-70 mV", phase="30 deg")
        assert at(sine, 0.5) == pytest.approx(-70)
        assert at(sine, 3) == pytest.approx(-70 + 50 * math.sin(0.4 * math.pi + math.pi / 6))
        assert sine.waveforms[0].longest_step(2 * MS) == pytest.approx(10.0 * MS / 32.0)

    def test_table_holds_the_potential_and_its_ends(self, tmp_path):
        (tmp_path / "v.csv").write_text("time_ms,potential_mV\n0,-70\n2,10\n4,0\n")
        table = Boundary(potential={"waveform": "table", "file": str(tmp_path / "v.csv"), "onset": "1 ms"})
        assert [at(table, t) for t in (-5, 0, 1, 2, 3, 5, 50)] == pytest.approx([-70, -70, -70, -30, 10, 0, 0])
        assert table.prescribed_potential == pytest.approx(-70 * mV)
        (profile,) = table.waveforms
        assert profile.jumps == ()
        assert np.array(profile.breaks) == pytest.approx(np.array([1, 3, 5]) * MS)

    @pytest.mark.parametrize("keys", [
        {"waveform": "step"}, {"waveform": "ramp", "duration": "1 ms"}, {"waveform": "sine", "frequency": "1 Hz"},
        {"waveform": "alpha", "t_peak": "1 ms"}, {"waveform": "pulse", "duration": "1 ms"},
    ])  # fmt: skip
    @pytest.mark.parametrize("before", [None, "-70 mV"])
    def test_without_a_time_it_is_that_before(self, keys, before):
        boundary = Boundary(potential={"value": "50 mV", **keys} | ({"before": before} if before else {}))
        expected = -0.07 if before else 0.0
        assert boundary.prescribes_potential
        assert boundary.prescribed_potential == pytest.approx(expected)
        data = ProblemData(SALT, {"base": boundary}, transient=True)
        assert data.reference_potential == pytest.approx(expected)
        assert data.initial_steady_state().boundaries["base"].potential == pytest.approx(expected)
        assert data.signature == data.at(1.0, 1.0).signature == data.initial_steady_state().signature

    @pytest.mark.parametrize(("keys", "low", "high"), [
        ({"waveform": "step", "value": "50 mV", "before": "-70 mV"}, -70, 50),
        ({"waveform": "sine", "value": "50 mV", "frequency": "1 Hz", "before": "-70 mV"}, -120, -20),
        ({"waveform": "alpha", "value": "50 mV", "t_peak": "10 ms", "count": 2, "interval": "1 ms"}, 0, 99.5),
    ])  # fmt: skip
    def test_extremes(self, keys, low, high):
        assert sorted(PotentialWaveform(**keys).extremes()) == pytest.approx([low * mV, high * mV], rel=5e-3)

    @pytest.mark.parametrize(("keys", "message"), [
        ({"waveform": "constant", "value": "1 mV"}, "must be 'step'"),
        ({"value": "1 mV"}, "is missing; add it"),
        ({"waveform": "step"}, 'needs value = "50 mV"'),
        ({"waveform": "step", "value": "1 pA"}, "the unit of a current"),
        ({"waveform": "ramp", "value": "1 mV"}, "needs duration"),
        ({"waveform": "step", "value": "1 mV", "t_peak": "1 ms"}, "t_peak is no key of waveform"),
        ({"waveform": "pulse", "value": "1 mV", "duration": "1 ms", "count": 2}, "needs both count"),
        ({"waveform": "table", "file": "x.csv", "before": "1 mV"}, "drop value and before"),
        ({"waveform": "table"}, "needs file"),
        ({"waveform": "step", "value": "1 mV", "species": "C"}, "unknown key"),
    ])  # fmt: skip
    def test_bad_keys(self, keys, message):
        with pytest.raises(CaseError, match=message):
            PotentialWaveform(**keys)


def clamped(**more):
    """Spine whose base is clamped in time."""
    case = spine_case(boundaries={"base": {"potential": dict(CLAMP), "concentrations": "bulk"}})
    for path, value in more.items():
        set_value(case, path.replace("__", "."), value)
    return case


class TestClampedCases:
    def test_the_resolved_case_has_the_table_again(self):
        case = make_case(clamped())
        assert case.to_dict()["boundaries"]["base"]["potential"] == CLAMP
        assert read_case(case.to_toml(), "again") == case

    def test_what_is_left_out_is_not_in_the_digest(self):
        short = clamped()
        del short["boundaries"]["base"]["potential"]["before"]
        assert "before" not in make_case(short).to_dict()["boundaries"]["base"]["potential"]

    def test_the_content_of_a_table_is_in_the_digest(self, tmp_path):
        file = tmp_path / "v.csv"
        file.write_text("time_ms,potential_mV\n0,0\n2,10\n")
        data = clamped(boundaries__base__potential={"waveform": "table", "file": str(file)})
        first = case_digest(make_case(data))
        file.write_text("time_ms,potential_mV\n0,0\n2,20\n")
        assert case_digest(make_case(data)) != first

    def test_its_breaks_end_steps(self):
        case = make_case(clamped(boundaries__ring={"current": {"species": "C", "waveform": "step", "value": "1 pA",
                                                               "onset": "2 ms"}}))  # fmt: skip
        ends = case.study.schedule.ends([w for b in case.boundaries.values() for w in b.waveforms])
        assert ends[1 * MS]
        assert ends[2 * MS]

    def test_a_sweep_varies_its_keys(self):
        case = make_case(clamped(study__vary="boundaries.base.potential.value", study__values=["10 mV", "20 mV"]))
        assert [point.boundaries["base"].potential.value for point in case.points()] == [0.01, 0.02]

    @pytest.mark.parametrize(("changes", "message"), [
        ({"study": {"kind": "steady"}}, 'boundaries.base.potential.waveform = "step": goes in time, and the study'),
        ({"study": {"kind": "sweep", "vary": "solver.max_newton", "values": [20]}}, "goes in time"),
        ({"boundaries__base__potential__onset": "-1 ms"}, "boundaries.base.potential.onset"),
        ({"boundaries__base__potential__waveform": "steps"}, "boundaries.base.potential.waveform"),
        ({"boundaries__base__potential": {"waveform": "sine", "value": "1 mV", "frequency": "1 GHz"}},
         "boundaries.base.potential.frequency: would take more than 1e+06 steps"),
        ({"boundaries__base__potential": {"waveform": "table", "file": "nowhere.csv"}},
         "boundaries.base.potential.file"),
        ({"boundaries__base__capacitance": {"value": "0.01 F/m^2"}}, "excludes potential"),
        ({"boundaries__base__channel": {"law": "gates", "species": "C", "conductance": "1 nS", "reversal": "0 mV"},
          "boundaries__base__concentrations": {"A": "167 mM"}}, "depends on a potential that is held here"),
        ({"boundaries__cap": {"potential": {"waveform": "step", "value": "2 V"}}},
         "boundaries.cap.potential = \"2000 mV\": lets point ions crowd"),
    ])  # fmt: skip
    def test_what_is_refused(self, changes, message):
        assert message in str(refusal(make_case, clamped(**changes)))

    def test_a_law_of_a_steady_state_takes_steps_only(self):
        ramp = {"waveform": "ramp", "value": "1 mV", "duration": "1 ms"}
        case = clamped(boundaries__base__potential=ramp, compare__law="cylinder")
        assert "holds for currents that stay" in str(refusal(make_case, case))


def test_a_moving_wall_is_graded_for_its_largest_potential():
    """A blocking wall that starts at the potential of the bath has a layer as soon as it moves."""
    shape = Cylinder(length="1 um", radius="100 nm", dimension="1d")
    still = Boundary(potential="100 mV")
    moving = Boundary(potential={"waveform": "pulse", "value": "100 mV", "duration": "1 ms"})
    graded = [grade_layers(MeshOptions(), shape, SALT, {"base": GROUND, "top": top}) for top in (still, moving)]
    assert "top" in graded[0].grade
    assert graded[0] == graded[1]
