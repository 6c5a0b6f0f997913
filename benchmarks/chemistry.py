"""Suite `chemistry`: calcium and a buffer in a neck (`buffered_neck`) by this program and by others in the same run."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from benchmarks import buffered_neck as neck
from benchmarks.measure import timed
from benchmarks.peer_environment import RXD, SKFEM, NoPeerError, Program, peer_python
from benchmarks.peer_environment import solve as peer_solve
from spinepnp.case.case import Case, make_case
from spinepnp.errors import SpineError
from spinepnp.meshes import generate
from spinepnp.solvers import SteadyProblem
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.solvers.time.transient import TransientProblem
from spinepnp.units import FARADAY
from spinepnp.validation.reference import table as references

#: Quantities that are compared, in the order of the rows of the reference.
QUANTITIES = ("head_uM", "middle_uM", "bound_uM")

#: Settings of the other programs.
PEERS: tuple[tuple[Program, tuple[dict[str, Any], ...]], ...] = (
    (RXD, ({"cells": 100, "tolerance": 1e-9}, {"cells": 200, "tolerance": 1e-9})),
    (SKFEM, ({"cells": 16, "steps": 20}, {"cells": 24, "steps": 80})),
)


def chemistry(
    comm: Any, buffer: str, currents: list[float] | None = None, peers: bool = True, **own: Any
) -> list[dict[str, Any]]:
    """Rows of all programs at several currents, with the largest error of calcium and bound buffer.

    Args:
        comm: MPI communicator; one rank works.
        buffer: "mobile" or "immobile".
        currents: currents of calcium, fA; those of `buffered_neck` by default.
        peers: whether other programs run.
        own: arguments of `own` by name.
    """
    rows: list[dict[str, Any]] = []
    for current in currents or neck.CURRENTS:
        keys, exact = {"buffer": buffer, "current_fA": current}, expected(buffer, current)
        runs = [("spinepnp", partial(_own, comm, buffer, current, **own))]
        for program, settings in PEERS if peers else ():
            runs += [(program.name, partial(_peer, program, setting, buffer, current)) for setting in settings]
        for name, run in runs:
            try:
                rows.append(keys | {"program": name} | _errors(run(), exact) | {"status": "ok"})
            except (NoPeerError, SpineError) as error:
                rows.append(keys | {"program": name, "status": f"skipped: {error}"})
    return rows


def expected(buffer: str, current: float) -> np.ndarray:
    """Reference, (times and steady state, quantities), uM, at a current in fA."""
    found = [
        [row[name] for name in QUANTITIES]
        for row in references.rows("buffered_neck")
        if (row["buffer"], row["current_fA"]) == (buffer, current)
    ]
    return np.array(found)


def _errors(row: dict[str, Any], exact: np.ndarray) -> dict[str, Any]:
    """Row with its largest errors in place of its values: of calcium and CaB in time, and in the steady state."""
    found = np.array([row.pop(name) for name in QUANTITIES]).T
    errors = np.abs(found / exact - 1.0)
    return row | {
        "head_uM": float(found[-2, 0]),
        "error": float(errors[:-1, :2].max()),
        "bound_error": float(errors[:-1, 2].max()),
        "steady_error": float(errors[-1].max()),
    }


def _peer(program: Program, setting: dict[str, Any], buffer: str, current: float) -> dict[str, Any]:
    """Values of another program."""
    return peer_solve(peer_python(program), program, mobile=buffer == "mobile", current=current, **setting)


def case_of(buffer: str, current: float, size: str = "10 nm") -> Case:
    """The neck as a case on a line: calcium without its charge, and so without the field.

    Args:
        buffer: "mobile" or "immobile".
        current: current of calcium, fA.
        size: size of the cells.
    """
    flux = 1e-15 * current / (2.0 * FARADAY * np.pi * neck.RADIUS**2)
    diffusivity = (neck.CALCIUM, *[neck.BUFFER if buffer == "mobile" else 0.0] * 2)
    species = [
        {"name": name, "valence": 0, "diffusivity": f"{D!r} m^2/s", "concentration": f"{c!r} mM"}
        for name, D, c in zip(("Ca", "B", "CaB"), diffusivity, neck.BULK, strict=True)
    ]
    binding = {
        "equation": "Ca + B <-> CaB", "forward": f"{neck.FORWARD!r} 1/(mM s)", "backward": f"{neck.BACKWARD!r} 1/s",
    }  # fmt: skip
    return make_case({
        "title": "Calcium and a buffer in a neck",
        "geometry": {"shape": "cylinder", "length": f"{neck.LENGTH!r} m", "radius": f"{neck.RADIUS!r} m",
                     "dimension": "1d"},
        "mesh": {"size": size, "element_degree": 2},
        "electrolyte": {"temperature": "298.15 K", "species": species, "reactions": [binding]},
        "boundaries": {"base": {"potential": "0 mV", "concentrations": "bulk"},
                       "top": {"flux": {"species": "Ca", "value": f"{float(flux)!r} mol/(m^2 s)"}}},
        "probes": {"middle": ["0 m", "0 m", f"{0.5 * neck.LENGTH!r} m"]},
    })  # fmt: skip


def _own(comm: Any, buffer: str, current: float, size: str = "10 nm", tolerance: float = 1e-6) -> dict[str, Any]:
    """Values of this program.

    Raises:
        SpineError: it cannot solve the case, as where it has no reactions.
    """
    case = case_of(buffer, current, size)
    mesh = generate(case.geometry, case.mesh, comm)
    times = tuple(1e-3 * t for t in neck.TIMES)
    data = (case.electrolyte, case.boundaries, case.solver, case.probes)

    def solve() -> tuple[list[Any], int, int]:
        with TransientProblem(mesh, *data) as problem:
            problem.begin("bulk")
            steps = list(problem.steps(Schedule(times[-1], times, tolerance)))
            unknowns = problem.system.state.vector.getSize()
        at_times = [min(steps, key=lambda step, t=t: abs(step.time - t)).solution for t in times]
        with SteadyProblem(mesh, *data) as problem:
            at_times.append(problem.solve(case.electrolyte, case.boundaries))
        return at_times, len(steps), unknowns

    (solutions, steps, unknowns), run_s = timed(comm, solve)
    head, middle = ([s.boundary["top"].concentration for s in solutions],
                    [s.probes["middle"].concentration for s in solutions])  # fmt: skip
    return {
        "cells": mesh.cells, "unknowns": unknowns, "steps": steps, "tolerance": tolerance, "run_s": run_s,
        "head_uM": [1e3 * c["Ca"] for c in head],
        "middle_uM": [1e3 * c["Ca"] for c in middle],
        "bound_uM": [1e3 * c["CaB"] for c in head],
    }  # fmt: skip
