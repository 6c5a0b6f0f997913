"""List of the figures of the page, with texts on what the papers show in them."""

from __future__ import annotations

from collections.abc import Sequence

from spinepnp.validation.report.figures import (
    boxes,
    cables,
    chemistry,
    field,
    neck,
    neuron,
    passages,
    rings,
    spine,
    throat,
)
from spinepnp.validation.report.figures.drawing import Job
from spinepnp.validation.report.figures.gnp import GNP
from spinepnp.validation.report.figures.overview import overview

#: Validation cases of straight necks.
NECKS = ("cylinder_50", "cylinder_75", "cylinder_100", "cylinder_3d", "cylinder_three_species", "line")

#: Figures of Fig 1 of paper 001.
NECK = (
    Job(
        "fig-001-1cd",
        "001",
        "Fig 1 B to D: potential and ions along the neck",
        "potential and concentrations along a straight neck at 100 pA for radii of 50, 75 and 100 nm, from simulations "
        "in three dimensions (red) and from eq. (13) (dashed blue), on each other. The potential bends over, sodium "
        "rises and displaces potassium.",
        neck.profiles,
        NECKS,
    ),
    Job(
        "fig-001-1ef",
        "001",
        "Fig 1 E, F: current, voltage, resistance",
        "voltage and resistance against the injected current, from simulations (red) and from eq. (6) (green). The "
        "resistance falls with the current: Ohm's law holds for small currents only.",
        neck.current_voltage,
        NECKS,
    ),
)

#: Validation cases of constricted necks.
THROATS = ("throat_flat", "throat_wide", "throat_ratio", "throat_confocal", "throat_elliptic")

#: Figures of Fig 2 of paper 001.
THROAT = (
    Job(
        "fig-001-2de",
        "001",
        "Fig 2 A, D, E: a constricted neck",
        "potential and concentration along the axis of a hyperboloidal throat for a = 25, 50 and 90 nm, from "
        "simulations (red) and from eq. (18) (dashed blue), which meet. The caption gives two currents, 50 and 10 pA; "
        "neither b, c nor the length are given.",
        throat.profiles,
        THROATS,
    ),
    Job(
        "fig-001-2fg",
        "001",
        "Fig 2 F, G: current, voltage, resistance of the throat",
        "voltage and effective resistance against the current, from simulations and from eq. (18), “confirmed” by "
        "them.",
        throat.current_voltage,
        THROATS,
    ),
    Job(
        "fig-001-2x",
        "001",
        "Fig 2, what the paper leaves out: where eq. (18) holds",
        "nothing: the paper takes for granted that concentrations depend on z alone, and gives no limit of this.",
        throat.ratio,
        ("throat_ratio",),
    ),
)

#: Figures of Fig 3 of paper 001.
SPINE = (
    Job(
        "fig-001-3bc",
        "001",
        "Fig 3 B, C: a step of current into the head",
        "the voltage after a step of 50 pA at 10 ms, with channels at the head's top (blue) or bottom (green), the "
        "neck's top (orange) or base (red). About 6 mV; channels in the head add to it, those at the entrance of the "
        "neck “with a delay of few hundreds of ms”, those at its base never.",
        spine.step,
        ("spine_step", "spine_step_3d", "spine_onset", "rings", "rings_channels"),
    ),
    Job(
        "fig-001-3dg",
        "001",
        "Fig 3 D to G: an alpha current into the head",
        "the same for a current that rises and falls, with its peak of 50 pA at 10 ms.",
        spine.alpha,
        ("spine_alpha", "spine_alpha_3d"),
    ),
    Job(
        "fig-001-3rings",
        "001",
        "Two rings: the voltage depends on their distance",
        "in its abstract, that the local voltage is modulated by the distance between activated channels; no numbers.",
        rings.rings_apart,
        ("two_rings", "rings"),
    ),
    Job(
        "fig-001-3delay",
        "001",
        "The delay of a few hundred ms",
        "channels at the entrance of the neck that open a few hundred ms after the step, with D the same for all ions "
        "(Table I).",
        rings.delayed,
        ("spine_step",),
    ),
)

#: Figures of paper 000.
BOXES = (
    Job(
        "fig-000-box1",
        "000",
        "Box 1: cations enter a ball and leave by a window",
        "an influx of positive ions into a ball, with charges that are reflected except at a small absorbing window, "
        "which is grounded. No law and no numbers are printed.",
        boxes.box1,
        ("box1_escape", "box1_salt"),
    ),
    Job(
        "fig-000-box2",
        "000",
        "Box 2: ions of one sign in a closed ball",
        "charges that accumulate at the wall of a closed ball and decay from it “with a log profile”.",
        boxes.box2,
        ("closed_ball",),
    ),
)

#: Figure of a field in space.
FIELD = (
    Job(
        "field",
        "",
        "The field in a spine",
        "",
        field.spine,
        ("spine_head", "spine_head_3d", "spine_head_50", "spine_head_75"),
    ),
)

#: Figure of conditions of boundaries beyond the papers.
PASSAGES = (
    Job(
        "boundaries",
        "",
        "Exchange, flux and voltage clamp",
        "",
        passages.boundaries,
        ("sphere_uptake", "leaky_end", "electrode", "clamp"),
    ),
)

#: Figure of species that react.
CHEMISTRY = (
    Job(
        "chemistry",
        "",
        "Calcium, buffers and a dye",
        "",
        chemistry.reactions,
        (
            "buffered_line", "nanodomain_used_up", "nanodomain_free", "nanodomain_excess", "nanodomain",
            "nanodomain_3d", "binding", "binding_one_way", "equilibrium", "removal", "removal_line", "removal_3d",
            "buffered_tube", "buffered_tube_line", "buffered_rapid", "rapid_buffer", "conserved_totals",
        ),
    ),
)  # fmt: skip

#: Figures of cables whose membrane and inside are ions, beside the community's tests of cable simulators.
CABLES = (
    Job("cable-passive", "", "A passive cable of ions: Rallpack 1", "", cables.passive, ("rallpack_1",)),
    Job("cable-spikes", "", "Spikes in a cable of ions: Rallpack 3", "", cables.spikes, ("rallpack_3",)),
)

#: Figure of the neuron of paper 002 in space.
NEURON = (
    Job(
        "neuron-ball",
        "",
        "The neuron of paper 002 in a ball, with all ions in space",
        "",
        neuron.spikes,
        ("neuron_ball_spike", "neuron_ball", "neuron_ball_local", "neuron_ball_3d"),
    ),
)


def jobs(cases: Sequence[str]) -> list[Job]:
    """Jobs of all figures, in the order of the page; the overview belongs to all validation cases of this run."""
    return [
        Job("overview", "", "Errors and their bars", "", overview, tuple(cases)),
        *NECK,
        *THROAT,
        *SPINE,
        *BOXES,
        *GNP,
        *FIELD,
        *PASSAGES,
        *CHEMISTRY,
        *CABLES,
        *NEURON,
    ]
