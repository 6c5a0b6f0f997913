"""Data of a steady solve or of an implicit stage in time, from which every term takes its values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.scaling import Scales
from spinepnp.solvers.pnp.fields import Coefficients, Fields


@dataclass(frozen=True)
class StateStep:
    """Implicit step of quantities with a rate of their own: y - start = length dy/dt at the end of the stage.

    Attributes:
        start: values that the stage starts from, plus known rates of earlier stages.
        length: factor of the rate at the end of the stage, s.
        at_start: whether a transient begins: what follows the potential, as gates, then takes its steady value, and
            what is stored, as amounts, keeps its own.
    """

    start: np.ndarray
    length: float
    at_start: bool = False


@dataclass(frozen=True)
class Stage:
    """Data of an implicit stage in time.

    Attributes:
        problem_data: data with the values of the end of the stage.
        length: factor of the flux at the end of the stage, scaled.
        history: storage at the start, plus known rates of earlier stages, shape (owned dofs, N).
        states: step of the states of terms, see `Term.states`.
        nodal_states: step of the nodal states of terms, see `Term.nodal_states`, shape (owned dofs, states).
        wall_charge: charge on each boundary at the start, plus known rates of earlier stages, scaled, by name.
    """

    problem_data: ProblemData
    length: float
    history: np.ndarray
    states: StateStep
    nodal_states: StateStep
    wall_charge: dict[str, float]


class StepData:
    """Data of the case at one time with their scales, and what remains of the start of the step.

    Args:
        fields: fields of the unknowns; their coefficients are set here.

    Attributes:
        problem_data: data with the values of the time that is solved for.
        scales: scales of the unknowns.
        zero: potential that counts as zero, V.
        step_size: size of the implicit step, scaled; one in a steady state.
        history: storage at the start of the step, shape (owned dofs, N), scaled; zero in a steady state.
        wall_charge: charge on each boundary at the start of the step, scaled, by name; ``None`` in a steady state.
        states: step of the states of terms; ``None`` in a steady state.
        nodal_states: step of the nodal states of terms; ``None`` in a steady state.
    """

    problem_data: ProblemData
    scales: Scales
    zero: float

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self.step_size, self.history = 1.0, np.zeros((fields.owned, fields.count))
        self.wall_charge: dict[str, float] | None = None
        self.states: StateStep | None = None
        self.nodal_states: StateStep | None = None

    def set_data(self, problem_data: ProblemData) -> None:
        """Set the values of a case, for a steady state."""
        electrolyte = problem_data.electrolyte
        self.problem_data, self.scales, self.zero = (
            problem_data, Scales.of(electrolyte), problem_data.reference_potential,
        )  # fmt: skip
        diffusivity = [electrolyte.effective_diffusivity(s) / self.scales.diffusivity for s in electrolyte.species]
        self._diffusivity = np.array(diffusivity)
        self._fields.coefficients = Coefficients(
            valence=np.array([float(s.valence) for s in electrolyte.species]),
            diffusivity=self._diffusivity.copy(),
            debye_squared=self.scales.debye**2 * problem_data.debye_scaling,
        )
        self.step_size, self.history, self.wall_charge = 1.0, np.zeros_like(self.history), None
        self.states = self.nodal_states = None

    def set_step(self, stage: Stage) -> None:
        """Set the equations of an implicit stage: storage - history + length (flux - load) = 0 for each species."""
        coefficients = self._fields.coefficients
        coefficients.diffusivity, coefficients.storage_rate = self._diffusivity * stage.length, 1.0
        coefficients.step_size = stage.length
        self.problem_data, self.step_size, self.history = stage.problem_data, stage.length, stage.history
        self.states, self.nodal_states, self.wall_charge = stage.states, stage.nodal_states, stage.wall_charge

    @property
    def areas(self) -> dict[str, float]:
        """Area of each boundary of the mesh, m^2."""
        return {name: area * self.scales.length**2 for name, area in self._fields.weights.area.items()}

    @property
    def volume(self) -> float:
        """Volume of the mesh, m^3."""
        return float(self._fields.weights.total_volume * self.scales.length**3)
