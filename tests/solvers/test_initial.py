"""Initial concentrations by region: amounts, diffusion against its Fourier series, junctions, refusals."""

import numpy as np
import pytest

from spinepnp.case.case import make_case
from spinepnp.errors import CaseError
from spinepnp.geometries import Ball, Cone, Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.solvers import (
    Boundary,
    Closed,
    Electrolyte,
    Initial,
    SolverOptions,
    TransientProblem,
    grade_layers,
    solve_steady,
)
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.validation.laws import SpreadingLaw, ambipolar_diffusivity, binary_junction, henderson_junction
from support.cases import GROUND, MS, NM
from support.commands import refusal
from support.ions import ion, salt

US = 1e-6

TRACER = Electrolyte(species=[ion("T", 0, 1)])

THREE = salt((12, 155, 167), (120, 200, 150), "NKA", (1, 1, -1))


def regions(*entries):
    return Initial(
        region=[
            {"z": [f"{low} nm", f"{high} nm"], "concentrations": {n: f"{c} mM" for n, c in concentrations.items()}}
            for low, high, concentrations in entries
        ]
    )


def begun(comm, shape, electrolyte, initial, size="40 nm", degree=1, boundaries=None, closed=None, options=None):
    """A transient at its start, and its first solution, on a mesh with the planes of the regions."""
    boundaries = boundaries or {}
    closed = Closed() if closed is None and not boundaries else closed
    mesh_options = MeshOptions(size=size, element_degree=degree)
    mesh = generate(shape, grade_layers(mesh_options, shape, electrolyte, boundaries, closed, initial.planes), comm)
    problem = TransientProblem(
        mesh, electrolyte, boundaries, options, closed=closed, initial_concentrations=initial
    )  # fmt: skip
    return problem, problem.begin()


def neck(dimension="1d"):
    return Cylinder(length="1 um", radius="100 nm", dimension=dimension)


class TestAmounts:
    STEPS = regions((310, 550, {"N": 100, "K": 67}), (550, 690, {"N": 5, "A": 160}))

    @pytest.mark.parametrize("dimension", ["1d", "axisymmetric", "3d"])
    @pytest.mark.parametrize("degree", [1, 2])
    def test_they_are_exact_on_planes_of_the_mesh(self, comm, dimension, degree):
        """The layers below and above a plane differ in height: half and half at its nodes would not do."""
        problem, first = begun(comm, neck(dimension), THREE, self.STEPS, degree=degree)
        volume = problem.weights.total_volume * 1e-18
        expected = {
            "N": 0.62 * 12 + 0.24 * 100 + 0.14 * 5, "K": 0.62 * 155 + 0.24 * 67 + 0.14 * 155,
            "A": 0.62 * 167 + 0.24 * 167 + 0.14 * 160,
        }  # fmt: skip
        for name, concentration in expected.items():
            assert first.volume.amount[name] == pytest.approx(concentration * volume, rel=1e-13)
        problem.destroy()

    def test_nodes_have_the_values_of_their_region(self, comm):
        problem, first = begun(comm, neck("axisymmetric"), THREE, self.STEPS, degree=2)
        z, found = problem.weights.heights() * 1e-6, first.unknowns
        for low, high, expected in ((0, 310, (12, 155, 167)), (310, 550, (100, 67, 167)), (550, 690, (5, 155, 160))):
            inside = (z > low * NM + 1e-12) & (z < high * NM - 1e-12)
            assert np.allclose(found[inside, :-1], expected, rtol=1e-13)
        on_plane = found[np.abs(z - 550 * NM) < 1e-12, 0]
        if len(on_plane):
            assert 5 < on_plane.min() <= on_plane.max() < 100
            assert np.ptp(on_plane) < 1e-11
        problem.destroy()

    @pytest.mark.parametrize("dimension", ["axisymmetric", "3d"])
    def test_linear_elements_need_no_plane(self, comm, dimension):
        """In a ball the cells follow no plane: each node has the mean over its basis function."""
        initial = regions((-100, 200, {"T": 5}))
        ball = Ball(radius="500 nm", dimension=dimension)
        problem, first = begun(comm, ball, TRACER, initial, size="100 nm")
        weights = problem.weights
        slab = weights.sum(weights.slab((-100 * NM, 200 * NM)))
        exact = np.pi * ((500**2 * 300) - (200**3 + 100**3) / 3) * 1e-9  # between the planes, um^3
        assert slab == pytest.approx(exact, rel=0.02)
        assert first.volume.amount["T"] == pytest.approx((weights.total_volume + 4 * slab) * 1e-18, rel=1e-12)
        assert first.unknowns[:, 0].min() >= 1 - 1e-12
        problem.destroy()

    def test_the_whole_body_is_a_region(self, comm):
        """A uniform start by a region is that of the amounts of [closed], with a net charge, too."""
        charged = salt((1, 1), neutral=False)
        amount = 3.0 * np.pi * 1e-14 * 1e-6
        whole, found = begun(comm, neck("axisymmetric"), charged, regions((0, 1000, {"C": 3})), degree=2)
        other = TransientProblem(whole.mesh, charged, {}, closed=Closed(amounts={"C": f"{amount} mol"}))
        expected = other.begin()
        assert found.volume.charge == pytest.approx(expected.volume.charge, rel=1e-12)
        assert np.allclose(found.unknowns, expected.unknowns, rtol=1e-9, atol=1e-9)
        assert np.ptp(expected.unknowns[:, -1]) > 0.1  # a field, as the charge asks for
        for problem in (whole, other):
            problem.destroy()

    @pytest.mark.parametrize(("dimension", "degree"), [("1d", 1), ("1d", 2), ("axisymmetric", 1), ("axisymmetric", 2)])
    def test_gels_keep_their_own_state_outside(self, comm, dimension, degree):
        """Outside of the regions the Donnan state of the fixed charge stays; no node is charged, on no plane."""
        gel = salt((10, 10), fixed_charge=[{"region": ["600 nm", "800 nm"], "value": "-50 mM"}])
        initial = regions((550, 600, {"C": 30, "A": 30}), (600, 707, {"C": 60}), (100, 213, {"C": 20, "A": 20}))
        problem, first = begun(comm, neck(dimension), gel, initial, "50 nm", degree, {"base": GROUND})
        z = problem.weights.heights() * 1e-6
        donnan = 25 + np.hypot(25, 10)
        for place, c in ((150, 20), (400, 10), (575, 30), (650, 60), (750, donnan)):
            assert first.unknowns[np.abs(z - place * NM) < 20 * NM, 0] == pytest.approx(c, rel=1e-9)
        net = first.unknowns[:, 0] - first.unknowns[:, 1] + problem.weights.fixed_charge_density(gel.charged_regions)
        assert np.abs(net).max() < 1e-8  # of 110 mM
        assert np.abs(first.unknowns[:, -1]).max() < (1e-9 if degree == 1 else 1e-3)
        problem.destroy()


class TestDiffusion:
    STEP = regions((400, 600, {"T": 11}))

    def error(self, comm, dimension, degree, size):
        problem, _ = begun(comm, neck(dimension), TRACER, self.STEP, size, degree)
        law = SpreadingLaw(1e-6, 2e-10, 1.0, ((400 * NM, 600 * NM, 11.0),))
        schedule = Schedule(0.1 * MS, (0.1 * MS,), 3e-7)
        last = [step for step in problem.steps(schedule) if step.listed][-1]
        z = problem.weights.heights() * 1e-6
        error = np.abs(last.solution.unknowns[:, 0] - law.concentration(z, last.time)).max(initial=0.0)
        problem.destroy()
        return max(comm.allgather(float(error)))

    @pytest.mark.parametrize(("dimension", "degree", "order"), [("1d", 1, 1.9), ("axisymmetric", 2, 2.7)])
    def test_it_converges_to_the_fourier_series(self, comm, dimension, degree, order):
        coarse, fine = (self.error(comm, dimension, degree, size) for size in ("40 nm", "20 nm"))
        assert fine < 4e-3
        assert np.log2(coarse / fine) > order

    def test_a_region_at_an_end_and_two_that_touch(self, comm):
        initial = regions((0, 250, {"T": 5}), (250, 500, {"T": 3}))
        problem, first = begun(comm, neck(), TRACER, initial, "10 nm")
        law = SpreadingLaw(1e-6, 2e-10, 1.0, ((0.0, 250 * NM, 5.0), (250 * NM, 500 * NM, 3.0)))
        z = problem.weights.heights() * 1e-6
        for step in problem.steps(Schedule(0.2 * MS, (0.05 * MS, 0.2 * MS), 1e-6)):
            if step.listed:
                assert np.allclose(step.solution.unknowns[:, 0], law.concentration(z, step.time), atol=2e-3)
                amount = step.solution.volume.amount["T"]
                assert amount == pytest.approx(first.volume.amount["T"], rel=1e-12)
        problem.destroy()

    def test_an_empty_domain(self, comm):
        """Without a logarithm of zero, concentrations stay the unknowns."""
        problem, _ = begun(comm, neck(), Electrolyte(species=[ion("T", 0, 0)]), self.STEP, "10 nm")
        law = SpreadingLaw(1e-6, 2e-10, 0.0, ((400 * NM, 600 * NM, 11.0),))
        assert problem.formulation == "density"
        last = list(problem.steps(Schedule(0.1 * MS, (0.1 * MS,), 1e-6)))[-1]
        z = problem.weights.heights() * 1e-6
        assert np.allclose(last.solution.unknowns[:, 0], law.concentration(z, last.time), atol=5e-3)
        problem.destroy()


class TestJunction:
    D = 2e-10, 1e-10

    def test_nernst_and_planck_in_time(self, comm):
        """The potential is that of the law but for the charge of its field, lambda_D^2/(D t); then the salt spreads."""
        pair = salt((150, 150), (200, 100))
        problem, first = begun(comm, neck(), pair, regions((500, 1000, {"C": 15, "A": 15})), "2 nm", 2)
        assert problem.formulation == "nodal"
        assert "initial" in problem.formulation_reason
        assert np.abs(first.unknowns[:, -1]).max() < 1e-12  # both sides are neutral
        z, times = problem.weights.heights() * 1e-6, (1 * US, 10 * US, 0.5 * MS)
        law = SpreadingLaw(1e-6, ambipolar_diffusivity((1, -1), self.D), 150.0, ((500 * NM, 1000 * NM, 15.0),))
        exact = binary_junction(150, 15, (1, -1), self.D, pair.V_T)
        errors = []
        for step in problem.steps(Schedule(times[-1], times, 1e-5)):
            if step.listed:
                field = step.solution.unknowns
                ends = [_on_all(comm, field[np.abs(z - end) < 1e-12, -1]) for end in (0.0, 1e-6)]
                errors.append((ends[1] - ends[0]) / exact - 1)
                for i in (0, 1):
                    assert np.allclose(field[:, i], law.concentration(z, step.time), atol=0.5 if step.time < US else 2)
        assert errors[0] == pytest.approx(-3.7e-3, rel=0.05)
        assert errors[1] == pytest.approx(0.1 * errors[0], rel=0.05)
        assert errors[2] < -0.2  # the ends have taken part
        problem.destroy()

    def test_henderson_and_planck_for_two_salts(self, comm):
        """NaCl | KCl at one concentration: V_T ln((D_Na + D_A)/(D_K + D_A)), by Lewis and Sargent."""
        ions = salt((100, 0.001, 100.001), (133, 196, 203), "NKA", (1, 1, -1))
        initial = regions((500, 1000, {"N": 0.001, "K": 100, "A": 100.001}))
        problem, _ = begun(comm, neck(), ions, initial, "2 nm")
        z, V_T = problem.weights.heights() * 1e-6, ions.V_T
        exact = henderson_junction((100, 0, 100), (0, 100, 100), (1, 1, -1), (133, 196, 203), V_T)
        assert exact == pytest.approx(V_T * np.log((133 + 203) / (196 + 203)), rel=1e-12)
        last = list(problem.steps(Schedule(10 * US, (10 * US,), 1e-4)))[-1]
        ends = [_on_all(comm, last.solution.unknowns[np.abs(z - end) < 1e-12, -1]) for end in (0.0, 1e-6)]
        assert ends[1] - ends[0] == pytest.approx(exact, rel=0.03)
        problem.destroy()


def _on_all(comm, values):
    """Value at the one node that some ranks have."""
    return next(v for found in comm.allgather(values.tolist()) for v in found)


def test_amounts_stay(comm):
    initial = regions((300, 600, {"N": 100, "K": 67}))
    problem, first = begun(comm, neck("axisymmetric"), THREE, initial, degree=2)
    steps = list(problem.steps(Schedule(1 * MS, (1 * MS,), 1e-3)))
    for name, amount in first.volume.amount.items():
        assert steps[-1].solution.volume.amount[name] == pytest.approx(amount, rel=1e-12)
    assert steps[-1].solution.ion_balance < 1e-12
    problem.destroy()


class TestMesh:
    def test_planes_without_smaller_cells(self):
        shape, initial = neck(), regions((310, 690, {"T": 5}))
        planes = grade_layers(MeshOptions(), shape, TRACER, planes=initial.planes)
        assert [(p.z, p.size) for p in planes.grade_planes] == [(initial.planes[0], None), (initial.planes[1], None)]
        assert grade_layers(planes, shape, TRACER, planes=initial.planes) == planes
        assert grade_layers(MeshOptions(grade_planes=()), shape, TRACER, planes=initial.planes).grade_planes == ()
        cone = Cone(length="1 um", base_radius="100 nm", top_radius="50 nm")
        assert len(grade_layers(MeshOptions(), cone, TRACER, planes=initial.planes).grade_planes) == 2
        assert grade_layers(MeshOptions(), Ball(radius="1 um"), TRACER, planes=initial.planes).grade_planes is None

    def test_a_plane_that_a_case_grades_stays(self):
        initial = regions((310, 690, {"T": 5}))
        given = MeshOptions(grade_planes=[{"z": "310 nm", "size": "1 nm"}])
        found = grade_layers(given, neck(), TRACER, planes=initial.planes).grade_planes
        assert [(p.z, p.size) for p in found] == [(310 * NM, 1 * NM), (initial.planes[1], None)]


CASE = {
    "geometry": {"shape": "cylinder", "length": "1 um", "radius": "100 nm", "dimension": "1d"},
    "electrolyte": {"species": [ion("C", 1, 150), ion("A", -1, 150)]},
    "closed": {},
    "study": {"kind": "transient", "duration": "1 ms"},
}


def region(low, high, **concentrations):
    return {"z": [low, high], "concentrations": concentrations or {"C": "15 mM", "A": "15 mM"}}


def case(*entries, **tables):
    return CASE | {"initial": {"region": list(entries)}} | tables


GEL = {"species": CASE["electrolyte"]["species"], "fixed_charge": [{"region": ["0.4 um", "0.6 um"], "value": "-50 mM"}]}


class TestRefusals:
    @pytest.mark.parametrize(
        ("data", "key", "words"),
        [
            (case(region("0.2 um", "0.1 um")), "initial.region.0.z", "the lower end comes first"),
            (case(region("0.5 um", "1.1 um")), "initial.region.0.z", "ends of the body, 0 nm and 1000 nm"),
            (case(region("-1 nm", "0.1 um")), "initial.region.0.z", "move the planes inside"),
            (case(region("0.1 um", "0.5 um"), region("0.4 um", "0.8 um")), "initial.region", "from 400 nm to 500 nm"),
            (case(region("0.1 um", "0.9 um"), region("0.2 um", "0.3 um")), "initial.region", "from 200 nm to 300 nm"),
            (case(region("0.1 um", "0.5 um", X="1 mM")), "initial.region.0.concentrations.X", "known: C, A"),
            (case(region("0.1 um", "0.5 um", C="15 mM")), "initial.region.0.concentrations", "leave -135 mM"),
            (case(region("0.1 um", "0.5 um", C="-1 mM")), "initial.region.0.concentrations.C", "zero or greater"),
            (case(region("0.1 um", "0.5 um", C="1 mV")), "initial.region.0.concentrations.C", "a potential"),
            (case(region("0.1 um", "0.5 um"), electrolyte=GEL), "initial.region.0.concentrations", "400 nm to 500 nm"),
            (case(), "initial.region", "at least one entry"),
            (case({"z": ["0.1 um", "0.5 um"]}), "initial.region.0.concentrations", "is missing"),
            (case({"z": ["0.1 um", "0.5 um"], "c": 1}), "initial.region.0.c", "unknown key"),
            (CASE | {"initial": {}}, "initial", "needs either region"),
            (CASE | {"initial": {"file": "a.vtu", "region": [region("0 um", "1 um")]}}, "initial", "has region and"),
            (CASE | {"initial": {"file": "a.csv"}}, "initial.file", "end in one of .vtu"),
            (case(region("0 um", "1 um"), study={"kind": "steady"}), "initial", "start of a transient"),
            (
                case(region("0 um", "1 um"), study=CASE["study"] | {"initial": "steady"}),
                "initial",
                "drop one of the two",
            ),
            (
                case(region("0 um", "1 um"), closed={"amounts": {"C": "100 ions"}}),
                "closed.amounts.C",
                "drop one of the two",
            ),
            (
                case(region("0 um", "0.5 um", C="0 mM", A="0 mM"), solver={"formulation": "log"}),
                "initial.region.0.concentrations",
                "C = 0 has no logarithm",
            ),
            (
                case(
                    region("0.1 um", "0.2 um"), geometry={"shape": "ball", "radius": "300 nm", "dimension": "1d"}
                ),
                "initial.region",
                "no planes z = const",
            ),
        ],
    )  # fmt: skip
    def test_bad_tables(self, data, key, words):
        error = refusal(make_case, data)
        assert error.key == key
        assert words in str(error)

    def test_what_is_meant_passes(self):
        charged = case(region("0.1 um", "0.5 um", C="15 mM"), electrolyte=CASE["electrolyte"] | {"neutral": False})
        assert make_case(charged).initial is not None
        within = case(region("0.4 um", "0.6 um", C="60 mM", A="10 mM"), electrolyte=GEL)
        assert make_case(within).to_dict()["initial"]["region"][0]["concentrations"]["C"] == "60 mM"
        touching = case(region("0 um", "0.5 um"), region("0.5 um", "1 um"))
        made = make_case(touching)
        assert make_case(made.to_dict()) == made
        assert "initial" not in make_case(CASE).to_dict()

    def test_a_steady_start_in_python(self, comm):
        problem, _ = begun(comm, neck(), TRACER, regions((0, 500, {"T": 5})))
        assert refusal(problem.begin, "steady").key == "initial"
        problem.destroy()

    def test_a_region_thinner_than_the_cells(self, comm):
        ball = Ball(radius="500 nm", dimension="axisymmetric")
        mesh = generate(ball, MeshOptions(size="100 nm"), comm)
        with pytest.raises(CaseError, match=r"initial\.region\.0\.z.*thinner than the cells"):
            TransientProblem(
                mesh, TRACER, {}, closed=Closed(), initial_concentrations=regions((0, 1, {"T": 5}))
            )  # fmt: skip

    def test_zero_with_logarithms_that_the_user_chose(self, comm):
        options = SolverOptions(formulation="nodal")
        error = refusal(begun, comm, neck(), TRACER, regions((0, 500, {"T": 0})), options=options)
        assert "no logarithm" in str(error)


@pytest.mark.parametrize("charged", [True, False])
def test_fields_of_a_charged_wall_without_its_charge_are_told(comm, tmp_path_factory, charged):
    """The Debye layer of the earlier run alone is a capacitor of a micrometre: 0.02 C/m^2 L/eps = 28 V."""
    path = comm.bcast(str(tmp_path_factory.mktemp("charged") / "fields.vtu") if comm.rank == 0 else None)
    mesh = generate(
        Cylinder(length="1 um", radius="100 nm", dimension="1d"), MeshOptions(grade={"top": {"size": "0.1 nm"}}), comm
    )
    ground, wall = {"base": GROUND}, Boundary.model_validate({"surface_charge": "0.02 C/m^2"})
    solve_steady(mesh, salt(), {**ground, "top": wall}).save(path)
    boundaries = {**ground, "top": wall} if charged else ground
    problem = TransientProblem(mesh, salt(), boundaries, initial_concentrations={"file": path})
    start = problem.begin()
    remark = problem.remark
    problem.destroy()
    if charged:
        assert remark == ""
    else:
        assert remark.startswith("the charge of initial.file alone gives")
        assert start.volume.min_potential == pytest.approx(-0.02 * 1e-6 / (80 * 8.8541878128e-12), rel=0.01)
