"""What `import spinepnp` gives: names, quantities, plain dictionaries, problems, callbacks; and what is refused."""

import ast

import numpy as np
import pint
import pytest

import spinepnp as pnp
from spinepnp.meshes import generate
from spinepnp.run import run_case
from spinepnp.units import CURRENT, LENGTH, format_quantity, parse_quantity, si
from support import ROOT
from support.cases import CASE
from support.commands import refusal, run_code
from support.ions import ion, salt

UNITS = pint.UnitRegistry()
SALT = salt(150, names=("Na", "Cl"))
SALT_KEYS = {"species": [ion("Na", 1, 150), ion("Cl", -1, 150)]}
CONDITIONS = {"base": pnp.bath(), "top": pnp.inject("Na", "50 pA")}
IN_TIME = {"base": pnp.bath(), "top": pnp.inject("Na", "50 pA", waveform="alpha", t_peak="10 ms")}


@pytest.fixture(scope="module")
def line(comm):
    return pnp.mesh(pnp.Cylinder(length="1 um", radius="100 nm", dimension="1d"), comm=comm, size="10 nm")


# --- names


def test_every_public_name_is_there_and_listed():
    assert set(pnp.__all__) <= set(dir(pnp))
    for name in pnp.__all__:
        assert getattr(pnp, name) is not None
    assert len(set(pnp.__all__)) == len(pnp.__all__)


def test_type_checkers_see_every_name():
    tree = ast.parse((ROOT / "spinepnp" / "__init__.py").read_text())
    (block,) = [n for n in tree.body if isinstance(n, ast.If) and getattr(n.test, "id", "") == "TYPE_CHECKING"]
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert {*seen, "__version__"} == set(pnp.__all__)
    assert seen == {name: f"spinepnp.{module}" for name, module in pnp._MODULES.items()}


def test_the_import_and_the_list_of_names_load_nothing_heavy(tmp_path):
    code = """
import sys
import spinepnp
assert "SteadyProblem" in dir(spinepnp)
heavy = {"mpi4py", "dolfinx", "numpy", "scipy", "pyvista", "gmsh", "pint", "pydantic", "pandas", "xarray"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
spinepnp.Cylinder, spinepnp.Boundary, spinepnp.Schedule, spinepnp.si
assert not (heavy - {"pydantic", "numpy"}) & set(sys.modules), heavy & set(sys.modules)
"""
    run_code(code, cwd=tmp_path)


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="has no attribute 'Cilinder'"):
        _ = pnp.Cilinder


# --- quantities


@pytest.mark.parametrize(
    "radius",
    ["100 nm", "0.1 um", si(1e-7), si(np.float64(1e-7)), 100 * UNITS.nm, UNITS.Quantity(np.float64(0.1), "micrometer")],
)
def test_a_quantity_is_text_pint_or_marked(radius):
    assert pnp.Cylinder(length="1 um", radius=radius).radius == 1e-7


@pytest.mark.parametrize(
    "radius", [1e-7, np.float64(1e-7), 100, np.int64(100), True, None, [1e-7], UNITS.Quantity([1, 2], "nm")]
)
def test_a_number_without_unit_is_refused_in_one_line(radius):
    error = refusal(pnp.Cylinder, length="1 um", radius=radius)
    assert error.key == "Cylinder.radius"
    assert str(error).endswith(': a length is text with a unit, for example "100 nm"')


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1e-7", True, None, [1e-7], 1j])
def test_si_marks_finite_numbers_only(value):
    assert refusal(si, value).key == "si"


def test_arithmetic_takes_the_mark_away():
    assert repr(si(2)) == "si(2.0)"
    assert refusal(pnp.Cylinder, length="1 um", radius=2 * si(1e-7)).key == "Cylinder.radius"


def test_a_marked_number_has_to_be_plausible_too():
    assert "too large a length" in str(refusal(pnp.Cylinder, length="1 um", radius=si(100.0)))
    assert "greater than zero" in str(refusal(pnp.Cylinder, length="1 um", radius=si(-1e-7)))


def test_reciprocal_units_of_pint_are_read():
    current = pnp.inject("Na", 50 * UNITS.pA, waveform="sine", frequency=5 / UNITS.ms).injections[0]
    assert (current.value, current.frequency) == (5e-11, pytest.approx(5e3))


@pytest.mark.parametrize("number", [np.float64(1e-7), np.float32(0.5), np.int64(1)])
def test_numbers_of_numpy_are_written_as_quantities(number):
    assert parse_quantity(format_quantity(number, LENGTH), LENGTH) == float(number)
    assert pnp.Electrolyte(species=[{**ion("Na", np.int64(1), 1)}], permittivity=np.float32(2.5)).permittivity == 2.5


# --- tables from plain dictionaries


def test_dictionaries_give_the_numbers_of_tables(line):
    tables = pnp.solve_steady(
        line, SALT, CONDITIONS, pnp.SolverOptions(linear="direct"), {"p": (0.0, 0.0, 5e-7)},
        regions={"half": pnp.Region(z=("0 nm", "500 nm"))},
    )  # fmt: skip
    base = {"potential": "0 mV", "concentrations": "bulk"}
    keys = pnp.solve_steady(
        line, SALT_KEYS, {"base": base, "top": {"current": {"species": "Na", "value": "50 pA"}}},
        {"linear": "direct"}, {"p": ("0 nm", "0 nm", 500 * UNITS.nm)}, regions={"half": ["0 nm", "500 nm"]},
    )  # fmt: skip
    assert np.array_equal(tables.unknowns, keys.unknowns)
    assert tables.probes == keys.probes
    assert tables.regions == keys.regions


BAD = [
    ({"boundaries": {"top": {"current": {"species": "Na", "value": 5e-11}}}}, "boundaries.top.current.value"),
    ({"boundaries": {"top": {"curent": {}}}}, "boundaries.top.curent"),
    ({"boundaries": {"top": {"surface_charge": float("nan")}}}, "boundaries.top.surface_charge"),
    ({"boundaries": {"top": "50 pA"}}, "boundaries.top"),
    ({"boundaries": [pnp.bath()]}, "boundaries"),
    ({"boundaries": {**CONDITIONS, "tpo": pnp.bath()}}, "boundaries.tpo"),
    ({"electrolyte": "Na"}, "electrolyte"),
    ({"electrolyte": {"species": [ion("Na", 1.5, 150)]}}, "electrolyte.species.Na.valence"),
    ({"electrolyte": {**SALT_KEYS, "permittivity": float("nan")}}, "electrolyte.permittivity"),
    ({"options": {"liner": "direct"}}, "solver.liner"),
    ({"options": {"tolerance": "small"}}, "solver.tolerance"),
    ({"closed": {"amounts": {"Na": 5.0}}}, "closed.amounts.Na"),
    ({"probes": {"p": ("0 nm", "0 nm", float("nan"))}}, "probes.p.2"),
    ({"probes": {"p": "1 um"}}, "probes.p"),
    ({"regions": {"half": [0, 1]}}, "regions.half.0"),
    ({"mesh": pnp.Cylinder(length="1 um", radius="100 nm")}, "mesh"),
]


@pytest.mark.parametrize(("changed", "key"), BAD, ids=[key for _, key in BAD])
@pytest.mark.parametrize("problem", [pnp.SteadyProblem, pnp.TransientProblem])
def test_mistakes_have_the_line_of_a_case_file(line, changed, key, problem):
    given = {"mesh": line, "electrolyte": SALT, "boundaries": CONDITIONS} | changed
    assert refusal(problem, **given).key == key


@pytest.mark.parametrize(
    ("problem", "changed", "key"),
    [
        (pnp.SteadyProblem, {"top": IN_TIME["top"]}, "boundaries.top.current.waveform"),
        (pnp.SteadyProblem, {"base": {"potential": {"waveform": "step", "value": "5 mV"}, "concentrations": "bulk"}},
         "boundaries.base.potential.waveform"),
        (pnp.TransientProblem, {"top": {"current": {"species": "Na", "value": "1 pA"}, "field_matched": True}},
         "boundaries.top.field_matched"),
    ],
)  # fmt: skip
def test_what_belongs_to_the_other_kind_of_problem_is_refused(line, problem, changed, key):
    assert refusal(problem, line, SALT, CONDITIONS | changed).key == key
    if problem is pnp.SteadyProblem:
        with problem(line, SALT, CONDITIONS) as steady:
            assert refusal(steady.solve, boundaries=CONDITIONS | changed).key == key


def test_the_first_of_several_mistakes_is_told_and_tables_within_tables_have_their_path():
    error = refusal(pnp.Electrolyte, species=[{"name": "Na", "valence": 1, "diffusivity": 1.0, "concentration": 2.0}])
    assert error.key == "Electrolyte.species.Na.diffusivity"
    assert "did you mean" in str(refusal(pnp.Cylinder, lenght="1 um", radius="100 nm"))


# --- meshes


def test_a_mesh_is_that_of_its_options(comm):
    shape = pnp.Cylinder(length="1 um", radius="100 nm", dimension="axisymmetric")
    options = pnp.MeshOptions(size="50 nm", grade={"top": pnp.GradeOptions(size="1 nm")})
    expected = generate(shape, options, comm).mesh.geometry.x
    keys = {"shape": "cylinder", "length": "1 um", "radius": "100 nm", "dimension": "axisymmetric"}
    for geometry in (shape, keys):
        for grade in ("1 nm", si(1e-9), {"size": "1 nm"}, pnp.GradeOptions(size="1 nm")):
            made = pnp.mesh(geometry, size="50 nm", grade={"top": grade})
            assert made.mesh.comm.size == comm.size
            assert np.array_equal(made.mesh.geometry.x, expected)


@pytest.mark.parametrize(
    ("geometry", "options", "key"),
    [
        ({"shape": "cylindre"}, {}, "geometry.shape"),
        ({"length": "1 um"}, {}, "geometry.shape"),
        ({"shape": "cylinder", "length": "1 um", "radius": 1e-7}, {}, "geometry.radius"),
        (None, {}, "geometry"),
        (pnp.Ball(radius="1 um"), {"sise": "10 nm"}, "mesh.sise"),
        (pnp.Ball(radius="1 um"), {"grade": {"wall": 1e-9}}, "mesh.grade.wall.size"),
        (pnp.Ball(radius="1 um"), {"grade": "1 nm"}, "mesh.grade"),
        (pnp.Ball(radius="1 um"), {"grade": {"top": "1 nm"}}, "mesh.grade.top"),
    ],
)  # fmt: skip
def test_mistakes_in_a_mesh_are_told_in_a_line(geometry, options, key):
    assert refusal(pnp.mesh, geometry, **options).key == key


# --- boundary conditions


def test_shortcuts_are_boundaries():
    assert pnp.bath() == pnp.Boundary(potential="0 mV", concentrations="bulk")
    assert pnp.bath("floating", {"Na": "1 mM"}).floating
    assert pnp.inject("Na", density="1 A/m^2").injections[0].density == 1.0
    assert pnp.inject("Na", "50 pA", waveform="step", onset="1 ms").injections[0].onset == 1e-3
    assert refusal(pnp.inject, "Na", 5e-11).key == "Boundary.current.value"
    assert refusal(pnp.inject, "Na").key == "Boundary.current"
    assert refusal(pnp.bath, 0).key == "Boundary.potential"


# --- problems


def test_a_solve_takes_what_is_not_given_from_construction(line):
    higher = {**CONDITIONS, "top": pnp.inject("Na", "100 pA")}
    weak = salt(100, names=("Na", "Cl"))
    with pnp.SteadyProblem(line, SALT, CONDITIONS) as problem:
        V = [problem.solve(*given).boundary["top"].potential for given in ((), (SALT, CONDITIONS))]
        raised = problem.solve(boundaries=higher).boundary["top"].potential
        thinner = problem.solve(electrolyte=weak).boundary["top"].potential
        again = problem.solve().boundary["top"].potential
        bare = {"current": {"species": "Na", "value": 1e-12}}
        for name, condition, key in (("top", bare, "top.current.value"), ("tpo", pnp.inject("Na", "1 pA"), "tpo")):
            error = refusal(problem.solve, boundaries={**CONDITIONS, name: condition})
            assert error.key == f"boundaries.{key}"
        with pytest.raises(ValueError, match="built for other"):
            problem.solve(boundaries={"base": pnp.bath()} | {"top": pnp.bath()})
    assert V[0] == V[1] == pytest.approx(again, rel=1e-12)
    assert 1.7 * V[0] < raised < 2.0 * V[0]
    assert thinner > 1.3 * V[0]


def test_closed_amounts_are_kept_and_can_be_changed(comm):
    mesh = pnp.mesh(pnp.Ball(radius="100 nm", dimension="1d"), comm=comm)
    with pnp.SteadyProblem(mesh, SALT_KEYS, {}, closed={"amounts": {"Na": "1000 ions"}}) as problem:
        assert problem.solve().volume.amount["Na"] == pytest.approx(1000 / 6.02214076e23, rel=1e-9)
        solution = problem.solve(closed={"amounts": {"Na": "500 ions"}})
        assert solution.volume.amount["Na"] == pytest.approx(500 / 6.02214076e23, rel=1e-9)
        assert refusal(problem.solve, closed={"amounts": {"K": "500 ions"}}).key == "closed.amounts.K"


@pytest.mark.mpi
def test_a_problem_ends_with_its_block(comm, line):
    with pnp.SteadyProblem(line, SALT, CONDITIONS) as problem:
        problem.solve()
    problem.destroy()  # once more does nothing
    with pytest.raises(RuntimeError, match="with block has ended"):
        problem.solve()
    with pytest.raises(KeyError), pnp.TransientProblem(line, SALT, IN_TIME) as transient:
        raise KeyError
    with pytest.raises(RuntimeError, match="with block has ended"):
        list(transient.steps("1 ms"))


# --- transients


@pytest.mark.parametrize("duration", ["5 ms", si(5e-3), 5e-3, np.float64(5e-3), 5 * UNITS.ms])
def test_a_schedule_takes_times_of_every_kind(duration):
    times = ["1 ms", 2e-3, 3 * UNITS.ms]
    expected = pnp.Schedule(5e-3, (1e-3, 2e-3, 3e-3), 1e-5)
    assert pnp.Schedule(duration, times, 1e-5) == expected
    assert pnp.Schedule.of({"duration": duration, "times": times, "tolerance": 1e-5}) == expected
    assert pnp.Schedule.of(duration) == pnp.Schedule(5e-3)
    assert pnp.Schedule(5e-3, np.array([1e-3, 2e-3])).times == (1e-3, 2e-3)


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"duration": -1}, "schedule.duration"),
        ({"duration": 0}, "schedule.duration"),
        ({"duration": float("nan")}, "schedule.duration"),
        ({"duration": "5 mV"}, "schedule.duration"),
        ({"duration": True}, "schedule.duration"),
        ({"duration": "5 ms", "times": "1 ms"}, "schedule.times"),
        ({"duration": "5 ms", "times": ["1 ms", float("nan")]}, "schedule.times.1"),
        ({"duration": "5 ms", "times": ["-1 ms"]}, "schedule.times.0"),
        ({"duration": "5 ms", "tolerance": float("nan")}, "schedule.tolerance"),
        ({"duration": "5 ms", "tolerance": 0.0}, "schedule.tolerance"),
        ({"duration": "5 ms", "fixed_step": 0}, "schedule.fixed_step"),
    ],
)
def test_impossible_schedules_are_refused(line, keys, key):
    assert refusal(pnp.Schedule, **keys).key == key
    assert refusal(pnp.solve_transient, line, SALT, IN_TIME, keys).key == key


def test_unknown_keys_of_a_schedule_are_refused(line):
    with pnp.TransientProblem(line, SALT, IN_TIME) as problem:
        assert refusal(problem.steps, {"duration": "5 ms", "tims": []}).key == "schedule.tims"
        assert refusal(problem.steps, "5 mM").key == "schedule.duration"


@pytest.mark.mpi
def test_a_callback_stops_all_ranks_at_the_same_step(comm, line):
    seen = []

    def low(step):
        seen.append(step.number)
        return True if comm.rank < comm.size - 1 else step.solution.boundary["top"].potential < 3e-3

    with pnp.TransientProblem(line, SALT, IN_TIME) as problem:
        steps = problem.run("20 ms", callback=low)
        assert seen == [step.number for step in steps] == list(range(1, len(steps) + 1))
        assert [step.solution.boundary["top"].potential < 3e-3 for step in steps] == [True] * (len(steps) - 1) + [False]
        assert problem.time == steps[-1].time < 5e-3
        rest = problem.run("20 ms")  # goes on from there
        assert rest[0].number == len(steps) + 1
        assert rest[-1].time == pytest.approx(20e-3)
    assert len(set(comm.allgather(len(steps)))) == 1


@pytest.mark.mpi
def test_a_callback_may_raise_stop_iteration(comm, line):
    waiting = iter(range(4))

    def few(step):
        if comm.rank == comm.size - 1:
            next(waiting)

    assert len(pnp.solve_transient(line, SALT, IN_TIME, "1 ms", callback=few)) == 5


@pytest.mark.mpi
def test_a_callback_that_gives_nothing_sees_every_step(comm, line):
    seen = []
    steps = pnp.solve_transient(line, SALT_KEYS, IN_TIME, {"duration": "1 ms"}, callback=seen.append)
    assert seen == list(steps)
    assert steps[-1].time == pytest.approx(1e-3)


@pytest.mark.mpi
def test_an_error_of_a_callback_ends_the_transient_on_all_ranks(comm, line):
    def failing(step):
        if comm.rank == 0 and step.number == 3:
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError if comm.rank == 0 else pnp.SolveError):
        pnp.solve_transient(line, SALT, IN_TIME, "1 ms", callback=failing)


def test_initial_concentrations_and_terms_are_arguments_as_the_others(line):
    """A tracer in a closed neck: its mean is that of the initial regions, and decays with the rate of the term."""

    class Decay(pnp.Term):
        def densities(self, u):
            return {("T", "volume"): -100.0 * u.c["T"]}

    tracer = {"species": [{"name": "T", "valence": 0, "diffusivity": "200 um^2/s", "concentration": "1 mM"}]}
    half = {"region": [{"z": ["0 um", "0.5 um"], "concentrations": {"T": "3 mM"}}]}
    for initial in (half, pnp.Initial(**half)):
        steps = pnp.solve_transient(
            line, tracer, {}, "1 ms", closed={}, initial_concentrations=initial, terms=[Decay()]
        )
        mean = steps[-1].solution.volume.concentration["T"]
        assert mean == pytest.approx(2.0 * np.exp(-0.1), rel=2e-3)
    with pytest.raises(pnp.CaseError, match=r"initial\.regions: unknown key"):
        pnp.TransientProblem(line, tracer, {}, closed={}, initial_concentrations={"regions": []})
    steady = pnp.solve_steady(line, tracer, {"base": pnp.bath()}, terms=[Decay()])
    width = np.sqrt(100.0 / 200e-12) * 1e-6  # length over sqrt(D/k)
    assert steady.boundary["top"].concentration["T"] == pytest.approx(1.0 / np.cosh(width), rel=1e-3)


def test_the_table_of_steps_is_that_of_a_run(comm, tmp_path):
    channel = {"law": "gates", "species": "C", "conductance": "1 nS", "reversal": "10 mV",
               "gates": [{"half": "5 mV", "slope": "5 mV", "time": "0.1 ms"}]}  # fmt: skip
    study = 'study = { kind = "transient", duration = "1 ms", times = ["1 ms"] }\n'
    (tmp_path / "case.toml").write_text(study + CASE)
    changes = ("boundaries.top={}", f"boundaries.top.channel={_inline(channel)}")
    run_case(tmp_path / "case.toml", comm, tmp_path / "out", overrides=changes)
    expected = pnp.load(tmp_path / "out")
    case = pnp.load_case(tmp_path / "case.toml", changes)
    mesh = generate(case.geometry, case.mesh, comm)
    with pnp.TransientProblem(mesh, case.electrolyte, case.boundaries, case.solver) as problem:
        frame = problem.run(case.study.schedule).to_frame()
    assert [*frame.columns, "status"] == list(expected.columns)
    numbers = frame.select_dtypes("number").columns
    assert any(".gate." in name for name in numbers)
    assert np.array_equal(frame[numbers].to_numpy(), expected[numbers].iloc[1:].to_numpy())


def _inline(value):
    """A value as TOML in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_inline(item)}" for key, item in value.items()) + "}"
    return "[" + ", ".join(map(_inline, value)) + "]" if isinstance(value, list) else f'"{value}"'


def test_quantities_of_currents_are_exact():
    assert pnp.inject("Na", si(5e-11)).injections[0].value == parse_quantity("50 pA", CURRENT) == 5e-11
