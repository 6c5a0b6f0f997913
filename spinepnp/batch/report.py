"""Page on a batch, with current-voltage families, heat maps over any two of its axes, and links to its cases.

Made from the table alone; neither MPI nor DOLFINx is needed, and the batch may still be running.
"""

from __future__ import annotations

import base64
import io
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas

from spinepnp import __version__
from spinepnp.batch.figures import draw_families, draw_heat, family_charts, numeric
from spinepnp.batch.index import outcomes
from spinepnp.batch.store import Store
from spinepnp.batch.table import AXES, TABLE, assemble, read_listing
from spinepnp.errors import CaseError, nearest
from spinepnp.pages.curves import Chart, charts_data
from spinepnp.pages.outcome import PAGE
from spinepnp.pages.page import environment
from spinepnp.pages.words import Words
from spinepnp.plots.pictures import attempt
from spinepnp.run.reports import report_run
from spinepnp.runtime.files import write_atomically
from spinepnp.units import CURRENT, POTENTIAL

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


def _abscissa(table: pandas.DataFrame, varied: list[str], view: View) -> str | None:
    if view.x is not None:
        return _known(table, view.x, "--x", varied)
    numbers = numeric(table, varied)
    currents = [c for c in numbers if c.endswith(f"_{CURRENT.suffix}")]
    return max(currents or numbers, key=lambda c: table[c].nunique(), default=None)


def _value(table: pandas.DataFrame, varied: list[str], view: View) -> str:
    """Column that is shown: the potential at the boundary whose current is varied, by default."""
    shown = [c for c in numeric(table, list(table.columns)) if c not in table.attrs[AXES] and c != "case"]
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
