"""Charge that synapses let into the domain, and charge that leaves through boundaries that are grounded or have a load.

A synapse is a mechanism with a waveform. The charge of a species since the start is

    Q(t) = int_0^t (I(s) - I_0) ds,

where I_0 is the current of the steady state in which the transient begins (zero with ``initial = "bulk"``): what the
membrane lets through at rest is no part of the answer to a synapse. The integral is the quadrature of the time steps,
with which the balance of each species holds to rounding (`TimeState.passed`), and the dense output within a step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.problem.solution import Solution


@dataclass(frozen=True)
class ChargeCounter:
    """Places whose charge is counted, by the rows of `Totals.passed`.

    Attributes:
        synapses: row and moved species of each synapse, by boundary and name.
        outlets: row of each boundary that is grounded or has a load, by name.
        species: names of the species.
    """

    synapses: Mapping[tuple[str, str], tuple[int, tuple[str, ...]]]
    outlets: Mapping[str, int]
    species: tuple[str, ...]

    @classmethod
    def of(cls, data: ProblemData, boundaries: Sequence[str], mechanisms: Sequence[tuple[str, str]]) -> ChargeCounter:
        """Counter of a problem; it counts nothing where there is no synapse.

        Args:
            data: boundary conditions of the problem.
            boundaries: names of the boundaries, in the order of the rows.
            mechanisms: boundary and name of the mechanisms, whose rows follow.
        """
        moved = {
            (name, m.name): tuple(s for s in data.electrolyte.names if s in m.moved)
            for name, boundary in data.boundaries.items()
            for m in boundary.mechanisms
            if m.waveform != "constant"
        }
        rows = {key: len(boundaries) + i for i, key in enumerate(mechanisms)}
        outlets = [n for n, b in data.boundaries.items() if moved and (b.prescribes_potential or b.load is not None)]
        return cls(
            {key: (rows[key], species) for key, species in moved.items()},
            {name: boundaries.index(name) for name in outlets},
            data.electrolyte.names,
        )

    def columns(self, passed: np.ndarray) -> tuple[list[tuple[str, str, str]], np.ndarray]:
        """Columns of the charges, with their values.

        Args:
            passed: charge that has passed into the domain, or current, shape (..., boundaries + mechanisms, N).

        Returns:
            Place, quantity and species (or "total") of each column; values in the unit of `passed`, shape
            (..., columns).
        """
        names, values = [], []
        for (boundary, name), (row, moved) in self.synapses.items():
            own = [passed[..., row, self.species.index(s)] for s in moved]
            names += [(f"{boundary}.{name}", "charge", s) for s in (*moved, "total")]
            values += [*own, sum(own)]
        for boundary, row in self.outlets.items():
            names += [(boundary, "charge_out", s) for s in (*self.species, "total")]
            values += [*(-np.moveaxis(passed[..., row, :], -1, 0)), -passed[..., row, :].sum(axis=-1)]
        return names, np.stack(values, axis=-1) if values else np.empty((*passed.shape[:-2], 0))

    def add_to(self, solution: Solution, passed: np.ndarray) -> Solution:
        """Solution with the charges of its mechanisms and boundaries.

        Args:
            solution: solution at a time.
            passed: charge that has passed until then beyond the flow at rest, C, shape (boundaries + mechanisms, N).
        """
        if not self.synapses:
            return solution
        found: dict[tuple[str, str], dict[str, float]] = {}
        for (place, quantity, species), value in zip(*self.columns(passed), strict=True):
            found.setdefault((place, quantity), {})[species] = float(value)
        for by_species in found.values():
            del by_species["total"]
        boundary: dict[str, Any] = dict(solution.boundary)
        mechanisms = dict(solution.mechanisms)
        for name in self.outlets:
            boundary[name] = replace(boundary[name], charge_out=found[name, "charge_out"])
        for key in self.synapses:
            mechanisms[key] = replace(mechanisms[key], charge_in=found[".".join(key), "charge"])
        return replace(solution, boundary=boundary, mechanisms=mechanisms)
