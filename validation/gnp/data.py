"""Data of the single channels of paper 002: GABA_A, AMPA with and without calcium, leak, and the proposed experiments.

SI units, as in `channels`. All have RT/F = 26.64 mV and a pore of 5 angstrom *radius*: the paper says diameter, but
only this area gives its permeabilities (currents do not depend on it).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from spinepnp.errors import CaseError, nearest
from spinepnp.validation.gnp.channels import Channel, Permeant, linear_ratio, permeabilities
from spinepnp.validation.gnp.models import REST
from spinepnp.validation.gnp.parameters import Parameters

#: Thermal voltage RT/F, V.
THERMAL_VOLTAGE = 1e-3 * Parameters().thermal_voltage

#: Cross-section of every pore, m^2.
AREA = math.pi * (5e-10) ** 2

#: Measured conductance of GABA_A and AMPA channels, S.
SLOPE = 30e-12

#: Leak channels per area of membrane, 1/m^2 (1e7 per cm^2).
LEAK_DENSITY = 1e11

#: AMPA channels per area of membrane, 1/m^2.
AMPA_DENSITY = 4e10

#: Ratio P_HCO3/P_Cl of GABA_A channels.
HCO3_RATIO = 0.2

#: Ratio P_Ca/P_K of AMPA channels without GluR2.
CALCIUM_RATIO = 30.0

#: Concentrations of calcium inside and outside, mM.
CALCIUM = (1e-4, 2.0)

#: Concentration of an ion on both sides in solutions "free" of it, mM: it carries less than 1e-6 of the current, but
#: zero would make its Nernst potential infinite.
RESIDUE = 1e-7


def rest_concentrations(p: Parameters) -> dict[str, tuple[float, float]]:
    """Concentrations of K, Na and Cl inside and outside at the authors' rest, mM."""
    _, _, _, K_o, Na_i, Cl_i = REST
    return {"K": (p.K - K_o, K_o), "Na": (Na_i, p.Na - Na_i), "Cl": (Cl_i, p.Cl - Cl_i)}


def gaba_measured() -> Channel:
    """GABA_A channel in the solutions of the measurement, where Cl inside is 2 mM higher: linear, 30 pS."""
    Cl, HCO3 = Permeant("Cl", -1, 147.0, 145.0), Permeant("HCO3", -1, 15.0, 25.0)
    P_Cl, P_HCO3 = permeabilities(Cl, HCO3, SLOPE, AREA, THERMAL_VOLTAGE)
    return _channel("GABA_A, measurement", (Cl, P_Cl), (HCO3, P_HCO3))


def gaba() -> Channel:
    """GABA_A channel with chloride at rest."""
    return gaba_measured().with_concentrations(Cl=rest_concentrations(Parameters())["Cl"])


def ampa() -> Channel:
    """AMPA channel (with GluR2) at rest: linear, 30 pS, P_Na/P_K from the concentrations (eq. 15)."""
    K, Na = (Permeant(name, 1, *rest_concentrations(Parameters())[name]) for name in ("K", "Na"))
    P_K, P_Na = permeabilities(K, Na, SLOPE, AREA, THERMAL_VOLTAGE)
    return _channel("AMPA", (K, P_K), (Na, P_Na))


def ampa_ratio() -> float:
    """Ratio P_Na/P_K that makes the AMPA channel linear (eq. 15)."""
    return linear_ratio(*(Permeant(name, 1, *rest_concentrations(Parameters())[name]) for name in ("K", "Na")))


def cp_ampa() -> Channel:
    """AMPA channel without GluR2, which is permeable to calcium."""
    K, Na = ampa().permeants
    Ca = Permeant("Ca", 2, *CALCIUM)
    return _channel("CP-AMPA", (K, K.permeability), (Na, Na.permeability), (Ca, CALCIUM_RATIO * K.permeability))


def leak(parameters: Parameters | None = None) -> Channel:
    """One leak channel: the permeabilities of the membrane over density and area of the pores (eq. 30)."""
    p, share = parameters or Parameters(), LEAK_DENSITY * AREA
    of = {"K": (1, p.P_KL), "Na": (1, p.P_NaL), "Cl": (-1, p.P_ClL)}
    sides = rest_concentrations(p)
    permeants = tuple(Permeant(name, z, *sides[name], P / share) for name, (z, P) in of.items())
    return Channel("leak", permeants, AREA, 1e-3 * p.thermal_voltage)


def ampa_without_potassium() -> Channel:
    """AMPA channel in solutions free of potassium: the paper expects inward rectification."""
    return ampa().with_concentrations(K=(RESIDUE, RESIDUE))


def ampa_without_sodium() -> Channel:
    """AMPA channel in solutions free of sodium: the paper expects outward rectification."""
    return ampa().with_concentrations(Na=(RESIDUE, RESIDUE))


def cp_ampa_without_calcium() -> Channel:
    """AMPA channel without GluR2 in solutions free of calcium: linear again, if calcium causes the rectification."""
    return cp_ampa().with_concentrations(Ca=(RESIDUE, RESIDUE))


#: Every channel by the name that commands and figures use.
CHANNELS: dict[str, Callable[[], Channel]] = {
    "gaba_measured": gaba_measured,
    "gaba": gaba,
    "ampa": ampa,
    "cp_ampa": cp_ampa,
    "leak": leak,
    "ampa_without_potassium": ampa_without_potassium,
    "ampa_without_sodium": ampa_without_sodium,
    "cp_ampa_without_calcium": cp_ampa_without_calcium,
}


def channel(name: str) -> Channel:
    """Channel of `CHANNELS` by its name.

    Raises:
        CaseError: the name is unknown.
    """
    if name not in CHANNELS:
        raise CaseError("channel", f"no such channel; {nearest(name, CHANNELS)}", name)
    return CHANNELS[name]()


def rectification(of: Channel, by: float = 0.08) -> float:
    """Ratio of the currents at ``by`` (V) above and below the reversal: 1 linear, above 1 outward, below 1 inward."""
    E = of.resting_potential()
    return float(-of.current(E + by) / of.current(E - by))


def _channel(name: str, *parts: tuple[Permeant, float]) -> Channel:
    """Channel of permeants with these permeabilities, m/s."""
    permeants = tuple(Permeant(p.name, p.valence, p.inside, p.outside, P) for p, P in parts)
    return Channel(name, permeants, AREA, THERMAL_VOLTAGE)
