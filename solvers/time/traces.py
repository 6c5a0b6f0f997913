"""Traces of a transient: numbers that are linear in the solution, at any time of a step, without evaluating fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spinepnp.runtime.stack import MPI, reduced
from spinepnp.solvers.problem.columns import TIME_COLUMN
from spinepnp.solvers.problem.problem import Problem
from spinepnp.solvers.time.dense_output import Cubic, DenseOutput, Totals
from spinepnp.units import CONCENTRATION, CURRENT, POTENTIAL, TIME, to_unit

#: Number of rows of a trace in each step: three give the cubic polynomial, six a smooth curve.
ROWS_PER_STEP = 6


@dataclass(frozen=True)
class Trace:
    """Means, values at probes, currents and gates within a step, in the units and with the names of observables.csv.

    Attributes:
        names: names of potentials, concentrations and gates.
        values: their values over time.
        current_names: names of the currents.
        passed: charge that each has carried since the start of the transient, whose rate is the current.
    """

    names: tuple[str, ...]
    values: Cubic
    current_names: tuple[str, ...]
    passed: Cubic

    def row(self, time: float) -> dict[str, float]:
        """Values at a time (s) of the step, by name."""
        named = zip(self.names, self.values.at(time).tolist(), strict=True)
        currents = zip(self.current_names, self.passed.rate_at(time).tolist(), strict=True)
        return {TIME_COLUMN: float(f"{to_unit(time, TIME):.15g}"), **dict(named), **dict(currents)}

    def rows(self, *, with_start: bool = False) -> list[dict[str, float]]:
        """Rows at even times of the step, the last one at its end; the first one at its start, if wanted."""
        start, end = self.values.start, self.values.end
        numbers = range(0 if with_start else 1, ROWS_PER_STEP + 1)
        return [self.row(start + i / ROWS_PER_STEP * (end - start) if i < ROWS_PER_STEP else end) for i in numbers]


class Tracer:
    """Linear functionals of the fields of a problem: means over boundaries, regions and the volume, values at probes.

    Args:
        problem: problem whose steps are traced.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._boundaries, species = tuple(problem.mesh.geometry.boundaries), problem.signature.names
        self._means = [problem.weights.boundary[n] / problem.weights.area[n] for n in self._boundaries]
        regions = problem.discretisation.regions
        self._means += [region.weights / region.volume for region in regions.values()]
        self._means.append(problem.weights.volume / problem.weights.total_volume)
        places = [*self._boundaries, *regions, "volume", *problem.discretisation.probes.names]
        columns = [f"potential_{POTENTIAL.suffix}", *(f"concentration_{CONCENTRATION.suffix}.{n}" for n in species)]
        gates = problem.system.channels.gate_names()
        self._names = (*(f"{place}.{column}" for place in places for column in columns), *gates)
        units = [to_unit(1.0, POTENTIAL), *(to_unit(1.0, CONCENTRATION) for _ in species)]
        self._units = np.array([*units * len(places), *(1.0 for _ in gates)])
        carriers = [*species, "total", "displacement"]
        self._current_names = tuple(f"{b}.current_{CURRENT.suffix}.{c}" for b in self._boundaries for c in carriers)

    def _points(self, nodal: list[np.ndarray]) -> np.ndarray:
        """Means and values at probes of arrays of nodal values, shape (arrays, places, N + 1). Collective."""
        weights, probes = self._problem.weights, self._problem.discretisation.probes
        columns = np.hstack(nodal)
        sums = np.array([mean[: weights.owned] @ columns[: weights.owned] for mean in self._means])
        points = np.vstack([reduced(weights.comm, sums, MPI.SUM), *probes.values(columns).values()])
        return points.reshape(len(points), len(nodal), -1).swapaxes(0, 1)

    def trace(self, dense: DenseOutput) -> Trace:
        """Trace of a step. Collective."""
        system, species, count = self._problem.system, len(self._problem.signature.names), len(self._boundaries)
        density = system.step_data.scales.amount / system.state.volume()

        def split(cubic: Cubic) -> list[Any]:
            return [*cubic.values, *cubic.rates]

        totals = [Totals.of(flat, species, count) for flat in split(dense.totals)]
        points = self._points(split(dense.nodal))
        points[:, len(self._means) - 1, :-1] = [t.amounts * density for t in totals]  # logarithms: another integral
        values = [
            np.append(np.roll(at, 1, axis=1).ravel(), t.gates) * self._units
            for at, t in zip(points, totals, strict=True)
        ]
        passed = [
            to_unit(np.column_stack([t.passed, t.passed.sum(axis=1), t.charge]).ravel(), CURRENT) for t in totals
        ]
        start, end = dense.nodal.start, dense.nodal.end
        curves = [Cubic(start, end, (c[0], c[1]), (c[2], c[3])) for c in (values, passed)]
        return Trace(self._names, curves[0], self._current_names, curves[1])


def table(traces: list[Trace]) -> list[dict[str, Any]]:
    """Rows of the traces of successive steps, with the start of the first one."""
    return [row for i, trace in enumerate(traces) for row in trace.rows(with_start=i == 0)]
