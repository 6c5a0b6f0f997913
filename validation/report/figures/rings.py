"""Figures of paper 001 on channels: two rings on the neck, and channels that open late."""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.units import POTENTIAL
from spinepnp.validation.report.evidence import Evidence
from spinepnp.validation.report.figures.cases import case_of, draw_meridian, solved
from spinepnp.validation.report.figures.drawing import Sheet
from spinepnp.validation.report.figures.spine import V_HEAD, column, in_time
from spinepnp.validation.report.figures.style import GREY, SOLVED, panels, style

#: Times of rows, ms.
LATE = (9.9, 10.001, 11.0, 14.0, 20.0, 30.0, 45.0, 65.0, 90.0, 120.0, 155.0, 190.0, 215.0, 240.0, 270.0, 300.0, 340.0,
        400.0, 475.0, 550.0, 650.0, 800.0, 1000.0, 1500.0)  # fmt: skip

#: Onset of the current, ms.
ONSET = 10.0

#: Potentials at which the channels of the two cases are half open, mV.
HALF = {"equal": 5.0, "slow": 14.0}


def rings_apart(_: Evidence, comm: Any) -> Sheet:
    """Figure of two rings on the neck, 25 pA each, at several distances."""
    changes = {"mesh.size": "60 nm", "mesh.element_degree": 2}
    case, rows = case_of("two_rings", changes), solved("two_rings", changes, comm)
    heights = [float(str(value).split()[0]) for value in case.study.values or ()]
    first, second, head = (
        column(rows, f"{place}.potential_{POTENTIAL.suffix}") for place in ("first", "second", "head")
    )
    distance = 1e3 * (0.9 - np.array(heights))
    with style():
        canvas, (shape, axes) = panels(1, 2, height=3.8)
        draw_meridian(shape, case.points()[3], comm)
        for height, colour in ((0.9, SOLVED), (heights[3], "#1f5fc4")):
            for side in (-1.0, 1.0):
                shape.plot([0.1 * side] * 2, [height - 0.025, height + 0.025], color=colour, linewidth=5)
        axes.plot(distance, first, "o-", color=SOLVED, label="at the first ring")
        axes.plot(distance, second, "s-", color="#1f5fc4", label="at the second ring")
        axes.plot(distance, head, "^-", color="black", label="head", markersize=4)
        axes.set(xlabel="distance of the rings (nm)", ylabel="potential (mV)", ylim=(0.0, None))
        axes.legend()
    numbers = {"near": float(first[0]), "far": float(first[-1])}
    caption = (
        "Steady states; mesh with the rings in red and blue. Each ring lets in 25 pA, the second one moves down. The "
        f"potential at the first falls from {first[0]:.2f} to {first[-1]:.2f} mV: the part of the neck that both "
        "currents pass is what they share."
    )
    alt = "Mesh of a spine with two rings on its neck, and the potentials at both rings against their distance."
    return Sheet(canvas, caption, alt, numbers)


def delayed(_: Evidence, comm: Any) -> Sheet:
    """Figure of channels at the entrance of the neck: equal diffusivities, and slow sodium."""
    slow = in_time("spine_rings_neck_top_delayed", LATE, comm)
    equal = in_time("spine_rings_neck_top_step", LATE, comm)
    numbers: dict[str, float] = {}
    with style():
        canvas, (left, right) = panels(1, 2, height=3.3)
        for axes, rows, key, title in (
            (left, equal, "equal", "D of Na, K, A: 200 um²/s"),
            (right, slow, "slow", "D of Na 50, of K and A 200 um²/s"),
        ):
            V, half = column(rows, f"ring.potential_{POTENTIAL.suffix}"), HALF[key]
            axes.plot(LATE, V, color="#e08a00", label="at the ring")
            axes.plot(LATE, column(rows, V_HEAD), color="black", label="head")
            axes.axhline(half, color=GREY, linestyle=":", label="half of the channels are open")
            axes.set(xlabel="time (ms)", ylabel="potential (mV)", title=title, ylim=(0.0, None), xlim=(0.0, LATE[-1]))
            numbers |= {f"{key}_onset": float(V[1]), f"{key}_end": float(V[-1])}
            numbers[f"{key}_half"] = float(np.interp(half, V, LATE)) - ONSET
        right.legend(loc="lower right")
    caption = (
        f"A step of 50 pA at 10 ms. With equal diffusivities the potential at the ring only falls, from "
        f"{numbers['equal_onset']:.2f} to {numbers['equal_end']:.2f} mV, so that nothing opens late. With slow sodium "
        f"it rises from {numbers['slow_onset']:.2f} to {numbers['slow_end']:.2f} mV, and half of its channels are open "
        f"{numbers['slow_half']:.0f} ms after the onset."
    )
    alt = "Potential at the entrance of the neck in time: it falls with equal diffusivities and rises with slow sodium."
    return Sheet(canvas, caption, alt, numbers)
