"""Chemistry in `check`: what reactions conserve, and times and lengths of the reactions of the bulk."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.case.remarks import amount, equilibrated
from spinepnp.units import CONCENTRATION, DIFFUSIVITY, LENGTH, TIME, to_unit

#: Cells that resolve the range of a reaction: with two, a profile is off by two percent.
CELLS_PER_RANGE = 2.0

#: Rate over the fastest one below which there is rounding only: of a conserved total.
NO_RATE = 1e-10

#: Names of a range, and of the height of cells, in facts.
RANGE, HEIGHT = f"range_{LENGTH.suffix}", f"cell_height_{LENGTH.suffix}"


def chemistry_facts(case: Case, layers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Facts on the reactions of a case.

    Args:
        case: the case.
        layers: facts on each boundary, with the height of its cells.

    Returns:
        `chemistry` with conserved totals, bulk concentrations as given and in equilibrium, relaxation times of the bulk
        and the range of each species that moves; nothing without reactions.
    """
    electrolyte, network = case.electrolyte, case.electrolyte.network
    if not electrolyte.reactions:
        return {}
    slopes = network.net.T @ network.rate_slopes(np.array([[*electrolyte.bulk.values()]]))[0]
    rates = np.abs(np.linalg.eigvals(slopes))
    rates = rates[rates > NO_RATE * rates.max(initial=0.0)]
    ranges = {}
    for i, species in enumerate(electrolyte.species):
        loss = -float(slopes[i, i])
        if loss > 0.0 and species.moves:
            reach = math.sqrt(electrolyte.effective_diffusivity(species) / loss)
            ranges[species.name] = {RANGE: to_unit(reach, LENGTH), **_cells(case, species.name, layers)}
    # Species that no reaction changes are conserved each by itself: they are left out.
    totals = [total for total in network.totals if network.reacts[np.flatnonzero(total.weights)].any()]
    mM = CONCENTRATION.suffix
    given = {s.name: (s.concentration, electrolyte.bulk[s.name]) for s in electrolyte.given}
    return {
        "chemistry": {
            "conserved": [total.label(electrolyte.names) for total in totals],
            "conserved_at_every_node": [total.label(electrolyte.names) for total in network.local_totals],
            "equilibrate": {
                name: {f"given_{mM}": to_unit(before, CONCENTRATION), f"bulk_{mM}": to_unit(after, CONCENTRATION)}
                for name, (before, after) in given.items()
                if before != after
            },
            f"relaxation_times_{TIME.suffix}": sorted(to_unit(1.0 / rate, TIME) for rate in rates.tolist()),
            "ranges": ranges,
        }
    }


def _cells(case: Case, species: str, layers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Boundary where a species enters, and the height of its cells, the highest of several; nothing without one."""
    heights = {
        boundary: float(layers[boundary][HEIGHT])
        for boundary, conditions in case.boundaries.items()
        if species in conditions.driven and boundary in layers
    }
    if not heights:
        return {}
    worst = max(heights, key=lambda boundary: heights[boundary])
    return {"enters_at": worst, HEIGHT: heights[worst]}


def preset_lines(case: Case) -> list[str]:
    """Lines on the species of a case with presets, and on what the presets have changed."""
    origins, electrolyte = case.presets or {}, case.electrolyte
    if not any(path.startswith("electrolyte.") for path in origins):
        return []
    unit, lines = DIFFUSIVITY.unit, []
    for species in electrolyte.species:
        value = species.diffusivity
        where = "by region" if isinstance(value, tuple) else f"{to_unit(value, DIFFUSIVITY):.4g} {unit}"
        moves = f"D {where}" if value else "immobile"
        source = origins.get(f"electrolyte.species.{species.name}", "").partition(";")[0]
        bulk = amount(electrolyte.bulk[species.name])
        lines.append(
            f"{species.name}: valence {species.valence:{'+' if species.valence else ''}d}, {moves}, bulk {bulk}"
            + f" ({source})" * bool(source)
        )
    made = [f"buffer {o.partition('; ')[0]}" for path, o in origins.items() if path.startswith("electrolyte.buffers.")]
    return [*lines, *made, *(f"{path}: {o}" for path, o in origins.items() if path == "electrolyte.balance")]


def chemistry_lines(case: Case, facts: Mapping[str, Any]) -> list[str]:
    """Lines on presets, and on the facts of `chemistry_facts`."""
    if "chemistry" not in facts:
        return preset_lines(case)
    found = facts["chemistry"]
    at_nodes = found["conserved_at_every_node"]
    others = [total for total in found["conserved"] if total not in at_nodes]
    kinds = ((others, ""), (at_nodes, "at every node: "))
    conserved = "; ".join(f"{where}{', '.join(totals)}" for totals, where in kinds if totals)
    lines = [*preset_lines(case), f"reactions conserve {conserved}" if conserved else "reactions conserve nothing"]
    lines += filter(None, [equilibrated(case.electrolyte)])
    if times := found[f"relaxation_times_{TIME.suffix}"]:
        low, high = f"{times[0]:.3g}", f"{times[-1]:.3g}"
        span = low if low == high else f"{low} to {high}"
        lines.append(f"relaxation time of the reactions in the bulk: {span} {TIME.unit}")
    if ranges := found["ranges"]:
        shown = ", ".join(f"{name} {value[RANGE]:.4g} {LENGTH.unit}" for name, value in ranges.items())
        lines.append(f"range sqrt(D/k) within which each reacts, of small changes: {shown}")
    for name, value in ranges.items():
        if value.get(HEIGHT, 0.0) * CELLS_PER_RANGE > value[RANGE]:
            place, size = value["enters_at"], value[RANGE] / CELLS_PER_RANGE
            lines.append(
                f"warning: cells at {place} are {value[HEIGHT]:.3g} {LENGTH.unit} high, too high for the profile of "
                f"{name} there; set mesh.grade.{place}.size to {size:.2g} {LENGTH.unit} or less"
            )
    return lines
