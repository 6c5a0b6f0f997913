"""Poisson-Nernst-Planck solvers: public names. Modules that need DOLFINx are imported at their first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.model.channels import Channel, Gate
from spinepnp.solvers.model.closed import Closed
from spinepnp.solvers.model.compartments import Compartment
from spinepnp.solvers.model.default_grading import grade_layers
from spinepnp.solvers.model.electrolyte import Electrolyte, Species
from spinepnp.solvers.model.initial import Initial
from spinepnp.solvers.model.membrane.gate import MechanismGate
from spinepnp.solvers.model.membrane.mechanism import Mechanism
from spinepnp.solvers.model.options import SolverOptions
from spinepnp.solvers.model.reactions import Reaction
from spinepnp.solvers.model.regions import Region
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.solvers.model.terms.dirichlet import PotentialWaveform
from spinepnp.solvers.model.terms.injection import Injection
from spinepnp.solvers.model.terms.load import Cable, Load

if TYPE_CHECKING:
    from spinepnp.solvers.pnp.custom_term import Term
    from spinepnp.solvers.problem.solution import Solution
    from spinepnp.solvers.steady import SteadyProblem, solve_steady
    from spinepnp.solvers.time.adaptive import Step
    from spinepnp.solvers.time.transient import TransientProblem, solve_transient

#: Modules of the names that need DOLFINx.
_HEAVY = {
    "Solution": "problem.solution",
    "SteadyProblem": "steady",
    "Step": "time.adaptive",
    "Term": "pnp.custom_term",
    "TransientProblem": "time.transient",
    "solve_steady": "steady",
    "solve_transient": "time.transient",
}

__all__ = [
    "Boundary",
    "Cable",
    "Channel",
    "Closed",
    "Compartment",
    "Electrolyte",
    "Gate",
    "Initial",
    "Injection",
    "Load",
    "Mechanism",
    "MechanismGate",
    "PotentialWaveform",
    "Reaction",
    "Region",
    "Schedule",
    "Solution",
    "SolverOptions",
    "Species",
    "SteadyProblem",
    "Step",
    "Term",
    "TransientProblem",
    "grade_layers",
    "solve_steady",
    "solve_transient",
]


def __getattr__(name: str) -> Any:
    if name in _HEAVY:
        return getattr(importlib.import_module(f"spinepnp.solvers.{_HEAVY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
