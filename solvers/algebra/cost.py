"""Choice of the linear solver, and measured cost of a steady solve; `spinepnp bench` repeats the measurements."""

from __future__ import annotations

from typing import Any, Literal

#: Linear solver: "direct" is one monolithic factorisation by MUMPS, "block" GMRES with the block preconditioner.
Linear = Literal["direct", "block"]

#: Number of unknowns from which "auto" takes the block solver, by dimension of the mesh. It is faster from 1 500 in 3D
#: and from 5 000 in a meridian; short solves are left to the factorisation, which does not depend on a preconditioner.
#: On a line the cost of a factorisation is linear in the number of unknowns.
BLOCK_SOLVER_FROM = {"3d": 6e3, "axisymmetric": 3e4, "1d": float("inf")}

#: Unknowns of a node above which a factorisation is slower, because factors are dense in them: with twelve species on a
#: meridian (23 000 unknowns) it takes twice the time of the block solver.
WIDE_NODE = 6

#: Seconds of a steady solve by MUMPS (two factorisations) on one core over n^2 in 3D: 0.4 s at 14 k, 34 s at 125 k.
DIRECT_SECONDS = 2.2e-9

#: Seconds of a steady block solve on one core over n in 3D.
BLOCK_SECONDS = 1.6e-5

#: Peak memory of MUMPS over n^(4/3) for n unknowns in 3D, bytes: 270 to 360 measured for 10 k to 125 k unknowns.
DIRECT_BYTES = 350.0

#: Peak memory of a block solve over n for n unknowns in 3D, bytes.
BLOCK_BYTES = 2000.0

#: Seconds of a steady solve on a line over n, whose factors are sparse: 5 ms at 165, 14 ms at 6 k.
LINE_SECONDS = 2.5e-6

#: Peak memory of a solve on a line over n, bytes.
LINE_BYTES = 2000.0


def linear_solver(requested: str, dofs: float, dimension: str, of_a_node: int = 1) -> Linear:
    """Linear solver for a problem.

    Args:
        requested: "direct", "block", or "auto".
        dofs: number of unknowns.
        dimension: dimension of the mesh.
        of_a_node: number of unknowns of a node.
    """
    if requested == "auto":
        wide = max(1.0, of_a_node / WIDE_NODE)
        return "block" if wide * dofs >= BLOCK_SOLVER_FROM[dimension] else "direct"
    return "direct" if requested == "direct" else "block"


def memory(linear: Linear, dofs: float, dimension: str = "3d") -> float:
    """Estimated peak memory of a solve without the mesh, bytes.

    Args:
        linear: linear solver.
        dofs: number of unknowns.
        dimension: dimension of the mesh; a meridian is taken as three dimensions.
    """
    if dimension == "1d":
        return LINE_BYTES * dofs
    return BLOCK_BYTES * dofs if linear == "block" else float(DIRECT_BYTES * dofs ** (4.0 / 3.0))


def seconds(linear: Linear, dofs: float, dimension: str = "3d") -> float:
    """Estimated time of a steady solve on one core, s.

    Args:
        linear: linear solver.
        dofs: number of unknowns.
        dimension: dimension of the mesh; a meridian is taken as three dimensions.
    """
    if dimension == "1d":
        return LINE_SECONDS * dofs
    return BLOCK_SECONDS * dofs if linear == "block" else DIRECT_SECONDS * dofs**2


def estimates(requested: str, dofs: float, dimension: str, of_a_node: int = 1) -> dict[str, Any]:
    """Linear solver of a problem with its estimated memory and time, by the keys that `check` and `mesh` print.

    Args:
        requested: "direct", "block", or "auto".
        dofs: number of unknowns.
        dimension: dimension of the mesh: "3d", "axisymmetric" or "1d".
        of_a_node: number of unknowns of a node.

    Returns:
        The solver, its memory in GB and its time in s.
    """
    linear = linear_solver(requested, dofs, dimension, of_a_node)
    return {
        "linear": linear,
        "estimated_memory_GB": memory(linear, dofs, dimension) / 1e9,
        "estimated_solve_s": seconds(linear, dofs, dimension),
    }
