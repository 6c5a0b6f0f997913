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
from spinepnp.solvers.pnp.terms.base import BorderRow, BorderTerm


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
        #: Weights of the owned degrees of freedom in each mean, and its component.
        self._patches = [
            (weights.boundary[name][: fields.owned] / weights.area[name], component) for name, component in self._means
        ]
        self.constants = np.zeros(len(self._patches))
        self.gates = 0
        self._entries: list[_Entry] = []

    @property
    @override
    def count(self) -> int:
        return len(self._patches)

    @override
    def update(self, step: StepData) -> None:
        if step.gates is not None:
            self.step, self._step_size = step.gates, step.step_size
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

    def _V(self, entry: _Entry) -> float:
        return float(self.constants[entry.potential] * self._scales.potential + self._zero)

    def _current(self, entry: _Entry) -> tuple[float, float, float]:
        """Current of one channel, A, and its derivatives by the scaled means of potential and concentration."""
        scales, channel, V = self._scales, entry.channel, self._V(entry)
        c = self.constants[entry.concentration] * scales.concentration if entry.concentration is not None else 0.0
        current, by_V, by_c = channel.open_channel_current(
            V, c, area=self._areas[entry.boundary], valence=entry.valence, thermal_voltage=self._V_T
        )
        if channel.gates:
            m, slope = self.step.end(channel.gates, entry.gate, V)
            power = np.array([g.power for g in channel.gates])
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
        for entry in self._entries:
            total.setdefault(entry.boundary, np.zeros(self.fields.count))[entry.species] += self._current(entry)[0]
        for name, current in total.items():
            currents[name] += current

    def _flux(self, entry: _Entry) -> float:
        """Scaled flux density of the species for a current of 1 A."""
        area = self._areas[entry.boundary] / self._scales.length**2
        return 1.0 / (entry.valence * self._scales.current * area)

    @override
    def add_driven(self, residual: np.ndarray) -> None:
        weights = self.fields.weights.boundary
        for e in self._entries:
            flux = self._flux(e) * self._current(e)[0]
            residual[:, e.species] -= self._step_size * flux * weights[e.boundary][: self.fields.owned]

    @override
    def driven(self) -> list[np.ndarray]:
        weights = self.fields.weights.boundary
        driven = [np.zeros((self.fields.owned, self.fields.count + 1)) for _ in self._patches]
        for e in self._entries:
            _, by_V, by_c = self._current(e)
            for mean, slope in ((e.potential, by_V), (e.concentration, by_c)):
                if mean is not None:
                    flux = self._step_size * (self._flux(e) * slope)
                    driven[mean][:, e.species] -= flux * weights[e.boundary][: self.fields.owned]
        return driven

    @override
    def constants_at(self, unknowns: np.ndarray) -> np.ndarray:
        if not self._patches:
            return np.empty(0)
        owned, variables = unknowns[: self.fields.owned], self.fields.variables
        values = np.column_stack([variables.concentrations(owned[:, :-1]), owned[:, -1]])
        local = np.array([weights @ values[:, component] for weights, component in self._patches])
        return reduced(self.fields.comm, local, MPI.SUM)

    @override
    def values(self, nodal_flux: np.ndarray) -> list[float]:
        unknowns = np.column_stack([function.x.array for function in self.fields.functions])
        return list(self.constants - self.constants_at(unknowns))

    def _slope(self, component: int) -> np.ndarray | float:
        """Derivative of the owned nodal values of a component by its unknown."""
        if component == self.fields.count:
            return 1.0
        variables, unknown = self.fields.variables, self.fields.functions[component].x.array[: self.fields.owned]
        return variables.slope(variables.concentrations(unknown))

    @override
    def rows(self) -> list[BorderRow]:
        slopes = [(component, -weights * self._slope(component)) for weights, component in self._patches]
        return [BorderRow(slope=slope, own=1.0, lifted=True) for slope in slopes]

    def gates_at_end(self) -> np.ndarray:
        """Open fractions of all gates at the end of their step."""
        parts = [self.step.end(e.channel.gates, e.gate, self._V(e))[0] for e in self._gated()]
        return np.concatenate([np.empty(0), *parts])

    def _gated(self) -> list[_Entry]:
        return [entry for entry in self._entries if entry.channel.gates]

    def gate_names(self) -> list[str]:
        """Names ``boundary.gate.number`` of all gates, for results."""
        places = [e.boundary for e in self._gated() for _ in e.channel.gates]
        return [f"{name}.gate.{places[:i].count(name) + 1}" for i, name in enumerate(places)]
