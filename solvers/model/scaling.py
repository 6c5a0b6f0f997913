"""Scales that make the equations dimensionless: potential by V_T, concentration by the bulk, length by 1 um.

Poisson then reads -lambda^2 Lap phi = sum z_i c_i + rho with lambda about 1e-3, and Nernst-Planck
div D_i (grad c_i + z_i c_i grad phi) = 0 with D_i near one. Unscaled, the conditioning hides every error.
"""

from __future__ import annotations

from dataclasses import dataclass

from spinepnp.geometries import MODEL_UNIT
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.units import FARADAY


@dataclass(frozen=True)
class Scales:
    """SI values of one dimensionless unit.

    Attributes:
        potential: unit of the potential, V_T, V.
        concentration: unit of concentrations, mol/m^3.
        diffusivity: unit of diffusivities, m^2/s.
        length: unit of mesh coordinates, m.
        debye: lambda, the Debye-like length sqrt(eps V_T / (F c)) over the unit of length, dimensionless.
    """

    potential: float
    concentration: float
    diffusivity: float
    length: float
    debye: float

    @property
    def current(self) -> float:
        """Unit of currents, F D c L, A."""
        return FARADAY * self.diffusivity * self.concentration * self.length

    @property
    def thermal_energy(self) -> float:
        """Unit of energy per amount, F V_T, J/mol."""
        return FARADAY * self.potential

    @property
    def time(self) -> float:
        """Unit of time, L^2 / D, s."""
        return self.length**2 / self.diffusivity

    @property
    def debye_time(self) -> float:
        """Charging time of a Debye layer, lambda^2 / D, s."""
        return self.debye**2 * self.time

    @property
    def rate(self) -> float:
        """Unit of sources, D c / L^2, mol/(m^3 s)."""
        return self.diffusivity * self.concentration / self.length**2

    @property
    def amount(self) -> float:
        """Unit of amounts, c L^3, mol."""
        return self.concentration * self.length**3

    @property
    def surface_charge(self) -> float:
        """Unit of surface charges, F c L, C/m^2: the scaled normal field is lambda^2 dn phi = sigma / (F c L)."""
        return FARADAY * self.concentration * self.length

    @classmethod
    def of(cls, electrolyte: Electrolyte) -> Scales:
        """Scales of an electrolyte, by its ionic strength (1 mM without ions) and its largest diffusivity."""
        fixed = [electrolyte.uniform_charge, *(region.value for region in electrolyte.charged_regions)]
        concentration = max(electrolyte.ionic_strength(), *map(abs, fixed)) or 1.0
        return cls(
            potential=electrolyte.V_T,
            concentration=concentration,
            diffusivity=max(electrolyte.effective_diffusivity(s) for s in electrolyte.species),
            length=MODEL_UNIT,
            debye=electrolyte.debye_length(concentration) / MODEL_UNIT,
        )
