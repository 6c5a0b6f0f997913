"""Whether a case fits into memory, known before it is meshed."""

from __future__ import annotations

from spinepnp.case import Case
from spinepnp.meshes.memory import NODES_PER_CELL, check_memory
from spinepnp.solvers.cost import linear_solver, memory


def check_feasible(case: Case) -> None:
    """Refuse a case whose mesh or solve would not fit into memory.

    Raises:
        CaseError: names the mesh size and the estimate.
    """
    cells = case.mesh.cells(case.geometry)
    unknowns = cells * NODES_PER_CELL[case.mesh.element_degree] * (len(case.electrolyte.species) + 1)
    linear = linear_solver(case.solver.linear, unknowns, case.geometry.dimension)
    check_memory(cells, case.mesh.resolved(case.geometry), memory(linear, unknowns))
