"""Figure of species that react: calcium with a buffer and a dye in time, and around an open channel."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spinepnp.geometries import Shell
from spinepnp.units import CONCENTRATION, TIME
from spinepnp.validation.laws import nanodomain
from spinepnp.validation.laws.buffers import excess_buffer_range
from spinepnp.validation.report.evidence import Evidence
from spinepnp.validation.report.figures.cases import PROBE, case_of, concentrations, probes, solved
from spinepnp.validation.report.figures.drawing import Sheet
from spinepnp.validation.report.figures.style import GREY, LAW, SERIES, SOLVED, panels, style
from spinepnp.validation.suite import one_dimension

#: Times of rows of the neck, ms, with those before the diffusion along it.
TIMES = (0.01, 0.03, 0.1, 0.3, 1, 2, 3, 5, 8, 12, 18, 25, 35, 50)

#: Keys of the neck: those of the validation case.
NECK = {
    "geometry.dimension": "1d", "mesh.size": "20 nm", "mesh.element_degree": 2,
    "study.times": [f"{t:g} ms" for t in TIMES],
}  # fmt: skip

#: Species of the neck that are shown, with their place.
SHOWN = (("top", "Ca"), ("middle", "Ca"), ("top", "CaB"), ("top", "CaDye"))

#: Distances from the channel, um.
DISTANCES = tuple(np.geomspace(5e-3, 1.0, 14).tolist())


def reactions(_evidence: Evidence, comm: Any) -> Sheet:
    """Figure of calcium with a buffer and a dye in a neck, and of the nanodomain of a channel."""
    with style():
        canvas, (neck, channel) = panels(1, 2)
        _draw_neck(neck, comm)
        share = _draw_channel(channel, comm)
    caption = (
        "(a) 20 fA of calcium enter the top of a neck with 150 mM of salt, an immobile buffer B and a dye: "
        "concentrations in time (dots), and those of the independent solver in one dimension (lines). (b) Rise of "
        "calcium over the current of a channel in a flat wall, against the distance, with 100 uM of a free buffer at "
        "1 fA, 0.1 pA and 1 pA (dots, dark to light); without a buffer (grey), and in excess buffer that holds what it "
        "binds (blue). Far away more is left, because the buffer sets calcium free again, and at 1 pA because it is "
        f"used up: {100 * share:.0f} % of it are free at 5 nm."
    )
    alt = "Concentrations of calcium and bound calcium in time; rise of calcium around a channel against the distance."
    return Sheet(canvas, caption, alt, {"free": share})


def _draw_neck(axes: Any, comm: Any) -> None:
    case, rows = case_of("buffered_step", NECK), solved("buffered_step", NECK, comm)
    reference = [row for row, _ in one_dimension.solved(case)]
    for (place, name), colour in zip(SHOWN, SERIES, strict=True):
        column = f"{place}.concentration_{CONCENTRATION.suffix}.{name}"
        axes.loglog(TIMES, [1e3 * row[column] for row in reference], color=colour, label=f"{name}, {place}")
        times = [row[f"{TIME.name}_{TIME.suffix}"] for row in rows]
        axes.plot(times, [1e3 * row[column] for row in rows], "o", color=colour, markersize=4)
    axes.set(xlabel="time (ms)", ylabel="concentration (uM)")
    axes.legend(fontsize=7)


def _draw_channel(axes: Any, comm: Any) -> float:
    """Draw the nanodomain, and return the share of the buffer that is free at the nearest distance at 1 pA."""
    changes = {"probes": probes(DISTANCES)}
    case, rows = case_of("calcium_nanodomain", changes), solved("calcium_nanodomain", changes, comm)
    shell, electrolyte = case.geometry, case.electrolyte
    assert isinstance(shell, Shell)
    (ion,), (reaction,) = [s for s in electrolyte.species if s.name == "Ca"], electrolyte.reactions
    D = electrolyte.effective_diffusivity(ion)
    reach = excess_buffer_range(D, reaction.forward.value, electrolyte.bulk["B"])
    r = np.geomspace(DISTANCES[0], DISTANCES[-1], 200) * 1e-6
    for range_, colour in ((math.inf, GREY), (reach, LAW)):
        law = nanodomain(r, 1.0, ion.valence, D, range_, shell.inner_radius, shell.outer_radius)
        axes.loglog(1e9 * r, 1e-12 * 1e3 * law, color=colour)
    for row, fade in zip(rows, (1.0, 0.6, 0.3), strict=True):
        rise = concentrations(row, DISTANCES, "Ca") - ion.concentration
        current = 0.5 * row[f"inner.current_pA.{ion.name}"]
        axes.plot(1e3 * np.array(DISTANCES), 1e3 * rise / current, "o", color=SOLVED, alpha=fade, markersize=4)
    axes.set(xlabel="distance (nm)", ylabel="rise of calcium (uM/pA)")
    return float(rows[-1][f"{PROBE.format(0)}.concentration_{CONCENTRATION.suffix}.B"] / electrolyte.bulk["B"])
