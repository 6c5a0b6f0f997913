"""Law of an endless charged cylinder in equilibrium with a bath: the Poisson-Boltzmann equation in the radius.

Gross and Osterle, J. Chem. Phys. 49 (1968) 228; with small potentials that of Rice and Whitehead, J. Phys. Chem. 69
(1965) 4017, V = (sigma lambda_D/eps) I0(r/lambda_D)/I1(R/lambda_D). Assumes point ions in mean field, a constant
permittivity, and a cylinder of many Debye lengths, or radii if they are shorter. The equation is solved by SciPy's
collocation, which shares nothing with the finite elements.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spinepnp.units import FARADAY
from spinepnp.validation.laws.debye_layer import Values, screening_length

#: Relative tolerance of the collocation.
TOLERANCE = 1e-9

#: Most nodes of the collocation.
MOST_NODES = 100_000


@dataclass(frozen=True)
class ChargedCylinderLaw:
    """An electrolyte in an endless cylinder with a surface charge.

    Examples:
        >>> from spinepnp.units import VACUUM_PERMITTIVITY
        >>> from spinepnp.validation.laws import ChargedCylinderLaw
        >>> law = ChargedCylinderLaw(10e-9, -0.02, (1, -1), (10.0, 10.0), 80.0 * VACUUM_PERMITTIVITY, 25.26e-3)
        >>> round(float(law.potential(10e-9)) * 1e3, 2)  # at the wall, mV
        -70.6

    Attributes:
        radius: radius R, m.
        surface_charge: charge sigma of the wall, C/m^2.
        valences: valences z_i.
        concentrations: concentrations c_i in the bath, where V = 0, mol/m^3.
        permittivity: absolute permittivity, F/m.
        thermal_voltage: kT/e, V.
    """

    radius: float
    surface_charge: float
    valences: tuple[int, ...]
    concentrations: tuple[float, ...]
    permittivity: float
    thermal_voltage: float

    @cached_property
    def _profile(self) -> Any:
        """Solution of u'' + u'/x = -(F R^2/(eps V_T)) sum_i z_i c_i exp(-z_i u), x = r/R, as a function of x.

        The field vanishes on the axis, and is sigma R/(eps V_T) at the wall.

        Raises:
            ArithmeticError: the collocation found no solution.
        """
        from scipy.integrate import solve_bvp

        z, c = np.array(self.valences, dtype=float), np.array(self.concentrations)
        unit = self.permittivity * self.thermal_voltage
        slope, source = self.surface_charge * self.radius / unit, FARADAY * self.radius**2 / unit
        debye = float(screening_length(z**2 @ c, self.permittivity, self.thermal_voltage)) / self.radius

        def right(_: Values, u: Values) -> Values:
            return np.vstack([u[1], -source * (z * c) @ np.exp(-np.outer(z, u[0]))])

        def ends(first: Values, last: Values) -> Values:
            return np.array([first[1], last[1] - slope])

        # From the layer of a plane wall of the same charge in a salt of monovalent ions.
        x = np.concatenate([[0.0], 1.0 - np.geomspace(1.0, 1e-4, 200)[1:], [1.0]])
        at_wall, decay = 2.0 * np.arcsinh(0.5 * slope * debye), np.exp((x - 1.0) / debye)
        guess = 4.0 * np.arctanh(np.tanh(0.25 * at_wall) * decay)
        start = np.vstack([guess, np.gradient(guess, x)])
        # The second row of S/x is the term u'/x.
        singular = np.array([[0.0, 0.0], [0.0, -1.0]])
        found = solve_bvp(right, ends, x, start, S=singular, tol=TOLERANCE, max_nodes=MOST_NODES)
        if not found.success:
            raise ArithmeticError(f"no potential of a charged cylinder: {found.message}")
        return found.sol

    def potential(self, r: ArrayLike) -> Values:
        """Potential relative to the bath, V, at distances r (m) from the axis, any shape."""
        x = np.asarray(r, dtype=float) / self.radius
        return np.asarray(self.thermal_voltage * self._profile(x.ravel())[0].reshape(x.shape))
