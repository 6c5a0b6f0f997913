"""Page on a batch, with current-voltage families, heat maps over any two of its axes, and links to its cases.

Made from the table alone; neither MPI nor DOLFINx is needed, and the batch may still be running.
"""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from spinepnp import __version__
from spinepnp.batch.index import outcomes
from spinepnp.batch.store import Store
from spinepnp.batch.table import AXES, TABLE, assemble, read_listing
from spinepnp.errors import CaseError, nearest
from spinepnp.pages.curves import Chart, Curve, charts_data
from spinepnp.pages.outcome import PAGE
from spinepnp.pages.page import environment
from spinepnp.pages.words import Words
from spinepnp.plots.pictures import attempt
from spinepnp.run.reports import report_run
from spinepnp.runtime.files import write_atomically
from spinepnp.units import CURRENT, POTENTIAL

#: Largest number of panels of a figure.
PANELS = 6

#: Largest number of curves of a panel: more could not be told apart.
CURVES = 12

#: Largest number of rows of the table on the page.
ROWS = 400

#: Largest number of cases whose own report is written with that of the batch.
CASES = 200

#: Largest table that stands in the page itself for download, bytes.
WITHIN = 1_000_000

#: File of the curves.
FAMILIES = "families.png"

#: File of the map.
HEAT = "heat.png"


@dataclass(frozen=True)
class View:
    """Columns that a report shows.

    Attributes:
        x: column along the abscissa; that of a current by default.
        y: column along the ordinate of the heat map; in each panel that with most values by default.
        value: column that is shown; the potential where the current enters by default.
    """

    x: str | None = None
    y: str | None = None
    value: str | None = None


def write_report(directory: Path, view: View) -> list[Path]:
    """Write the page and its pictures into the directory of a batch; returns the files that were made.

    Raises:
        CaseError: no batch, no row that was solved, or a column that it does not have.
        OutputError: they cannot be written.
    """
    listing = read_listing(directory)
    table, _ = assemble(listing, outcomes(directory, write=False))
    good = table[table["status"] == "ok"]
    if good.empty:
        raise CaseError(str(directory), "holds no solved case yet, so that there is nothing to draw; run the batch")
    varied = varied_columns(good)
    x, value = _abscissa(good, varied, view), _value(good, varied, view)
    pictures: dict[str, bytes] = {}
    if x is not None:
        pictures[FAMILIES] = _png(draw_families(good, x, value, [c for c in varied if c != x]))
    if x is not None and len(varied) > 1:
        y = None if view.y is None else _known(good, view.y, "--y", [c for c in varied if c != x])
        heat = draw_heat(good, x, y, value, [c for c in varied if c != x])
        if heat is not None:
            pictures[HEAT] = _png(heat)
    charts = [] if x is None else family_charts(good, x, value, [c for c in varied if c != x])
    _report_cases(directory, list(dict.fromkeys(table["key"])))
    page = _page(directory, listing, table, varied, value, pictures, charts)
    files: dict[str, str | bytes] = {**pictures, PAGE: page}
    for name, content in files.items():
        write_atomically(directory / name, content, then="run it again")
    return [directory / name for name in (PAGE, *pictures)]


def varied_columns(table: pandas.DataFrame) -> list[str]:
    """Columns that tell the rows of a table apart, in its order."""
    return [c for c in table.attrs[AXES] if table[c].nunique() > 1]


def _known(table: pandas.DataFrame, name: str, option: str, choices: list[str]) -> str:
    if name in choices:
        return name
    near = [c for c in choices if c.rsplit("_", 1)[0] == name]  # a path without its unit
    if len(near) == 1:
        return near[0]
    raise CaseError(option, f"no such column; {nearest(name, choices)}", name)


def _numbers(table: pandas.DataFrame, columns: list[str]) -> list[str]:
    return [c for c in columns if pandas.api.types.is_numeric_dtype(table[c])]


def _abscissa(table: pandas.DataFrame, varied: list[str], view: View) -> str | None:
    if view.x is not None:
        return _known(table, view.x, "--x", varied)
    numbers = _numbers(table, varied)
    currents = [c for c in numbers if c.endswith(f"_{CURRENT.suffix}")]
    return max(currents or numbers, key=lambda c: table[c].nunique(), default=None)


def _value(table: pandas.DataFrame, varied: list[str], view: View) -> str:
    """Column that is shown: the potential at the boundary whose current is varied, by default."""
    shown = [c for c in _numbers(table, list(table.columns)) if c not in table.attrs[AXES] and c != "case"]
    if view.value is not None:
        return _known(table, view.value, "--value", shown)
    ending = f".potential_{POTENTIAL.suffix}"
    for column in varied:
        parts = column.split(".")
        if parts[0] == "boundaries" and f"{parts[1]}{ending}" in shown:
            return f"{parts[1]}{ending}"
    potentials = [c for c in shown if c.endswith(ending) and table[c].abs().max() > 0.0]
    return max(potentials or shown, key=lambda c: table[c].abs().max())


def _report_cases(directory: Path, keys: list[str]) -> None:
    """Write the reports of the first cases that have results but no report."""
    places = [Store(directory).cases / key for key in keys[:CASES]]
    for place in places:
        if (place / TABLE).exists() and not (place / PAGE).exists():
            attempt(partial(report_run, place), "the report of a case")


def _text(words: Words, column: str, value: Any) -> str:
    """``radius = 50 nm``: a value with its name in words."""
    quantity = words.of_column(column)
    if isinstance(value, str):
        return value
    return f"{quantity.words} = {value:g} {quantity.unit}".rstrip()


def _label(table: pandas.DataFrame, column: str) -> str:
    """A column's name in words, as an axis is called: ``current at the top (pA)``."""
    return Words.of(table.columns).of_column(column).label


def _parts(table: pandas.DataFrame, columns: list[str]) -> Iterator[tuple[str, pandas.DataFrame]]:
    """Parts of a table whose rows agree in some columns, with their common values as text."""
    differing = [c for c in columns if table[c].nunique(dropna=False) > 1]
    if not differing:
        yield "", table
        return
    for values, part in table.groupby(differing, sort=False, dropna=False):
        words = Words.of(table.columns)
        yield ", ".join(_text(words, c, v) for c, v in zip(differing, values, strict=True) if v == v), part


def _panels(table: pandas.DataFrame, others: list[str]) -> list[tuple[str, pandas.DataFrame]]:
    """Parts of a table that get a panel each: by the columns with words, such as the shape."""
    words = [c for c in others if c not in _numbers(table, others)]
    parts = list(_parts(table, words))
    return parts[:PANELS]


def _figure(number: int, width: float, height: float) -> tuple[Any, list[Any]]:
    import matplotlib.figure

    columns = min(number, 3)
    rows = -(-number // columns)
    figure = matplotlib.figure.Figure(figsize=(width * columns, height * rows), dpi=150, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for unused in axes[number:]:
        unused.set_axis_off()
    return figure, list(axes[:number])


def draw_families(table: pandas.DataFrame, x: str, value: str, others: list[str]) -> Any:
    """Curves of a value over an axis, one for each combination of the others; a panel for each word among them.

    Args:
        table: results of a batch, one row a case.
        x: column of the abscissa.
        value: column of the ordinate.
        others: columns of the other axes of the batch.

    Returns:
        Figure of matplotlib.
    """
    import matplotlib

    panels = _panels(table, others)
    figure, axes = _figure(len(panels), 5.2, 4.0)
    for place, (title, part) in zip(axes, panels, strict=True):
        curves = list(_parts(part, others))
        colours = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.88, min(len(curves), CURVES)))
        for colour, (label, curve) in zip(colours, curves[:CURVES], strict=False):
            curve = curve.sort_values(x)
            place.plot(curve[x], curve[value], "o-", color=colour, markersize=3.5, linewidth=1.4, label=label)
        more = f" (first {CURVES} of {len(curves)})" if len(curves) > CURVES else ""
        place.set_title(title + more, fontsize=10)
        place.set_xlabel(_label(table, x))
        place.set_ylabel(_label(table, value))
        place.grid(alpha=0.3)
        if len(curves) > 1:
            place.legend(frameon=False, fontsize=8)
    return figure


def family_charts(table: pandas.DataFrame, x: str, value: str, others: list[str]) -> list[Chart]:
    """Charts of `draw_families`, for the page; none over words."""
    if not pandas.api.types.is_numeric_dtype(table[x]):
        return []
    charts = []
    for title, part in _panels(table, others):
        curves = []
        for label, curve in list(_parts(part, others))[:CURVES]:
            rows = curve.sort_values(x)
            name = label or _label(table, value)
            curves.append(Curve(name, rows[x].to_numpy(float), rows[value].to_numpy(float), marks=True))
        charts.append(Chart(title or _label(table, value), _label(table, x), _label(table, value), tuple(curves)))
    return charts


def _maps(table: pandas.DataFrame, y: str | None, others: list[str]) -> Iterator[tuple[str, str, pandas.DataFrame]]:
    """Title, column along the ordinate, and rows of each panel of a map."""
    numbers = _numbers(table, others)
    for title, part in _parts(table, [c for c in others if c not in numbers and c != y]):
        within = [c for c in others if part[c].nunique() > 1]
        ordinate = y or max(within, key=lambda c: part[c].nunique(), default=None)
        if ordinate is not None and part[ordinate].notna().any():
            for detail, rows in _parts(part, [c for c in within if c != ordinate]):
                yield ", ".join(filter(None, (title, detail))), ordinate, rows


def draw_heat(table: pandas.DataFrame, x: str, y: str | None, value: str, others: list[str]) -> Any:
    """A value over two axes as a map with numbers; a panel for each combination of the others.

    Args:
        table: results of a batch, one row a case.
        x: column of the abscissa.
        y: column of the ordinate; by default the one with most values in a panel.
        value: column that is shown by colours and numbers.
        others: columns of the other axes of the batch.

    Returns:
        Figure of matplotlib; ``None`` where nothing has two axes.
    """
    panels = list(_maps(table, y, others))[:PANELS]
    if not panels:
        return None
    figure, axes = _figure(len(panels), 5.2, 3.6)
    limits = float(table[value].min()), float(table[value].max())
    image = None
    for place, (title, ordinate, part) in zip(axes, panels, strict=True):
        grid = part.pivot_table(index=ordinate, columns=x, values=value, aggfunc="mean", sort=True)
        image = place.imshow(
            grid.to_numpy(), origin="lower", aspect="auto", cmap="viridis", vmin=limits[0], vmax=limits[1]
        )
        place.set_xticks(range(grid.shape[1]), [_tick(v) for v in grid.columns], rotation=45, fontsize=8)
        place.set_yticks(range(grid.shape[0]), [_tick(v) for v in grid.index], fontsize=8)
        place.set_xlabel(_label(table, x))
        place.set_ylabel(_label(table, ordinate))
        place.set_title(title, fontsize=10)
        if grid.size <= 80:
            middle = 0.5 * (limits[0] + limits[1])
            for (row, column), number in np.ndenumerate(grid.to_numpy()):
                if np.isfinite(number):
                    shade = "black" if number > middle else "white"
                    place.text(column, row, f"{number:.3g}", ha="center", va="center", fontsize=7, color=shade)
    figure.colorbar(image, ax=axes, label=_label(table, value), shrink=0.8)
    return figure


def _tick(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float | int) else str(value)


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _page(
    directory: Path,
    listing: dict[str, Any],
    table: pandas.DataFrame,
    varied: list[str],
    value: str,
    pictures: dict[str, bytes],
    charts: list[Chart],
) -> str:
    """HTML of the page, with its pictures inside."""
    failed = table[table["status"] != "ok"]
    potentials = [c for c in table.columns if c.endswith(f".potential_{POTENTIAL.suffix}") and table[c].abs().max() > 0]
    shown = ["case", *varied, *dict.fromkeys([value, *potentials]), "status"]
    words = Words.of(table.columns)
    content = table.to_csv(index=False, lineterminator="\n").encode()
    first = table.head(ROWS)
    links = [_link(directory, key) for key in first["key"]]
    return environment("spinepnp.batch").get_template("report.html.j2").render(
        title=listing["title"] or directory.resolve().name,
        cases=len(listing["cases"]),
        solved=int((table.groupby("case")["status"].first() == "ok").sum()),
        missing=len(listing["cases"]) - table["case"].nunique(),
        failed=failed[["case", "reason"]].to_dict("records"),
        axes=[(words.of_column(c).label, table[c].dropna().unique().tolist()) for c in varied],
        pictures={name: base64.b64encode(picture).decode() for name, picture in pictures.items()},
        charts=list(zip(charts, charts_data(charts), strict=True)),
        columns=[(c, words.of_column(c).label) for c in shown],
        rows=list(zip(first[shown].to_dict("records"), links, strict=True)),
        total=len(table),
        file=TABLE,
        table=base64.b64encode(content).decode() if len(content) <= WITHIN else "",
        codes=sorted(table["version"].dropna().unique()),
        version=__version__,
        when=time.strftime("%Y-%m-%d %H:%M"),
    )  # fmt: skip


def _link(directory: Path, key: str) -> str:
    """Address of the report of a case from the page; empty where there is none."""
    page = Store(directory).cases / key / PAGE
    return page.relative_to(directory).as_posix() if page.exists() else ""
