"""Errata of the papers: errors, gaps and unclear places, each with the evidence that this run computed.

The sentences with the evidence are in `statements`. They take their numbers from verdicts, figures and laws, so that
the page never says more than was computed. Printed numbers of paper 002 that do not reproduce are rows of its table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from spinepnp.validation.report import statements
from spinepnp.validation.report.evidence import Evidence


@dataclass(frozen=True)
class Erratum:
    """Error, gap or unclear place of a paper; or a result that holds beyond what the paper says.

    Attributes:
        paper: "000", "001" or "002".
        kind: kind of the erratum.
        title: title in one line.
        text: explanation.
        statement: function that gives the evidence of this run; it raises `MissingError` where a number is missing.
    """

    paper: str
    kind: Literal["wrong", "unclear", "silent", "holds"]
    title: str
    text: str
    statement: Callable[[Evidence], Markup]


#: All errata, in the order of the page.
ERRATA: tuple[Erratum, ...] = (
    Erratum(
        "001", "wrong", "eq. (14) lacks a factor 1/I",
        "As printed, the “effective resistance” is a voltage. With 1/I it is the law of Fig 1 F.",
        statements.resistance,
    ),
    Erratum(
        "001", "wrong", "eq. (1) has the gradient of the cations in the equation of the anions",
        "The second Nernst-Planck line prints grad c_p where grad c_m must stand. Between two ions that neutralise "
        "each other the slip is invisible; in a cytosol with fixed charge it is not.",
        statements.own_gradient,
    ),
    Erratum(
        "001", "wrong", "the thermal voltage of Table I is in mV, not V",
        "Table I prints kT/e = 25.26 V; labels of the concentrations are repeated there, too.",
        statements.thermal_voltage,
    ),
    Erratum(
        "001", "wrong", "I/S is not the small parameter of Ohm's law, and eq. (7) is not what Fig 1 validates",
        "I/S has a dimension. What must be small is I L/(2 C S D F). The text says that simulations validate eq. (7), "
        "which is Ohm's law; they agree with eqs. (6) and (13).",
        statements.ohm,
    ),
    Erratum(
        "001", "silent", "eq. (12) turns negative for outward currents, which the paper does not say",
        "It holds as long as sodium is left at the head, which a small outward current uses up.",
        statements.negative,
    ),
    Erratum(
        "001", "wrong", "eq. (18) is not confirmed by solutions of throats that open fast",
        "It takes concentrations as functions of z alone. It is one-dimensional, a lower bound, and low by about "
        "a²/(4 c²); b, c and the length of the figure are not given, so that its agreement cannot be judged.",
        statements.throat,
    ),
    Erratum(
        "001", "unclear", "eqs. (16) to (18) use letters twice",
        "c is half an axis and a concentration, V(x) stands for V(z), du/dx for du/dz, C_p for C. Read so that the "
        "units fit, they follow from the assumption, the factor of the two arctangents included.",
        statements.letters,
    ),
    Erratum(
        "001", "unclear", "the caption of Fig 2 gives two currents",
        "It says 50 pA and 10 pA for the same panels.",
        statements.two_currents,
    ),
    Erratum(
        "001", "unclear", "the Delta V of Fig 3, a maximum over the whole domain, would be that of the cap",
        "The text says “inside the spine”; the cap with its radius of 10 nm is far hotter than the head.",
        statements.hot_cap,
    ),
    Erratum(
        "001", "unclear", "a delay of a few hundred ms does not follow from equal diffusivities",
        "The voltage answers within nanoseconds and then falls with the slowest time of diffusion: it never "
        "rises. A late opening needs an injected ion that is slower than the others, or channels right at their "
        "threshold.",
        statements.delay,
    ),
    Erratum(
        "001", "silent", "diffusivity, head and neck are not given",
        "D = 200 um²/s, a head of 500 nm and a neck of 1 um are assumptions of this project. They reproduce the one "
        "number of the paper, about 6 mV, which fixes only a combination of them.",
        statements.six_millivolts,
    ),
    Erratum(
        "001", "silent", "the condition for the potential where the current enters is not stated",
        "Without a field there, which is the natural reading, a Debye layer forms that the laws do not have.",
        statements.layer,
    ),
    Erratum(
        "001", "silent", "channels and rings are a drawing without numbers",
        "Places, widths and I_VC(V) are missing; this project has 10 pA, half open at 5 mV.",
        statements.channels,
    ),
    Erratum(
        "001", "holds", "other monovalent ions change neither voltage nor resistance",
        "Eq. (13) says so of the electroneutral limit; it holds for the full equations, too, at any Debye length, for "
        "one injected cation in a steady state. In time it holds for equal diffusivities only.",
        statements.three_species,
    ),
    Erratum(
        "000", "silent", "Box 1 has neither numbers nor a law",
        "The window's size, the ball and the current are missing. The known first term of the escape time is not "
        "enough where the window is not tiny.",
        statements.escape,
    ),
    Erratum(
        "000", "unclear", "the “log profile” of Box 2 is a limit of large charge",
        "The difference from centre to wall grows as 2 ln(lambda) for many ions only.",
        statements.logarithm,
    ),
)  # fmt: skip
