"""Traces of a transient: numbers that are linear in the solution, at any time of a step, without evaluating fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spinepnp.runtime.stack import MPI, reduced
from spinepnp.solvers.problem.columns import NEUTRAL_POTENTIAL, TIME_COLUMN
from spinepnp.solvers.problem.neutral_potential import NeutralPotentials
from spinepnp.solvers.problem.problem import Problem
from spinepnp.solvers.time.charges import ChargeCounter
from spinepnp.solvers.time.dense_output import DenseOutput, Totals
from spinepnp.units import CHARGE, CONCENTRATION, CURRENT, POTENTIAL, TIME, to_unit

#: Number of rows of a trace in each step: four with that of its start give its polynomial, six a smooth curve.
ROWS_PER_STEP = 6

#: Quantities of a load.
LOAD = (f"potential_{POTENTIAL.suffix}", f"current_{CURRENT.suffix}")


@dataclass(frozen=True)
class Trace:
    """Means, values at probes, currents and states within a step, in the units and with the names of observables.csv.

    Attributes:
        dense: dense output of the step.
        names: names of the columns.
        points: values at the points of the dense output, shape (points, columns).
        resting: slopes in time (1/s) of the last columns by what flows at rest, which is taken off, shape (columns,).
    """

    dense: DenseOutput
    names: tuple[str, ...]
    points: np.ndarray
    resting: np.ndarray

    def row(self, time: float) -> dict[str, float]:
        """Values at a time (s) of the step, by name."""
        values = self.dense.weights(time) @ self.points
        if len(self.resting):
            values[-len(self.resting) :] -= time * self.resting
        return {
            TIME_COLUMN: float(f"{to_unit(time, TIME):.15g}"),
            **dict(zip(self.names, values.tolist(), strict=True)),
        }

    def rows(self, *, with_start: bool = False) -> list[dict[str, float]]:
        """Rows at even times of the step, the last one at its end; the first one at its start, if wanted."""
        start, end = self.dense.start, self.dense.end
        numbers = range(0 if with_start else 1, ROWS_PER_STEP + 1)
        return [self.row(start + i / ROWS_PER_STEP * (end - start) if i < ROWS_PER_STEP else end) for i in numbers]


class Tracer:
    """Linear functionals of the fields of a problem: means over boundaries, regions and the volume, values at probes.

    Args:
        problem: problem whose steps are traced.
        charges: places whose charge is counted.
        resting: currents that are no part of this charge, A, shape (boundaries + mechanisms, N).
    """

    def __init__(self, problem: Problem, charges: ChargeCounter, resting: np.ndarray) -> None:
        self._problem, self._charges = problem, charges
        self._boundaries, species = problem.boundary_names, problem.signature.names
        self._mechanisms = problem.system.equations.mechanism_names()
        self._means = [problem.weights.boundary[n] / problem.weights.area[n] for n in self._boundaries]
        regions = problem.discretisation.regions
        self._means += [region.weights / region.volume for region in regions.values()]
        self._means.append(problem.weights.volume / problem.weights.total_volume)
        places = [*self._boundaries, *regions, "volume", *problem.discretisation.probes.names]
        columns = [f"potential_{POTENTIAL.suffix}", *(f"concentration_{CONCENTRATION.suffix}.{n}" for n in species)]
        self._units = np.array([to_unit(1.0, POTENTIAL), *(to_unit(1.0, CONCENTRATION) for _ in species)])
        currents = [f"current_{CURRENT.suffix}.{carrier}" for carrier in (*species, "total", "displacement")]
        charged, slopes = charges.columns(resting)
        self._resting, self._loaded = slopes / CHARGE.si, problem.signature.loaded
        self._of_membranes = problem.system.mechanisms
        self._beside = NeutralPotentials(problem, problem.problem_data)
        self._names = (
            *(f"{place}.{column}" for place in places for column in columns),
            *(f"{boundary}.{column}" for boundary in self._boundaries for column in currents),
            *(f"{boundary}.{name}.{column}" for boundary, name in self._mechanisms for column in currents[:-1]),
            *(name for name in problem.system.equations.state_names() if name),
            *(f"{boundary}.load.{quantity}" for boundary in self._loaded for quantity in LOAD),
            *self._gate_names(),
            *(f"{name}.{NEUTRAL_POTENTIAL}" for name in self._beside.names),
            *(f"{place}.{quantity}_{CHARGE.suffix}.{species}" for place, quantity, species in charged),
        )

    def _gate_names(self) -> list[str]:
        """Columns of the gates of mechanisms, in the order of `_gates`."""
        names = [] if self._of_membranes is None else self._of_membranes.nodal_state_names()
        parts = [name.split(".") for name in names]
        return [f"{place}.{mechanism}.{kind}.{label}" for kind, place, mechanism, label in parts]

    def _gates(self, dense: DenseOutput) -> np.ndarray:
        """Area means of the gates of mechanisms at the points, shape (points, gates). Collective."""
        if self._of_membranes is None:
            return np.empty((len(dense.nodal), 0))
        means = [self._of_membranes.gate_means(states).values() for states in dense.nodal_states]
        return np.array([[m for by_label in at_point for m in by_label.values()] for at_point in means])

    def trace(self, dense: DenseOutput) -> Trace:
        """Trace of a step. Collective."""
        problem = self._problem
        weights, system, species = problem.weights, problem.system, len(problem.signature.names)
        means = [[mean[: weights.owned] @ y[: weights.owned] for mean in self._means] for y in dense.nodal]
        at_probes = [[*problem.discretisation.probes.values(y).values()] for y in dense.nodal]
        values = reduced(weights.comm, np.array(means), MPI.SUM)  # points, places, fields
        values = np.concatenate([values, np.reshape(at_probes, (len(values), -1, species + 1))], axis=1)
        totals, rates = [
            [Totals.of(row, species, len(self._boundaries), len(self._mechanisms)) for row in rows]
            for rows in (dense.totals, dense.rates)
        ]
        density = system.step_data.scales.amount / system.state.volume()
        # The integral of the concentration of an unknown is not that of its nodal values with logarithms.
        values[:, len(self._means) - 1, :-1] = [t.amounts * density for t in totals]
        count, currents = len(self._boundaries), []
        for rate in rates:
            through = np.column_stack([rate.passed, rate.passed.sum(axis=1)])
            currents.append([*np.column_stack([through[:count], rate.charge]).ravel(), *through[count:].ravel()])
        fields = (np.roll(values, 1, axis=2) * self._units).reshape(len(values), -1)
        named = [bool(name) for name in system.equations.state_names()]
        states = np.array([t.states[named] for t in totals])
        of_boundaries = np.array([rate.passed.sum(axis=1)[:count] + rate.charge for rate in rates]) / CURRENT.si
        loads = [
            np.column_stack([values[:, i, -1] * self._units[0], 0.0 - of_boundaries[:, i]])
            for i in map(self._boundaries.index, self._loaded)
        ]
        charges = self._charges.columns(np.array([t.passed for t in totals]))[1] / CHARGE.si
        beside = np.array([self._beside.means(y) for y in dense.nodal]) * self._units[0]
        of_membranes = *loads, self._gates(dense), beside, charges
        points = np.hstack([fields, np.array(currents) / CURRENT.si, states, *of_membranes])
        return Trace(dense, self._names, points, self._resting)


def table(traces: list[Trace]) -> list[dict[str, Any]]:
    """Rows of the traces of successive steps, with the start of the first one."""
    return [row for i, trace in enumerate(traces) for row in trace.rows(with_start=i == 0)]
