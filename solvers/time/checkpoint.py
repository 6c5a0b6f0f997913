"""Checkpoints of a transient: its progress as plain arrays, and back on any number of ranks."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from spinepnp.solvers.algebra.step_control import StepControl
from spinepnp.solvers.problem.solution import Solution
from spinepnp.solvers.time.adaptive import TransientProgress
from spinepnp.solvers.time.dirk import PastPoints, StageRates, TimeState
from spinepnp.solvers.time.transient import TransientProblem

#: Fields of `StageRates` with values at nodes; the others are equal on all ranks.
ON_MESH = ("content", "content_rate", "nodal_states", "nodal_state_rate")

#: Their names among the arrays.
RATES_ON_MESH = tuple(f"rates_{name}" for name in ON_MESH)

#: Points of the step before at which the dense output of the next one has nodal values.
POINTS_ON_MESH = ("points_0", "points_1", "point_states_0", "point_states_1")


def on_mesh(name: str) -> bool:
    """Whether an array of a checkpoint has values at nodes, in slices over the ranks."""
    is_past = name.startswith("past_") and name != "past_times"
    return name == "unknowns" or is_past or name in (*RATES_ON_MESH, *POINTS_ON_MESH)


def pack(problem: TransientProblem) -> dict[str, np.ndarray]:
    """Progress of a transient as arrays by name; of those `on_mesh` each rank has its slice. Collective.

    The matrix of the last stage is no part of it: the transient goes on without it, too, to the same digits.
    """
    problem.forget_matrix()
    progress, ordering = problem.progress, problem.ordering
    time_state = progress.time_state
    at_nodes = {f"past_{i}": unknowns for i, (_, unknowns) in enumerate(time_state.history)} | {
        "unknowns": time_state.unknowns
    }
    at_nodes |= {f"rates_{name}": getattr(time_state.rates, name) for name in ON_MESH}
    points = time_state.past
    if points is not None:
        at_nodes |= dict(zip(POINTS_ON_MESH, (*points.nodal, *points.nodal_states), strict=True))
    slices = {name: ordering.to_slice(values) for name, values in at_nodes.items()}
    everywhere: dict[str, Any] = {
        "time": time_state.time,
        "past_times": [t for t, _ in time_state.history],
        "passed": time_state.passed,
        "step": progress.control.step,
        "number": progress.number,
        "begun": progress.started,
        "first": progress.first,
        "rounding": progress.rounding,
        "linear": problem.linear,
    }
    everywhere |= {
        f"rates_{f.name}": getattr(time_state.rates, f.name) for f in fields(StageRates) if f.name not in ON_MESH
    }
    everywhere["produced"] = time_state.produced
    if not time_state.produced.any():  # most cases produce nothing
        del everywhere["produced"], everywhere["rates_production"]
    if progress.resting is not None:
        everywhere["resting"] = progress.resting
    if points is not None:
        everywhere |= {f"points_{name}": getattr(points, name) for name in ("start", "totals", "rates", "floor")}
    return {name: np.asarray(value) for name, value in {**everywhere, **slices}.items()}


def unpack(problem: TransientProblem, packed: dict[str, np.ndarray]) -> Solution:
    """Resume a transient from the arrays of `pack`, and return the state that it had reached. Collective.

    Raises:
        KeyError, ValueError: the arrays do not fit the problem.
    """
    ordering, system = problem.ordering, problem.system
    known: dict[str, Any] = dict(packed)

    def at_nodes(name: str) -> np.ndarray:
        return ordering.from_slice(packed[name])

    def local(name: str) -> np.ndarray:
        return system.state.with_ghosts(at_nodes(name))

    if "produced" not in known:
        system.set_data(problem.problem_data)
        known["rates_production"] = system.equations.production()  # constant where files have none
        known["produced"] = known["rates_production"] * float(known["time"])
    rates = StageRates(
        **{
            f.name: at_nodes(f"rates_{f.name}") if f.name in ON_MESH else known[f"rates_{f.name}"]
            for f in fields(StageRates)
        }
    )
    history = [(float(t), local(f"past_{i}")) for i, t in enumerate(known["past_times"])]
    points = None
    if "points_start" in known:
        nodal, states = [local(name) for name in POINTS_ON_MESH[:2]], [at_nodes(name) for name in POINTS_ON_MESH[2:]]
        numbers = (known[f"points_{name}"] for name in ("totals", "rates", "floor"))
        points = PastPoints(float(known["points_start"]), (nodal[0], nodal[1]), (states[0], states[1]), *numbers)
    time_state = TimeState(
        float(known["time"]), local("unknowns"), rates, known["passed"], known["produced"], history, points
    )
    return problem.resume(
        TransientProgress(
            time_state,
            StepControl(float(known["step"]), 0.0, np.inf),
            int(known["number"]),
            bool(known["begun"]),
            known["first"],
            float(known["rounding"]),
            known.get("resting"),
        )
    )
