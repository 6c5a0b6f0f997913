"""Catalogue of the figures of paper 002, computed again: `draw("fig6")` returns the picture and its numbers.

    from spinepnp.validation.gnp.figures import catalogue as figures
    picture = figures.draw("fig8", p_open=0.17, pump_maximum=0.3)
    picture.canvas.savefig("fig8.png")
    picture.tables["spikes"]

Figs 1 and 4 are sketches without numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from spinepnp.errors import CaseError, nearest
from spinepnp.validation.gnp.figures.bistability import fig9
from spinepnp.validation.gnp.figures.channels import fig2, fig3, s1, s2
from spinepnp.validation.gnp.figures.gated import fig8, s3
from spinepnp.validation.gnp.figures.leak import fig5
from spinepnp.validation.gnp.figures.parts import Options, Picture, simulated, style
from spinepnp.validation.gnp.figures.pump import fig6, fig7
from spinepnp.validation.gnp.parameters import Parameters

__all__ = [
    "FIGURES", "Figure", "Options", "Picture", "draw", "fig2", "fig3", "fig5", "fig6", "fig7", "fig8", "fig9",
    "forget", "s1", "s2", "s3",
]  # fmt: skip

#: Longest run, ms.
LONGEST = 1e7

#: Shortest run, ms.
SHORTEST = 1.0


@dataclass(frozen=True)
class Figure:
    """One figure of the paper.

    Attributes:
        name: short name, as in the paper.
        description: description in one line.
        work: function that computes and draws it.
        preset: settings of the paper, in words.
        p_open: whether it has one opening, which can be changed.
        duration: whether it has one duration, which can be changed.
        parameters: names of the parameters on which it depends; ``None`` for all.
    """

    name: str
    description: str
    work: Callable[[Options], Picture]
    preset: str = ""
    p_open: bool = False
    duration: bool = False
    parameters: tuple[str, ...] | None = None


#: All figures, in the order of the paper.
_ALL = (
    Figure(
        "fig2", "profiles within the membrane and their harmonic means", fig2, "K_o 4, Na_i 20, Cl_i 6, Ca_i 1e-4 mM",
        parameters=("thermal_voltage", "K", "Na", "Cl"),
    ),
    Figure(
        "fig3", "rectification of GABA_A and AMPA channels", fig3, "30 pS", parameters=("thermal_voltage", "Cl"),
    ),
    Figure(
        "fig5", "a leak that rectifies: one spike in fGNP where cHH fires three", fig5, "p_open 0.195/3, 100 ms",
        p_open=True, duration=True,
    ),
    Figure(
        "fig6", "concentrations advance spikes, lead to a block, end a burst", fig6,
        "p_open 0.195/3; 0.5 s, 20 s, 5 s", p_open=True,
    ),
    Figure(
        "fig7", "rest, tonic spikes or block by the strength of the stimulus", fig7,
        "p_open 0.1/3, 0.515/3, 0.53/3; 150 s", duration=True,
    ),
    Figure(
        "fig8", "a block in vGNP where GNP spikes on", fig8, "p_open 0.515/3, 150 s", p_open=True, duration=True,
    ),
    Figure(
        "fig9", "a block that stays or ends after the stimulus, and equilibria", fig9,
        "p_open 2.5/3 from 10 to 40 s of 200 s, pump_maximum 0.7 mM/s", p_open=True, duration=True,
    ),
    Figure(
        "s1", "apparent and latent lines through current-voltage curves", s1, "30 pS",
        parameters=("thermal_voltage", "Cl"),
    ),
    Figure(
        "s2", "mean time in the membrane by place and voltage", s2, "z = 1, -1, 2", parameters=("thermal_voltage",),
    ),
    Figure(
        "s3", "kvGNP and navGNP spike on", s3, "p_open 0.515/3, 150 s", p_open=True, duration=True,
    ),
)  # fmt: skip

#: All figures by name.
FIGURES: dict[str, Figure] = {figure.name: figure for figure in _ALL}


def checked_duration(duration: float) -> float:
    """Valid duration of a run, ms.

    Raises:
        CaseError: the duration is invalid.
    """
    if not (math.isfinite(duration) and duration > 0.0):
        raise CaseError("duration", "must be greater than zero", f"{duration:g} ms")
    if not SHORTEST <= duration <= LONGEST:
        raise CaseError("duration", f"must lie between {SHORTEST:g} ms and {LONGEST / 1e3:g} s", f"{duration:g} ms")
    return duration


def checked(
    name: str, *, p_open: float | None = None, duration: float | None = None, **changes: float
) -> tuple[Figure, Options]:
    """Figure and its options, checked; nothing is computed.

    Args:
        name: name of the figure.
        p_open: opening in place of the paper's.
        duration: duration of the run, ms.
        changes: parameters by name.

    Raises:
        CaseError: the figure or a parameter is unknown, or a value is invalid.
    """
    if name not in FIGURES:
        raise CaseError("figure", f"no such figure; {nearest(name, FIGURES)}", name)
    figure, default = FIGURES[name], Parameters().changed(**changes)
    if p_open is not None:
        if not figure.p_open:
            raise CaseError("p_open", f"{name} has no single opening; see spinepnp gnp run", p_open)
        default.p_eff(p_open)
    if duration is not None:
        if not figure.duration:
            raise CaseError("duration", f"{name} has no single run; see spinepnp gnp run", f"{duration:g} ms")
        checked_duration(duration)
    for key in changes:
        if figure.parameters is not None and key not in figure.parameters:
            raise CaseError(key, f"{name} does not depend on it, but on: {', '.join(figure.parameters)}", changes[key])
    return figure, Options(changes, p_open, duration)


def draw(name: str, *, p_open: float | None = None, duration: float | None = None, **changes: float) -> Picture:
    """Compute and draw a figure.

    Args:
        name: key of `FIGURES`.
        p_open: opening of the glutamate channels in place of the paper's, where the figure has one.
        duration: duration of the run in place of the paper's, ms, where the figure has one.
        changes: parameters by name, see `Parameters`.

    Raises:
        CaseError: see `checked`.
        SolveError: a concentration leaves its range, or there is no rest.
    """
    figure, options = checked(name, p_open=p_open, duration=duration, **changes)
    with style():
        return figure.work(options)


def forget() -> None:
    """Free the runs that were cached for other figures."""
    simulated.cache_clear()
