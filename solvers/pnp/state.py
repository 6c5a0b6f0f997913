"""State at which the equations are assembled, as a vector, as functions, and as nodal values.

Newton sees a vector: owned unknowns (c_1..c_N or their logarithms, phi), scaled, species by species on each rank, and
the unknown constants behind them (`bordered`). Functions hold the same unknowns with ghosts, for assembly; as arrays
they are "local unknowns", shape (local dofs, N + 1). Elsewhere they are nodal values: concentrations and potential, SI.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.runtime.stack import MPI, reduced
from spinepnp.solvers.algebra.bordered import BorderedLayout
from spinepnp.solvers.fem.weights import IntegrationWeights
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.problem_data import ProblemSignature
from spinepnp.solvers.pnp.constraints import Constraints
from spinepnp.solvers.pnp.equations import Equations
from spinepnp.solvers.pnp.step_data import StepData

#: Largest distance of scaled unknowns from their prescribed values at which a start takes these at once; else the first
#: Newton step brings them, with a change of the whole domain.
START_TOLERANCE = 1e-2


class State:
    """The unknowns, with conversions to physical values, means and amounts.

    Args:
        equations: discrete equations; their functions store the unknowns.
        constraints: constrained degrees of freedom.
        step_data: data with the scales of the unknowns.
        weights: weights of boundaries and volume.
        signature: structure, with the means that are unknowns.

    Attributes:
        components: number of species and the potential, N + 1.
        vector: Newton's iterate.
        layout: layout of such vectors.
        means: unknown means over patches, scaled.
        patches: weights of the owned degrees of freedom in each mean, and its component.
    """

    def __init__(
        self,
        equations: Equations,
        constraints: Constraints,
        step_data: StepData,
        weights: IntegrationWeights,
        signature: ProblemSignature,
    ) -> None:
        self._equations, self._constraints, self._step_data, self._weights = equations, constraints, step_data, weights
        self._variables, self._owned = equations.variables, weights.owned
        self.components = len(equations.state)
        self.patches = [
            (weights.boundary[name][: self._owned] / weights.area[name], component)
            for name, component in signature.channel_means
        ]
        self.means = np.zeros(len(self.patches))
        constants = constraints.constants + len(self.patches)
        self.layout = BorderedLayout(weights.comm, self._owned * self.components, constants)
        self.vector = self.layout.vector()

    def split(self, vector: Any) -> tuple[np.ndarray, np.ndarray]:
        """Owned unknowns, shape (owned dofs, N + 1), and constants. Collective where there are constants."""
        unknowns, constants = self.layout.split(vector)
        return unknowns.reshape(self.components, -1).T, constants

    def join(self, vector: Any, unknowns: np.ndarray, constants: np.ndarray) -> None:
        """Fill a vector with owned unknowns and constants."""
        self.layout.join(vector, unknowns.T.ravel(), constants)

    def assign(self, vector: Any) -> None:
        """Set the state to a vector. Collective."""
        owned, constants = self.split(vector)
        nodal = self.local_unknowns()
        nodal[: self._owned] = owned
        self._constraints.write_constants(nodal, constants[: self._constraints.constants])
        self.means = constants[self._constraints.constants :]
        for function, values in zip(self._equations.state, nodal.T, strict=True):
            function.x.array[:] = values
            function.x.scatter_forward()

    def local_unknowns(self) -> np.ndarray:
        """A copy of the local unknowns, shape (local dofs, N + 1), for `restore`."""
        return np.column_stack([function.x.array for function in self._equations.state])

    def restore(self, unknowns: np.ndarray) -> None:
        """Set the functions to local unknowns; the iterate stays."""
        for function, values in zip(self._equations.state, unknowns.T, strict=True):
            function.x.array[:] = values

    def with_ghosts(self, owned: np.ndarray) -> np.ndarray:
        """Local unknowns, shape (local dofs, N + 1), from owned ones. Collective."""
        before = self.local_unknowns()
        for function, values in zip(self._equations.state, owned.T, strict=True):
            function.x.array[: self._owned] = values
            function.x.scatter_forward()
        complete = self.local_unknowns()
        self.restore(before)
        return complete

    def iterate_from(self, unknowns: np.ndarray) -> None:
        """Set the iterate to local unknowns. Collective."""
        constants = self._constraints.constants_at(unknowns, self._weights.comm)
        self.join(self.vector, unknowns[: self._owned], np.append(constants, self.means_of(unknowns)))

    def start_from(self, start: np.ndarray) -> None:
        """Set the iterate to nodal values, and prescribed ones at once where they are near. Collective."""
        unknowns = self.to_unknowns(start)
        farthest = float(np.abs(self._constraints.constraint_residual(unknowns[: self._owned])).max(initial=0.0))
        if self._weights.comm.allreduce(farthest, op=MPI.MAX) < START_TOLERANCE:
            self._constraints.prescribe(unknowns)
        self.iterate_from(unknowns)

    def to_unknowns(self, start: np.ndarray) -> np.ndarray:
        """Local unknowns of nodal values (SI, potential relative to its zero)."""
        scales = self._step_data.scales
        concentrations = self._variables.unknowns(start[:, :-1] / scales.concentration)
        return np.column_stack([concentrations, start[:, -1] / scales.potential])

    def to_unknown(self, value: float, component: int) -> float:
        """The unknown of one value of a component (SI)."""
        scales = self._step_data.scales
        if component == self.components - 1:
            return (value - self._step_data.zero) / scales.potential
        return float(self._variables.unknowns(np.array(value / scales.concentration)))

    def concentrations_and_potential(self) -> np.ndarray:
        """Nodal concentrations, mol/m^3, and potential relative to its zero, V; shape (local dofs, N + 1)."""
        concentrations = self._equations.nodal_concentrations() * self._step_data.scales.concentration
        return np.column_stack([concentrations, self._equations.phi.x.array * self._step_data.scales.potential])

    def bulk(self, electrolyte: Electrolyte) -> np.ndarray:
        """Nodal values of the bulk state."""
        return np.tile([*electrolyte.bulk.values(), 0.0], (len(self._weights.volume), 1))

    def slope(self, component: int) -> np.ndarray | float:
        """Derivative of the owned nodal values of a component by its unknown."""
        if component == self.components - 1:
            return 1.0
        unknown = self._equations.state[component].x.array[: self._owned]
        return self._variables.slope(self._variables.concentrations(unknown))

    def means_of(self, unknowns: np.ndarray) -> np.ndarray:
        """Means that channels depend on, scaled, of local unknowns. Collective where there are any."""
        if not self.patches:
            return np.empty(0)
        owned = unknowns[: self._owned]
        values = np.column_stack([self._variables.concentrations(owned[:, :-1]), owned[:, -1]])
        local = np.array([weights @ values[:, component] for weights, component in self.patches])
        return reduced(self._weights.comm, local, MPI.SUM)

    def amounts(self) -> np.ndarray:
        """Amount of each species, the integral of its concentration, scaled. Collective."""
        return self._weights.integral(np.ones(self._owned), self._equations.storage())

    def ionic_charge(self) -> float:
        """Integral of sum z_i c_i, scaled. Collective."""
        return self._weights.sum(self._equations.storage() @ self._equations.coefficients.valence)

    def field_energy(self) -> float:
        """Integral of eps/2 |grad V|^2, J. Collective."""
        return self._equations.field_energy() * self._step_data.scales.amount * self._step_data.scales.thermal_energy

    def volume(self) -> float:
        """Volume of the body, m^3."""
        return float(self._weights.total_volume * self._step_data.scales.length**3)
