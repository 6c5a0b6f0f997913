"""Newton's method in NGSolve with GMRES, and a block preconditioner of NGSolve's own multigrid.

The unknowns are cations p, anions n and the potential u. The preconditioner is a block factorisation: solves of the
Laplacian for p and n; for u the Schur complement, which for equal concentrations is debye^2 K + (p + n) M / 2 with the
stiffness K and the mass M; and p du, -n du back into the concentrations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ngsolve as ng
from ngsolve.krylovspace import GMRes

from benchmarks import peer_cylinder

#: Relative residual of GMRES in a step of Newton's method: tighter than needed, because assembly is dearer.
LINEAR = 1e-6


class BlockFactorisation(ng.BaseMatrix):  # type: ignore[misc]
    """Preconditioner of the linearised system from solvers of its diagonal blocks."""

    def __init__(self, fields: list[Any], mass: Any, laplacian: Any, schur: Any, free: Any) -> None:
        super().__init__()
        self.fields, self.mass, self.laplacian, self.schur, self.free = fields, mass, laplacian, schur, free
        self.rest, self.size = fields[0].vec.CreateVector(), len(fields[0].vec)

    def IsComplex(self) -> bool:
        """Whether numbers are complex."""
        return False

    def Height(self) -> int:
        """Number of rows."""
        return int(3 * self.size)

    def Width(self) -> int:
        """Number of columns."""
        return int(3 * self.size)

    def CreateRowVector(self) -> Any:
        """Vector of the three fields."""
        return ng.BlockVector([field.vec.CreateVector() for field in self.fields])

    CreateColVector = CreateRowVector

    def Mult(self, b: Any, y: Any) -> None:
        """Approximate solution y for the right-hand side b."""
        y[0].data = self.laplacian * b[0]
        y[1].data = self.laplacian * b[1]
        self.rest.data = b[2] + self.mass * y[0] - self.mass * y[1]
        self.rest.data = self.free * self.rest
        y[2].data = self.schur * self.rest
        for i, sign in ((0, -1.0), (1, 1.0)):
            values = y[i].FV().NumPy()
            values += sign * self.fields[i].vec.FV().NumPy() * y[2].FV().NumPy()


def newton(
    mesh: Any, kind: str, degree: int, weight: Any, dx: Any, slope: float, tolerance: float
) -> tuple[Any, int, int, int]:
    """Potential, unknowns, steps of Newton's method from the bulk, and iterations of GMRES.

    Args:
        mesh: mesh, with its curved cells.
        kind: preconditioner of NGSolve for each block, "h1amg" or "bddc".
        degree: degree of the elements.
        weight: weight of all integrals.
        dx: measure of the integrals over the body.
        slope: normal derivative of the cations at the top, 1/um.
        tolerance: reduction of the residual.
    """
    space = ng.H1(mesh, order=degree, dirichlet="base")
    v, w = space.TnT()
    fields = [ng.GridFunction(space) for _ in range(3)]
    p, n, u = fields
    debye2 = peer_cylinder.DEBYE2
    p.Set(1.0)
    n.Set(1.0)

    def form(integrand: Any, symmetric: bool = True) -> Any:
        made = ng.BilinearForm(space, symmetric=symmetric)
        made += weight * integrand * dx
        return made

    stiffness, mass = form(ng.grad(v) * ng.grad(w)), form(0.5 * v * w).Assemble().mat
    schur = form(debye2 * ng.grad(v) * ng.grad(w) + 0.5 * (p + n) * v * w)
    solvers = [ng.Preconditioner(a, kind) for a in (stiffness, schur)]
    stiffness.Assemble()
    drift = ng.grad(u)
    cations = form((ng.grad(v) + v * drift) * ng.grad(w), False)
    anions = form((ng.grad(v) - v * drift) * ng.grad(w), False)
    mobile = [form(p * ng.grad(v) * ng.grad(w)), form(-n * ng.grad(v) * ng.grad(w))]
    inflow = ng.LinearForm(space)
    inflow += weight * slope * w * ng.ds("top")
    inflow.Assemble()
    free = ng.Projector(space.FreeDofs(), True)
    preconditioner = BlockFactorisation(fields, mass, solvers[0].mat, None, free)
    residual, step = preconditioner.CreateRowVector(), preconditioner.CreateRowVector()
    first, iterations = 0.0, [0]
    for taken in range(30):
        cations.Assemble()
        anions.Assemble()
        residual[0].data = free * (cations.mat * p.vec - inflow.vec)
        residual[1].data = free * (anions.mat * n.vec)
        residual[2].data = free * (debye2 * (stiffness.mat * u.vec) - mass * p.vec + mass * n.vec)
        norm = ng.Norm(residual)
        first = first or norm
        if norm <= tolerance * first:
            return u, 3 * space.ndof, taken, iterations[0]
        for block in (*mobile, schur):
            block.Assemble()
        preconditioner.schur = solvers[1].mat
        linear = ng.BlockMatrix([
            [cations.mat, None, mobile[0].mat],
            [None, anions.mat, mobile[1].mat],
            [-1 * mass, mass, debye2 * stiffness.mat],
        ])  # fmt: skip
        step[:] = 0.0
        _gmres(linear, residual, preconditioner, step, iterations)
        for i, field in enumerate(fields):  # a BlockVector has no end to iterate to
            field.vec.data -= step[i]
    raise RuntimeError("Newton did not converge")


def _gmres(matrix: Any, right: Any, preconditioner: Any, solution: Any, iterations: list[int]) -> None:
    def count(*_: Any) -> None:
        iterations[0] += 1

    call: Callable[..., Any] = GMRes
    call(matrix, right, pre=preconditioner, x=solution, tol=0.0, reltol=LINEAR, maxsteps=100, restart=100,
         printrates=False, callback=count)  # fmt: skip
