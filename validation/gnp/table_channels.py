"""Values of `table` on membranes and single channels, by the ids of `paper.toml`, in the units printed there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spinepnp.units import BOLTZMANN, ELEMENTARY_CHARGE
from spinepnp.validation.gnp import data
from spinepnp.validation.gnp.channels import Channel
from spinepnp.validation.gnp.models import REST, Model
from spinepnp.validation.gnp.parameters import Parameters
from spinepnp.validation.laws.constant_field import harmonic_mean, transit_time

#: Relative deviation from a linear curve above which a channel rectifies.
LINEAR = 1e-6

#: Voltages of the figures, V.
VOLTAGES = np.linspace(-0.1, 0.1, 41)


def trend(values: Any) -> str:
    """Trend of values: ``"rises"`` or ``"falls"`` if each is above or below its predecessor, or ``"neither"``."""
    steps = np.diff(np.asarray(values, dtype=float))
    return "rises" if np.all(steps > 0.0) else "falls" if np.all(steps < 0.0) else "neither"


def electrodiffusion() -> dict[str, float | str]:
    """Harmonic means and transit times (Fig 2, S2)."""
    phi = data.THERMAL_VOLTAGE
    permeants = {p.name: p for c in (data.cp_ampa(), data.leak()) for p in c.permeants}
    values: dict[str, float | str] = {
        f"mean.{name}": trend(harmonic_mean(VOLTAGES, p.inside, p.outside, p.valence, phi))
        for name, p in permeants.items()
    }
    outside = np.linspace(REST[3], 50.0, 40)  # mM, up to equal sides
    values["mean.gradient"] = trend(harmonic_mean(-0.04, 100.0 - outside, outside, 1, phi))
    xi, V = np.linspace(0.0, 1.0, 201), np.linspace(-0.1, 0.1, 201)
    times = transit_time(xi[:, None], V[None, :], 1, phi)
    i, j = np.unravel_index(int(np.argmax(times)), times.shape)
    return values | {
        "transit.maximum": float(times[i, j]),
        "transit.place": float(xi[i]),
        "transit.voltage": float(1e3 * V[j]),
    }


def shape(of: Channel) -> str:
    """Shape of the current-voltage curve of a channel: ``"linear"``, ``"outward"`` or ``"inward"``."""
    ratio = data.rectification(of)
    return "linear" if abs(ratio - 1.0) < LINEAR else "outward" if ratio > 1.0 else "inward"


def channels() -> dict[str, float | str]:
    """Permeabilities and rectification (Fig 3, 5a-c, S1)."""
    measured, gaba, ampa, cp, leak = (
        data.gaba_measured(), data.gaba(), data.ampa(), data.cp_ampa(), data.leak(),
    )  # fmt: skip
    P = {(c.name, p.name): p.permeability for c in (measured, ampa, cp, leak) for p in c.permeants}
    HCO3 = next(p for p in measured.permeants if p.name == "HCO3")
    E = gaba.resting_potential()
    apparent, latent = gaba.apparent(E)[1], float(gaba.latent(E)[1])
    rest_V = 1e-3 * float(Model("gnp").rest()[3])
    G, E_L = leak.latent(np.linspace(rest_V, 0.0, 40))
    return {
        "gaba.offset": data.HCO3_RATIO * (HCO3.outside - HCO3.inside),
        "gaba.P_Cl": P[measured.name, "Cl"],
        "gaba.P_HCO3": P[measured.name, "HCO3"],
        "gaba.measured": shape(measured),
        "gaba.shape": shape(gaba),
        "gaba.E": 1e3 * E,
        "gaba.pair": "equal" if max(abs(apparent - E), abs(latent - E)) < 1e-12 else "different",
        "ampa.ratio": data.ampa_ratio(),
        "ampa.P_K": P[ampa.name, "K"],
        "ampa.P_Na": P[ampa.name, "Na"],
        "ampa.shape": shape(ampa),
        "cp.P_Ca": P[cp.name, "Ca"],
        "cp.shape": shape(cp),
        "free.K": shape(data.ampa_without_potassium()),
        "free.Na": shape(data.ampa_without_sodium()),
        "free.Ca": shape(data.cp_ampa_without_calcium()),
        "leak.P_K": P[leak.name, "K"],
        "leak.P_Na": P[leak.name, "Na"],
        "leak.P_Cl": P[leak.name, "Cl"],
        "leak.shape": shape(leak),
        "leak.G": trend(G),
        "leak.E": trend(E_L),
    }


def table1(printed: Mapping[str, Any]) -> dict[str, float | str]:
    """Values of Table 1 from other data; the printed section "channels" gives those of the leak (eq. 30)."""
    p, model = Parameters(), Model("gnp")
    V = float(model.rest()[3])
    leak, ampa = data.leak(), data.ampa()
    # 1 S/m^2 is 0.1 mS/cm^2
    G = {name: 0.1 * data.LEAK_DENSITY * float(g) for name, g in leak.conductances(1e-3 * V).items()}
    G_LH, E_LH = leak.latent(1e-3 * V)
    glutamate = {name: 0.1 * data.AMPA_DENSITY * float(g) for name, g in ampa.conductances(1e-3 * V).items()}
    leak_share, ampa_share = data.LEAK_DENSITY * data.AREA, data.AMPA_DENSITY * data.AREA
    P_G = {q.name: ampa_share * q.permeability for q in ampa.permeants}
    _, _, _, K_o, Na_i, Cl_i = REST
    # the pump at rest over its maximum (eq. 31)
    share = 1.0 / ((1.0 + np.exp((25.0 - Na_i) / 3.0)) * (1.0 + np.exp(3.5 - K_o)))
    two = [round(c, 2) for c in (K_o, Na_i, Cl_i)]
    return {
        "P_KL": leak_share * printed["leak.P_K"],
        "P_NaL": leak_share * printed["leak.P_Na"],
        "P_ClL": leak_share * printed["leak.P_Cl"],
        "P_KG": P_G["K"],
        "P_NaG": P_G["Na"],
        "P_KV": gated_permeability(20.0, p.K - K_o, K_o, p.G_KM, p),
        "P_NaV": gated_permeability(20.0, Na_i, p.Na - Na_i, p.G_NaM, p),
        "G_glu": 0.1 * data.AMPA_DENSITY * data.SLOPE,
        "E_glu": 1e3 * ampa.apparent(0.0)[1],
        "G_LH": 0.1 * data.LEAK_DENSITY * float(G_LH),
        "E_LH": 1e3 * float(E_LH),
        "G_KL": G["K"],
        "G_NaL": G["Na"],
        "G_ClL": G["Cl"],
        "G_KG": glutamate["K"],
        "G_NaG": glutamate["Na"],
        "I_NaK": -p.pump_rate / p.gamma,
        "M_NaK": p.pump_rate / float(share),
        "T": 1e-3 * p.thermal_voltage * ELEMENTARY_CHARGE / BOLTZMANN,
        "V_decimals": p.kappa * (two[1] - two[0] - two[2] - model.coefficients.anions),
        "pump.high": -0.7 / p.gamma,
    }


def gated_permeability(V: float, inside: float, outside: float, largest: float, p: Parameters) -> float:
    """Permeability whose conductance (eq. 45 without f) equals the largest one of RTM at a voltage.

    Args:
        V: voltage at which the conductances agree, mV.
        inside: concentration inside, mM.
        outside: concentration outside, mM.
        largest: largest conductance of RTM, mS/cm^2.
        p: parameters of the model.

    Returns:
        Permeability, m/s.
    """
    mean = float(harmonic_mean(V, inside, outside, 1, p.thermal_voltage))
    return largest * p.thermal_voltage / (p.unit * mean)
