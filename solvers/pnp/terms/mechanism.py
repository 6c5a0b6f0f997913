"""Currents of mechanisms at every node of a boundary, with gates at the nodes.

A mechanism lets the current density j_s(V_m, c, gates) of some species into the domain. At node a it enters the
equation of the species with the weight of the node on the boundary, w_a = int phi_a:

    R_s,a -= tau w_a j_s(V_a - V_out, c_a, m_a) / (z_s F).

So currents, their balance and their derivatives are those of single nodes. V and c are those of the neutral solution
beside the Debye layer, or of the node itself (`model.membrane.traces`). An implicit step of a gate ends at a function
of V and c (`model.membrane.kinetics`), which is differentiated with the current. Where the potential outside is that
inside, V_a - V_out is zero. Of a species without charge j_s is F times its flux, and z_s one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import override

import numpy as np

from spinepnp.runtime.stack import MPI, reduced
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.membrane.currents import MembraneCurrent, OpenCurrent
from spinepnp.solvers.model.membrane.kinetics import GateKinetics, gated
from spinepnp.solvers.model.membrane.mechanism import Mechanism
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.pnp.blocks import Blocks
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.step_data import StepData
from spinepnp.solvers.pnp.terms.base import Term
from spinepnp.solvers.pnp.terms.compartment import Compartments
from spinepnp.solvers.pnp.wall_solution import WallSolution, wall_solution


@dataclass
class _Entry:
    """One mechanism at the nodes of its boundary.

    Attributes:
        boundary: name of the boundary.
        name: name of the mechanism.
        nodes: owned degrees of freedom of the boundary.
        weights: their weights, um^2.
        first_gate: number of its first gate among all.
        gates: kinetics of its gates.
        gate_labels: their names.
        neutral: whether it sees the neutral solution beside the Debye layer.
        current: its law, with the strengths of the present time.
        outside_potential: potential outside, V.
        outside: concentrations outside, mol/m^3, shape (N,); those of a compartment are filled in.
        is_equipotential: whether the potential outside is that inside.
        compartment: name of the compartment with which it exchanges; empty for a bath.
        given: data of which the current was made.
        factors: flux of each moved species into its equation in a step at each node, scaled, for 1 A/m^2, by its index.
    """

    boundary: str
    name: str
    nodes: np.ndarray
    weights: np.ndarray
    first_gate: int
    gates: tuple[GateKinetics, ...]
    gate_labels: tuple[str, ...]
    neutral: bool
    is_equipotential: bool
    current: MembraneCurrent = field(init=False)
    outside_potential: float = field(init=False)
    outside: np.ndarray = field(init=False)
    compartment: str = ""
    given: tuple[Mechanism, Electrolyte, Mapping[str, float]] | None = None
    factors: dict[int, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class _Flux:
    """Currents of a mechanism at its nodes, and their derivatives by unknowns, in SI units but for the unknowns.

    Attributes:
        current: current density of each moved species, A/m^2, shape (n, S).
        by_potential: derivative by the scaled potential, shape (n, S).
        by_unknown: derivative by the unknown of each species, shape (n, S, N).
        by_outside: derivative by the concentration outside, A/m^2 per mol/m^3, shape (n, S, N).
        gates: open fractions of its gates, shape (n, gates).
    """

    current: np.ndarray
    by_potential: np.ndarray
    by_unknown: np.ndarray
    by_outside: np.ndarray
    gates: np.ndarray


class Mechanisms(Term):
    """Currents of all mechanisms of all boundaries.

    Attributes:
        compartments: well-stirred solutions outside, whose concentrations are unknown constants.
    """

    order = 150
    compartments: Compartments

    def __init__(self, fields: Fields, problem_data: ProblemData) -> None:
        super().__init__(fields, problem_data)
        self._entries: list[_Entry] = []
        self._gates, pairs = 0, set()
        last, electrolyte = fields.count, problem_data.electrolyte
        charged = [i for i, s in enumerate(electrolyte.species) if s.valence]
        for name, boundary in problem_data.boundaries.items():
            dofs = np.sort(fields.boundary_dofs[name]) if boundary.mechanisms else np.empty(0, dtype=np.int32)
            nodes = dofs[dofs < fields.owned]
            for mechanism in boundary.mechanisms:
                entry = _Entry(
                    name, mechanism.name, nodes, fields.weights.boundary[name][nodes], self._gates,
                    tuple(gate.kinetics_object(electrolyte) for gate in mechanism.gates), mechanism.gate_labels,
                    boundary.traces_of(mechanism) == "neutral", boundary.is_equipotential,
                    compartment=boundary.compartment_of(mechanism) or "",
                )  # fmt: skip
                self._gates += len(entry.gates)
                self._entries.append(entry)
                read = {electrolyte.index(species) for species in mechanism.reads_inside}
                seen = {*read, *(charged if entry.neutral else ()), last}
                pairs |= {(electrolyte.index(species), j) for species in mechanism.moved for j in seen}
        self.nodal_pairs = sorted(pairs)
        self._nodes = np.unique(np.concatenate([entry.nodes for entry in self._entries]))
        self._known: tuple[np.ndarray, list[_Flux]] | None = None

    @classmethod
    @override
    def applies(cls, problem_data: ProblemData) -> bool:
        return any(boundary.mechanisms for boundary in problem_data.boundaries.values())

    @override
    def update(self, step: StepData) -> None:
        self._known, self._scales = None, step.scales
        data, self._zero = step.problem_data, step.zero
        if step.states is None:
            self._fixed = self._fixed_charge(data.electrolyte)
        mechanisms = [mechanism for boundary in data.boundaries.values() for mechanism in boundary.mechanisms]
        for entry, mechanism in zip(self._entries, mechanisms, strict=True):
            outside = data.outside_concentrations(entry.boundary)
            entry.outside_potential = data.boundaries[entry.boundary].outside_potential
            given = (mechanism, data.electrolyte, outside)
            # In a stage of a transient without waveforms they are those of the stage before.
            if entry.given is None or mechanism is not entry.given[0] or given[1:] != entry.given[1:]:
                entry.given = given
                entry.gates = tuple(gate.kinetics_object(data.electrolyte) for gate in mechanism.gates)
                entry.current = mechanism.membrane_current(data.electrolyte, outside, step.areas[entry.boundary])
                entry.outside = np.array([outside.get(name, np.nan) for name in data.electrolyte.names])
            unit = step.step_size * step.scales.length**2 / step.scales.current
            charges = zip(entry.current.moved, entry.current.charge_numbers.tolist(), strict=True)
            entry.factors = {i: unit / z * entry.weights for i, z in charges}

    def _fixed_charge(self, electrolyte: Electrolyte) -> np.ndarray:
        """Fixed charge at the local nodes, scaled. Collective."""
        weights = self.fields.weights
        fixed = np.full(len(weights.volume), electrolyte.uniform_charge)
        if electrolyte.charged_regions:
            fixed += weights.fixed_charge_density(electrolyte.charged_regions)
        return fixed / self._scales.concentration

    def _fluxes(self) -> list[_Flux]:
        """Currents of all mechanisms at the state."""
        at_nodes = [function.x.array[self._nodes] for function in self.fields.functions]
        state = np.concatenate([*at_nodes, self.compartments.constants])
        if self._known is None or not (self._known[0] == state).all():
            unknowns = np.column_stack(at_nodes)
            seen: dict[tuple[str, bool], WallSolution] = {}
            for entry in self._entries:
                if (side := (entry.boundary, entry.neutral)) not in seen:
                    own = unknowns[np.searchsorted(self._nodes, entry.nodes)]
                    fixed = self._fixed[entry.nodes] if entry.neutral else None
                    seen[side] = wall_solution(self.fields, self._scales, own, fixed)
            fluxes = [self._flux(entry, seen[entry.boundary, entry.neutral]) for entry in self._entries]
            self._known = state, fluxes
        return self._known[1]

    def _flux(self, entry: _Entry, inside: WallSolution) -> _Flux:
        outside = self.compartments.concentrations(entry.compartment, entry.outside)
        V, scale = inside.potential * self._scales.potential + self._zero - entry.outside_potential, 1.0
        if entry.is_equipotential:
            V, scale = np.zeros(len(V)), 0.0
        flux, gates = self._gated(entry, V, inside.concentrations, outside)
        by_potential = flux.by_potential * (scale * self._scales.potential)
        by_unknown = inside.by_unknown(by_potential, flux.by_inside)
        return _Flux(flux.current, by_potential, by_unknown, flux.by_outside, gates)

    def _gated(
        self, entry: _Entry, V: np.ndarray, inside: np.ndarray, outside: np.ndarray
    ) -> tuple[OpenCurrent, np.ndarray]:
        """Currents through channels whose gates are at the end of their step, and their open fractions."""
        open_current, step = entry.current.open_current(V, inside, outside), self.nodal_step
        length = np.inf if step is None or step.at_start else step.length
        own = slice(entry.first_gate, entry.first_gate + len(entry.gates))
        return gated(
            open_current, entry.gates, V, inside, None if step is None else step.start[entry.nodes, own], length
        )

    @override
    def add_residual(self, residual: np.ndarray) -> None:
        for entry, flux in zip(self._entries, self._fluxes(), strict=True):
            for s, i in enumerate(entry.current.moved):
                residual[entry.nodes, i] -= entry.factors[i] * flux.current[:, s]

    @override
    def add_jacobian(self, blocks: Blocks) -> None:
        diagonals = {pair: np.zeros(self.fields.owned) for pair in self.nodal_pairs}
        last = self.fields.count
        for entry, flux in zip(self._entries, self._fluxes(), strict=True):
            for s, i in enumerate(entry.current.moved):
                factor = entry.factors[i]
                diagonals[i, last][entry.nodes] -= factor * flux.by_potential[:, s]
                for j in range(last):
                    if (i, j) in diagonals:
                        diagonals[i, j][entry.nodes] -= factor * flux.by_unknown[:, s, j]
        vector = self.fields.operators.vector()
        for pair, diagonal in diagonals.items():
            vector.array[:] = diagonal
            blocks.add(*pair).setDiagonal(vector, addv=True)
        vector.destroy()

    @override
    def mechanism_names(self) -> list[tuple[str, str]]:
        return [(entry.boundary, entry.name) for entry in self._entries]

    def moved(self, key: tuple[str, str]) -> set[str]:
        """Names of the species that a mechanism moves, by its boundary and name."""
        entry = next(e for e in self._entries if (e.boundary, e.name) == key)
        return {self.fields.names[i] for i in entry.current.moved}

    @override
    def mechanism_currents(self) -> np.ndarray:
        return self._flows() * (self.fields.coefficients.valence != 0.0)

    def _flows(self) -> np.ndarray:
        """Currents; those of species without charge are their flow times F. Collective."""
        currents = np.zeros((len(self._entries), self.fields.count))
        for k, (entry, flux) in enumerate(zip(self._entries, self._fluxes(), strict=True)):
            currents[k, list(entry.current.moved)] = entry.weights @ flux.current * self._scales.length**2
        return reduced(self.fields.comm, currents, MPI.SUM)

    @override
    def add_currents(self, currents: dict[str, np.ndarray]) -> None:
        for entry, current in zip(self._entries, self.mechanism_currents(), strict=True):
            currents[entry.boundary] = currents[entry.boundary] + current

    @override
    def through(self) -> np.ndarray:
        valence = np.abs(self.fields.coefficients.valence)
        size = np.abs(self._flows()).sum(axis=0) / self._scales.current
        return np.divide(size, valence, out=size, where=valence > 0.0)

    @override
    def nodal_state_names(self) -> list[str]:
        return [f"gate.{e.boundary}.{e.name}.{label}" for e in self._entries for label in e.gate_labels]

    @override
    def nodal_states(self) -> np.ndarray:
        states = np.zeros((self.fields.owned, self._gates))
        for entry, flux in zip(self._entries, self._fluxes(), strict=True):
            states[entry.nodes, entry.first_gate : entry.first_gate + len(entry.gates)] = flux.gates
        return states

    def gate_means(self, nodal_states: np.ndarray) -> dict[tuple[str, str], dict[str, float]]:
        """Area means of the gates by boundary and mechanism, then by label. Collective.

        Args:
            nodal_states: open fractions at the owned nodes, shape (owned dofs, gates).
        """
        sums = np.zeros(self._gates)
        for entry in self._entries:
            own = slice(entry.first_gate, entry.first_gate + len(entry.gates))
            sums[own] = entry.weights @ nodal_states[entry.nodes, own] / self.fields.weights.area[entry.boundary]
        means = iter(reduced(self.fields.comm, sums, MPI.SUM).tolist())
        return {(e.boundary, e.name): {label: next(means) for label in e.gate_labels} for e in self._entries}

    def outflow(self, compartment: str) -> np.ndarray:
        """Flow of each species from a compartment into the domain times the step, scaled, shape (N,). Collective."""
        flow = np.zeros(self.fields.count)
        for entry, flux in zip(self._entries, self._fluxes(), strict=True):
            for s, i in enumerate(entry.current.moved if entry.compartment == compartment else ()):
                flow[i] += float(entry.factors[i] @ flux.current[:, s])
        return reduced(self.fields.comm, flow, MPI.SUM)

    def outflow_slopes(
        self, compartment: str, species: int
    ) -> tuple[list[tuple[int, np.ndarray, np.ndarray]], np.ndarray]:
        """Derivatives of the outflow of one species from a compartment.

        Returns:
            Component, owned degrees of freedom and derivative by their unknowns; and derivatives by the concentrations
            outside (mol/m^3), shape (N,), summed over the ranks. Collective.
        """
        slopes, outside = [], np.zeros(self.fields.count)
        for entry, flux in zip(self._entries, self._fluxes(), strict=True):
            if entry.compartment != compartment or species not in entry.current.moved:
                continue
            s, factor = entry.current.moved.index(species), entry.factors[species]
            slopes.append((self.fields.count, entry.nodes, factor * flux.by_potential[:, s]))
            slopes += [(j, entry.nodes, factor * flux.by_unknown[:, s, j]) for j in range(self.fields.count)]
            outside += factor @ flux.by_outside[:, s]
        return slopes, reduced(self.fields.comm, outside, MPI.SUM)

    def driven_by(self, compartment: str, species: int) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """Derivative of the residual by the concentration (mol/m^3) of a species in a compartment."""
        driven = []
        for entry, flux in zip(self._entries, self._fluxes(), strict=True):
            for s, i in enumerate(entry.current.moved if entry.compartment == compartment else ()):
                slope = flux.by_outside[:, s, species]
                if slope.any():
                    driven.append((i, entry.nodes, -entry.factors[i] * slope))
        return driven
