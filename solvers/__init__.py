"""The model: species, boundaries, weak forms, Newton, time steps. What needs DOLFINx is imported at its first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from spinepnp.solvers.boundaries import Boundary, Injection
from spinepnp.solvers.channels import Channel, Gate
from spinepnp.solvers.closed import Closed
from spinepnp.solvers.electrolyte import Electrolyte, Species
from spinepnp.solvers.grading import grade_layers
from spinepnp.solvers.options import SolverOptions
from spinepnp.solvers.regions import Region
from spinepnp.solvers.schedule import Schedule

if TYPE_CHECKING:
    from spinepnp.solvers.progress import Step
    from spinepnp.solvers.solution import Solution
    from spinepnp.solvers.steady import SteadyProblem, solve_steady
    from spinepnp.solvers.transient import TransientProblem, solve_transient

#: Where the names are that need DOLFINx.
_HEAVY = {
    "Solution": "solution",
    "SteadyProblem": "steady",
    "Step": "progress",
    "TransientProblem": "transient",
    "solve_steady": "steady",
    "solve_transient": "transient",
}

__all__ = [
    "Boundary",
    "Channel",
    "Closed",
    "Electrolyte",
    "Gate",
    "Injection",
    "Region",
    "Schedule",
    "Solution",
    "SolverOptions",
    "Species",
    "SteadyProblem",
    "Step",
    "TransientProblem",
    "grade_layers",
    "solve_steady",
    "solve_transient",
]


def __getattr__(name: str) -> Any:
    if name in _HEAVY:
        return getattr(importlib.import_module(f"spinepnp.solvers.{_HEAVY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
