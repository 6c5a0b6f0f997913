"""Electroneutral current-voltage laws of a cylinder (paper 001, eqs. (5)-(7), (12)-(14)).

A current I of one monovalent cation enters at x = L; at x = 0 the concentrations are those of the bulk and the
potential is zero; all ions are monovalent and only the injected one has a flux. All arguments and results in SI units.

Paper 001 has errors that are corrected here: eq. (14) lacks the factor 1/I, and its eq. (12) holds only while the
concentration of the injected ion is not negative (see `limiting_current`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from spinepnp.units import FARADAY, VACUUM_PERMITTIVITY
from spinepnp.validation.laws.debye_layer import Values, injector_drop, screening_length


@dataclass(frozen=True)
class CylinderLaw:
    """A cylinder filled with monovalent ions.

    Examples:
        >>> from spinepnp.validation.laws import CylinderLaw
        >>> law = CylinderLaw(1e-6, 100e-9, diffusivity=200e-12, injected=12.0, anions=167.0, thermal_voltage=25.26e-3)
        >>> (law.voltage([50e-12, 200e-12]) * 1e3).round(3)  # mV
        array([ 5.575, 17.354])

    Attributes:
        length: L, m.
        radius: r_0, m.
        diffusivity: D of the injected cation, m^2/s; those of the others do not enter at steady state.
        injected: bulk concentration of the injected cation, mol/m^3.
        anions: total bulk concentration of anions C_A, mol/m^3 (equal to that of all cations).
        thermal_voltage: kT/e, V.
        permittivity: absolute permittivity, F/m; needed by `layer_drop` only.
    """

    length: float
    radius: float
    diffusivity: float
    injected: float
    anions: float
    thermal_voltage: float
    permittivity: float = 80.0 * VACUUM_PERMITTIVITY

    @property
    def _slope(self) -> float:
        """Product 2 S D F C_A, A m: the current that doubles the salt over a length, times that length."""
        return 2.0 * np.pi * self.radius**2 * self.diffusivity * FARADAY * self.anions

    def voltage(self, current: ArrayLike, x: float | None = None) -> Values:
        """Potential V(x) = V_T ln(1 + I x / (2 C_A S D F)), eqs. (5) and (13); at x = L by default.

        Args:
            current: current I, A, any shape; not beyond -2 C_A S D F / L.
            x: distance from the grounded end, m.

        Returns:
            Potential, V, shape of ``current``; not a number beyond the limit.
        """
        x = self.length if x is None else x
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.thermal_voltage * np.log1p(np.asarray(current, dtype=float) * x / self._slope))

    def ohmic_resistance(self) -> float:
        """Ohmic resistance L V_T / (2 S D F C_A), eq. (7), Ohm."""
        return self.thermal_voltage * self.length / self._slope

    def resistance(self, current: ArrayLike) -> Values:
        """Resistance V(L)/I, eq. (6) and eq. (14) with its missing 1/I, Ohm; the Ohmic limit at I = 0."""
        current = np.asarray(current, dtype=float)
        small = current == 0.0
        return np.where(small, self.ohmic_resistance(), self.voltage(current) / np.where(small, 1.0, current))

    def concentrations(self, current: ArrayLike, x: float | None = None) -> tuple[Values, Values, Values]:
        """Concentrations at x of the injected cation (eq. (12)), the other cations together and the anions, mol/m^3."""
        x = self.length if x is None else x
        anions = self.anions * (1.0 + np.asarray(current, dtype=float) * x / self._slope)
        others = (self.anions - self.injected) * self.anions / anions
        return anions - others, others, anions

    def limiting_current(self) -> float:
        """Limiting current (the most negative one), at which the injected cation is used up at x = L, A.

        c_Na = 0 at e^u = sqrt(C_K / C_A), so I = (sqrt(1 - C_Na/C_A) - 1) 2 C_A S D F / L (facts pnp B3).
        """
        return float((np.sqrt(1.0 - self.injected / self.anions) - 1.0) * self._slope / self.length)

    def layer_drop(self, current: ArrayLike) -> Values:
        """Voltage that the Debye layer at a zero-field injector adds, V: -V_T lambda_D(c_L) u'(L) (facts pnp D).

        First order in lambda_D / L; not a number beyond the limit. Agrees to 0.4 % with the full equations.
        """
        anions = self.concentrations(current)[2]
        slope = np.asarray(current, dtype=float) * self.anions / self._slope / anions
        length = screening_length(2.0 * anions, self.permittivity, self.thermal_voltage)
        return injector_drop(slope, length, self.thermal_voltage)
