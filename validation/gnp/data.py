"""The single channels of paper 002 as data: GABA_A, AMPA with and without calcium, leak, and the proposed experiments.

SI units, as in `channels`. All share RT/F = 26.64 mV and a pore of 5 angstrom *radius*: the paper speaks of a diameter,
but only this area gives its permeabilities (currents do not depend on it).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from spinepnp.errors import CaseError, nearest
from spinepnp.validation.gnp.channels import Channel, Permeant, linear_ratio, permeabilities
from spinepnp.validation.gnp.models import REST
from spinepnp.validation.gnp.parameters import Parameters

#: RT/F, V.
THERMAL_VOLTAGE = 1e-3 * Parameters().thermal_voltage

#: Cross-section of every pore, m^2.
AREA = math.pi * (5e-10) ** 2

#: Measured conductance of GABA_A and AMPA channels, S.
SLOPE = 30e-12

#: Channels over the area of the membrane, 1/m^2.
LEAK_DENSITY, AMPA_DENSITY = 1e11, 4e10

#: P_HCO3/P_Cl of GABA_A, and P_Ca/P_K of AMPA channels without GluR2.
HCO3_RATIO, CALCIUM_RATIO = 0.2, 30.0

#: Calcium inside and outside, mM.
CALCIUM = (1e-4, 2.0)

#: What is left of an ion in a solution "free" of it, on both sides, mM: a trace, which carries less than 1e-6 of the
#: current, where zero would make its Nernst potential infinite.
RESIDUE = 1e-7


def _rest() -> dict[str, tuple[float, float]]:
    """K, Na, Cl inside and outside at rest, mM."""
    p, (_, _, _, K_o, Na_i, Cl_i) = Parameters(), REST
    return {"K": (p.K - K_o, K_o), "Na": (Na_i, p.Na - Na_i), "Cl": (Cl_i, p.Cl - Cl_i)}


def gaba_measured() -> Channel:
    """GABA_A in the solutions of the measurement, where Cl inside is 2 mM higher: linear, 30 pS."""
    Cl, HCO3 = Permeant("Cl", -1, 147.0, 145.0), Permeant("HCO3", -1, 15.0, 25.0)
    P_Cl, P_HCO3 = permeabilities(Cl, HCO3, SLOPE, AREA, THERMAL_VOLTAGE)
    return _channel("GABA_A, measurement", (Cl, P_Cl), (HCO3, P_HCO3))


def gaba() -> Channel:
    """GABA_A with chloride at rest."""
    return gaba_measured().with_concentrations(Cl=_rest()["Cl"])


def ampa() -> Channel:
    """AMPA (with GluR2) at rest: linear, 30 pS, P_Na/P_K from the concentrations (eq. 15)."""
    K, Na = (Permeant(name, 1, *_rest()[name]) for name in ("K", "Na"))
    P_K, P_Na = permeabilities(K, Na, SLOPE, AREA, THERMAL_VOLTAGE)
    return _channel("AMPA", (K, P_K), (Na, P_Na))


def ampa_ratio() -> float:
    """P_Na/P_K that makes the AMPA channel linear (eq. 15)."""
    return linear_ratio(*(Permeant(name, 1, *_rest()[name]) for name in ("K", "Na")))


def cp_ampa() -> Channel:
    """AMPA without GluR2, which lets calcium through."""
    K, Na = ampa().permeants
    Ca = Permeant("Ca", 2, *CALCIUM)
    return _channel("CP-AMPA", (K, K.permeability), (Na, Na.permeability), (Ca, CALCIUM_RATIO * K.permeability))


def leak() -> Channel:
    """One leak channel: the permeabilities of the membrane over 1e7 channels a cm^2 (eq. 30)."""
    p, share = Parameters(), LEAK_DENSITY * AREA
    of = {"K": (1, p.P_KL), "Na": (1, p.P_NaL), "Cl": (-1, p.P_ClL)}
    return _channel("leak", *((Permeant(q, z, *_rest()[q]), P / share) for q, (z, P) in of.items()))


def ampa_without_potassium() -> Channel:
    """AMPA in solutions free of potassium: the paper expects inward rectification."""
    return ampa().with_concentrations(K=(RESIDUE, RESIDUE))


def ampa_without_sodium() -> Channel:
    """AMPA in solutions free of sodium: the paper expects outward rectification."""
    return ampa().with_concentrations(Na=(RESIDUE, RESIDUE))


def cp_ampa_without_calcium() -> Channel:
    """AMPA without GluR2 in solutions free of calcium: linear again, if calcium is what rectifies."""
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
    """A channel of `CHANNELS`.

    Raises:
        CaseError: an unknown name.
    """
    if name not in CHANNELS:
        raise CaseError("channel", f"no such channel; {nearest(name, CHANNELS)}", name)
    return CHANNELS[name]()


def rectification(of: Channel, by: float = 0.08) -> float:
    """Current so far above the reversal (V) over that as far below: 1 linear, more outward, less inward."""
    E = of.resting_potential()
    return float(-of.current(E + by) / of.current(E - by))


def _channel(name: str, *parts: tuple[Permeant, float]) -> Channel:
    """A channel of permeants with these permeabilities, m/s."""
    permeants = tuple(Permeant(p.name, p.valence, p.inside, p.outside, P) for p, P in parts)
    return Channel(name, permeants, AREA, THERMAL_VOLTAGE)
