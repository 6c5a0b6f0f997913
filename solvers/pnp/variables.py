"""Unknowns of a species: its concentration c, or the logarithm w = ln c.

With logarithms every concentration is positive by construction; a concentration of zero (absorbing boundaries, an
empty bulk) has none. Each class knows the flux of a species (over its diffusivity), its storage (the integrals of the
concentration), and the derivatives of both by the unknowns:

    density:  flux = int (grad c + z c grad phi) . grad v = (K + z B(phi)) c,     storage = int c v = M c
    log:      flux = int e^w grad (w + z phi) . grad v,                           storage = int e^w v
    lumped:   flux of "density",                                   storage = m c
    nodal:    linear elements: flux along edges with the logarithmic mean (`edge_fluxes`),
                                                                                  storage = m e^w,  m = int v
              quadratic ones:  flux of "log",                                     storage = M e^w at the nodes

Fluxes are linear in phi: their derivative is z K(c), the stiffness weighted with the concentration.

"lumped" takes the place of "density" where species react: with the mass at the nodes a front does not undershoot on
meshes without obtuse angles, and reactions and their totals are those of single nodes. "log" has the storage of "nodal"
there, for the same totals.

Only "nodal" has the right state where the potential changes by more than V_T within a cell (the edge of a gel, a
charged wall, a strong current): an equilibrium is e^-z phi at the nodes, and charges balance node by node. The
concentrations of a Galerkin method have c_b/c_a = (1 - d/2)/(1 + d/2) in place of e^-d across a cell with the potential
difference d.
"""

from __future__ import annotations

from typing import Any, override

import numpy as np

from spinepnp.runtime.stack import MPI, fem, ufl
from spinepnp.solvers.fem.forms import drift, mass, stiffness
from spinepnp.solvers.fem.operators import Operators


class ConcentrationVariables:
    """Unknowns of the species with their storage and flux terms: here the concentrations themselves.

    All methods but the conversions are collective.

    Args:
        operators: matrices of the scalar space.
        phi: function of the potential.
        volume: integral of each local basis function.

    Attributes:
        operators: matrices of the scalar space, with the profile of the diffusivity.
        lumped: whether charges are those of the nodes of linear elements (a lumped mass matrix).
    """

    lumped = False

    def __init__(self, operators: Operators, phi: Any, volume: np.ndarray) -> None:
        self.operators, self._phi, self._volume = operators, phi, volume
        self._petsc_objects: list[Any] = []
        self._compile()

    def _compile(self) -> None:
        operators, phi = self.operators, self._phi
        if operators.fast_assembly is None:
            self._weight, u, v = fem.Function(operators.space), operators.u, operators.v
            self._conduction_form = operators.compile_gradient_form(stiffness(self._weight, u, v))
            self._drift_form = operators.compile_gradient_form(drift(1.0, phi, u, v))
        self._drift, self._drift_potential = operators.empty(), np.full_like(phi.x.array, np.nan)
        self._terms = operators.vector(), operators.vector()
        self._petsc_objects += [self._drift, *self._terms]

    def concentration(self, unknown: Any) -> Any:
        """Concentration of an unknown, in UFL."""
        return unknown

    def concentrations(self, unknowns: np.ndarray) -> np.ndarray:
        """Nodal concentrations of nodal unknowns."""
        return unknowns

    def unknowns(self, concentrations: np.ndarray) -> np.ndarray:
        """Nodal unknowns of nodal concentrations."""
        return concentrations

    def slope(self, concentrations: np.ndarray) -> np.ndarray:
        """Derivative dc/d(unknown) at nodal concentrations."""
        return np.ones_like(concentrations)

    def digits(self, unknowns: np.ndarray) -> np.ndarray:
        """Relative rounding error of the concentrations in the diffusive flux, in machine precisions, by node."""
        return np.ones_like(unknowns)

    def _drift_matrix(self) -> Any:
        """Drift matrix int u grad phi . grad v at the present potential, which all species share."""
        values = self._phi.x.array
        changed = not np.array_equal(values, self._drift_potential)
        comm = self.operators.space.mesh.comm
        if comm.allreduce(changed, op=MPI.LOR):
            self._drift_potential = values.copy()
            if not comm.allreduce(bool(values.any()), op=MPI.LOR):
                self._drift.zeroEntries()
            elif self.operators.fast_assembly is not None:
                self.operators.fast_assembly.drift(self._drift, values)
            else:
                self.operators.fill(self._drift, self._drift_form)
        return self._drift

    def flux(self, unknown: Any, valence: float) -> np.ndarray:
        """Integrals of the flux over the diffusivity with each owned basis function."""
        diffusion, drift_ = self._terms
        self.operators.K.mult(unknown.x.petsc_vec, diffusion)
        self._drift_matrix().mult(unknown.x.petsc_vec, drift_)
        return np.asarray(diffusion.array_r + valence * drift_.array_r)

    def storage(self, unknown: Any) -> np.ndarray:
        """Integrals of the concentration with each owned basis function."""
        self.operators.M.mult(unknown.x.petsc_vec, self._terms[0])
        return np.array(self._terms[0].array_r)

    def amount_slope(self, unknown: Any) -> np.ndarray:
        """Derivative of the integral of the concentration by the owned unknowns."""
        return self._volume[: self.operators.owned]

    def fill_flux_slope(self, matrix: Any, unknown: Any, valence: float) -> None:
        """Fill a matrix with the derivative of the flux by the unknown of the species.

        Args:
            matrix: assembled sparse matrix of the space, which is overwritten.
            unknown: function of the unknown of the species.
            valence: valence of the species.
        """
        self.operators.K.copy(matrix, structure=True)
        matrix.axpy(valence, self._drift_matrix(), structure=True)

    def fill_conduction(self, matrix: Any, unknown: Any) -> None:
        """Fill a matrix with K(c), the derivative of the flux by the potential over the valence."""
        if self.operators.fast_assembly is not None:
            self.operators.fast_assembly.stiffness(matrix, unknown.x.array)
            return
        self._weight.x.array[:] = unknown.x.array
        self.operators.fill(matrix, self._conduction_form)

    def fill_storage_slope(self, matrix: Any, unknown: Any) -> None:
        """Fill a matrix with the derivative of the storage by the unknown of the species."""
        self.operators.M.copy(matrix, structure=True)

    def of_nodes(self, values: np.ndarray) -> np.ndarray:
        """Integrals of a function with each owned basis function, of its values at the owned nodes, shape (n,)."""
        if self.operators.degree == 1:
            return np.asarray(self._volume[: self.operators.owned] * values)
        nodal = self.operators.vector()
        nodal.array[:] = values
        integrals = np.array((self.operators.M * nodal).array_r)
        nodal.destroy()
        return integrals

    def add_nodal_slope(self, matrix: Any, slope: np.ndarray) -> None:
        """Add the derivative of `of_nodes` to a matrix.

        Args:
            matrix: matrix of the space; a diagonal one is enough for linear elements.
            slope: derivative of the values by the owned unknowns, shape (n,).
        """
        diagonal = self.operators.vector()
        if self.operators.degree == 1:
            diagonal.array[:] = self._volume[: self.operators.owned] * slope
            matrix.setDiagonal(diagonal, addv=True)
        else:
            diagonal.array[:] = slope
            mass_ = self.operators.M.copy()
            mass_.diagonalScale(None, diagonal)
            matrix.axpy(1.0, mass_, structure=True)
            mass_.destroy()
        diagonal.destroy()

    def add_mass(self, matrix: Any, weight: Any) -> None:
        """Add weight M weight, the symmetric form of M(weight^2) for nodal weights, to a preconditioner matrix."""
        mass_ = self.operators.M.copy()
        mass_.diagonalScale(weight, weight)
        matrix.axpy(1.0, mass_, structure=True)
        mass_.destroy()

    def destroy(self) -> None:
        """Free the PETSc objects."""
        for item in self._petsc_objects:
            item.destroy()


class LumpedVariables(ConcentrationVariables):
    """Concentrations with the mass of linear elements at the nodes, for species that react."""

    lumped = True

    @override
    def storage(self, unknown: Any) -> np.ndarray:
        owned = self.operators.owned
        return np.asarray(self._volume[:owned] * unknown.x.array[:owned])

    @override
    def fill_storage_slope(self, matrix: Any, unknown: Any) -> None:
        self._terms[0].array[:] = self._volume[: self.operators.owned]
        matrix.zeroEntries()
        matrix.setDiagonal(self._terms[0])

    @override
    def add_mass(self, matrix: Any, weight: Any) -> None:
        self._terms[0].array[:] = self._volume[: self.operators.owned] * weight.array_r**2
        matrix.setDiagonal(self._terms[0], addv=True)


class LogVariables(ConcentrationVariables):
    """Variables with the logarithms of the concentrations as unknowns; the arguments are those of the base."""

    #: Degree by which quadrature exceeds that of a polynomial concentration: exponentials need more points.
    EXTRA_DEGREE = 2

    @override
    def _compile(self) -> None:
        operators, phi, extra = self.operators, self._phi, self.EXTRA_DEGREE
        u, v = operators.u, operators.v
        w = self._w = fem.Function(operators.space)
        self._valence: Any = fem.Constant(operators.space.mesh, np.float64(0.0))
        z = self._valence
        c, gradient = ufl.exp(w), w + z * phi
        of_gradients = [stiffness(c, u, v), stiffness(c, u, v) + drift(c, gradient, u, v), stiffness(c, gradient, v)]
        forms = [operators.compile_gradient_form(form, extra) for form in of_gradients]
        self._conduction_form, self._flux_slope_form, self._flux_form = forms
        self._compile_storage(c)

    def _compile_storage(self, c: Any) -> None:
        operators, extra = self.operators, self.EXTRA_DEGREE
        self._storage_slope_form = operators.compile_mass_form(mass(c, operators.u, operators.v), extra)
        self._storage_form = operators.compile_mass_form(mass(c, 1.0, operators.v), extra)

    @override
    def concentration(self, unknown: Any) -> Any:
        return ufl.exp(unknown)

    @override
    def concentrations(self, unknowns: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(unknowns))

    @override
    def unknowns(self, concentrations: np.ndarray) -> np.ndarray:
        return np.asarray(np.log(concentrations))

    @override
    def slope(self, concentrations: np.ndarray) -> np.ndarray:
        return concentrations

    @override
    def digits(self, unknowns: np.ndarray) -> np.ndarray:
        return np.abs(unknowns)  # a uniform concentration has a gradient of zero, exactly

    def _set_state(self, unknown: Any, valence: float = 0.0) -> None:
        self._w.x.array[:] = unknown.x.array
        self._valence.value = valence

    @override
    def flux(self, unknown: Any, valence: float) -> np.ndarray:
        self._set_state(unknown, valence)
        return np.asarray(self.operators.integrals(self._flux_form))

    @override
    def storage(self, unknown: Any) -> np.ndarray:
        self._set_state(unknown)
        return np.asarray(self.operators.integrals(self._storage_form))

    @override
    def amount_slope(self, unknown: Any) -> np.ndarray:
        return self.storage(unknown)

    @override
    def fill_flux_slope(self, matrix: Any, unknown: Any, valence: float) -> None:
        self._set_state(unknown, valence)
        self.operators.fill(matrix, self._flux_slope_form)

    @override
    def fill_conduction(self, matrix: Any, unknown: Any) -> None:
        self._set_state(unknown)
        self.operators.fill(matrix, self._conduction_form)

    @override
    def fill_storage_slope(self, matrix: Any, unknown: Any) -> None:
        self._set_state(unknown)
        self.operators.fill(matrix, self._storage_slope_form)


class NodalChargeVariables(LogVariables):
    """Logarithms with storage and charge from the interpolant of the nodal concentrations, for quadratic elements."""

    def _compile_storage(self, c: Any) -> None:
        self._nodal_vector = self.operators.vector()
        self._petsc_objects.append(self._nodal_vector)

    def _nodal(self, unknown: Any) -> np.ndarray:
        return np.asarray(np.exp(unknown.x.array[: self.operators.owned]))

    @override
    def storage(self, unknown: Any) -> np.ndarray:
        self._nodal_vector.array[:] = self._nodal(unknown)
        return np.array((self.operators.M * self._nodal_vector).array_r)

    @override
    def amount_slope(self, unknown: Any) -> np.ndarray:
        return np.asarray(self._volume[: self.operators.owned] * self._nodal(unknown))

    @override
    def fill_storage_slope(self, matrix: Any, unknown: Any) -> None:
        self.operators.M.copy(matrix, structure=True)
        self._nodal_vector.array[:] = self._nodal(unknown)
        matrix.diagonalScale(None, self._nodal_vector)


class LumpedLogVariables(NodalChargeVariables):
    """Logarithms with the mass of linear elements at the nodes, for species that react."""

    lumped = True

    @property
    def _lumped(self) -> np.ndarray:
        return self._volume[: self.operators.owned]

    @override
    def storage(self, unknown: Any) -> np.ndarray:
        return np.asarray(self._lumped * self._nodal(unknown))

    @override
    def fill_storage_slope(self, matrix: Any, unknown: Any) -> None:
        self._nodal_vector.array[:] = self.storage(unknown)
        matrix.zeroEntries()
        matrix.setDiagonal(self._nodal_vector)

    @override
    def add_mass(self, matrix: Any, weight: Any) -> None:
        self._nodal_vector.array[:] = self._lumped * weight.array_r**2
        matrix.setDiagonal(self._nodal_vector, addv=True)


class EdgeFluxVariables(LumpedLogVariables):
    """Logarithms with fluxes along the edges of linear elements and a lumped mass matrix; see `edge_fluxes`."""

    def _compile(self) -> None:
        self._compile_storage(None)
        self._edges = self.operators.edges
        self._means: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # of each unknown, with its nodal values

    def _mean(self, unknown: Any) -> np.ndarray:
        """Logarithmic means along the edges, kept until the unknown changes: a residual and its slopes share them."""
        w = unknown.x.array
        kept = self._means.get(id(unknown))
        if kept is None or not np.array_equal(kept[0], w):
            kept = self._means[id(unknown)] = w.copy(), self._edges.logarithmic_mean(w)
        return kept[1]

    @override
    def flux(self, unknown: Any, valence: float) -> np.ndarray:
        edges = self._edges
        along = edges.differences(unknown.x.array + valence * self._phi.x.array)
        return edges.exchange(edges.k * self._mean(unknown) * along)

    @override
    def fill_flux_slope(self, matrix: Any, unknown: Any, valence: float) -> None:
        w, edges, mean = unknown.x.array, self._edges, self._mean(unknown)
        by_first, by_second = edges.slopes_of_mean(w, mean)
        along = edges.differences(w + valence * self._phi.x.array)
        edges.fill(matrix, edges.k * (by_first * along - mean), edges.k * (by_second * along + mean))

    @override
    def fill_conduction(self, matrix: Any, unknown: Any) -> None:
        conducted = self._edges.k * self._mean(unknown)
        self._edges.fill(matrix, -conducted, conducted)


def make_variables(
    formulation: str, operators: Operators, phi: Any, volume: np.ndarray, *, reactive: bool = False
) -> ConcentrationVariables:
    """The variables of a formulation.

    Args:
        formulation: "density", "log" or "nodal".
        operators: matrices of the scalar space.
        phi: function of the potential.
        volume: integral of each local basis function.
        reactive: whether species react, or some do not move.
    """
    logarithms = LumpedLogVariables if operators.degree == 1 else NodalChargeVariables
    kinds: dict[str, type[ConcentrationVariables]] = {
        "density": LumpedVariables if reactive and operators.degree == 1 else ConcentrationVariables,
        "log": logarithms if reactive else LogVariables,
        "nodal": EdgeFluxVariables if operators.degree == 1 else NodalChargeVariables,
    }
    return kinds[formulation](operators, phi, volume)
