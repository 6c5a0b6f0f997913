"""Charts of concentrations over time at probes and in compartments: of traces values, of the salt changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spinepnp.case.case import Case
from spinepnp.case.trace_ions import bound_forms, traces
from spinepnp.plots.charts import MOST_CHARTS, TIME_COLUMN, Chart, columns_of, family, highest_of, ion_looks
from spinepnp.plots.curves import column_of
from spinepnp.plots.style import IONS, OHM, STYLES, WIDTH, line_styles, place_styles
from spinepnp.units import CONCENTRATION, TIME, concentration_unit

#: Ratio of the largest values of two species up to which they share a linear axis.
ONE_AXIS = 10.0


def concentration_charts(case: Case, rows: Sequence[dict[str, Any]]) -> list[Chart]:
    """Charts of concentrations by magnitude: traces, their bound forms, others that react; else changes of the salt."""
    electrolyte, free, bound = case.electrolyte, traces(case), bound_forms(case)
    reacting = [n for n, reacts in zip(electrolyte.names, electrolyte.network.reacts, strict=True) if reacts]
    groups = []
    for names in (free, bound, [name for name in reacting if name not in (*free, *bound)]):
        ends = [f".concentration_{CONCENTRATION.suffix}.{name}" for name in names]
        columns = [columns_of(rows, list(case.probes) or ["volume"], end).values() for end in ends]
        groups += _by_magnitude({n: max(map(highest_of, c)) for n, c in zip(names, columns, strict=True) if c})
    salt = [] if reacting else [name for name in electrolyte.names if name not in free]
    charts = [_at_places(case, rows, salt, changes=True)] if salt else []
    return charts + [_at_places(case, rows, names, changes=False) for names in groups]


def _by_magnitude(sizes: Mapping[str, float]) -> list[list[str]]:
    """Names in groups that can share a linear axis, the largest first."""
    groups, top = list[list[str]](), 0.0
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        if not groups or (sizes[name] * ONE_AXIS < top and len(groups) < MOST_CHARTS):
            groups.append([])
            top = sizes[name]
        groups[-1].append(name)
    return groups


def _at_places(case: Case, rows: Sequence[dict[str, Any]], names: Sequence[str], *, changes: bool) -> Chart:
    """Chart of concentrations at probes, or of their changes, by colour of species and style of probe."""
    ions = {name: look for name, look in _species_looks(case, dashed=changes).items() if name in names}
    places, styles = list(case.probes) or ["volume"], {}
    if len(places) > 1:
        styles = {n: {"linestyle": look["linestyle"]} for n, look in place_styles(case).items() if n in places}
        ions = {name: look | {"linestyle": "-"} for name, look in ions.items()}
    curves, largest, later = [], 0.0, dict[str, float]()
    for place in places:
        for name, look in ions.items():
            column = column_of(rows, f"{place}.concentration_{CONCENTRATION.suffix}.{name}")
            there = np.flatnonzero(np.isfinite(column))
            if len(there):
                curves.append((column - column[there[0]] if changes else column, look | styles.get(place, {})))
                largest = max(largest, float(column[there[0]]))
                if there[0]:  # a probe that was added to a run
                    later[place] = float(rows[there[0]][TIME_COLUMN])
    legend = ions | {n: {"color": OHM, "linewidth": WIDTH} | style for n, style in styles.items()}
    heading = None if styles else places[0] if case.probes else "mean"
    label = f"change of\nconcentration ({CONCENTRATION.unit})"
    if not changes:
        curves, label = _in_readable_unit(curves)
    note = "; ".join(f"{place}: since {time:g} {TIME.unit}" for place, time in later.items())
    return Chart(label, curves, legend, heading, level=1e-9 * largest, note=note)


def _species_looks(case: Case, *, dashed: bool) -> dict[str, dict[str, Any]]:
    """Matplotlib's words for the lines of all species: colours, and dashes where none are left for places."""
    names = case.electrolyte.names
    looks = dict(zip(names, line_styles(IONS, len(names)), strict=True))
    return looks if dashed else {name: look | {"linestyle": STYLES[0]} for name, look in looks.items()}


def _in_readable_unit(curves: list[tuple[np.ndarray, dict[str, Any]]]) -> tuple[list[Any], str]:
    """Curves of concentrations in the unit that reads best, and the label of their axis."""
    highest = max((highest_of(column) for column, _ in curves), default=0.0)
    unit, si = concentration_unit(highest * CONCENTRATION.si)
    return [(column * (CONCENTRATION.si / si), look) for column, look in curves], f"concentration ({unit})"


def compartment_charts(case: Case, rows: Sequence[dict[str, Any]]) -> list[Chart]:
    """Charts of concentrations in compartments by colour of species and style of compartment.

    Of traces by magnitude, of the other species the changes.
    """
    changes, values, largest, compartments = {}, {}, 0.0, list(case.compartments or ())
    for place, name in enumerate(compartments):
        for species, look in ion_looks(case, place).items():
            column = column_of(rows, f"compartments.{name}.concentration_{CONCENTRATION.suffix}.{species}")
            words = species if len(compartments) == 1 else f"{name}, {species}"
            if np.isfinite(column).any() and species in traces(case):
                values[words] = (column, look)
            elif np.isfinite(column).any():
                first = float(column[np.isfinite(column)][0])
                changes[words] = (column - first, look)
                largest = max(largest, first)
    heading = compartments[0] if len(compartments) == 1 else "compartments"
    label = f"change of\nconcentration ({CONCENTRATION.unit})"
    charts = [family(label, changes, heading, highest_of, level=1e-9 * largest)]
    for group in _by_magnitude({words: highest_of(column) for words, (column, _) in values.items()}):
        curves, label = _in_readable_unit([values[words] for words in group])
        charts.append(family(label, dict(zip(group, curves, strict=True)), heading, highest_of, level=0.0))
    return charts
