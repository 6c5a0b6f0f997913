"""Which linear solver a problem gets, and what a steady solve with it costs: measured, `spinepnp bench` shows how."""

from __future__ import annotations

from typing import Any, Literal

#: "direct" is one monolithic factorisation by MUMPS, "block" GMRES with the block preconditioner.
Linear = Literal["direct", "block"]

#: Unknowns from which "auto" takes the block solver, by dimension of the mesh. It is faster from 1 500 on in 3D and
#: from 5 000 in a meridian; what takes no time is left to the factorisation, which needs no preconditioner to be right.
#: On a line a factorisation is linear in the number of unknowns, and faster.
SWITCH = {"3d": 6e3, "axisymmetric": 3e4, "1d": float("inf")}

#: Seconds of a steady solve by MUMPS (two factorisations) on one core over n^2 in 3D: 0.4 s at 14 k, 34 s at 125 k.
DIRECT_SECONDS = 2.2e-9

#: The same over n for a block solve.
BLOCK_SECONDS = 1.6e-5

#: Peak memory of MUMPS over n^(4/3) for n unknowns in 3D, bytes: 270 to 360 measured for 10 k to 125 k unknowns.
DIRECT_BYTES = 350.0

#: The same over n for a block solve.
BLOCK_BYTES = 2000.0


def linear_solver(wanted: str, dofs: float, dimension: str) -> Linear:
    """The linear solver for a problem.

    Args:
        wanted: "direct", "block", or "auto".
        dofs: number of unknowns.
        dimension: of the geometry.
    """
    if wanted == "auto":
        return "block" if dofs >= SWITCH[dimension] else "direct"
    return "direct" if wanted == "direct" else "block"


def memory(linear: Linear, dofs: float) -> float:
    """Estimated peak memory of a solve in three dimensions, without the mesh, bytes."""
    return BLOCK_BYTES * dofs if linear == "block" else float(DIRECT_BYTES * dofs ** (4.0 / 3.0))


def seconds(linear: Linear, dofs: float) -> float:
    """Estimated time of a steady solve in three dimensions on one core, s."""
    return BLOCK_SECONDS * dofs if linear == "block" else DIRECT_SECONDS * dofs**2


def estimates(wanted: str, dofs: float, dimension: str) -> dict[str, Any]:
    """The linear solver for a problem, and what a solve with it takes, as `check` and `mesh` say it."""
    linear = linear_solver(wanted, dofs, dimension)
    return {
        "linear": linear,
        "estimated_memory_GB": memory(linear, dofs) / 1e9,
        "estimated_solve_s": seconds(linear, dofs),
    }
