"""Lines of a template for a living membrane: a synapse, a leak in the wall, and a dendrite at the base."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from spinepnp.reference.template_lines import WIDTH, Line, rows
from spinepnp.reference.template_values import Starter
from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.model.membrane.mechanism import Mechanism

#: Name of the alternative.
LIVING = "living"

#: Comment on the tables.
HOW_TO = (
    "A living membrane instead of the boundaries above: a synapse, a leak, and a dendrite that takes their current. "
    'Put "# " before each line of those boundaries, and take it away below. It then also needs the species K, the '
    'concentrations "with the K", and the study in time instead of the steady one.'
)

#: Solution outside of the membrane; the laws below depend on these two ions.
OUTSIDE = {"concentrations": {"Na": "145 mM", "K": "4 mM"}}

#: Rest of the cell: near the reversal potential of the leak below, between these solutions.
LOAD = {"resistance": "200 MOhm", "capacitance": "20 pF", "rest": "-66 mV"}

#: Keys of the leak.
LEAK = {"name": "leak", "law": "ghk", "permeability": {"K": "2e-8 m/s", "Na": "1e-9 m/s"}}

#: Keys of the synapse.
SYNAPSE = {
    "name": "AMPA", "law": "ghk", "permeability": {"Na": 1, "K": 1}, "conductance": "1 nS",
    "waveform": "biexponential", "rise": "0.2 ms", "decay": "2 ms", "onset": "1 ms",
}  # fmt: skip

#: Comments on keys of these tables.
NOTES = {
    "load": "in place of the potential: C dV/dt + (V - rest)/R = I",
    "capacitance": "a thin membrane",
    "outside": "solution beyond the membrane, at 0 mV",
    "law": "Goldman, Hodgkin, Katz; or ./spine list mechanisms",
    "permeability": "of each species that passes",
    "waveform": "opens in time; ./spine list waveforms",
}

#: Comments on keys of the synapse.
SYNAPSE_NOTES = {
    "permeability": "with a conductance these are ratios: reversal near 0 mV",
    "conductance": 'slope conductance, in total; or per area, "10 mS/cm^2"',
}


def living_membrane(starter: Starter) -> Iterator[Line]:
    """Lines of the three boundaries of a living spine, which stand instead of those above.

    Args:
        starter: values of the template; its shape has a ground, an injector and a wall.
    """
    yield Line("")
    yield from (Line(f"# {part}") for part in textwrap.wrap(HOW_TO, WIDTH - 2))
    tables: tuple[tuple[str, dict[str, Any], dict[str, str]], ...] = (
        (
            f"[boundaries.{starter.ground}]",
            {"load": LOAD, "concentrations": "bulk"},
            {"concentrations": "of the dendrite"},
        ),
        (f"[boundaries.{starter.wall}]", {"capacitance": {"value": "1 uF/cm^2"}, "outside": OUTSIDE}, {}),
        (f"[[boundaries.{starter.wall}.mechanism]]", LEAK, {}),
        (f"[boundaries.{starter.injector}]", {"outside": OUTSIDE}, {}),
        (f"[[boundaries.{starter.injector}.mechanism]]", SYNAPSE, SYNAPSE_NOTES),
    )
    for number, (heading, values, notes) in enumerate(tables):
        yield from (*([Line("")] if number else []), Line(heading, "", (LIVING,)))
        model = Mechanism if heading.startswith("[[") else Boundary
        yield from rows(model, values, dict.fromkeys(values, (LIVING,)), notes=NOTES | notes)
