"""Data of a steady solve or of an implicit stage in time, from which every term takes its values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinepnp.solvers.model.channels import GateStep
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.scaling import Scales
from spinepnp.solvers.pnp.fields import Coefficients, Fields


@dataclass(frozen=True)
class Stage:
    """Data of an implicit stage in time.

    Attributes:
        problem_data: data with the values of the end of the stage.
        length: factor of the flux at the end of the stage, scaled.
        history: storage at the start, plus known rates of earlier stages, shape (owned dofs, N).
        gates: step of the gates.
        wall_charge: charge on each boundary at the start, plus known rates of earlier stages, scaled, by name.
    """

    problem_data: ProblemData
    length: float
    history: np.ndarray
    gates: GateStep
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
        gates: step of the gates of channels; ``None`` in a steady state.
    """

    problem_data: ProblemData
    scales: Scales
    zero: float

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self.step_size, self.history = 1.0, np.zeros((fields.owned, fields.count))
        self.wall_charge: dict[str, float] | None = None
        self.gates: GateStep | None = None

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
        self.step_size, self.history, self.wall_charge, self.gates = 1.0, np.zeros_like(self.history), None, None

    def set_step(self, stage: Stage) -> None:
        """Set the equations of an implicit stage: storage - history + length (flux - load) = 0 for each species."""
        coefficients = self._fields.coefficients
        coefficients.diffusivity, coefficients.storage_rate = self._diffusivity * stage.length, 1.0
        coefficients.step_size = stage.length
        self.problem_data, self.step_size, self.history = stage.problem_data, stage.length, stage.history
        self.gates, self.wall_charge = stage.gates, stage.wall_charge

    @property
    def areas(self) -> dict[str, float]:
        """Area of each boundary of the mesh, m^2."""
        return {name: area * self.scales.length**2 for name, area in self._fields.weights.area.items()}

    @property
    def volume(self) -> float:
        """Volume of the mesh, m^3."""
        return float(self._fields.weights.total_volume * self.scales.length**3)
