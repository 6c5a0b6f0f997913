"""Currents of channels in the discrete equations: means over their patches are unknowns behind those of the mesh.

A current that depends on a mean would couple every node of a patch with every other. With the mean as an unknown g, the
equations have a column (how the injected flux changes with g) and a row, g - int u / area = 0, and stay sparse
(`bordered`). The Jacobian has the full coupling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinepnp.solvers.fem.weights import IntegrationWeights
from spinepnp.solvers.model.channels import Channel, GateStep, gate_rates
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.scaling import Scales

#: A boundary and the number of the component whose mean over it is an unknown; the potential is the last component.
Mean = tuple[str, int]


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


class ChannelCurrents:
    """Currents of all channels of a case.

    Args:
        problem_data: data of the case.
        means: unknown means, in their order (`ProblemSignature.means`).
        weights: weights of the boundaries.
        scales: scales of the unknowns.

    Attributes:
        gates: number of gates.
        step: step of the gates; in a steady state they are in equilibrium with the potential.
    """

    def __init__(
        self, problem_data: ProblemData, means: tuple[Mean, ...], weights: IntegrationWeights, scales: Scales
    ) -> None:
        self._scales, self._zero, self._means = scales, problem_data.reference_potential, means
        self._V_T = problem_data.electrolyte.V_T
        self._areas = {name: area * scales.length**2 for name, area in weights.area.items()}
        self._entries: list[_Entry] = []
        electrolyte, gate = problem_data.electrolyte, 0
        for name, boundary in problem_data.boundaries.items():
            for channel in boundary.channels:
                i = electrolyte.index(channel.species)
                concentration = means.index((name, i)) if channel.needs_concentration else None
                potential = means.index((name, len(electrolyte.names)))
                valence = float(electrolyte.species[i].valence)
                self._entries.append(_Entry(channel, name, i, valence, gate, potential, concentration))
                gate += len(channel.gates)
        self.gates = gate
        self.step = GateStep(np.zeros(gate), np.inf)

    def _V(self, entry: _Entry, means: np.ndarray) -> float:
        return float(means[entry.potential] * self._scales.potential + self._zero)

    def _current(self, entry: _Entry, means: np.ndarray) -> tuple[float, float, float]:
        """Current of one channel, A, and its derivatives by the scaled means of potential and concentration."""
        scales, channel, V = self._scales, entry.channel, self._V(entry, means)
        c = means[entry.concentration] * scales.concentration if entry.concentration is not None else 0.0
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

    def currents(self, means: np.ndarray, species: int) -> dict[str, np.ndarray]:
        """Currents (species,) through the channels of each boundary, A, by name, at scaled unknown means."""
        total: dict[str, np.ndarray] = {}
        for entry in self._entries:
            at = total.setdefault(entry.boundary, np.zeros(species))
            at[entry.species] += self._current(entry, means)[0]
        return total

    def fluxes(self, means: np.ndarray) -> list[tuple[str, int, float]]:
        """Boundary, species and scaled flux density of each channel."""
        return [(e.boundary, e.species, self._flux(e) * self._current(e, means)[0]) for e in self._entries]

    def slopes(self, means: np.ndarray) -> list[tuple[int, str, int, float]]:
        """Position of a mean, boundary, species, and derivative of the scaled flux density by that mean."""
        slopes = []
        for e in self._entries:
            _, by_V, by_c = self._current(e, means)
            slopes.append((e.potential, e.boundary, e.species, self._flux(e) * by_V))
            if e.concentration is not None:
                slopes.append((e.concentration, e.boundary, e.species, self._flux(e) * by_c))
        return slopes

    def _flux(self, entry: _Entry) -> float:
        """Scaled flux density of the species for a current of 1 A."""
        area = self._areas[entry.boundary] / self._scales.length**2
        return 1.0 / (entry.valence * self._scales.current * area)

    def gates_at(self, means: np.ndarray) -> np.ndarray:
        """Open fractions of all gates at the end of their step."""
        parts = [self.step.end(e.channel.gates, e.gate, self._V(e, means))[0] for e in self._gated()]
        return np.concatenate([np.empty(0), *parts])

    def gate_rates(self, gates: np.ndarray, means: np.ndarray) -> np.ndarray:
        """Rates dm/dt of all gates, 1/s."""
        parts = [
            gate_rates(e.channel.gates, gates[e.gate : e.gate + len(e.channel.gates)], self._V(e, means))
            for e in self._gated()
        ]
        return np.concatenate([np.empty(0), *parts])

    def _gated(self) -> list[_Entry]:
        return [entry for entry in self._entries if entry.channel.gates]

    def gate_names(self) -> list[str]:
        """Names ``boundary.gate.number`` of all gates, for results."""
        places = [e.boundary for e in self._gated() for _ in e.channel.gates]
        return [f"{name}.gate.{places[:i].count(name) + 1}" for i, name in enumerate(places)]
