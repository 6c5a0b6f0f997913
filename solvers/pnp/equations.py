"""Discrete equations without constraints: their residual, and the blocks of its derivative.

The unknowns are N species and the potential, each in one scalar Lagrange space. With the terms of `variables`,

    R_i   = D_i flux_i + alpha storage_i,
    R_phi = lambda^2 K phi - sum_i z_i storage_i - rho w + membranes and matched injectors,

where K and the flux of a species are weighted with the profiles of the permittivity and of its diffusivity, so that a
block of the Jacobian is a flux slope, a conduction z_i D_i K(c_i), a storage slope -z_i M, or the field; no
block couples two species. Every matrix has the pattern of the scalar space: constant ones are assembled once, the
others in one pass over the cells each (the drift that all species share, and a conduction for each).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spinepnp.runtime.kernels import compile_form
from spinepnp.runtime.stack import MPI, PETSc, fem, ufl
from spinepnp.solvers.fem.forms import mass_degree, matched_field
from spinepnp.solvers.fem.operators import Operators
from spinepnp.solvers.model.boundaries import Boundaries
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.problem_data import ProblemSignature
from spinepnp.solvers.model.profiles import UNIFORM
from spinepnp.solvers.model.scaling import Scales
from spinepnp.solvers.pnp.variables import make_variables


@dataclass
class Coefficients:
    """Coefficients of the equations, scaled.

    Attributes:
        valence: valence z_i of each species.
        diffusivity: diffusivity D_i of each species; the largest one where it differs by region.
        debye_squared: square lambda^2 of the Debye length, that of the largest permittivity.
        fixed_charge: uniform part of the fixed charge rho.
        storage_rate: factor alpha of the storage, zero in a steady state.
        capacitance: capacitance kappa and outer potential phi_out of each membrane, by boundary name.
        matched: flux density J of each matched injector, by boundary name.
    """

    valence: np.ndarray
    diffusivity: np.ndarray
    debye_squared: float
    fixed_charge: float = 0.0
    storage_rate: float = 0.0
    capacitance: dict[str, tuple[float, float]] = field(default_factory=dict)
    matched: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls, electrolyte: Electrolyte, boundaries: Boundaries, scales: Scales, zero: float, areas: dict[str, float]
    ) -> Coefficients:
        """The coefficients of a case.

        Args:
            electrolyte: species of the case.
            boundaries: boundary conditions by name.
            scales: scales of the unknowns.
            zero: potential that counts as zero, V.
            areas: areas of the boundaries, in units of length squared.
        """
        capacitance, matched = {}, {}
        for name, boundary in boundaries.items():
            if boundary.capacitance is not None:
                kappa = boundary.capacitance.value * scales.potential / scales.surface_charge
                capacitance[name] = kappa, (boundary.capacitance.outside - zero) / scales.potential
            if boundary.field_matched:
                (injection,) = boundary.injections
                matched[name] = injection.total(areas[name] * scales.length**2) / scales.current / areas[name]
        diffusivity = [electrolyte.effective_diffusivity(s) / scales.diffusivity for s in electrolyte.species]
        return cls(
            valence=np.array([float(s.valence) for s in electrolyte.species]),
            diffusivity=np.array(diffusivity),
            debye_squared=scales.debye**2,
            fixed_charge=electrolyte.uniform_charge / scales.concentration,
            capacitance=capacitance,
            matched=matched,
        )


class Equations:
    """The discrete equations of one structure in one scalar space.

    Args:
        operators: matrices of the scalar space.
        signature: species, membranes and matched injectors.
        formulation: formulation of the unknowns, "density", "log" or "nodal".
        volume: integral of each local basis function.

    Attributes:
        operators: matrices of the scalar space.
        species: number of species.
        state: functions of the unknowns of the species, and of the potential.
        phi: function of the potential.
        blocks: blocks of the derivative by equation and unknown; ``None`` where it is zero.
        coefficients: coefficients, for the user to set.
        variables: unknowns of the species with their storage, and the flux of the first one.
        transport: the same with the flux of each species.
        field: operators with the profile of the permittivity.
    """

    def __init__(self, operators: Operators, signature: ProblemSignature, formulation: str, volume: np.ndarray) -> None:
        self.operators, self._volume = operators, volume
        self.species = count = len(signature.names)
        self.state = [fem.Function(operators.space) for _ in range(count + 1)]
        self.phi = self.state[-1]
        profiles = signature.diffusivity or (UNIFORM,) * count
        shared = {
            profile: make_variables(formulation, operators.with_profile(profile), self.phi, volume)
            for profile in dict.fromkeys(profiles)
        }
        self.transport = [shared[profile] for profile in profiles]
        self.variables, self.field = self.transport[0], operators.with_profile(signature.permittivity)
        self.coefficients = Coefficients(np.zeros(count), np.ones(count), 1.0)
        self.blocks: list[list[Any]] = [[None] * (count + 1) for _ in range(count + 1)]
        for i in range(count):
            for row, column in ((i, i), (i, count), (count, i)):
                self.blocks[row][column] = operators.empty()
        self.blocks[count][count] = operators.empty()
        self._flux_of_field = operators.vector()
        self._set_up_membranes(signature.membranes)
        self._set_up_matched(dict(signature.field_matched))

    def _constant(self) -> Any:
        return fem.Constant(self.operators.space.mesh, np.float64(0.0))

    def _set_up_membranes(self, names: tuple[str, ...]) -> None:
        measure, u, v = self.operators.measure, self.operators.u, self.operators.v
        degree = mass_degree(self.operators.space.element.basix_element.degree)
        self._membranes = {name: (self._constant(), self._constant()) for name in names}
        slope: Any = 0
        residual: Any = 0
        for name, (kappa, outside) in self._membranes.items():
            slope += measure.over_boundary(kappa * u * v, name, degree, alone=False)
            residual += measure.over_boundary(kappa * (self.phi - outside) * v, name, degree, alone=False)
        self._membrane_forms = (compile_form(residual), compile_form(slope)) if names else None

    def _set_up_matched(self, injected: dict[str, int]) -> None:
        measure, v, count = self.field.measure, self.operators.v, self.species
        degree = mass_degree(self.operators.space.element.basix_element.degree) + 2
        self._matched = {name: self._constant() for name in injected}
        self._matched_valence = [self._constant() for _ in range(count)]
        self._matched_diffusivity = [self._constant() for _ in range(count)]
        self._debye_squared, self._rho = self._constant(), self._constant()
        if not injected:
            self._matched_forms = None
            return
        residual: Any = 0
        concentrations = [self.variables.concentration(w) for w in self.state[:-1]]
        for name, strength in self._matched.items():
            profiles = [variables.operators.measure.profile for variables in self.transport]
            local = [D * profile for D, profile in zip(self._matched_diffusivity, profiles, strict=True)]
            field_ = matched_field(strength, injected[name], concentrations, self._matched_valence, local, self._rho)
            residual -= measure.over_boundary(self._debye_squared * field_ * v, name, degree, alone=False)
        derivatives = [ufl.algorithms.expand_derivatives(ufl.derivative(residual, w)) for w in self.state[:-1]]
        slopes = [None if d.empty() else compile_form(d) for d in derivatives]
        self._matched_forms = compile_form(residual), slopes

    def _update_constants(self) -> None:
        c = self.coefficients
        for name, (kappa, outside) in self._membranes.items():
            kappa.value, outside.value = c.capacitance[name]
        for name, strength in self._matched.items():
            strength.value = c.matched[name]
        for i in range(self.species):
            self._matched_valence[i].value, self._matched_diffusivity[i].value = c.valence[i], c.diffusivity[i]
        self._debye_squared.value, self._rho.value = c.debye_squared, c.fixed_charge

    def storage(self) -> np.ndarray:
        """Integrals of each concentration with each owned basis function, shape (owned dofs, N). Collective."""
        return np.column_stack([self.variables.storage(w) for w in self.state[:-1]])

    def residual(self) -> np.ndarray:
        """Residual R without loads, shape (owned dofs, N + 1). Collective."""
        c, operators, owned = self.coefficients, self.operators, self.operators.owned
        self._update_constants()
        residual = np.empty((owned, self.species + 1))
        storage = self.storage()
        for i, w in enumerate(self.state[:-1]):
            residual[:, i] = c.diffusivity[i] * self.transport[i].flux(w, c.valence[i])
            if c.storage_rate:
                residual[:, i] += c.storage_rate * storage[:, i]
        self.field.K.mult(self.phi.x.petsc_vec, self._flux_of_field)
        residual[:, -1] = c.debye_squared * self._flux_of_field.array_r - storage @ c.valence
        if c.fixed_charge:
            residual[:, -1] -= c.fixed_charge * self._volume[:owned]
        if self._membrane_forms is not None:
            residual[:, -1] += operators.integrals(self._membrane_forms[0])
        if self._matched_forms is not None:
            residual[:, -1] += operators.integrals(self._matched_forms[0])
        return residual

    def fill_blocks(self) -> None:
        """Fill the blocks with the derivative of R at the state. Collective."""
        c, operators, last = self.coefficients, self.operators, self.species
        self._update_constants()
        for i, w in enumerate(self.state[:-1]):
            own, conduction, charge = self.blocks[i][i], self.blocks[i][last], self.blocks[last][i]
            self.variables.fill_storage_slope(charge, w)
            self.transport[i].fill_flux_slope(own, w, c.valence[i])
            own.scale(c.diffusivity[i])
            if c.storage_rate:
                own.axpy(c.storage_rate, charge, structure=True)
            charge.scale(-c.valence[i])
            self.transport[i].fill_conduction(conduction, w)
            conduction.scale(c.diffusivity[i] * c.valence[i])
            matched = None if self._matched_forms is None else self._matched_forms[1][i]
            if matched is not None:
                operators.add(charge, matched)
        field_ = self.blocks[last][last]
        self.field.K.copy(field_, structure=True)
        field_.scale(c.debye_squared)
        if self._membrane_forms is not None:
            operators.add(field_, self._membrane_forms[1])

    def apply_dirichlet(self, free: list[Any], constrained: list[Any]) -> None:
        """Replace rows and columns of constrained unknowns by those of the identity, in the blocks. Collective.

        Args:
            free: vector of each component, one at unconstrained degrees of freedom, else zero.
            constrained: vector of each component, one at constrained degrees of freedom, else zero.
        """
        for i, row in enumerate(self.blocks):
            for j, block in enumerate(row):
                if block is not None:
                    block.diagonalScale(free[i], free[j])
                    if i == j:
                        block.setDiagonal(constrained[i], addv=True)

    def nodal_concentrations(self) -> np.ndarray:
        """Concentrations c_i at the local nodes, shape (local dofs, N)."""
        return self.variables.concentrations(np.column_stack([w.x.array for w in self.state[:-1]]))

    def field_energy(self) -> float:
        """Integral of lambda^2/2 |grad phi|^2. Collective."""
        self.field.K.mult(self.phi.x.petsc_vec, self._flux_of_field)
        comm, owned = self.operators.space.mesh.comm, self.operators.owned
        energy = float(self.phi.x.array[:owned] @ self._flux_of_field.array_r)
        return 0.5 * self.coefficients.debye_squared * float(comm.allreduce(energy, op=MPI.SUM))

    def nest(self) -> Any:
        """One PETSc matrix of the blocks; its unknowns stand species by species on each rank."""
        return PETSc.Mat().createNest(self.blocks, comm=self.operators.space.mesh.comm)

    def destroy(self) -> None:
        """Free the PETSc objects. Collective."""
        for variables in dict.fromkeys(self.transport):
            variables.destroy()
        for block in (b for row in self.blocks for b in row if b is not None):
            block.destroy()
        self._flux_of_field.destroy()
