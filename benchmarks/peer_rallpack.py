"""Rallpack 3 in NEURON: the spikes of references.toml, and of coarser runs from which their error follows.

python -m benchmarks.peer_rallpack JSON       prints one line of JSON

The cable of cases/rallpack_3.toml: 1 mm by 1 um, R_A = 1 Ohm m, C_M = 0.01 F/m^2, the channels `hh` of NEURON at 6.3
degrees Celsius with the conductances and reversal potentials of the test. All of it starts at -65 mV, with the gates at
their steady values there (finitialize), while 0.1 nA enter the first segment. Potentials are those of the first and of
the last segment: the ends of a section are nodes without capacitance, at which the method of second order rings.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from neuron import __version__, h

#: Length and diameter of the cable, um.
LENGTH, DIAMETER = 1000.0, 1.0

#: Injected current, nA.
CURRENT = 0.1

#: Potential at the start, and the reversal potential of the leak, mV.
START = -65.0


def cable(segments: int) -> object:
    """The section with its channels; units of NEURON: um, Ohm cm, uF/cm^2, S/cm^2, mV."""
    section = h.Section(name="cable")
    section.L, section.diam, section.nseg, section.Ra, section.cm = LENGTH, DIAMETER, segments, 100.0, 1.0
    section.insert("hh")
    section.ena, section.ek = 50.0, -77.0
    for segment in section:
        hh = segment.hh
        hh.gnabar, hh.gkbar, hh.gl, hh.el = 0.12, 0.036, 2.5e-5, START
    return section


def rises(times: np.ndarray, V: np.ndarray) -> list[float]:
    """Times at which a potential rises through zero, ms, by linear interpolation between steps."""
    before = np.flatnonzero((V[:-1] < 0.0) & (V[1:] >= 0.0))
    part = -V[before] / (V[before + 1] - V[before])
    return (times[before] + part * (times[before + 1] - times[before])).tolist()


def spikes(segments: int, step: float, order: int, duration: float) -> dict[str, object]:
    """Row of a run.

    Args:
        segments: number of segments of the cable.
        step: time step, ms.
        order: 0 for backward Euler; 2 for the second order of NEURON, with the gates half a step before the potential.
        duration: duration, ms.
    """
    section = cable(segments)
    places = {"base": 0.5 / segments, "top": 1.0 - 0.5 / segments}
    clamp = h.IClamp(section(places["base"]))
    clamp.delay, clamp.dur, clamp.amp = 0.0, 2.0 * duration, CURRENT
    h.celsius, h.dt, h.secondorder, h.usetable_hh = 6.3, step, order, 0  # rates without tables
    time_ms = h.Vector().record(h._ref_t)
    ends = {name: h.Vector().record(section(x)._ref_v) for name, x in places.items()}
    h.finitialize(START)
    start = time.process_time()
    for _ in range(round(duration / step)):
        h.fadvance()
    run_s = time.process_time() - start
    found = {name: rises(np.array(time_ms), np.array(V)) for name, V in ends.items()}
    return {"version": __version__, "segments": segments, "step_ms": step, "order": order, "run_s": run_s, **found}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    given.pop("threads", None)
    print(json.dumps(spikes(**given)))
