"""Figure of conditions of boundaries beyond the papers: a constant inflow, an exchange, a clamped potential."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.geometries import Ball, Cylinder
from spinepnp.units import CONCENTRATION, CURRENT, TIME
from spinepnp.validation.laws import BlockingElectrode, end_with_exchange, sphere_with_flux
from spinepnp.validation.report.evidence import Evidence
from spinepnp.validation.report.figures.cases import case_of, solved
from spinepnp.validation.report.figures.drawing import Sheet
from spinepnp.validation.report.figures.style import GREY, LAW, SOLVED, panels, style

#: Times of rows in the sphere, s.
TIMES = (10, 30, 60, 100, 200, 400, 700, 1000, 1500, 2000, 2800, 3600)

#: Rates of the exchange, um/s.
RATES = (1, 3, 10, 30, 100, 300, 1000)

#: Frequency of the electrode's potential, Hz, and times of rows, over its period.
FREQUENCY, PHASES = 1e6, np.linspace(0.04, 2.5, 61)

#: Keys of the electrode: those of the validation case.
ELECTRODE = {
    "geometry": {"shape": "cylinder", "length": "25 nm", "radius": "10 nm", "dimension": "1d"},
    "mesh": {"size": "1 nm", "element_degree": 2, "grade": {"top": {"size": "0.1 nm", "growth": 1.25}}},
    "electrolyte.species": [
        {"name": n, "valence": z, "diffusivity": "200 um^2/s", "concentration": "100 mM"}
        for n, z in (("C", 1), ("A", -1))
    ],
    "boundaries": {
        "base": {"potential": "0 mV", "concentrations": "bulk"},
        "top": {"potential": {"waveform": "sine", "value": "0.5 mV", "frequency": f"{FREQUENCY:g} Hz"}},
    },
    "study": {
        "kind": "transient", "duration": f"{PHASES[-1] / FREQUENCY * 1e9:.6g} ns",
        "times": [f"{t / FREQUENCY * 1e9:.6g} ns" for t in PHASES], "tolerance": 1e-5,
    },
}  # fmt: skip


def boundaries(_evidence: Evidence, comm: Any) -> Sheet:
    """Figure of a sphere with a constant inflow, a neck with an exchange, and a blocking electrode."""
    with style():
        canvas, (sphere, end, electrode) = panels(1, 3)
        _draw_sphere(sphere, comm)
        _draw_end(end, comm)
        lead = _draw_electrode(electrode, comm)
    caption = (
        "(a) Both ions of a salt flow into a closed sphere of 8.5 um at a constant rate: concentration at its surface, "
        "and the series of Carslaw and Jaeger. (b) A tracer passes an end of a neck at a rate, 10 mM outside and 1 mM "
        "at the other end: diffusion and exchange are resistances in series. (c) A sine of 0.5 mV and 1 MHz at an "
        "electrode that blocks all ions: the current after its onset, and that of the impedance of a Debye layer and "
        f"the salt before it; it leads the potential (thin) by {lead:.0f}°. Red: full equations."
    )
    alt = "Concentration at a sphere's surface in time; at a neck's end against the rate; a current in time; with laws."
    return Sheet(canvas, caption, alt, {"lead": lead})


def _draw_sphere(axes: Any, comm: Any) -> None:
    changes = {"study.times": [f"{t} s" for t in TIMES], "mesh.size": "0.4 um"}
    case, rows = case_of("sphere_uptake", changes), solved("sphere_uptake", changes, comm)
    (ion, _), ball, (flux, _) = case.electrolyte.species, case.geometry, case.boundaries["wall"].flux
    assert isinstance(ball, Ball)
    diffusivity = case.electrolyte.effective_diffusivity(ion)
    times = np.linspace(1.0, TIMES[-1], 200)
    law = [sphere_with_flux(float(t), ball.radius, diffusivity, flux.value, ion.concentration) for t in times]
    column = f"wall.concentration_{CONCENTRATION.suffix}.{ion.name}"
    found = [(row[f"{TIME.name}_{TIME.suffix}"] * TIME.si, row[column]) for row in rows]
    axes.plot(times / 60.0, np.array(law) * 1e-3, color=LAW)
    axes.plot([t / 60.0 for t, _ in found], [c * 1e-3 for _, c in found], "o", color=SOLVED, markersize=4)
    axes.set(xlabel="time (min)", ylabel="concentration at the surface (M)")


def _draw_end(axes: Any, comm: Any) -> None:
    changes = {"study.vary": "boundaries.top.exchange.T.rate", "study.values": [f"{rate} um/s" for rate in RATES],
               "geometry.dimension": "1d"}  # fmt: skip
    case, rows = case_of("leaky_end", changes), solved("leaky_end", changes, comm)
    tracer, neck = case.electrolyte.species[-1], case.geometry
    assert isinstance(neck, Cylinder)
    (outside,) = (e.outside for e in case.boundaries["top"].exchange if e.species == tracer.name)
    diffusivity = case.electrolyte.effective_diffusivity(tracer)
    rates = np.geomspace(RATES[0], RATES[-1], 200)
    law = [end_with_exchange(neck.length, diffusivity, k * 1e-6, outside, tracer.concentration) for k in rates]
    axes.semilogx(rates, law, color=LAW)
    found = [row[f"top.concentration_{CONCENTRATION.suffix}.{tracer.name}"] for row in rows]
    axes.plot(RATES, found, "o", color=SOLVED, markersize=4)
    axes.set(xlabel="rate of exchange (um/s)", ylabel="concentration at the end (mM)")


def _draw_electrode(axes: Any, comm: Any) -> float:
    """Draw the current of the electrode, and return by how much it leads the potential, degrees."""
    case, rows = case_of("spine_clamp", ELECTRODE), solved("spine_clamp", ELECTRODE, comm)
    electrolyte, neck = case.electrolyte, case.geometry
    assert isinstance(neck, Cylinder)
    law = BlockingElectrode(
        neck.length, neck.exact_measures()["top"], electrolyte.effective_diffusivity(electrolyte.species[0]),
        electrolyte.debye_length(), electrolyte.absolute_permittivity,
    )  # fmt: skip
    periods = np.linspace(0.0, PHASES[-1], 300)
    current = np.array([law.current(0.5e-3, FREQUENCY, float(t) / FREQUENCY) for t in periods]) / CURRENT.si
    axes.plot(periods, current, color=LAW)
    found = [row[f"top.current_{CURRENT.suffix}.displacement"] for row in rows]
    axes.plot(PHASES, found, "o", color=SOLVED, markersize=3)
    axes.plot(periods, np.abs(current).max() * np.sin(2.0 * np.pi * periods), color=GREY, linewidth=0.7)
    axes.set(xlabel="time (periods)", ylabel="current into the electrode (pA)")
    return float(np.degrees(-np.angle(law.impedance(FREQUENCY))))
