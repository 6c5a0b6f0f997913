"""Figures of paper 002, as `./spine gnp` draws them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from markupsafe import Markup

from spinepnp.validation.gnp.figures import catalogue as figures
from spinepnp.validation.report.evidence import Evidence
from spinepnp.validation.report.figures.drawing import Job, Sheet

#: Title, text on what the paper shows, and validation cases with its numbers, by figure.
SHOWN = {
    "fig2": (
        "Fig 2: profiles in the membrane and their harmonic means",
        "concentration profiles that bend with the voltage; the harmonic means of K and Cl rise with depolarisation, "
        "those of Na and Ca fall; all grow as the gradient shrinks.",
        ("neurons_channels",),
    ),
    "fig3": (
        "Fig 3: rectification of GABA_A and AMPA channels",
        "an outward rectifying GABA_A, a linear AMPA and an inward rectifying AMPA channel without GluR2, with "
        "apparent and latent conductances and reversal potentials.",
        ("neurons_channels",),
    ),
    "fig5": (
        "Fig 5: a leak that rectifies stabilises",
        "three spikes of cHH, with a linear leak, and one of fGNP under the same stimulus, p_o = 0.065.",
        ("neurons_pump", "neurons_printed"),
    ),
    "fig6": (
        "Fig 6: concentrations that change",
        "spikes of GNP that come earlier and earlier, a block after long stimulation with a constant pump, and a burst "
        "that a pump which follows concentrations ends.",
        ("neurons_pump", "neurons_printed"),
    ),
    "fig7": (
        "Fig 7: passive against active transport",
        "rest at p_o = 0.033, tonic spikes at 0.17, a depolarisation block at 0.18.",
        ("neurons_pump", "neurons_printed"),
    ),
    "fig8": (
        "Fig 8: voltage-gated currents by electrodiffusion",
        "vGNP that goes into a block where GNP spikes on, at p_o = 0.17.",
        ("neurons_gated", "neurons_printed"),
    ),
    "fig9": (
        "Fig 9: a block that stays",
        "vGNP blocked for good after a stimulus that iHH recovers from, with saddle-node and Hopf bifurcations at "
        "different pump currents.",
        ("neurons_bistable", "neurons_printed"),
    ),
    "s1": (
        "S1 Fig: apparent and latent lines",
        "tangents and chords through current-voltage curves of single channels; GABA_A reverses at -62.34 mV.",
        ("neurons_channels",),
    ),
    "s2": (
        "S2 Fig: time in the membrane",
        "the mean exit time by place and voltage, at most 0.125 d²/D, in the middle without a field.",
        ("neurons_channels",),
    ),
    "s3": (
        "S3 Fig: kvGNP and navGNP",
        "tonic spikes where only one of the two voltage-gated channels follows electrodiffusion.",
        ("neurons_gated",),
    ),
}  # fmt: skip


def draw(name: str, _: Evidence, _comm: Any) -> Sheet:
    """Figure of the paper by its name.

    Args:
        name: name of the figure.

    Returns:
        The figure with its caption.
    """
    picture = figures.draw(name)
    figure = figures.FIGURES[name]
    caption = f"{figure.description[0].upper()}{figure.description[1:]}"
    caption += f" ({figure.preset})." if figure.preset else "."
    alt = f"Paper 002, {title_of(name)}: {figure.description}; computed again."
    return Sheet(picture.canvas, caption, alt, vector=False, extra=runs_html(picture.notes))


def title_of(name: str) -> str:
    """Number of a figure in the paper, such as "Fig 5"."""
    return SHOWN[name][0].partition(":")[0]


def runs_html(notes: Sequence[str]) -> str:
    """List of the runs of a figure as folded HTML."""
    if not notes:
        return ""
    items = Markup("").join(Markup("<li>{}</li>").format(note) for note in notes)
    head = Markup('<summary><span class="name">What was run</span></summary>')
    return str(Markup('<details class="runs">{}<div class="body"><ul>{}</ul></div></details>').format(head, items))


#: Jobs of all figures of the paper.
GNP = tuple(
    Job(f"fig-002-{name}", "002", title, shows, partial(draw, name), cases)
    for name, (title, shows, cases) in SHOWN.items()
)
