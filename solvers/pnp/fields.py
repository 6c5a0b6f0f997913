"""Unknown fields of one scalar space: N species and the potential, and what the terms of the equations share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spinepnp.runtime.stack import fem
from spinepnp.solvers.fem.operators import Operators
from spinepnp.solvers.fem.weights import IntegrationWeights
from spinepnp.solvers.model.problem_data import ProblemSignature
from spinepnp.solvers.model.profiles import UNIFORM
from spinepnp.solvers.pnp.variables import make_variables


@dataclass
class Coefficients:
    """Coefficients that several terms share, scaled.

    Attributes:
        valence: valence z_i of each species, shape (N,).
        diffusivity: diffusivity D_i of each species times the step size, shape (N,); the largest one where it differs
            by region.
        debye_squared: square lambda^2 of the Debye length, by the largest permittivity.
        storage_rate: factor alpha of the storage, zero in a steady state.
        step_size: size of the implicit step; one in a steady state.
    """

    valence: np.ndarray
    diffusivity: np.ndarray
    debye_squared: float
    storage_rate: float = 0.0
    step_size: float = 1.0


class Fields:
    """Functions of the unknowns with the matrices of their space.

    Args:
        operators: matrices of the scalar space.
        weights: integration weights of boundaries and volume.
        boundary_dofs: local degrees of freedom of each boundary, by name.
        signature: structure of the problem.
        formulation: formulation of the unknowns, "density", "log" or "nodal".

    Attributes:
        names: names of the species.
        count: number N of species; also the index of the potential.
        functions: functions of the unknowns of the species, and of the potential.
        phi: function of the potential.
        variables: unknowns of the species with their storage.
        transport: variables of each species, whose flux has the profile of its diffusivity.
        permittivity: matrices of the scalar space with the profile of the permittivity.
        immobile: indices of the species that do not move.
        moves: one for each species that moves, else zero, shape (N,).
        row_factors: factor of the equations of each component in Newton's residual, shape (N + 1,). They are one but
            for species that react: a trace is solved for as exactly as the ions beside it.
        coefficients: coefficients of the present solve or stage.
    """

    def __init__(
        self,
        operators: Operators,
        weights: IntegrationWeights,
        boundary_dofs: dict[str, np.ndarray],
        signature: ProblemSignature,
        formulation: str,
    ) -> None:
        self.operators, self.weights, self.boundary_dofs, self.signature = operators, weights, boundary_dofs, signature
        self.names, self.count, self.owned = signature.names, len(signature.names), operators.owned
        self.functions = [fem.Function(operators.space) for _ in range(self.count + 1)]
        self.phi = self.functions[-1]
        profiles = signature.diffusivity or (UNIFORM,) * self.count
        kinds = {
            profile: make_variables(
                formulation, operators.with_profile(profile), self.phi, weights.volume, reactive=signature.has_chemistry
            )
            for profile in dict.fromkeys(profiles)
        }
        self.transport = [kinds[profile] for profile in profiles]
        self.variables, self.permittivity = self.transport[0], operators.with_profile(signature.permittivity)
        self.immobile = tuple(self.names.index(name) for name in signature.immobile)
        self.row_factors = np.ones(self.count + 1)
        self.moves = np.array([float(name not in signature.immobile) for name in self.names])
        self.coefficients = Coefficients(np.zeros(self.count), np.ones(self.count), 1.0)

    @property
    def comm(self) -> Any:
        """MPI communicator of the mesh."""
        return self.weights.comm

    def constant(self, value: float = 0.0) -> Any:
        """A UFL constant, whose value can change without a new compilation."""
        return fem.Constant(self.operators.space.mesh, np.float64(value))

    def storage(self) -> np.ndarray:
        """Integrals of each concentration with each owned basis function, shape (owned dofs, N). Collective."""
        return np.column_stack([self.variables.storage(w) for w in self.functions[:-1]])

    def concentrations(self) -> np.ndarray:
        """Concentrations c_i at the local nodes, shape (local dofs, N)."""
        return self.variables.concentrations(np.column_stack([w.x.array for w in self.functions[:-1]]))

    def destroy(self) -> None:
        """Free the PETSc objects. Collective."""
        for variables in dict.fromkeys(self.transport):
            variables.destroy()
