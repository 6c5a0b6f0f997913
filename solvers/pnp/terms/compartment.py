"""Well-stirred compartments outside of boundaries: their concentrations are unknown constants.

What mechanisms let into the domain leaves the compartment. In a step its amount n = volume c follows
n - n_start + h (flow into the domain) = 0; in a steady state a species that nothing else determines has the total of
the initial data over domain and compartments, and the flow of another one is zero; one that nothing moves stays. The
amount of a counter-ion in a steady state is that with which the compartment keeps its charge.
"""

from __future__ import annotations

from typing import Protocol, override

import numpy as np

from spinepnp.solvers.model.compartments import counter_ion, enclosed_species, exchanged_species, mechanisms_of
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.scaling import Scales
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.step_data import StepData
from spinepnp.solvers.pnp.terms.base import BorderRow, BorderTerm, DrivenFlux


class Exchanging(Protocol):
    """Flows between compartments and the domain, with their derivatives: what `terms.mechanism` gives."""

    def outflow(self, compartment: str) -> np.ndarray:
        """Flow of each species from a compartment into the domain times the step, scaled, shape (N,). Collective."""

    def outflow_slopes(
        self, compartment: str, species: int
    ) -> tuple[list[tuple[int, np.ndarray, np.ndarray]], np.ndarray]:
        """Derivatives of the outflow of one species by unknowns, and by concentrations outside. Collective."""

    def driven_by(self, compartment: str, species: int) -> DrivenFlux:
        """Derivative of the residual by the concentration of a species in a compartment, mol/m^3."""


class Compartments(BorderTerm):
    """Concentrations of the species that mechanisms exchange with compartments, scaled.

    Attributes:
        mechanisms: mechanisms of the problem; ``None`` without any.
    """

    order = 140
    mechanisms: Exchanging | None = None

    def __init__(self, fields: Fields, problem_data: ProblemData) -> None:
        super().__init__(fields, problem_data)
        electrolyte = problem_data.electrolyte
        #: Compartment and index of the species of each constant.
        self._unknowns: list[tuple[str, int]] = []
        for name in problem_data.compartments:
            moved = {species for m in mechanisms_of(name, problem_data.boundaries) for species in m.moved}
            self._unknowns += [(name, i) for i, s in enumerate(electrolyte.names) if s in moved]
        scale = Scales.of(electrolyte).concentration
        given = {name: c.concentrations for name, c in problem_data.compartments.items()}
        first = np.array([given[name][electrolyte.names[i]] for name, i in self._unknowns])
        self._start_of_data = first / scale
        self.restart()

    @property
    @override
    def count(self) -> int:
        return len(self._unknowns)

    def restart(self) -> None:
        """Set the concentrations to those of the start again."""
        self.constants = self._start_of_data.copy()

    def start_from(self, concentrations: dict[str, dict[str, float]]) -> None:
        """Start Newton's method from other concentrations.

        Args:
            concentrations: concentrations, mol/m^3, by compartment and species; others stay.
        """
        names = self.fields.names
        given = [concentrations.get(name, {}).get(names[i]) for name, i in self._unknowns]
        for k, c in enumerate(given):
            if c is not None:
                self.constants[k] = c / self._scales.concentration

    def present(self) -> list[tuple[str, str, float]]:
        """Compartment, species and present concentration, mol/m^3, of each constant."""
        pairs = zip(self._unknowns, self.constants.tolist(), strict=True)
        return [(name, self.fields.names[i], c * self._scales.concentration) for (name, i), c in pairs]

    @override
    def update(self, step: StepData) -> None:
        data, self._scales = step.problem_data, step.scales
        self._volumes = {name: c.volume / step.scales.length**3 for name, c in data.compartments.items()}
        first = [data.compartments[name].concentrations[data.electrolyte.names[i]] for name, i in self._unknowns]
        self._first = np.array(first) / step.scales.concentration
        if self.state_step is None:
            self._set_totals(step)
            self._in_time = False
        else:
            self._in_time = True

    def _set_totals(self, step: StepData) -> None:
        """Totals of the initial data over domain and compartments, scaled; not a number where a bath determines it."""
        data = step.problem_data
        free = enclosed_species(data.electrolyte, data.boundaries)
        moved = {name: exchanged_species(name, data.boundaries) for name in data.compartments}
        self._stays = [data.electrolyte.names[i] not in moved[name] for name, i in self._unknowns]
        ions = {name: counter_ion(name, data.electrolyte, data.boundaries) for name in data.compartments}
        self._counters = [ions[name] == data.electrolyte.names[i] for name, i in self._unknowns]
        self._totals = np.full(self.fields.count, np.nan)
        for i, name in enumerate(data.electrolyte.names):
            if name in free:
                self._totals[i] = data.electrolyte.bulk[name] * step.volume / step.scales.amount + sum(
                    self._volumes[c] * value
                    for (c, j), value in zip(self._unknowns, self._first, strict=True)
                    if j == i
                )

    def concentrations(self, name: str, data: np.ndarray) -> np.ndarray:
        """Concentrations in a compartment, mol/m^3, shape (N,); those that do not change are taken from the data.

        Args:
            name: name of the compartment; empty for a bath.
            data: concentrations of the data, mol/m^3, shape (N,).
        """
        present = data.copy()
        for (compartment, i), value in zip(self._unknowns, self.constants, strict=True):
            if compartment == name:
                present[i] = value * self._scales.concentration
        return present

    @override
    def constants_at(self, unknowns: np.ndarray) -> np.ndarray:
        if self.state_step is not None:  # a start that does not depend on rejected steps
            return self.state_step.start / self._scales.concentration
        return self.constants

    def _leads(self, k: int) -> bool:
        """Whether the equation of a constant is that of the total: of the first compartment of each species."""
        i = self._unknowns[k][1]
        before = [j for (_, j), stays in zip(self._unknowns[:k], self._stays, strict=False) if not stays]
        return not self._stays[k] and not np.isnan(self._totals[i]) and i not in before

    @override
    def values(self, nodal_flux: np.ndarray) -> list[float]:
        if not self._unknowns:
            return []
        assert self.mechanisms is not None
        flows = {name: self.mechanisms.outflow(name) for name in self._volumes}
        if self._in_time:
            return (self._amounts() - self._start() + self._flows(flows)).tolist()
        amounts = self.fields.weights.integral(np.ones(self.fields.owned), self.fields.storage())
        values = self._flows(flows)
        for k, (_, i) in enumerate(self._unknowns):
            if self._counters[k]:
                values[k] = self._charges(k) @ (self._amounts() - self._first_amounts())
            elif self._stays[k]:
                values[k] = (self._amounts() - self._first_amounts())[k]
            elif self._leads(k):
                inside = sum(n for n, (_, j) in zip(self._amounts(), self._unknowns, strict=True) if j == i)
                values[k] = amounts[i] + inside - self._totals[i]
        return values.tolist()

    def _charges(self, k: int) -> np.ndarray:
        """Valence of the species of each constant in the compartment of one of them, zero in others."""
        valence, (here, _) = self.fields.coefficients.valence, self._unknowns[k]
        return np.array([valence[i] * (name == here) for name, i in self._unknowns])

    def _amounts(self) -> np.ndarray:
        return self.constants * np.array([self._volumes[name] for name, _ in self._unknowns])

    def _first_amounts(self) -> np.ndarray:
        return self._first * np.array([self._volumes[name] for name, _ in self._unknowns])

    def _start(self) -> np.ndarray:
        assert self.state_step is not None
        volumes = np.array([self._volumes[name] for name, _ in self._unknowns])
        return np.asarray(self.state_step.start / self._scales.concentration * volumes)

    def _flows(self, flows: dict[str, np.ndarray]) -> np.ndarray:
        return np.array([flows[name][i] for name, i in self._unknowns])

    @override
    def rows(self) -> list[BorderRow]:
        return [self._row(k) for k in range(self.count)]

    def _row(self, k: int) -> BorderRow:
        name, i = self._unknowns[k]
        if not self._in_time and self._counters[k]:
            charges = (self._charges(k) * self._volumes[name]).tolist()
            return BorderRow(own=charges[k], others=dict(enumerate(charges)), lifted=True)
        if not self._in_time and self._stays[k]:
            return BorderRow(slopes=[], own=self._volumes[name], others={k: self._volumes[name]}, lifted=True)
        if not self._in_time and self._leads(k):
            whole, function = np.arange(self.fields.owned), self.fields.functions[i]
            others = {m: self._volumes[c] for m, (c, j) in enumerate(self._unknowns) if j == i}
            slope = self.fields.variables.amount_slope(function)
            return BorderRow(slopes=[(i, whole, slope)], own=others[k], others=others, lifted=True)
        assert self.mechanisms is not None
        slopes, by_outside = self.mechanisms.outflow_slopes(name, i)
        others = {m: by_outside[j] * self._scales.concentration for m, (c, j) in enumerate(self._unknowns) if c == name}
        others[k] += self._volumes[name] if self._in_time else 0.0
        return BorderRow(slopes=slopes, own=others[k], others=others, lifted=True)

    @override
    def driven(self) -> list[DrivenFlux]:
        if self.mechanisms is None:
            return []
        unit = self._scales.concentration
        return [
            [(j, nodes, unit * values) for j, nodes, values in self.mechanisms.driven_by(name, i)]
            for name, i in self._unknowns
        ]

    @override
    def state_names(self) -> list[str]:
        names = self.fields.names
        return [f"compartments.{name}.concentration_mM.{names[i]}" for name, i in self._unknowns]

    @override
    def states(self) -> np.ndarray:
        """Concentrations, mol/m^3; those that the flow gives in a step, which conserves to rounding."""
        if not self._unknowns or not self._in_time or (self.state_step is not None and self.state_step.at_start):
            return self.constants * self._scales.concentration if self._unknowns else np.empty(0)
        assert self.mechanisms is not None
        flows = self._flows({name: self.mechanisms.outflow(name) for name in self._volumes})
        volumes = np.array([self._volumes[name] for name, _ in self._unknowns])
        return np.asarray((self._start() - flows) / volumes * self._scales.concentration)

    @override
    def start_states(self) -> np.ndarray:
        return self._first * self._scales.concentration if self._unknowns else np.empty(0)

    @override
    def state_scales(self) -> np.ndarray:
        return np.full(self.count, self._scales.concentration if self._unknowns else 1.0)
