"""What stands for a species among the unknowns: its density c, or its logarithm w = ln c.

With logarithms every density is positive by construction; what vanishes (absorbing boundaries, an empty bulk) has none.
A formulation knows the flux of a species (over its diffusivity), its content (the integrals of the density), and how
both change with the unknowns:

    concentration:  flux = int (grad c + z c grad phi) . grad v = (K + z B(phi)) c,     content = int c v = M c
    log:      flux = int e^w grad (w + z phi) . grad v,                           content = int e^w v
    nodal:    linear elements:  flux along edges with the logarithmic mean (`edges`),     content = m e^w,  m = int v
              higher ones:      flux of "log",                                            content = M e^w at the nodes

Fluxes are linear in phi: their slope is z K(c), the stiffness weighted with the density.

Only "nodal" has the right state where the potential changes by more than V_T within a cell (the edge of a gel, a
charged wall, a strong current): an equilibrium is e^-z phi at the nodes, and charges balance node by node. The
densities of a Galerkin method have c_b/c_a = (1 - d/2)/(1 + d/2) in place of e^-d across a cell with the potential
difference d.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from spinepnp.runtime.stack import MPI, fem, ufl
from spinepnp.solvers.fem.forms import drift, mass, stiffness
from spinepnp.solvers.fem.operators import Operators


class Variables(Protocol):
    """What the equations need of a species; all but the conversions are collective."""

    def concentration(self, unknown: Any) -> Any:
        """c of an unknown, in UFL."""

    def concentrations(self, unknowns: np.ndarray) -> np.ndarray:
        """c of nodal unknowns."""

    def unknowns(self, concentrations: np.ndarray) -> np.ndarray:
        """Nodal unknowns of c."""

    def slope(self, concentrations: np.ndarray) -> np.ndarray:
        """dc/d(unknown) at nodal densities."""

    def digits(self, unknowns: np.ndarray) -> np.ndarray:
        """How many machine precisions of a density the rounding of its nodal unknowns is, for the diffusive flux."""

    def flux(self, unknown: Any, valence: float) -> np.ndarray:
        """At the owned degrees of freedom."""

    def storage(self, unknown: Any) -> np.ndarray:
        """At the owned degrees of freedom."""

    def amount_slope(self, unknown: Any) -> np.ndarray:
        """How the integral of the density changes with owned unknowns."""

    def fill_flux_slope(self, matrix: Any, unknown: Any, valence: float) -> None:
        """By the unknown of the species."""

    def fill_conduction(self, matrix: Any, unknown: Any) -> None:
        """K(c): by the potential, over the valence."""

    def fill_storage_slope(self, matrix: Any, unknown: Any) -> None:
        """By the unknown of the species."""

    def add_mass(self, matrix: Any, weight: Any) -> None:
        """Add the slope of a content with a nodal weight (a vector of its square roots), for the preconditioner."""

    def destroy(self) -> None:
        """Free the PETSc objects."""


class ConcentrationVariables:
    """The densities themselves are the unknowns.

    Args:
        operators: of the scalar space.
        phi: function that holds the potential.
        volume: integral of each local basis function.
    """

    def __init__(self, operators: Operators, phi: Any, volume: np.ndarray) -> None:
        self._operators, self._phi, self._volume = operators, phi, volume
        if operators.trilinear is None:
            self._weight, u, v = fem.Function(operators.space), operators.u, operators.v
            self._conduction_form = operators.of_gradients(stiffness(self._weight, u, v))
            self._drift_form = operators.of_gradients(drift(1.0, phi, u, v))
        self._drift, self._drifts_in = operators.empty(), np.full_like(phi.x.array, np.nan)
        self._terms = operators.vector(), operators.vector()

    def concentration(self, unknown: Any) -> Any:
        """See `Variables`."""
        return unknown

    def concentrations(self, unknowns: np.ndarray) -> np.ndarray:
        """See `Variables`."""
        return unknowns

    def unknowns(self, concentrations: np.ndarray) -> np.ndarray:
        """See `Variables`."""
        return concentrations

    def slope(self, concentrations: np.ndarray) -> np.ndarray:
        """See `Variables`."""
        return np.ones_like(concentrations)

    def digits(self, unknowns: np.ndarray) -> np.ndarray:
        """See `Variables`."""
        return np.ones_like(unknowns)

    def _B(self) -> Any:
        """int u grad phi . grad v at the present potential, which all species share."""
        values = self._phi.x.array
        changed = not np.array_equal(values, self._drifts_in)
        comm = self._operators.space.mesh.comm
        if comm.allreduce(changed, op=MPI.LOR):
            self._drifts_in = values.copy()
            if not comm.allreduce(bool(values.any()), op=MPI.LOR):
                self._drift.zeroEntries()
            elif self._operators.trilinear is not None:
                self._operators.trilinear.drift(self._drift, values)
            else:
                self._operators.fill(self._drift, self._drift_form)
        return self._drift

    def flux(self, unknown: Any, valence: float) -> np.ndarray:
        """See `Variables`."""
        diffusion, drift_ = self._terms
        self._operators.K.mult(unknown.x.petsc_vec, diffusion)
        self._B().mult(unknown.x.petsc_vec, drift_)
        return np.asarray(diffusion.array_r + valence * drift_.array_r)

    def storage(self, unknown: Any) -> np.ndarray:
        """See `Variables`."""
        self._operators.M.mult(unknown.x.petsc_vec, self._terms[0])
        return np.array(self._terms[0].array_r)

    def amount_slope(self, unknown: Any) -> np.ndarray:
        """See `Variables`."""
        return self._volume[: self._operators.owned]

    def fill_flux_slope(self, matrix: Any, unknown: Any, valence: float) -> None:
        """See `Variables`."""
        self._operators.K.copy(matrix, structure=True)
        matrix.axpy(valence, self._B(), structure=True)

    def fill_conduction(self, matrix: Any, unknown: Any) -> None:
        """See `Variables`."""
        if self._operators.trilinear is not None:
            self._operators.trilinear.stiffness(matrix, unknown.x.array)
            return
        self._weight.x.array[:] = unknown.x.array
        self._operators.fill(matrix, self._conduction_form)

    def fill_storage_slope(self, matrix: Any, unknown: Any) -> None:
        """See `Variables`."""
        self._operators.M.copy(matrix, structure=True)

    def add_mass(self, matrix: Any, weight: Any) -> None:
        """See `Variables`."""
        add_weighted_mass(self._operators, matrix, weight)

    def destroy(self) -> None:
        """See `Variables`."""
        for item in (self._drift, *self._terms):
            item.destroy()


def add_weighted_mass(operators: Operators, matrix: Any, weight: Any) -> None:
    """Add M(weight^2) to a matrix, by its symmetric part: weight M weight. Collective."""
    mass_ = operators.M.copy()
    mass_.diagonalScale(weight, weight)
    matrix.axpy(1.0, mass_, structure=True)
    mass_.destroy()


class LogVariables:
    """The logarithms of the densities are the unknowns.

    Args:
        operators: of the scalar space.
        phi: function that holds the potential.
        volume: integral of each local basis function.
    """

    #: By which quadrature exceeds that of a polynomial density.
    EXTRA_DEGREE = 2

    def __init__(self, operators: Operators, phi: Any, volume: np.ndarray) -> None:
        self._operators, self._phi, self._volume = operators, phi, volume
        self._compile()

    def _compile(self) -> None:
        operators, phi, u, v, extra = (
            self._operators,
            self._phi,
            self._operators.u,
            self._operators.v,
            self.EXTRA_DEGREE,
        )
        w = self._w = fem.Function(operators.space)
        self._valence: Any = fem.Constant(operators.space.mesh, np.float64(0.0))
        z = self._valence
        c, gradient = ufl.exp(w), w + z * phi
        of_gradients = [stiffness(c, u, v), stiffness(c, u, v) + drift(c, gradient, u, v), stiffness(c, gradient, v)]
        forms = [operators.of_gradients(form, extra) for form in of_gradients]
        self._conduction_form, self._flux_slope_form, self._flux_form = forms
        self._compile_storage(c)

    def _compile_storage(self, c: Any) -> None:
        operators, extra = self._operators, self.EXTRA_DEGREE
        self._content_slope_form = operators.of_values(mass(c, operators.u, operators.v), extra)
        self._content_form = operators.of_values(mass(c, 1.0, operators.v), extra)

    def concentration(self, unknown: Any) -> Any:
        """See `Variables`."""
        return ufl.exp(unknown)

    def concentrations(self, unknowns: np.ndarray) -> np.ndarray:
        """See `Variables`."""
        return np.asarray(np.exp(unknowns))

    def unknowns(self, concentrations: np.ndarray) -> np.ndarray:
        """See `Variables`."""
        return np.asarray(np.log(concentrations))

    def slope(self, concentrations: np.ndarray) -> np.ndarray:
        """See `Variables`."""
        return concentrations

    def digits(self, unknowns: np.ndarray) -> np.ndarray:
        """See `Variables`; an even density has a gradient of zero, exactly."""
        return np.abs(unknowns)

    def _at(self, unknown: Any, valence: float = 0.0) -> None:
        self._w.x.array[:] = unknown.x.array
        self._valence.value = valence

    def flux(self, unknown: Any, valence: float) -> np.ndarray:
        """See `Variables`."""
        self._at(unknown, valence)
        return np.asarray(self._operators.integrals(self._flux_form))

    def storage(self, unknown: Any) -> np.ndarray:
        """See `Variables`."""
        self._at(unknown)
        return np.asarray(self._operators.integrals(self._content_form))

    def amount_slope(self, unknown: Any) -> np.ndarray:
        """See `Variables`."""
        return self.storage(unknown)

    def fill_flux_slope(self, matrix: Any, unknown: Any, valence: float) -> None:
        """See `Variables`."""
        self._at(unknown, valence)
        self._operators.fill(matrix, self._flux_slope_form)

    def fill_conduction(self, matrix: Any, unknown: Any) -> None:
        """See `Variables`."""
        self._at(unknown)
        self._operators.fill(matrix, self._conduction_form)

    def fill_storage_slope(self, matrix: Any, unknown: Any) -> None:
        """See `Variables`."""
        self._at(unknown)
        self._operators.fill(matrix, self._content_slope_form)

    def add_mass(self, matrix: Any, weight: Any) -> None:
        """See `Variables`."""
        add_weighted_mass(self._operators, matrix, weight)

    def destroy(self) -> None:
        """See `Variables`; nothing is its own."""


class NodalChargeVariables(LogVariables):
    """Logarithms whose densities are those of the nodes: charges and contents are integrals of their interpolant.

    For elements of higher degree; the arguments are those of `LogVariables`.
    """

    def _compile_storage(self, c: Any) -> None:
        self._content = self._operators.vector()

    def _nodal(self, unknown: Any) -> np.ndarray:
        return np.asarray(np.exp(unknown.x.array[: self._operators.owned]))

    def storage(self, unknown: Any) -> np.ndarray:
        """See `Variables`."""
        self._content.array[:] = self._nodal(unknown)
        return np.array((self._operators.M * self._content).array_r)

    def amount_slope(self, unknown: Any) -> np.ndarray:
        """See `Variables`."""
        return np.asarray(self._volume[: self._operators.owned] * self._nodal(unknown))

    def fill_storage_slope(self, matrix: Any, unknown: Any) -> None:
        """See `Variables`."""
        self._operators.M.copy(matrix, structure=True)
        self._content.array[:] = self._nodal(unknown)
        matrix.diagonalScale(None, self._content)

    def destroy(self) -> None:
        """See `Variables`."""
        self._content.destroy()


class EdgeFluxVariables(NodalChargeVariables):
    """Logarithms with fluxes along the edges of linear elements and lumped masses; see `edges`."""

    def _compile(self) -> None:
        self._edges, self._content = self._operators.edges, self._operators.vector()
        self._lumped = self._volume[: self._operators.owned]

    def flux(self, unknown: Any, valence: float) -> np.ndarray:
        """See `Variables`."""
        w, edges = unknown.x.array, self._edges
        mean = edges.logarithmic_mean(w)[0]
        return edges.exchange(edges.k * mean * edges.differences(w + valence * self._phi.x.array))

    def storage(self, unknown: Any) -> np.ndarray:
        """See `Variables`."""
        return np.asarray(self._lumped * self._nodal(unknown))

    def fill_flux_slope(self, matrix: Any, unknown: Any, valence: float) -> None:
        """See `Variables`."""
        w, edges = unknown.x.array, self._edges
        mean, by_first, by_second = edges.logarithmic_mean(w)
        along = edges.differences(w + valence * self._phi.x.array)
        edges.fill(matrix, edges.k * (by_first * along - mean), edges.k * (by_second * along + mean))

    def fill_conduction(self, matrix: Any, unknown: Any) -> None:
        """See `Variables`."""
        conducted = self._edges.k * self._edges.logarithmic_mean(unknown.x.array)[0]
        self._edges.fill(matrix, -conducted, conducted)

    def fill_storage_slope(self, matrix: Any, unknown: Any) -> None:
        """See `Variables`."""
        self._content.array[:] = self.storage(unknown)
        matrix.zeroEntries()
        matrix.setDiagonal(self._content)

    def add_mass(self, matrix: Any, weight: Any) -> None:
        """See `Variables`."""
        self._content.array[:] = self._lumped * weight.array_r**2
        matrix.setDiagonal(self._content, addv=True)


def make_variables(name: str, operators: Operators, phi: Any, volume: np.ndarray) -> Variables:
    """The formulation of a name.

    Args:
        name: "density", "log" or "nodal".
        operators: of the scalar space.
        phi: function that holds the potential.
        volume: integral of each local basis function.
    """
    if name == "nodal":
        name = "edges" if operators.degree == 1 else "nodes"
    kinds: dict[str, type[ConcentrationVariables] | type[LogVariables]] = {
        "density": ConcentrationVariables,
        "log": LogVariables,
        "nodes": NodalChargeVariables,
        "edges": EdgeFluxVariables,
    }
    return kinds[name](operators, phi, volume)
