"""Estimated size of a case before it is meshed, and the check that it fits into memory."""

from __future__ import annotations

from dataclasses import dataclass

from spinepnp.case.case import Case
from spinepnp.meshes.memory import BYTES_PER_CELL, NODES_PER_CELL, check_memory
from spinepnp.solvers.algebra.cost import Linear, linear_solver, memory, seconds


@dataclass(frozen=True)
class Size:
    """The estimated size of a case.

    Attributes:
        cells: number of cells of its mesh.
        unknowns: number of unknowns of its equations.
        linear: linear solver that it gets.
        dimension: dimension of its mesh.
    """

    cells: float
    unknowns: float
    linear: Linear
    dimension: str

    @property
    def solver_memory(self) -> float:
        """Memory of a solve without the mesh, bytes."""
        return memory(self.linear, self.unknowns, self.dimension)

    @property
    def memory(self) -> float:
        """Memory of mesh and solve, bytes."""
        return self.solver_memory + BYTES_PER_CELL * self.cells

    @property
    def seconds(self) -> float:
        """Duration of a steady solve on one core, s."""
        return seconds(self.linear, self.unknowns, self.dimension)


def size_of(case: Case) -> Size:
    """The estimated size of a case."""
    cells, degree = case.mesh.cells(case.geometry), case.mesh.resolved(case.geometry).element_degree
    of_a_node, dimension = len(case.electrolyte.species) + 1, case.geometry.dimension
    unknowns = cells * NODES_PER_CELL[dimension][degree] * of_a_node
    linear = linear_solver(case.solver.linear, unknowns, dimension, of_a_node)
    return Size(cells, unknowns, linear, dimension)


def check_feasible(case: Case) -> None:
    """Refuse a case whose mesh or solve would not fit into memory.

    Raises:
        CaseError: names the mesh size and the estimate.
    """
    size = size_of(case)
    check_memory(case.geometry, case.mesh.resolved(case.geometry), size.solver_memory)
