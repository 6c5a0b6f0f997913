"""The model: species, boundaries, weak forms, Newton, currents. What needs DOLFINx is imported at its first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from spinepnp.solvers.boundaries import Boundary, Injection
from spinepnp.solvers.closed import Closed
from spinepnp.solvers.electrolyte import Electrolyte, Species
from spinepnp.solvers.options import SolverOptions

if TYPE_CHECKING:
    from spinepnp.solvers.solution import Solution
    from spinepnp.solvers.steady import SteadyProblem, solve_steady

__all__ = [
    "Boundary",
    "Closed",
    "Electrolyte",
    "Injection",
    "Solution",
    "SolverOptions",
    "Species",
    "SteadyProblem",
    "solve_steady",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("spinepnp.solvers.steady"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
