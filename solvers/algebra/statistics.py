"""Statistics of a nonlinear solve, and the error of a failed one, which carries them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from spinepnp.errors import SolveError


@dataclass(frozen=True)
class NewtonStatistics:
    """Statistics of one solve: a row of a table.

    Attributes:
        dofs: number of unknowns on all ranks.
        ranks: number of MPI ranks.
        newton: Newton steps.
        krylov: linear iterations over all steps (one per step for a direct solver).
        assembly_s: seconds in residual and Jacobian assembly, largest over the ranks.
        solve_s: seconds of the whole solve, largest over the ranks.
        residual: final norm of the residual over that of the bulk state.
        reason: PETSc's reason for the end of the solve, in lower case.
        continuation: steps of continuation; zero where none was needed.
        rounding: estimate of the rounding error of the residual, scaled.
        krylov_step: most linear iterations in one Newton step.
    """

    dofs: int
    ranks: int
    newton: int
    krylov: int
    assembly_s: float
    solve_s: float
    residual: float
    reason: str
    continuation: int = 0
    rounding: float = 0.0
    krylov_step: int = 0

    def after(self, failures: list[NewtonError], continuation: int = 0) -> NewtonStatistics:
        """Statistics with those of failed attempts before this solve added."""
        before = [error.statistics for error in failures]
        return replace(
            self,
            newton=self.newton + sum(s.newton for s in before),
            krylov=self.krylov + sum(s.krylov for s in before),
            assembly_s=self.assembly_s + sum(s.assembly_s for s in before),
            solve_s=self.solve_s + sum(s.solve_s for s in before),
            continuation=continuation or self.continuation,
            krylov_step=max([self.krylov_step, *(s.krylov_step for s in before)]),
        )

    def row(self) -> dict[str, Any]:
        """Values by name."""
        return asdict(self)


class NewtonError(SolveError):
    """Failure of Newton's method, with the statistics of the attempt."""

    def __init__(self, message: str, statistics: NewtonStatistics) -> None:
        super().__init__(message)
        self.statistics = statistics

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.statistics)
