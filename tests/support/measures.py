"""Measures of meshes: volume and areas, their errors, and the flux function G of one patch."""

import numpy as np

from spinepnp.meshes import generate
from spinepnp.meshes.measures import area, volume
from spinepnp.runtime.stack import MPI, dolfinx, fem, ufl
from spinepnp.solvers.fem.measure import Measure
from spinepnp.solvers.fem.operators import Operators
from spinepnp.solvers.fem.weights import IntegrationWeights
from spinepnp.solvers.problem.predictor import Predictor
from spinepnp.solvers.time.dense_output import Totals


def measures(mesh):
    """Volume and areas in um by integration over the mesh itself."""
    one = fem.Constant(mesh.mesh, 1.0)
    comm = mesh.mesh.comm
    found = {"volume": comm.allreduce(fem.assemble_scalar(fem.form(one * ufl.dx(mesh.mesh))), op=MPI.SUM)}
    for name, facets in mesh.boundary_facets.items():
        entities = fem.compute_integration_domains(fem.IntegralType.exterior_facet, mesh.mesh.topology, np.sort(facets))
        ds = ufl.Measure("ds", mesh.mesh, subdomain_data=[(1, entities)], subdomain_id=1)
        found[name] = comm.allreduce(fem.assemble_scalar(fem.form(one * ds)), op=MPI.SUM)
    return found


def errors(mesh):
    exact = mesh.geometry.exact_measures()
    found = {name: area(mesh, name) / exact[name] * 1e-12 - 1.0 for name in mesh.geometry.boundaries}
    return {"volume": volume(mesh) / exact["volume"] * 1e-18 - 1.0, **found}


class UnitFlux:
    """G of one patch, grounded at the base, on the mesh of a shape."""

    def __init__(self, shape, options, degree=2):
        self.mesh = generate(shape, options, MPI.COMM_SELF)
        self.space = fem.functionspace(self.mesh.mesh, ("Lagrange", degree))
        self.weights = IntegrationWeights(self.space, self.mesh)
        facets = self.mesh.boundary_facets["base"]
        base = fem.locate_dofs_topological(self.space, self.mesh.mesh.topology.dim - 1, facets)
        weights = self.weights
        self.predictor = Predictor(
            self.space, base, weights.boundary, weights.area, Operators(self.space, Measure(self.mesh))
        )

    def mean(self, injector, name):
        G = self.predictor.unit_flux(injector)
        return self.weights.integral(self.weights.boundary[name], G[:, None])[0] / self.weights.area[name]

    def at(self, injector, points):
        """At points (r, z), or (x, y, z), in um, moved inward by a hair."""
        G = fem.Function(self.space)
        G.x.array[:] = self.predictor.unit_flux(injector)
        points = np.pad(np.array(points, dtype=float), [(0, 0), (0, 3 - len(points[0]))])
        tree = dolfinx.geometry.bb_tree(self.mesh.mesh, self.mesh.mesh.topology.dim, padding=1e-6)
        near = dolfinx.geometry.compute_collisions_points(tree, points)
        cells = dolfinx.geometry.compute_colliding_cells(self.mesh.mesh, near, points)
        return G.eval(points, [cells.links(i)[0] for i in range(len(points))]).ravel()


def closes(step, before, name="top", rounding=0.0):
    """Total current of an instant (A), and total charge since the start, over the largest of their terms."""
    state = step.solution.boundary[name]
    now = [*state.current.values(), state.displacement]
    assert abs(sum(now)) <= 1e-10 * max(map(abs, now)) + rounding
    position = list(step.solution.boundary).index(name)
    row = step.dense.weights(step.time) @ step.dense.totals
    totals = Totals.of(row, len(state.current), len(step.solution.boundary), len(step.solution.mechanisms))
    went = [*totals.passed[position], totals.charge[position] - before[position]]
    assert abs(sum(went)) <= 1e-10 * max(map(abs, went)) + rounding * step.time
