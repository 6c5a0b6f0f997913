"""Figures of cables: a passive one beside its analytic series, and spikes beside those of NEURON."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.solvers.problem.columns import TIME_COLUMN
from spinepnp.units import POTENTIAL
from spinepnp.validation.reference import table as references
from spinepnp.validation.report.evidence import Evidence
from spinepnp.validation.report.figures.cases import case_of, potentials, probes, solved
from spinepnp.validation.report.figures.drawing import Sheet
from spinepnp.validation.report.figures.spine import column
from spinepnp.validation.report.figures.style import LAW, SERIES, SOLVED, panels, style
from spinepnp.validation.suite.context import FormulaContext
from spinepnp.validation.suite.formulas_boundaries import cable

#: Column of the potential, after the name of a place.
V = f"potential_{POTENTIAL.suffix}"

#: Ends of the cable, with words for them.
ENDS = {"base": "where the current enters", "top": "other end"}

#: Times of rows of the passive cable, ms.
PASSIVE = (0.5, 1, 2, 4, 7, 10, 15, 20, 30, 40, 60, 80, 100, 130, 160, 200, 250)

#: Times of rows with spikes, ms; of them those at which the whole cable is shown.
SPIKES, PROFILES = np.arange(0.25, 35.1, 0.25), (16.5, 17.0, 17.5, 18.0)

#: Places along the cable, um.
PLACES = tuple(np.linspace(0.0, 1000.0, 101).tolist())


def passive(_: Evidence, comm: Any) -> Sheet:
    """Figure of the passive cable: the potential at both ends in time."""
    changes = {"study.times": [f"{t:g} ms" for t in PASSIVE]}
    case, rows = case_of("rallpack_1", changes), solved("rallpack_1", changes, comm)
    times = np.geomspace(0.2, PASSIVE[-1], 200)
    numbers: dict[str, float] = {}
    with style():
        canvas, (axes, errors) = panels(1, 2)
        for end, colour in zip(ENDS, (SOLVED, "#e08a00"), strict=True):
            quantity = f"{end}.{V}"
            law = [1e3 * cable(FormulaContext(case, quantity, {TIME_COLUMN: float(t)})) for t in times]
            at_rows = np.array([1e3 * cable(FormulaContext(case, quantity, row)) for row in rows])
            found = column(rows, quantity)
            axes.plot(times, law, color=LAW)
            axes.plot(PASSIVE, found, "o", color=colour, markersize=4, label=ENDS[end])
            errors.semilogx(PASSIVE, 1e3 * (found - at_rows), "o-", color=colour, markersize=4)
            numbers |= {f"V_{end}": float(found[-1]), f"error_{end}": float(np.abs(found - at_rows).max())}
        axes.set(xlabel="time (ms)", ylabel="change of the potential (mV)", ylim=(0.0, None))
        errors.set(xlabel="time (ms)", ylabel="difference from the series (uV)")
        axes.legend(loc="center right")
    worst = max(numbers["error_base"], numbers["error_top"])
    caption = (
        "0.1 nA enter one end of a sealed cable of 1 um by 1 mm (R_A 1 Ohm m, R_M 4 Ohm m², C_M 0.01 F/m²). (a) "
        "Potential at both ends from ions in water (points), and the series of the cable equation (blue). (b) Their "
        f"difference, at most {1e3 * worst:.1f} uV: full Poisson-Nernst-Planck on a line with its membrane is the "
        "cable equation where concentrations stay."
    )
    alt = "Potential at both ends of a passive cable in time, with the analytic series; their difference."
    return Sheet(canvas, caption, alt, numbers)


def spikes(_: Evidence, comm: Any) -> Sheet:
    """Figure of spikes: the potential at both ends in time, and along the cable."""
    changes = {
        "study.times": [f"{t:g} ms" for t in SPIKES], "study.duration": f"{SPIKES[-1]:g} ms", "probes": probes(PLACES),
    }  # fmt: skip
    rows, reference = solved("rallpack_3", changes, comm), references.rows("rallpack_3")
    numbers: dict[str, float] = {}
    with style():
        canvas, (axes, along) = panels(1, 2)
        for end, colour in zip(ENDS, (SOLVED, "#e08a00"), strict=True):
            times = [row[end] for row in reference if row[end] < SPIKES[-1]]
            axes.plot(SPIKES, column(rows, f"{end}.{V}"), color=colour, label=ENDS[end])
            axes.plot(times, np.zeros(len(times)), "x", color=LAW, markersize=7, markeredgewidth=1.6, zorder=6)
            last = rows[-1][f"rise.{end}.{V}.{TIME_COLUMN}"]
            numbers |= {f"last_{end}": last, f"difference_{end}": last - times[-1]}
        for t, colour in zip(PROFILES, SERIES, strict=True):
            at = int(np.argmin(np.abs(SPIKES - t)))
            along.plot(1e-3 * np.array(PLACES), potentials(rows[at], PLACES), color=colour, label=f"{t:g} ms")
        axes.set(xlabel="time (ms)", ylabel="potential (mV)")
        along.set(xlabel="distance from the end where the current enters (mm)", ylabel="potential (mV)")
        axes.legend(loc="lower right")
        along.legend()
    worst = max(abs(numbers["difference_base"]), abs(numbers["difference_top"]))
    caption = (
        "The same cable with the squid's sodium and potassium channels. (a) Potential at both ends; crosses: the times "
        f"at which it rises through zero in NEURON, from which the last ones here differ by {1e3 * worst:.1f} us. "
        "(b) The second spike on its way along the cable."
    )
    alt = "Spikes at both ends of a cable in time, with the times of NEURON; a spike along the cable at four times."
    return Sheet(canvas, caption, alt, numbers)
