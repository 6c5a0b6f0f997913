"""Scaled coefficients and loads of the discrete equations, of a steady state or of an implicit step in time."""

from __future__ import annotations

import numpy as np

from spinepnp.solvers.fem.weights import IntegrationWeights
from spinepnp.solvers.model.boundaries import Boundaries
from spinepnp.solvers.model.channels import GateStep
from spinepnp.solvers.model.closed import (
    Charges,
    Closed,
    amounts_of,
    check_inflow,
    check_neutral_inflow,
    compatible_wall_charge,
)
from spinepnp.solvers.model.problem_data import ProblemData, ProblemSignature
from spinepnp.solvers.model.scaling import Scales
from spinepnp.solvers.pnp.channel_currents import ChannelCurrents
from spinepnp.solvers.pnp.currents import inflows, loads
from spinepnp.solvers.pnp.equations import Coefficients
from spinepnp.units import FARADAY


class StepData:
    """Coefficients, loads and prescribed amounts of a steady solve or of a stage; scaled unless a unit is given.

    Args:
        signature: structure of the boundary conditions; values can change.
        weights: weights of boundaries and volume.

    Attributes:
        scales: scales of the unknowns.
        zero: potential that counts as zero, V.
        coefficients: coefficients of the equations.
        load: load of each degree of freedom, shape (owned dofs, N + 1).
        injected: prescribed current into each floating boundary.
        prescribed_amounts: prescribed amounts of free species, by name.
        channels: currents of channels.
        step_size: size of the implicit step; one in a steady state.
        history: storage at the start of the step, shape (owned dofs, N); zero in a steady state.
        wall_charge_density: charge spread over all walls of a domain that nothing grounds, C/m^2; ``None`` elsewhere.
        wall_charge: charge on each boundary at the start of the step, by name; ``None`` in a steady state.
    """

    scales: Scales
    zero: float
    coefficients: Coefficients
    channels: ChannelCurrents
    injected: dict[str, float]
    prescribed_amounts: dict[str, float]
    wall_charge_density: float | None
    wall_charge: dict[str, float] | None

    def __init__(self, signature: ProblemSignature, weights: IntegrationWeights) -> None:
        self._signature, self._weights = signature, weights
        species = len(signature.names)
        self.load = np.zeros((weights.owned, species + 1))
        self.step_size, self.history, self.wall_charge = 1.0, np.zeros((weights.owned, species)), None

    def set_data(self, problem_data: ProblemData) -> None:
        """Set the values of a case, for a steady state. Collective.

        Raises:
            CaseError: a closed domain whose data have no steady state.
        """
        electrolyte, boundaries, weights = problem_data.electrolyte, problem_data.boundaries, self._weights
        scales = self.scales = Scales.of(electrolyte)
        self.zero = problem_data.reference_potential
        self.coefficients = Coefficients.of(electrolyte, boundaries, scales, self.zero, weights.area)
        self.coefficients.debye_squared *= problem_data.debye_scaling
        self._electrolyte, self._diffusivity = electrolyte, self.coefficients.diffusivity.copy()
        self.step_size, self._closing = 1.0, np.zeros_like(self.load)
        self.history, self.wall_charge = np.zeros_like(self.history), None
        self.channels = ChannelCurrents(problem_data, self._signature.channel_means, weights, scales)
        self._update_loads(boundaries)
        volume = weights.total_volume * scales.length**3
        prescribed_amounts = amounts_of(
            problem_data.closed or Closed(), electrolyte, self._signature.amount_constrained, volume
        )
        self.prescribed_amounts = {name: amount / scales.amount for name, amount in prescribed_amounts.items()}
        for name, (net, size) in inflows(boundaries, electrolyte, scales, weights).items():
            if name in self._signature.amount_constrained:
                check_inflow({name: net}, size)
        self.wall_charge_density = None
        if not self._signature.grounded:
            if problem_data.transient:
                areas = {name: area * scales.length**2 for name, area in weights.area.items()}
                check_neutral_inflow(boundaries, electrolyte, areas, volume)
            self._set_closing_load(problem_data)
            self.load += self._closing

    def set_step(
        self,
        boundaries: Boundaries,
        length: float,
        history: np.ndarray,
        gates: GateStep,
        wall_charge: dict[str, float],
    ) -> None:
        """Set the equations of an implicit step: storage - history + length (flux - load) = 0 for each species.

        Args:
            boundaries: boundary conditions with the constant currents of the end of the step.
            length: factor of the flux at the end of the step, scaled.
            history: storage at the start, plus known rates of earlier stages, shape (owned dofs, N).
            gates: step of the gates.
            wall_charge: charge on each boundary at the start, plus known rates of earlier stages, scaled, by name.
        """
        self.coefficients.diffusivity, self.coefficients.storage_rate = self._diffusivity * length, 1.0
        self.step_size, self.history, self.channels.step, self.wall_charge = length, history, gates, wall_charge
        self._update_loads(boundaries)

    def _update_loads(self, boundaries: Boundaries) -> None:
        self.load[:] = self._closing + loads(boundaries, self._electrolyte, self.scales, self._weights)
        areas = {name: self._weights.area[name] * self.scales.length**2 for name in self._signature.floating}
        self.injected = {
            name: sum(i.total(area) for i in boundaries[name].injections) / self.scales.current
            for name, area in areas.items()
        }

    def _set_closing_load(self, problem_data: ProblemData) -> None:
        """Set the load of the wall charge that Gauss' law requires of a domain that nothing grounds. Collective."""
        scales, weights = self.scales, self._weights
        volume = weights.total_volume * scales.length**3
        areas = {name: a * scales.length**2 for name, a in weights.area.items()}
        charges = self._charges(problem_data, volume, areas)
        exact = [charges]
        if {"volume", *areas} <= set(weights.exact):
            exact.append(self._charges(problem_data, weights.exact["volume"], weights.exact))
        even = self.wall_charge_density = compatible_wall_charge(charges, exact, sum(areas.values()))
        for of_boundary in weights.boundary.values():
            self._closing[:, -1] += even / scales.surface_charge * of_boundary[: weights.owned]

    def _charges(self, problem_data: ProblemData, volume: float, areas: dict[str, float]) -> Charges:
        """Charges of a domain of a given size, m^3 and m^2. Collective."""
        electrolyte, weights = problem_data.electrolyte, self._weights
        amounts = amounts_of(problem_data.closed or Closed(), electrolyte, electrolyte.names, volume)
        unit = volume / weights.total_volume
        regional = [unit * weights.sum(weights.fixed_charge((region,))) for region in electrolyte.charged_regions]
        return Charges(
            ions=tuple(FARADAY * s.valence * amounts[s.name] for s in electrolyte.species),
            fixed=tuple(FARADAY * amount for amount in (electrolyte.uniform_charge * volume, *regional)),
            walls=tuple(b.surface_charge * areas[n] for n, b in problem_data.boundaries.items() if b.surface_charge),
        )
