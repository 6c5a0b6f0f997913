"""Figure of all verdicts: each error against its bar."""

from __future__ import annotations

from typing import Any

import matplotlib.figure

from spinepnp.validation.report.error_bars import FACTOR, pairs
from spinepnp.validation.report.evidence import Evidence, MissingError
from spinepnp.validation.report.figures.drawing import Sheet
from spinepnp.validation.report.figures.style import AGREES, FAILS, GREY, style

#: Smallest error and bar that are drawn; smaller ones are rounding, and are drawn here.
FLOOR = 1e-13


def overview(evidence: Evidence, _comm: Any) -> Sheet:
    """Figure of errors against error bars, on logarithmic axes."""
    measured = pairs(evidence.verdicts)
    if not measured:
        raise MissingError("number with an error bar")
    with style():
        canvas = matplotlib.figure.Figure(figsize=(7.0, 4.6), layout="constrained")
        axes = canvas.add_subplot()
        for passed, colour, marker, label in ((True, AGREES, "o", "passed"), (False, FAILS, "X", "failed")):
            part = [(max(e, FLOOR), max(b, FLOOR)) for v, e, b in measured if v.passed == passed]
            if part:
                axes.plot(*zip(*part, strict=True), marker, color=colour, alpha=0.65, markersize=5.5, label=label)
        ends = [FLOOR / 3.0, 1e-2]
        axes.plot(ends, ends, color="black", linewidth=1.0, label="bar = error")
        low, high = [end / FACTOR for end in ends], [end * FACTOR for end in ends]
        axes.fill_between(ends, low, high, color=GREY, alpha=0.15, linewidth=0.0, label="within a factor 10")
        axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
        axes.set_xlabel("size of the error, relative")
        axes.set_ylabel("error bar: estimate and uncertainty")
        axes.text(0.03, 0.95, "cautious", transform=axes.transAxes, va="top", color=GREY)
        axes.text(0.97, 0.05, "too optimistic", transform=axes.transAxes, ha="right", color=GREY)
        axes.legend(loc="center right")
    covered = sum(error <= bar for _, error, bar in measured)
    return Sheet(
        canvas,
        f"{len(measured)} errors against their bars; {covered} of them are covered, which is above the diagonal.",
        f"Errors against their bars, logarithmic; {covered} of {len(measured)} points lie on or above the diagonal.",
    )
