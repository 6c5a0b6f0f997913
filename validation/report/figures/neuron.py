"""Figure of the neuron of paper 002 in a ball, beside the models without space."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.solvers.problem.columns import TIME_COLUMN
from spinepnp.solvers.time.peaks import rises
from spinepnp.solvers.time.traces import table
from spinepnp.units import CONCENTRATION, POTENTIAL
from spinepnp.validation.report.evidence import Evidence
from spinepnp.validation.report.figures.cases import case_of
from spinepnp.validation.report.figures.drawing import Sheet
from spinepnp.validation.report.figures.style import LAW, SOLVED, panels, style
from spinepnp.validation.suite.formulas_neurons import SAMPLE, numbers
from spinepnp.validation.suite.solve import steps_of

#: Column of the potential.
V = f"centre.potential_{POTENTIAL.suffix}"

#: Changes of the case: an early stimulus, and steps that are as long as a picture allows.
SHORT = {
    "boundaries.wall.mechanism.glutamate.onset": "2 ms", "study.duration": "70 ms", "study.times": ["70 ms"],
    "study.tolerance": 1e-3,
}  # fmt: skip

#: Changes for the laws at the wall, with the capacitance of the paper.
AT_WALL = {"boundaries.wall.traces": "local", "boundaries.wall.capacitance.value": "1 uF/cm^2"}

#: Both kinds of traces: words, changes, colour of the solution.
TRACES = {"beside the layer": ({}, SOLVED), "at the wall": (AT_WALL, "#e08a00")}

#: Ions whose concentrations are shown: column, name in the model.
SHOWN = {
    f"compartments.outside.concentration_{CONCENTRATION.suffix}.K": "K_o",
    f"volume.concentration_{CONCENTRATION.suffix}.Na": "Na_i",
}


def spikes(_: Evidence, comm: Any) -> Sheet:
    """Figure of the first spikes, with laws beside the layer and at the wall, and of what the spikes move."""
    found: dict[str, float] = {}
    with style():
        canvas, (axes, ions) = panels(1, 2)
        for words, (changes, colour) in TRACES.items():
            case = case_of("neuron_ball", {**SHORT, **changes})
            rows = table([step.trace for step in steps_of(case, comm) if not step.interpolated])
            times, (model, expected) = np.array([row[TIME_COLUMN] for row in rows]), numbers(case)
            samples = SAMPLE * np.arange(len(model["V"]))
            axes.plot(times, [row[V] for row in rows], color=colour, label=f"laws {words}")
            axes.plot(samples, model["V"], "--", color=LAW, linewidth=1.0)
            at = rises(rows)[V]
            count = min(len(at), len(expected))
            found |= {f"spikes {words}": len(at), f"rest {words}": rows[0][V]}
            found[f"difference {words}"] = float(np.abs(at[:count] - expected[:count]).max())
            for (column, name), line in zip(SHOWN.items(), ("-", ":"), strict=True):
                values = np.array([row[column] for row in rows])
                label = f"{name[:-2]} {'outside' if name.endswith('o') else 'inside'}" if not changes else None
                ions.plot(times, 1e3 * (values - values[0]), line, color=colour, label=label)
                ions.plot(samples, 1e3 * (model[name] - model[name][0]), "--", color=LAW, linewidth=1.0)
        axes.set(xlabel="time (ms)", ylabel="potential inside (mV)")
        ions.set(xlabel="time (ms)", ylabel="change of the concentration (uM)")
        axes.legend(loc="upper left")
        ions.legend(loc="upper left")
    worst = max(value for name, value in found.items() if name.startswith("difference"))
    caption = (
        "A ball with the surface over volume and the membrane of the GNP neuron (paper 002), beside a compartment of "
        "equal volume; glutamate from 2 ms (p_o = 0.065). (a) Potential with all ions in space (solid), and of the "
        "models without space (dashed): at these long steps their spikes differ by at most "
        f"{worst:.2f} ms. Laws of channels are written for the solution beside the Debye layer; with the potential and "
        "the ions at the wall of the layer the same membrane rests elsewhere and fires faster. (b) Potassium that the "
        "spikes let out, sodium that they let in."
    )
    alt = "Potential of a neuron in a ball in time, with laws beside and in the Debye layer, and concentrations."
    return Sheet(canvas, caption, alt, found)
