"""A neck with a living membrane, as plain tables."""

import copy

from spinepnp.case.toml import set_value, unset_value
from support.ions import ion

OUTSIDE = {"Na": "145 mM", "K": "4 mM", "Cl": "149 mM"}
#: A factor of the strengths in 0.5 ms of each millisecond.
PULSES = {"waveform": "pulse", "duration": "0.5 ms", "count": 2, "interval": "1 ms"}


def living(**changes):
    """Neck with leak, potassium channels and pump in its wall, and a synapse that faces a cleft; with changes."""
    wall = [
        {"name": "leak", "law": "ghk", "permeability": {"K": "2e-8 m/s", "Na": "1e-9 m/s", "Cl": "4e-9 m/s"}},
        {"name": "Kv", "law": "ohmic", "species": "K", "conductance": "20 mS/cm^2",
         "gates": [{"kinetics": "rtm_n", "power": 4}, {"half": "-40 mV", "slope": "5 mV", "time": "2 ms"}]},
        {"name": "pump", "law": "pump", "kind": "nak", "maximum": "1.15782 uA/cm^2"},
    ]  # fmt: skip
    top = [
        {"name": "AMPA", "law": "ghk", "permeability": {"Na": 1, "K": 1}, "conductance": "1 nS", **PULSES},
        {"name": "simple", "law": "ohmic", "conductance": "1 nS", "reversal": "0 mV",
         "carriers": {"Na": 1.2, "K": -0.2}, "magnesium": "1 mM"},
    ]  # fmt: skip
    data = {
        "geometry": {"shape": "cylinder", "length": "1 um", "radius": "100 nm"},
        "electrolyte": {
            "species": [ion("Na", 1, 12), ion("K", 1, 155), ion("Cl", -1, 167), ion("T", 0, 1)]
        },
        "boundaries": {
            "base": {"potential": "0 mV", "concentrations": "bulk"},
            "wall": {"capacitance": {"value": "1 uF/cm^2"}, "mechanism": wall,
                     "outside": {"potential": "5 mV", "concentrations": dict(OUTSIDE)}},
            "top": {"outside": {"compartment": "cleft"}, "mechanism": top},
        },
        "compartments": {"cleft": {"volume": "0.01 um^3", "concentrations": dict(OUTSIDE)}},
        "study": {"kind": "transient", "duration": "3 ms"},
    }  # fmt: skip
    data = copy.deepcopy(data)
    for path, value in changes.items():
        path = path.replace("__", ".")
        unset_value(data, path) if value is None else set_value(data, path, value)
    return data
