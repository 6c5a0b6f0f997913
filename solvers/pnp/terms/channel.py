"""Currents of channels, which depend on means over their patches: unknown constants behind those of the mesh.

A current that depends on a mean would couple every node of a patch with every other. With the mean as an unknown g, the
equations have a column (how the injected flux changes with g) and a row, g - int u / area = 0, and stay sparse
(`algebra.bordered`). The Jacobian has the full coupling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import override

import numpy as np

from spinepnp.runtime.stack import MPI, reduced
from spinepnp.solvers.model.channels import Channel, GateStep
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.step_data import StepData
from spinepnp.solvers.pnp.terms.base import BorderRow, BorderTerm, DrivenFlux


@dataclass(frozen=True)
class _Entry:
    """One channel with its boundary, its species, and its offsets into the vectors of gates and of means."""

    channel: Channel
    boundary: str
    species: int
    valence: float
    gate: int
    potential: int
    concentration: int | None


class Channels(BorderTerm):
    """Currents of all channels, with the means of potential and concentrations that they depend on.

    The constants are means over patches, scaled, in the order of `ProblemSignature.channel_means`.

    Attributes:
        gates: number of gates.
        step: step of the gates; in a steady state they are in equilibrium with the potential.
    """

    order = 130

    def __init__(self, fields: Fields, problem_data: ProblemData) -> None:
        super().__init__(fields, problem_data)
        self._means, weights = fields.signature.channel_means, fields.weights
        #: Owned degrees of freedom of each boundary with channels, and their weights.
        self._places = {name: _nonzero(weights.boundary[name][: fields.owned]) for name, _ in self._means}
        #: Owned degrees of freedom of each mean with their weights, and its component.
        self._patches = [
            (nodes, values / weights.area[name], component)
            for name, component in self._means
            for nodes, values in [self._places[name]]
        ]
        self.constants = np.zeros(len(self._patches))
        self.gates = 0
        self._entries: list[_Entry] = []
        self._known: tuple[bytes, list[tuple[_Entry, float, float, float]]] | None = None  # currents at some means

    @property
    @override
    def count(self) -> int:
        return len(self._patches)

    @override
    def update(self, step: StepData) -> None:
        self._known = None
        if self.state_step is not None:
            length = np.inf if self.state_step.at_start else self.state_step.length
            self.step = GateStep(self.state_step.start, length)
            self._step_size = step.step_size
            return
        problem_data, self._scales, self._zero = step.problem_data, step.scales, step.zero
        electrolyte, self._areas, self._entries, gate = problem_data.electrolyte, step.areas, [], 0
        self._V_T = electrolyte.V_T
        for name, boundary in problem_data.boundaries.items():
            for channel in boundary.channels:
                i = electrolyte.index(channel.species)
                concentration = self._means.index((name, i)) if channel.needs_concentration else None
                potential = self._means.index((name, len(electrolyte.names)))
                valence = float(electrolyte.species[i].valence)
                self._entries.append(_Entry(channel, name, i, valence, gate, potential, concentration))
                gate += len(channel.gates)
        self.gates, self.step, self._step_size = gate, GateStep(np.zeros(gate), np.inf), step.step_size

    def _potentials(self) -> np.ndarray:
        """Mean potential at each channel, V, shape (channels,)."""
        means = self.constants[[e.potential for e in self._entries]] if self._entries else np.empty(0)
        return np.asarray(means * self._scales.potential + self._zero)

    def _gates_at_end(self, V: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Open fractions of all gates at the end of their step, and their derivatives by the potential."""
        gates = tuple(gate for entry in self._entries for gate in entry.channel.gates)
        counts = [len(entry.channel.gates) for entry in self._entries]
        return self.step.end(gates, 0, np.repeat(V, np.array(counts, dtype=int)))

    def _currents(self) -> list[tuple[_Entry, float, float, float]]:
        """Channels with their currents, A, and derivatives by the scaled means of potential and concentration."""
        state = self.constants.tobytes()
        if self._known is None or self._known[0] != state:
            potentials = self._potentials()
            m, slope = self._gates_at_end(potentials)
            found = [
                (entry, *self._current(entry, float(V), m, slope))
                for entry, V in zip(self._entries, potentials, strict=True)
            ]
            self._known = state, found
        return self._known[1]

    def _current(self, entry: _Entry, V: float, m: np.ndarray, slope: np.ndarray) -> tuple[float, float, float]:
        scales, channel = self._scales, entry.channel
        c = self.constants[entry.concentration] * scales.concentration if entry.concentration is not None else 0.0
        current, by_V, by_c = channel.open_channel_current(
            V, c, area=self._areas[entry.boundary], valence=entry.valence, thermal_voltage=self._V_T
        )
        if channel.gates:
            own = slice(entry.gate, entry.gate + len(channel.gates))
            m, slope, power = m[own], slope[own], np.array([g.power for g in channel.gates])
            each = m**power
            fraction = float(each.prod())
            others = [float(np.delete(each, g).prod()) for g in range(len(power))]
            by_gates = float(np.sum(others * power * m ** (power - 1) * slope))
            by_V = by_V * fraction + current * by_gates
            current, by_c = current * fraction, by_c * fraction
        return current, by_V * scales.potential, by_c * scales.concentration

    @override
    def add_currents(self, currents: dict[str, np.ndarray]) -> None:
        total: dict[str, np.ndarray] = {}
        for entry, current, _, _ in self._currents():
            total.setdefault(entry.boundary, np.zeros(self.fields.count))[entry.species] += current
        for name, added in total.items():
            currents[name] += added

    def _flux(self, entry: _Entry) -> float:
        """Scaled flux density of the species for a current of 1 A."""
        area = self._areas[entry.boundary] / self._scales.length**2
        return 1.0 / (entry.valence * self._scales.current * area)

    @override
    def add_driven(self, residual: np.ndarray) -> None:
        for e, current, _, _ in self._currents():
            nodes, weights = self._places[e.boundary]
            residual[nodes, e.species] -= self._step_size * (self._flux(e) * current) * weights

    @override
    def driven(self) -> list[DrivenFlux]:
        driven: list[DrivenFlux] = [[] for _ in self._patches]
        for e, _, by_V, by_c in self._currents():
            nodes, weights = self._places[e.boundary]
            for mean, slope in ((e.potential, by_V), (e.concentration, by_c)):
                if mean is not None:
                    driven[mean].append((e.species, nodes, -self._step_size * (self._flux(e) * slope) * weights))
        return driven

    @override
    def constants_at(self, unknowns: np.ndarray) -> np.ndarray:
        if not self._patches:
            return np.empty(0)
        count, variables = self.fields.count, self.fields.variables
        local = np.empty(len(self._patches))
        for k, (nodes, weights, component) in enumerate(self._patches):
            values = unknowns[nodes, component]
            local[k] = float(weights @ (values if component == count else variables.concentrations(values)))
        return reduced(self.fields.comm, local, MPI.SUM)

    @override
    def values(self, nodal_flux: np.ndarray) -> list[float]:
        unknowns = np.column_stack([function.x.array for function in self.fields.functions])
        return list(self.constants - self.constants_at(unknowns))

    @override
    def rows(self) -> list[BorderRow]:
        rows = []
        for nodes, weights, component in self._patches:
            slope = np.negative(weights)
            if component < self.fields.count:
                variables, unknown = self.fields.variables, self.fields.functions[component].x.array[nodes]
                slope *= variables.slope(variables.concentrations(unknown))
            rows.append(BorderRow(slopes=[(component, nodes, slope)], own=1.0, lifted=True))
        return rows

    @override
    def states(self) -> np.ndarray:
        """Open fractions of all gates at the end of their step."""
        return self._gates_at_end(self._potentials())[0]

    def _gated(self) -> list[_Entry]:
        return [entry for entry in self._entries if entry.channel.gates]

    @override
    def state_names(self) -> list[str]:
        """Names ``boundary.gate.number`` of all gates, for results."""
        places = [e.boundary for e in self._gated() for _ in e.channel.gates]
        return [f"{name}.gate.{places[:i].count(name) + 1}" for i, name in enumerate(places)]


def _nonzero(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places and values of the weights that are not zero: those of a patch are few."""
    nodes = np.flatnonzero(weights)
    return nodes, weights[nodes]
