"""Every figure of the page."""

from __future__ import annotations

from collections.abc import Sequence

from spinepnp.validation.report.figures import boxes as figures_boxes
from spinepnp.validation.report.figures import field as figures_field
from spinepnp.validation.report.figures import neck as figures_neck
from spinepnp.validation.report.figures import rings as figures_rings
from spinepnp.validation.report.figures import spine as figures_spine
from spinepnp.validation.report.figures import throat as figures_throat
from spinepnp.validation.report.figures.drawing import Job
from spinepnp.validation.report.figures.gnp import GNP
from spinepnp.validation.report.figures.overview import overview

#: Validation cases that a figure belongs to.
NECKS = ("cylinder_50", "cylinder_75", "cylinder_100", "cylinder_3d", "cylinder_three_species", "line")

NECK = (
    Job(
        "fig-001-1cd",
        "001",
        "Fig 1 B to D: potential and ions along the neck",
        "potential and concentrations along a straight neck at 100 pA for radii of 50, 75 and 100 nm, from simulations "
        "in three dimensions (red) and from eq. (13) (dashed blue), on each other. The potential bends over, sodium "
        "rises and displaces potassium.",
        figures_neck.profiles,
        NECKS,
    ),
    Job(
        "fig-001-1ef",
        "001",
        "Fig 1 E, F: current, voltage, resistance",
        "voltage and resistance against the injected current, from simulations (red) and from eq. (6) (green). The "
        "resistance falls with the current: Ohm's law holds for small currents only.",
        figures_neck.current_voltage,
        NECKS,
    ),
)

THROATS = ("throat_flat", "throat_wide", "throat_ratio", "throat_confocal", "throat_elliptic")

THROAT = (
    Job(
        "fig-001-2de",
        "001",
        "Fig 2 A, D, E: a constricted neck",
        "potential and concentration along the axis of a hyperboloidal throat for a = 25, 50 and 90 nm, from "
        "simulations (red) and from eq. (18) (dashed blue), which meet. The caption gives two currents, 50 and 10 pA; "
        "neither b, c nor the length are given.",
        figures_throat.profiles,
        THROATS,
    ),
    Job(
        "fig-001-2fg",
        "001",
        "Fig 2 F, G: current, voltage, resistance of the throat",
        "voltage and effective resistance against the current, from simulations and from eq. (18), “confirmed” by "
        "them.",
        figures_throat.current_voltage,
        THROATS,
    ),
    Job(
        "fig-001-2x",
        "001",
        "Fig 2, what the paper leaves out: where eq. (18) holds",
        "nothing: that the concentrations depend on z alone is taken for granted, and no limit of it is told.",
        figures_throat.ratio,
        ("throat_ratio",),
    ),
)

SPINE = (
    Job(
        "fig-001-3bc",
        "001",
        "Fig 3 B, C: a step of current into the head",
        "the voltage after a step of 50 pA at 10 ms, with channels at the head's top (blue) or bottom (green), the "
        "neck's top (orange) or base (red). About 6 mV; channels in the head add to it, those at the entrance of the "
        "neck “with a delay of few hundreds of ms”, those at its base never.",
        figures_spine.step,
        ("spine_step", "spine_step_3d", "spine_onset", "rings", "rings_channels"),
    ),
    Job(
        "fig-001-3dg",
        "001",
        "Fig 3 D to G: an alpha current into the head",
        "the same for a current that rises and falls, with its peak of 50 pA at 10 ms.",
        figures_spine.alpha,
        ("spine_alpha", "spine_alpha_3d"),
    ),
    Job(
        "fig-001-3rings",
        "001",
        "Two rings: the voltage depends on their distance",
        "in its abstract, that the local voltage is modulated by the distance between activated channels; no numbers.",
        figures_rings.rings_apart,
        ("two_rings", "rings"),
    ),
    Job(
        "fig-001-3delay",
        "001",
        "The delay of a few hundred ms",
        "channels at the entrance of the neck that open a few hundred ms after the step, with D the same for all ions "
        "(Table I).",
        figures_rings.delayed,
        ("spine_step",),
    ),
)

BOXES = (
    Job(
        "fig-000-box1",
        "000",
        "Box 1: cations enter a ball and leave by a window",
        "an influx of positive ions into a ball, with charges that are reflected except at a small absorbing window, "
        "which is grounded. No law and no numbers are printed.",
        figures_boxes.box1,
        ("box1_escape", "box1_salt"),
    ),
    Job(
        "fig-000-box2",
        "000",
        "Box 2: ions of one sign in a closed ball",
        "charges that accumulate at the wall of a closed ball and decay from it “with a log profile”.",
        figures_boxes.box2,
        ("closed_ball",),
    ),
)

FIELD = (
    Job(
        "field",
        "",
        "The field in a spine",
        "",
        figures_field.spine,
        ("spine_head", "spine_head_3d", "spine_head_50", "spine_head_75"),
    ),
)


def jobs(cases: Sequence[str]) -> list[Job]:
    """All figures, in the order of the page.

    Args:
        cases: names of all validation cases of this run, to which the overview belongs.
    """
    return [
        Job("overview", "", "Errors and their bars", "", overview, tuple(cases)),
        *NECK,
        *THROAT,
        *SPINE,
        *BOXES,
        *GNP,
        *FIELD,
    ]
