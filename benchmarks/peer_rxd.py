"""The neck of `buffered_neck` in NEURON's rxd: cells of equal length and the integrator CVODE.

python -m benchmarks.peer_rxd JSON       prints one line of JSON

rxd has no boundary with a given concentration: the base is a second section, so wide that its volume is 2.5e9 times
that of the neck, and its resistance 2e-10 of it.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from neuron import __version__, h, rxd

from benchmarks import buffered_neck as neck

#: Length and diameter of the bath, um.
BATH = (1.0, 1e4)

#: um^2/ms in m^2/s; (mM ms)^-1 in m^3/(mol s).
DIFFUSIVITY, PER_MS = 1e9, 1e-3


def run(mobile: bool, current: float, cells: int, tolerance: float) -> dict[str, object]:
    """Row of a run.

    Args:
        mobile: whether the buffer diffuses.
        current: current of calcium, fA.
        cells: number of cells of the neck.
        tolerance: absolute tolerance of CVODE, mM.
    """
    bath, tube = h.Section(name="bath"), h.Section(name="neck")
    bath.L, bath.diam, bath.nseg = *BATH, 1
    tube.L, tube.diam, tube.nseg = 1e6 * neck.LENGTH, 2e6 * neck.RADIUS, cells
    tube.connect(bath(1), 0)
    inside = rxd.Region([bath, tube])
    D = (neck.CALCIUM, *[neck.BUFFER if mobile else 0.0] * 2)
    Ca, B, CaB = (
        rxd.Species(inside, name=name, d=d * DIFFUSIVITY, initial=c)
        for name, d, c in zip(("Ca", "B", "CaB"), D, neck.BULK, strict=True)
    )
    binding = rxd.Reaction(Ca + B, CaB, neck.FORWARD * PER_MS, neck.BACKWARD * PER_MS)
    Ca.nodes(tube)[-1].include_flux(1e-18 * current / (2.0 * neck.ELEMENTARY_CHARGE), units="molecule/ms")
    solver = h.CVode()
    solver.active(1)
    solver.atol(tolerance)
    h.finitialize(-65.0)
    half = 0.5 * neck.LENGTH / cells
    slope = 1e-15 * current / (2.0 * neck.FARADAY * np.pi * neck.RADIUS**2 * neck.CALCIUM)
    found: dict[str, list[float]] = {"head_uM": [], "middle_uM": [], "bound_uM": []}
    start = time.process_time()
    for until in (*neck.TIMES, neck.steady(mobile)):
        solver.solve(until)
        free, bound = (1e3 * np.array(s.nodes(tube).value) for s in (Ca, CaB))
        # The slope at the end is known; the parabola would have an error of the first order in the square root of t.
        found["head_uM"].append(float(free[-1] + 1e3 * slope * half))
        found["middle_uM"].append(float(0.5 * (free[cells // 2 - 1] + free[cells // 2])))
        found["bound_uM"].append(neck.end_by_cells(bound.tolist()))
    del binding  # rxd drops a reaction that has no name
    settings = {"version": __version__, "cells": cells, "tolerance": tolerance}
    return {**settings, "run_s": time.process_time() - start, **found}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    given.pop("threads", None)
    print(json.dumps(run(**given)))
