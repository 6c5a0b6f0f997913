"""Figures of paper 001, Fig 3: a spine in time, with and without channels in rings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.figure
import numpy as np

from spinepnp.geometries import BallNeck
from spinepnp.units import CONCENTRATION, POTENTIAL
from spinepnp.validation.report.evidence import Evidence
from spinepnp.validation.report.figures.cases import case_of, draw_meridian, solved
from spinepnp.validation.report.figures.drawing import Sheet
from spinepnp.validation.report.figures.style import GREY, SOLVED, style
from spinepnp.validation.suite.solve import Row

#: Colours of the rings, as in the paper, and their labels.
RINGS = {
    "head_top": ("#1f5fc4", "head, top"),
    "head_bottom": ("#1b8a5a", "head, bottom"),
    "neck_top": ("#e08a00", "neck, top"),
    "neck_base": ("#c1272d", "neck, base"),
}

#: Keys of a mesh with linear elements whose error at the head's centre is 0.2 %, and of time steps to match.
COARSE = {
    "geometry.dimension": "axisymmetric",
    "mesh.size": "60 nm",
    "mesh.grade": {"cap": {"size": "2 nm", "growth": 1.5}},
    "mesh.element_degree": 1,
    "study.tolerance": 1e-3,
}

#: Times of rows after a step of current, ms.
STEP = (9.9, 10.001, 10.5, 11.0, 12.0, 14.0, 17.0, 21.0, 27.0, 35.0, 45.0, 55.0, 70.0, 85.0, 100.0, 120.0, 140.0, 170.0,
        200.0, 240.0, 280.0, 330.0)  # fmt: skip

#: Times of rows for an alpha current, ms.
ALPHA = (0.2, 0.6, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.5, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.5, 17.0, 18.5,
         20.0, 22.0, 24.0, 27.0, 30.0, 35.0, 40.0, 45.0, 50.0, 57.0, 65.0, 80.0, 100.0)  # fmt: skip

#: Potential at which the channels of the cases are half open, mV.
HALF = 5.0

#: Column of the potential of the head.
V_HEAD = f"head.potential_{POTENTIAL.suffix}"

#: Column of the anions of the head.
C_HEAD = f"head.concentration_{CONCENTRATION.suffix}.A"


def in_time(name: str, times: Sequence[float], comm: Any) -> list[Row]:
    """Rows of a spine of cases/ at some times.

    Args:
        name: name of a file of cases/, without ending.
        times: times of the rows, ms, rising; the last one is the duration.
        comm: MPI communicator.
    """
    study = {"study.duration": f"{times[-1]} ms", "study.times": [f"{t} ms" for t in times]}
    return solved(name, COARSE | study, comm)


def column(rows: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    """Values of a column of the rows."""
    return np.array([row[name] for row in rows])


def step(evidence: Evidence, comm: Any) -> Sheet:
    """Figure of Fig 3 B, C: a step of 50 pA."""
    return _responses(evidence, comm, "step", STEP)


def alpha(evidence: Evidence, comm: Any) -> Sheet:
    """Figure of Fig 3 D to G: an alpha current of 50 pA at its peak."""
    return _responses(evidence, comm, "alpha", ALPHA)


def _responses(evidence: Evidence, comm: Any, waveform: str, times: Sequence[float]) -> Sheet:
    """Figure of voltage and concentration at the head's centre: alone, and with a ring of channels in each place."""
    plain = in_time(f"spine_{waveform}", times, comm)
    with style():
        canvas = matplotlib.figure.Figure(figsize=(9.4, 5.4), dpi=180, layout="constrained")
        grid = canvas.subplot_mosaic([["a", "b", "c"], ["a", "d", "e"]], width_ratios=(0.62, 1.0, 1.0))
        for letter, place in grid.items():
            place.set_title(letter, loc="left", fontweight="bold")
        shape, *axes = grid.values()
        voltage, change, salt, rings = axes
        _draw_places(shape, comm)
        voltage.plot(times, column(plain, V_HEAD), color="black", label="no channels", zorder=5)
        salt.plot(times, column(plain, C_HEAD), color="black")
        numbers = {"peak": float(column(plain, V_HEAD).max()), "end": float(plain[-1][V_HEAD])}
        numbers["cap"] = float(column(plain, f"cap.potential_{POTENTIAL.suffix}").max())
        for name, (colour, label) in RINGS.items():
            rows = in_time(f"spine_rings_{name}_{waveform}", times, comm)
            gain = column(rows, V_HEAD) - column(plain, V_HEAD)
            voltage.plot(times, column(rows, V_HEAD), color=colour, label=label)
            change.plot(times, gain, color=colour)
            salt.plot(times, column(rows, C_HEAD), color=colour)
            rings.plot(times, column(rows, f"ring.potential_{POTENTIAL.suffix}"), color=colour)
            numbers[f"gain_{name}"] = float(gain.max())
        _draw_verdicts(voltage, salt, evidence, f"spine_{waveform}")
        for place, label in zip(axes, _LABELS, strict=True):
            place.set(xlabel="time (ms)", ylabel=label, xlim=(0.0, times[-1]))
        rings.axhline(HALF, color=GREY, linewidth=0.9, linestyle=":")
        voltage.legend(loc="upper right" if waveform == "alpha" else "lower right")
    return Sheet(canvas, _caption(numbers, waveform), _ALT.format(waveform=waveform), numbers)


#: Labels of the vertical axes.
_LABELS = (
    "potential of the head (mV)",
    "what the channels add (mV)",
    "anions in the head (mM)",
    "potential at the ring (mV)",
)


def _draw_places(axes: Any, comm: Any) -> None:
    """Draw the mesh of the spine, with its cap and the places of the rings."""
    case = case_of("spine_step", COARSE)
    draw_meridian(axes, case, comm)
    shape = case.geometry
    assert isinstance(shape, BallNeck)
    R, r, middle = (1e6 * length for length in (shape.head_radius, shape.neck_radius, shape.head_centre))
    places = {name: case_of(f"spine_rings_{name}_step", COARSE).geometry for name in RINGS}
    for name, (colour, _) in RINGS.items():
        geometry = places[name]
        assert isinstance(geometry, BallNeck)
        (ring,) = geometry.rings
        if ring.theta is not None:
            angle = np.linspace(*ring.theta, 20)
            x, y = R * np.sin(angle), middle + R * np.cos(angle)
        else:
            x, y = np.array([r, r]), 1e6 * np.array(ring.on_wall)
        for side in (-1.0, 1.0):
            axes.plot(side * x, y, color=colour, linewidth=4.5, solid_capstyle="butt")
    axes.annotate("cap", (0.0, middle + R), (0.0, middle + 1.3 * R), ha="center", arrowprops={"arrowstyle": "->"})


#: Description of the figure, by waveform.
_ALT = "Potential and anions of the head in time after a current ({waveform}), with rings of channels in four places."


def _caption(numbers: Mapping[str, float], waveform: str) -> str:
    """Caption of the figure of a waveform."""
    gains = ", ".join(f"{numbers[f'gain_{name}']:.2f} mV ({label})" for name, (_, label) in RINGS.items())
    response = "The voltage jumps with the current and then falls as salt gathers" if waveform == "step" else (
        "The voltage follows the current at once; the salt outlasts it"
    )  # fmt: skip
    return (
        f"Full equations in the meridian, probe at the head's centre; crosses: references of the verdicts. {response}: "
        f"peak {numbers['peak']:.2f} mV, {numbers['end']:.2f} mV at the end. The cap itself reaches about "
        f"{numbers['cap']:.0f} mV. The channels of the paper are not given; here they carry 10 pA and are half open at "
        f"{HALF:g} mV (dotted). They add at most {gains}."
    )


def _draw_verdicts(voltage: Any, salt: Any, evidence: Evidence, case: str) -> None:
    """Draw reference points, where the case is part of this run."""
    for axes, quantity in ((voltage, V_HEAD), (salt, C_HEAD)):
        found = evidence.any(case, quantity)
        times, references = [f.point for f in found], [f.reference for f in found]
        axes.plot(times, references, "x", color=SOLVED, markersize=7, markeredgewidth=1.6, zorder=6)
