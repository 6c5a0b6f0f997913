"""Parameters of the neuron models (paper 002, Table 1, at full precision where the table rounds), and their units.

The units are those of the field: mV, mM, ms, mS/cm^2, uA/cm^2; permeabilities in m/s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

from spinepnp.errors import CaseError, nearest

#: Faraday constant of the paper, C/mol.
FARADAY = 96485.0

#: Ratio of p_eff, the multiplier of the printed densities, to p_open of the paper; see `Parameters.glutamate_density`.
P_EFF_PER_P_OPEN = 3.0


@dataclass(frozen=True)
class Parameters:
    """Parameters of a model; every number can be changed by its name.

    ``p_open`` of the paper's neuron figures is a third of what its printed densities need (4e6 channels a cm^2 at
    P_KG = 2.8e-9 m/s); openings here are fractions of `glutamate_density` times those densities, so that p_open = 1
    means p_eff = 3.

    Examples:
        >>> from spinepnp.validation.gnp import Parameters
        >>> standard = Parameters()
        >>> standard.changed(anions=120.0).anions  # mM
        120.0

    Attributes:
        thermal_voltage: thermal voltage RT/F, mV.
        capacitance: membrane capacitance C_m, uF/cm^2.
        surface_to_volume: ratio of surface to volume S/v, 1/m.
        anions: impermeant anions inside, mM.
        K, Na, Cl: total of each ion, inside and outside, mM.
        glutamate_density: density of glutamate channels over 4e6 per cm^2.
        P_KL, P_NaL, P_ClL: permeabilities of the leak, m/s.
        G_L, E_L: conductance of the leak of cHH, mS/cm^2, and its reversal potential, mV.
        G_KL, G_NaL, G_ClL: conductances of the leak of iHH, mS/cm^2.
        P_KG, P_NaG: permeabilities of the glutamate channels at p_eff = 1, m/s.
        G_glu, E_glu: conductance of the glutamate channels in cHH and fGNP, mS/cm^2, and reversal potential, mV.
        G_KG, G_NaG: conductances of the glutamate channels in iHH, mS/cm^2.
        G_KM, G_NaM: largest voltage-gated conductances, mS/cm^2.
        P_KV, P_NaV: largest voltage-gated permeabilities, m/s.
        pump_rate: constant rate of the pump, mM/s.
        pump_maximum: largest rate of the pump that follows concentrations (M_NaK), mM/s.
    """

    thermal_voltage: float = 26.64
    capacitance: float = 1.0
    surface_to_volume: float = 4e5
    anions: float = 110.0
    K: float = 100.0
    Na: float = 155.0
    Cl: float = 145.0
    glutamate_density: float = P_EFF_PER_P_OPEN
    P_KL: float = 2e-8
    P_NaL: float = 1e-9
    P_ClL: float = 4e-9
    G_L: float = 0.17321753857843547
    E_L: float = -61.51555389237104
    G_KL: float = 0.10093118319304335
    G_NaL: float = 0.030438469485251876
    G_ClL: float = 0.041847885900140255
    P_KG: float = 2.8243142792082283e-9
    P_NaG: float = 2.453037405249982e-9
    G_glu: float = 0.12
    E_glu: float = 0.0
    G_KG: float = 0.014253069095474693
    G_NaG: float = 0.074666704205883
    G_KM: float = 20.0
    G_NaM: float = 30.0
    P_KV: float = 1.699e-6
    P_NaV: float = 1.4654e-6
    pump_rate: float = 0.048
    pump_maximum: float = 0.299510717130278

    def __post_init__(self) -> None:
        signed = {"E_L", "E_glu"}
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
                raise CaseError(field.name, "must be a finite number", value)
            if field.name not in signed and value < 0.0:
                raise CaseError(field.name, "must be zero or greater", value)
        for name in ("thermal_voltage", "capacitance", "surface_to_volume", "K", "Na", "Cl"):
            if getattr(self, name) == 0.0:
                raise CaseError(name, "must be greater than zero", 0.0)

    def changed(self, **values: float) -> Parameters:
        """Parameters with some numbers changed.

        Raises:
            CaseError: a name is unknown, or a value is invalid.
        """
        known = [field.name for field in fields(self)]
        for name in values:
            if name not in known:
                raise CaseError(name, f"is no parameter; {nearest(name, known)}")
        return replace(self, **values)

    @property
    def gamma(self) -> float:
        """Rate of a concentration by a current, mM/s per uA/cm^2."""
        return self.surface_to_volume / FARADAY * 0.01

    @property
    def kappa(self) -> float:
        """Potential of a net charge, mV per mM."""
        return 1000.0 / (self.gamma * self.capacitance)

    @property
    def unit(self) -> float:
        """Factor from P c to a current, uA/cm^2 per (m/s mM)."""
        return 100.0 * FARADAY

    def p_eff(self, p_open: float) -> float:
        """Multiplier of the glutamate densities for an opening.

        Raises:
            CaseError: the opening is not between zero and one.
        """
        if not (math.isfinite(p_open) and 0.0 <= p_open <= 1.0):
            raise CaseError(
                "p_open", "must lie between 0 and 1 (p_eff = 3 p_open; the density is glutamate_density)", p_open
            )
        return self.glutamate_density * p_open
