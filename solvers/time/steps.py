"""Steps of a transient as a list with a table, and functions of the user that follow and stop it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from spinepnp.runtime.communication import on_all
from spinepnp.solvers.problem import columns
from spinepnp.solvers.time.adaptive import Step
from spinepnp.solvers.time.peaks import peaks
from spinepnp.solvers.time.traces import Trace, table

#: Function that is called with each step on every rank; the transient ends where it returns False.
StepCallback = Callable[[Step], object]

#: Verdicts of a callback, of which the largest of all ranks counts: go on, stop, an error.
GO_ON, STOP = range(2)


class Steps(list[Step]):
    """Accepted steps and listed times of a transient in their order.

    Examples:
        >>> import spinepnp as pnp
        >>> mesh = pnp.mesh(pnp.Cylinder(length="1 um", radius="100 nm", dimension="1d"), size="50 nm")
        >>> ion = {"diffusivity": "200 um^2/s", "concentration": "150 mM"}
        >>> salt = pnp.Electrolyte(species=[{"name": "Na", "valence": 1, **ion}, {"name": "Cl", "valence": -1, **ion}])
        >>> ends = {"base": pnp.bath("0 mV"), "top": pnp.inject("Na", "50 pA")}
        >>> steps = pnp.solve_transient(mesh, salt, ends, pnp.Schedule(duration="1 ns", tolerance=1e-2))
        >>> table = steps.to_frame()
        >>> len(table) == len(steps), float(table["top.potential_mV"].iloc[-1].round(2))
        (True, 1.92)
        >>> float(steps.trace([5e-10])["top.potential_mV"].iloc[0].round(1))  # mV, between steps
        1.0
        >>> sorted(steps.peaks()["top.potential_mV"])
        ['rise_20_80_ms', 'time_ms', 'value']

    Attributes:
        gate_names: names of the columns of `Step.gates`.
    """

    gate_names: tuple[str, ...] = ()

    def to_frame(self) -> Any:
        """Table (`pandas.DataFrame`) with a row a step or listed time, in the columns of observables.csv."""
        import pandas

        rows = [_row_of(step) | dict(zip(self.gate_names, step.gates, strict=True)) for step in self]
        return pandas.DataFrame(rows)

    def trace(self, times: Iterable[float] | None = None) -> Any:
        """Table (`pandas.DataFrame`) of means, values at probes, currents and gates at any times, as in trace.csv.

        Args:
            times: times within the transient, s; by default several in each step.

        Raises:
            ValueError: a time lies outside of the steps.
        """
        import pandas

        traces = [step.trace for step in self if not step.interpolated]
        if times is None:
            return pandas.DataFrame(table(traces))
        return pandas.DataFrame([_trace_at(traces, time).row(time) for time in times])

    def at(self, time: float) -> np.ndarray:
        """Concentrations, mol/m^3, and potential, V, at the nodes at a time (s), as in `Solution.unknowns`.

        Raises:
            ValueError: the time lies outside of the steps.
        """
        return _trace_at([step.trace for step in self if not step.interpolated], time).dense.values(time)

    def peaks(self) -> dict[str, dict[str, float]]:
        """Peaks of all potentials and concentrations of the trace, as in summary.json; see `peaks.peaks`."""
        return peaks(table([step.trace for step in self if not step.interpolated]))


def _trace_at(traces: Sequence[Trace], time: float) -> Trace:
    """Trace of the step in which a time lies: of two, the earlier one."""
    for trace in traces:
        if trace.dense.start <= time <= trace.dense.end:
            return trace
    raise ValueError(f"{time} s does not lie within the steps")


def _row_of(step: Step) -> dict[str, Any]:
    """Row of a step in the columns of observables.csv, without the open fractions of gates."""
    solution = step.solution
    record = SimpleNamespace(time=step.time, step=step.number, ion_balance=solution.ion_balance, defect=step.defect)
    return {
        **columns.values(columns.BEGINNING, record, solution),
        **columns.flatten(columns.state_of(solution)),
        **columns.flatten(columns.values(columns.BALANCE, record, solution)),
    }


def until_stopped(steps: Iterable[Step], callback: StepCallback | None, comm: Any) -> Iterator[Step]:
    """Steps until a callback ends them, the same on all ranks. Collective.

    Args:
        steps: steps as they are solved.
        callback: called with each step on every rank; where it returns False (or raises StopIteration) on any rank,
            this step is the last one. After None and all other values it goes on. An error that it raises on some
            ranks ends the transient on all.
        comm: MPI communicator.

    Raises:
        SolveError: the callback failed on another rank.
    """
    for step in steps:
        verdict = _verdict(step, callback, comm) if callback is not None else GO_ON
        yield step
        if verdict == STOP:
            return


def _verdict(step: Step, callback: StepCallback, comm: Any) -> int:
    """Largest verdict of all ranks on a step; raises the error of the callback. Collective."""

    def verdict() -> int:
        try:
            answer = callback(step)
        except StopIteration:
            return STOP
        return STOP if isinstance(answer, bool | np.bool_) and not answer else GO_ON

    return max(comm.allgather(on_all(comm, verdict, "the callback of the transient")))
