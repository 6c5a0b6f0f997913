"""State at which the equations are assembled, as a vector, as functions, and as nodal values.

Newton sees a vector: owned unknowns (c_1..c_N or their logarithms, phi), scaled, species by species on each rank, and
the unknown constants behind them (`bordered`). Functions hold the same unknowns with ghosts, for assembly; as arrays
they are "local unknowns", shape (local dofs, N + 1). Elsewhere they are nodal values: concentrations and potential, SI.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.runtime.stack import MPI
from spinepnp.solvers.algebra.bordered import BorderedLayout
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.pnp.border import Border
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
        border: equations of the unknown constants.
        step_data: data with the scales of the unknowns.

    Attributes:
        components: number of species and the potential, N + 1.
        vector: Newton's iterate.
        layout: layout of such vectors.
    """

    def __init__(self, equations: Equations, constraints: Constraints, border: Border, step_data: StepData) -> None:
        self._equations, self._constraints, self._border, self._step_data = equations, constraints, border, step_data
        fields = equations.fields
        self._weights, self._variables, self._owned = fields.weights, fields.variables, fields.owned
        self.components = fields.count + 1
        self.layout = BorderedLayout(fields.comm, self._owned * self.components, border.count)
        self.vector = self.layout.vector()

    def split(self, vector: Any) -> tuple[np.ndarray, np.ndarray]:
        """Owned unknowns, shape (owned dofs, N + 1), and constants. Collective where there are constants."""
        unknowns, constants = self.layout.split(vector)
        return unknowns.reshape(self.components, -1).T, constants

    def join(self, vector: Any, unknowns: np.ndarray, constants: np.ndarray) -> None:
        """Fill a vector with owned unknowns and constants.

        Args:
            vector: vector of the layout, which is overwritten.
            unknowns: owned unknowns, shape (owned dofs, N + 1).
            constants: unknown constants; read on the last rank only.
        """
        self.layout.join(vector, unknowns.T.ravel(), constants)

    def assign(self, vector: Any) -> None:
        """Set the state to a vector. Collective."""
        owned, constants = self.split(vector)
        nodal = self.local_unknowns()
        nodal[: self._owned] = owned
        self._constraints.write_constants(nodal, constants[: self._constraints.constants])
        self._border.set_constants(constants)
        for function, values in zip(self._equations.fields.functions, nodal.T, strict=True):
            function.x.array[:] = values
            function.x.scatter_forward()

    def local_unknowns(self) -> np.ndarray:
        """A copy of the local unknowns, shape (local dofs, N + 1), for `restore`."""
        return np.column_stack([function.x.array for function in self._equations.fields.functions])

    def restore(self, unknowns: np.ndarray) -> None:
        """Set the functions to local unknowns; the iterate stays."""
        for function, values in zip(self._equations.fields.functions, unknowns.T, strict=True):
            function.x.array[:] = values

    def with_ghosts(self, owned: np.ndarray) -> np.ndarray:
        """Local unknowns, shape (local dofs, N + 1), from owned ones. Collective."""
        before = self.local_unknowns()
        for function, values in zip(self._equations.fields.functions, owned.T, strict=True):
            function.x.array[: self._owned] = values
            function.x.scatter_forward()
        complete = self.local_unknowns()
        self.restore(before)
        return complete

    def nodal_with_ghosts(self, owned: np.ndarray) -> np.ndarray:
        """Local values, shape (local dofs, columns), of any columns of owned ones. Collective."""
        function = self._equations.fields.phi
        before, columns = function.x.array.copy(), []
        for values in owned.T:
            function.x.array[: self._owned] = values
            function.x.scatter_forward()
            columns.append(function.x.array.copy())
        function.x.array[:] = before
        return np.column_stack(columns) if columns else np.empty((len(before), 0))

    def iterate_from(self, unknowns: np.ndarray) -> None:
        """Set the iterate to local unknowns. Collective."""
        self.join(self.vector, unknowns[: self._owned], self._border.constants_at(unknowns))

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

    def concentrations_and_potential(self) -> np.ndarray:
        """Nodal concentrations, mol/m^3, and potential relative to its zero, V; shape (local dofs, N + 1)."""
        concentrations = self._equations.fields.concentrations() * self._step_data.scales.concentration
        return np.column_stack([concentrations, self._equations.fields.phi.x.array * self._step_data.scales.potential])

    def bulk(self, electrolyte: Electrolyte) -> np.ndarray:
        """Nodal values of the bulk state."""
        return np.tile([*electrolyte.bulk.values(), 0.0], (len(self._weights.volume), 1))

    def amounts(self) -> np.ndarray:
        """Amount of each species, the integral of its concentration, scaled. Collective."""
        return self._weights.integral(np.ones(self._owned), self._equations.fields.storage())

    def ionic_charge(self) -> float:
        """Integral of sum z_i c_i, scaled. Collective."""
        return self._weights.sum(self._equations.fields.storage() @ self._equations.fields.coefficients.valence)

    def field_energy(self) -> float:
        """Integral of eps/2 |grad V|^2, J. Collective."""
        return self._equations.field_energy() * self._step_data.scales.amount * self._step_data.scales.thermal_energy

    def volume(self) -> float:
        """Volume of the body, m^3."""
        return float(self._weights.total_volume * self._step_data.scales.length**3)
