"""Profile of a solution: concentrations and potential along the interval, and currents at its ends, all in SI units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from spinepnp.units import FARADAY
from spinepnp.validation.reference.onedimensional.problem import Values
from spinepnp.validation.reference.onedimensional.system import System


@dataclass(frozen=True, eq=False)
class Profile:
    """A state of a problem.

    Attributes:
        system: discretisation of the state.
        state: unknowns, (species + 1, nodes).
        entering: electric current that enters with each species, left and right, A, (2, species); not a number in an
            initial state.
        displacement: displacement current that enters, left and right, A, (2,); zero in steady state.
        end_fields: dV/dn at the ends by the discrete Gauss law, V/m, (2,).
    """

    system: System
    state: Values
    entering: Values
    displacement: Values
    end_fields: Values

    @property
    def x(self) -> Values:
        """Nodes, m, (nodes,)."""
        return self.system.mesh.x * self.system.scale.length

    @property
    def concentrations(self) -> Values:
        """Concentrations at the nodes, mol/m^3, (species, nodes)."""
        return np.asarray(self.system.scale.concentration * np.exp(self.state[:-1]))

    @property
    def potential(self) -> Values:
        """Potential at the nodes, V, (nodes,)."""
        return np.asarray(self.system.problem.thermal_voltage * self.state[-1])

    @property
    def amounts(self) -> Values:
        """Amount of each species, mol, (species,)."""
        return np.asarray(np.sum(self.system.storage(self.state)[:-1], axis=1) * self.system.scale.amount)

    @property
    def total_entering(self) -> Values:
        """Ionic and displacement current that enters, left and right, A, (2,); they sum to zero."""
        return np.asarray(np.sum(self.entering, axis=1) + self.displacement)

    def evaluate(self, x: ArrayLike) -> tuple[Values, Values]:
        """Concentrations (species, places), mol/m^3, and potential (places,), V, at places x, m, (places,).

        Raises:
            ValueError: a place lies outside the geometry.
        """
        places = np.atleast_1d(np.asarray(x, dtype=float))
        geometry = self.system.problem.geometry
        outside = (places < geometry.start) | (places > geometry.stop)
        if np.any(outside):
            raise ValueError(f"x = {float(places[outside][0])!r}: outside {geometry.start!r} to {geometry.stop!r} m")
        values = self.system.mesh.interpolate(self.state, places / self.system.scale.length)
        c = self.system.scale.concentration * np.exp(values[:-1])
        return c, self.system.problem.thermal_voltage * values[-1]

    def currents(self, species: int) -> Values:
        """Electric current of a species toward the right, from its slopes at the nodes, A, (nodes,)."""
        system, z = self.system, self.system.z[species]
        slope = system.mesh.nodal_slope(self.state[species] + z * self.state[-1])
        area = system.problem.geometry.area(self.x) / system.scale.area
        flux = -system.D[species] * np.exp(self.state[species]) * slope * area
        return np.asarray(system.carried[species] * FARADAY * system.scale.rate * flux)
