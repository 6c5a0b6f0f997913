"""Law of a charged plane wall in a z:z electrolyte: Gouy (1910), Chapman (1913), Grahame (Chem. Rev. 41 (1947) 441).

Assumes point ions in mean field, an electrolyte that reaches to infinity (many Debye lengths), constant permittivity.
Grahame's charge holds for any mixture of ions (`surface_charge_of`). Breaks down where the concentration at the wall,
C exp(|psi|), nears close packing (`GouyChapmanLaw.valid`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spinepnp.units import AVOGADRO, FARADAY
from spinepnp.validation.laws.debye_layer import Values, screening_length


def surface_charge_of(
    voltage: ArrayLike,
    valences: ArrayLike,
    concentrations: ArrayLike,
    permittivity: float,
    thermal_voltage: float,
    fixed_charge: float = 0.0,
) -> Values:
    """Surface charge by Grahame's equation for any mixture, C/m^2.

    sigma^2 = 2 eps F V_T [sum_i c_i (exp(-z_i u) - 1) - rho u], with the sign of u.

    Args:
        voltage: potential of the wall relative to the bulk, V, any shape.
        valences: valences z_i, shape (n,).
        concentrations: concentrations in the neutral bulk, mol/m^3, shape (n,).
        permittivity: absolute permittivity, F/m.
        thermal_voltage: kT/e, V.
        fixed_charge: uniform fixed charge rho, mol/m^3 of unit charges.
    """
    u = np.asarray(voltage, dtype=float) / thermal_voltage
    z, c = np.asarray(valences, dtype=float), np.asarray(concentrations, dtype=float)
    pressure = np.expm1(-u[..., None] * z) @ c - fixed_charge * u
    return np.sign(u) * np.sqrt(2.0 * permittivity * FARADAY * thermal_voltage * np.maximum(pressure, 0.0))


@dataclass(frozen=True)
class GouyChapmanLaw:
    """A z:z electrolyte beside a plane wall.

    Examples:
        >>> from spinepnp.units import VACUUM_PERMITTIVITY
        >>> from spinepnp.validation.laws import GouyChapmanLaw
        >>> law = GouyChapmanLaw(150.0, 80.0 * VACUUM_PERMITTIVITY, thermal_voltage=25.26e-3)
        >>> round(law.debye_length * 1e9, 3)  # nm
        0.786
        >>> round(float(law.surface_potential(-0.02)) * 1e3, 2)  # mV
        -21.54

    Attributes:
        concentration: concentration C of each ion in the bulk, mol/m^3.
        permittivity: absolute permittivity, F/m.
        thermal_voltage: kT/e, V.
        valence: valence z, positive.
    """

    concentration: float
    permittivity: float
    thermal_voltage: float
    valence: int = 1

    @property
    def debye_length(self) -> float:
        """Debye length sqrt(eps V_T/(2 z^2 F C)), m."""
        strength = 2.0 * self.valence**2 * self.concentration
        return float(screening_length(strength, self.permittivity, self.thermal_voltage))

    @property
    def _unit(self) -> float:
        """Unit V_T/z of potentials, V."""
        return self.thermal_voltage / self.valence

    def surface_charge(self, voltage: ArrayLike) -> Values:
        """Surface charge sigma = (2 eps V_T/(z lambda_D)) sinh(z V/(2 V_T)), C/m^2."""
        scale = 2.0 * self.permittivity * self._unit / self.debye_length
        return scale * np.sinh(0.5 * np.asarray(voltage, dtype=float) / self._unit)

    def surface_potential(self, surface_charge: ArrayLike) -> Values:
        """Potential of the wall, (2 V_T/z) asinh(z lambda_D sigma/(2 eps V_T)), V."""
        scale = 2.0 * self.permittivity * self._unit / self.debye_length
        return 2.0 * self._unit * np.arcsinh(np.asarray(surface_charge, dtype=float) / scale)

    def potential(self, distance: ArrayLike, voltage: float) -> Values:
        """Potential (4 V_T/z) artanh(tanh(z V_0/(4 V_T)) exp(-x/lambda_D)), V, at x (m) from a wall at V_0 (V)."""
        decay = np.exp(-np.asarray(distance, dtype=float) / self.debye_length)
        return 4.0 * self._unit * np.arctanh(np.tanh(0.25 * voltage / self._unit) * decay)

    def capacitance(self, voltage: ArrayLike) -> Values:
        """Differential capacitance d sigma/dV = (eps/lambda_D) cosh(z V/(2 V_T)), F/m^2."""
        return self.permittivity / self.debye_length * np.cosh(0.5 * np.asarray(voltage, dtype=float) / self._unit)

    def valid(self, voltage: ArrayLike, ion_diameter: float) -> NDArray[np.bool_]:
        """Whether counter-ions at the wall stay below one per ``ion_diameter`` (m) cubed.

        Steric effects begin there: Kilic, Bazant and Ajdari, Phys. Rev. E 75 (2007) 021502.
        """
        number = self.concentration * np.exp(np.abs(np.asarray(voltage, dtype=float)) / self._unit) * AVOGADRO
        return number * ion_diameter**3 <= 1.0
