"""Suite `cable`: Rallpack 3 beside NEURON in the same run: times of spikes at both ends, and seconds."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.measure import timed
from benchmarks.peer_environment import NEURON, NoPeerError, peer_python
from benchmarks.peer_environment import solve as peer_solve
from benchmarks.places import CASES
from spinepnp.case.case import load_case
from spinepnp.meshes import generate
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.solvers.time.peaks import rises
from spinepnp.solvers.time.traces import table
from spinepnp.solvers.time.transient import TransientProblem

#: Ends of the cable.
ENDS = ("base", "top")

#: Settings of NEURON: number of segments, time step in ms, order of its method. The first one is the reference.
SETTINGS = ((1000, 0.001, 2), (1000, 0.001, 0), (1000, 0.002, 2), (500, 0.001, 2), (100, 0.025, 0))


def rallpack(
    comm: Any, duration: float, tolerances: list[float], settings: list[list[float]] | None = None
) -> list[dict[str, Any]]:
    """Rows of NEURON and of this program, with the largest difference of a spike to the first row of NEURON.

    Args:
        comm: MPI communicator.
        duration: duration, ms.
        tolerances: tolerances of the time steps of this program.
        settings: settings of NEURON in place of `SETTINGS`.
    """
    try:
        python, found = peer_python(NEURON), []
        for segments, step, order in settings or SETTINGS:
            row = peer_solve(python, NEURON, segments=segments, step=step, order=order, duration=duration)
            name, size = f"NEURON {row.pop('version')}", 1000.0 / row.pop("segments")
            found.append({"program": name, "size_um": size, **row})
    except NoPeerError as error:
        found = [{"status": f"skipped: {error}"}]
    found += [_own(comm, duration, tolerance) for tolerance in tolerances]
    spikes = [[row.pop(end, []) for end in ENDS] for row in found]
    return [row | ({} if "status" in row else differences(s, spikes[0])) for row, s in zip(found, spikes, strict=True)]


def _own(comm: Any, duration: float, tolerance: float) -> dict[str, Any]:
    """Row of this program."""
    case = load_case(CASES / "rallpack_3.toml")
    mesh = generate(case.geometry, case.mesh, comm)
    data = (case.electrolyte, case.boundaries, case.solver, case.probes, case.closed)
    with TransientProblem(mesh, *data) as problem:
        problem.begin(case.study.initial or "bulk")
        schedule = Schedule(1e-3 * duration, tolerance=tolerance)
        steps, run_s = timed(comm, lambda: list(problem.steps(schedule)))
        times = rises(table([step.trace for step in steps]))
    named = {end: times[f"{end}.potential_mV"].tolist() for end in ENDS}
    return {"program": "spinepnp", "tolerance": tolerance, "steps": len(steps), "run_s": run_s, **named}


def differences(own: list[list[float]], reference: list[list[float]]) -> dict[str, Any]:
    """Number of spikes, and largest differences of their times (ms) and of the speed from those of the reference."""
    if not own[0] or [len(end) for end in own] != [len(end) for end in reference]:
        return {"spikes": len(own[0])}
    (base, top), (first, last) = ([np.array(end) for end in ends] for ends in (own, reference))
    count = len(last)
    delay, expected = top - base[:count], last - first[:count]
    return {
        "spikes": len(base),
        "spike_error_ms": float(max(np.abs(base - first).max(), np.abs(top - last).max())),
        "speed_error": float(np.abs(delay / expected - 1.0).max()) if count else float("nan"),
    }
