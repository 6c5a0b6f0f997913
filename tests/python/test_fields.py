"""Fields of a solution: functions of DOLFINx in the user's own forms, tables and files, on one and two ranks."""

import numpy as np
import pytest
import pyvista
import ufl
from dolfinx import fem
from dolfinx import mesh as meshes

import spinepnp as pnp
from spinepnp.units import FARADAY
from support.ions import THREE, salt

SALT = salt(150, names=("Na", "Cl"))
CONDITIONS = {"base": pnp.bath(), "top": pnp.inject("Na", "50 pA")}
DIMENSIONS = ("3d", "axisymmetric", "1d")


def neck(comm, dimension="axisymmetric", **options):
    options = {"size": "50 nm"} | options
    return pnp.mesh(pnp.Cylinder(length="1 um", radius="100 nm", dimension=dimension), comm=comm, **options)


def integral(solution, integrand, measure):
    """Integral over the body or a part of it, in um and the unit of the integrand, by a form of the user."""
    comm = solution.mesh.mesh.comm
    return comm.allreduce(fem.assemble_scalar(fem.form(integrand * solution.weight * measure)))


def boundary_measure(mesh, name):
    facets = np.sort(mesh.boundary_facets[name])
    tags = meshes.meshtags(mesh.mesh, mesh.mesh.topology.dim - 1, facets, np.ones(len(facets), dtype=np.int32))
    return ufl.Measure("ds", mesh.mesh, subdomain_data=tags)(1)


@pytest.mark.mpi
@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_means_by_forms_are_those_of_the_solution(comm, dimension):
    mesh = neck(comm, dimension)
    solution = pnp.solve_steady(mesh, THREE, {"base": pnp.bath(), "top": pnp.inject("N", "50 pA")})
    one, dx = fem.Constant(mesh.mesh, 1.0), ufl.Measure("dx", mesh.mesh)
    volume = integral(solution, one, dx)
    assert volume == pytest.approx(solution.volume.volume * 1e18, rel=1e-10)
    assert integral(solution, solution.V, dx) / volume == pytest.approx(solution.volume.potential, rel=1e-10)
    top = boundary_measure(mesh, "top")
    area, state = integral(solution, one, top), solution.boundary["top"]
    assert integral(solution, solution.V, top) / area == pytest.approx(state.potential, rel=1e-10)
    assert set(solution.c) == set(THREE.names)
    for name, c in solution.c.items():
        assert integral(solution, c, dx) / volume == pytest.approx(solution.volume.concentration[name], rel=1e-10)
        assert integral(solution, c, top) / area == pytest.approx(state.concentration[name], rel=1e-10)


@pytest.mark.mpi
@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_the_current_by_a_form_is_that_of_the_solution(comm, dimension):
    """With the weight w = z/L, which is in the space, the flux's integral is the current through the top."""
    mesh = neck(comm, dimension)
    solution = pnp.solve_steady(mesh, SALT, CONDITIONS, options={"formulation": "density"})
    dx = ufl.Measure("dx", mesh.mesh, metadata={"quadrature_degree": 6})
    along = mesh.mesh.geometry.dim - 1  # dw/dz = 1/um
    for species, current in solution.boundary["top"].current.items():
        z = {"Na": 1, "Cl": -1}[species]
        c, V = solution.c[species], solution.V
        drift = ufl.grad(c)[along] + z * c / SALT.V_T * ufl.grad(V)[along]
        computed = z * FARADAY * 200e-12 * integral(solution, drift, dx) * 1e-6  # two gradients per um, um^3
        assert computed == pytest.approx(current, rel=1e-7, abs=1e-7 * 50e-12)


@pytest.mark.mpi
def test_functions_are_copies_that_stay(comm):
    with pnp.SteadyProblem(neck(comm), SALT, CONDITIONS) as problem:
        first = problem.solve()
        V = first.V
        before = V.x.array.copy()
        problem.solve(boundaries={"base": pnp.bath(), "top": pnp.inject("Na", "100 pA")})
    assert np.array_equal(V.x.array, before)
    V.x.scatter_forward()  # ghosts were complete
    assert np.array_equal(V.x.array, before)
    assert first.V is V
    assert (V.name, {c.name for c in first.c.values()}) == ("V", {"Na", "Cl"})
    assert V.function_space == first.space
    assert V.function_space.mesh is first.mesh.mesh
    V.x.array[:] = 0.0
    assert np.array_equal(first.unknowns[:, -1], before)
    assert first.c["Na"].x.array.max() > 150.0  # mol/m^3
    x = fem.Function(first.space)
    x.interpolate(lambda points: points[1])
    highest = comm.allreduce(x.x.array.max(), op=max)
    assert highest == pytest.approx(1.0)  # um


@pytest.mark.mpi
@pytest.mark.parametrize("dimension", DIMENSIONS)
@pytest.mark.parametrize("ending", ["vtu", "pvtu"])
def test_files_hold_the_whole_body_with_its_fields(comm, tmp_path, dimension, ending):
    folder = comm.bcast(tmp_path)
    solution = pnp.solve_steady(neck(comm, dimension), SALT, CONDITIONS)
    solution.save(str(folder / f"neck.{ending}"))
    grid = solution.grid()
    assert (grid is None) == (comm.rank > 0)
    if comm.rank == 0:
        read = pyvista.read(folder / f"neck.{ending}")
        assert read.n_cells == grid.n_cells
        assert read.bounds == pytest.approx(grid.bounds)
        for name in ("potential_mV", "concentration_mM.Na", "concentration_mM.Cl"):
            assert read.get_data_range(name) == pytest.approx(grid.get_data_range(name), rel=1e-14)
        assert read["potential_mV"].max() == pytest.approx(1e3 * solution.volume.max_potential, rel=1e-6)
        sizes = read.compute_cell_sizes()
        assert sum(abs(sizes[name]).sum() for name in ("Length", "Area", "Volume")) == pytest.approx(
            sum(abs(grid.compute_cell_sizes()[name]).sum() for name in ("Length", "Area", "Volume"))
        )
        pieces = sorted(path.name for path in folder.glob("neck_*.vtu"))
        assert pieces == ([f"neck_{rank}.vtu" for rank in range(comm.size)] if ending == "pvtu" else [])


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("neck.png", pnp.CaseError, "end the name with one of them"),
        ("nowhere/neck.vtu", pnp.OutputError, "no such file or directory"),
        ("nowhere/neck.pvtu", pnp.OutputError, "no such file or directory"),
    ],
)
def test_files_that_cannot_be_written_are_told_on_every_rank(comm, tmp_path, name, error, message):
    solution = pnp.solve_steady(neck(comm, "1d"), SALT, CONDITIONS)
    with pytest.raises(error, match=message) as caught:
        solution.save(comm.bcast(tmp_path) / name)
    assert "\n" not in str(caught.value)


@pytest.mark.mpi
def test_a_form_with_the_solution_can_be_differentiated(comm):
    """The functions are coefficients: the derivative of int c^2 in the direction c is twice the integral."""
    mesh = neck(comm)
    solution = pnp.solve_steady(mesh, SALT, CONDITIONS)
    c = solution.c["Na"]
    energy = c**2 * solution.weight * ufl.Measure("dx", mesh.mesh)
    slope = fem.assemble_scalar(fem.form(ufl.derivative(energy, c, c)))
    value = fem.assemble_scalar(fem.form(energy))
    assert slope == pytest.approx(2.0 * value, rel=1e-12)
