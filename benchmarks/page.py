"""Tables of the last runs in docs/performance.md and README.md, between marks that `./spine bench --readme` finds."""

from __future__ import annotations

import datetime
import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas

from benchmarks import verdicts
from benchmarks.places import ROOT
from benchmarks.suites import SUITES
from benchmarks.verdicts_formulations import by_mesh
from spinepnp.runtime.memory import processor_name

#: Columns of the tables of docs/performance.md, by suite.
COLUMNS = {name: suite.page for name, suite in SUITES.items() if suite.page}

#: Plots that the page shows, and their names in docs/images.
IMAGES = {
    "accuracy_cylinder_full_PNP.png": "bench_accuracy_cylinder.png",
    "accuracy_ball_neck_head_centre.png": "bench_accuracy_ball_neck.png",
    "accuracy_hyperboloid_end.png": "bench_accuracy_hyperboloid.png",
    "precision.png": "bench_precision.png",
    "solve.png": "bench_solve.png",
    "krylov.png": "bench_krylov.png",
}


#: Sizes of the columns of the table of iterations, in unknowns, with their names.
SIZES = {20e3: "20 k", 150e3: "150 k", 1e6: "1 M"}

#: Degrees of the elements, with their names.
DEGREES = {1: "linear", 2: "quadratic"}


def about() -> dict[str, str]:
    """Date and machine of a run."""
    return {"date": datetime.date.today().isoformat(), "machine": f"{processor_name()}, {os.cpu_count()} cores"}


def shown(value: Any) -> str:
    """Text of a value in a cell of a table."""
    if value is None or (isinstance(value, float) and pandas.isna(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"
    return str(value)


def markdown(columns: Sequence[str], rows: pandas.DataFrame) -> str:
    """Table in Markdown; columns without values are left out."""
    shown_columns = [c for c in columns if c in rows and rows[c].notna().any()]
    lines = ["| " + " | ".join(c.replace("_", " ") for c in shown_columns) + " |", "|" + "---|" * len(shown_columns)]
    lines += ["| " + " | ".join(shown(row[c]) for c in shown_columns) + " |" for row in rows.to_dict("records")]
    return "\n".join(lines)


def section(name: str, table: pandas.DataFrame, facts: dict[str, str]) -> str:
    """Text of docs/performance.md on a suite: date and machine, its table, its verdicts."""
    reduce = {"accuracy": _notable, "formulations": by_mesh, "krylov": _by_size}.get(name)
    rows, split = table if reduce is None else reduce(table), SUITES[name].split
    parts = [part for _, part in rows.groupby(split, sort=False)] if split in rows else [rows]
    tables = "\n\n".join(markdown(COLUMNS[name], part) for part in parts)
    sentences = [f"- {line}" for line in verdicts.VERDICTS[name](table)] if name in verdicts.VERDICTS else []
    return "\n".join([f"{facts['date']}, {facts['machine']}.", "", tables, *([""] if sentences else []), *sentences])


def _notable(table: pandas.DataFrame) -> pandas.DataFrame:
    """Rows on the fronts, and those of the default settings, with a column that tells which they are."""
    parts = []
    for _, _, rows in verdicts.scopes(table):
        best = set(verdicts.of_front(rows))
        chosen = [i for i in rows.sort_values("total_s").index if i in best or rows.loc[i, "default"]]
        names = {(True, True): "front, default", (True, False): "front", (False, True): "default"}
        marks = [names[i in best, bool(rows.loc[i, "default"])] for i in chosen]
        parts.append(rows.loc[chosen].assign(**{"is": marks}))
    return pandas.concat(parts)


def _by_size(table: pandas.DataFrame) -> pandas.DataFrame:
    """Largest numbers of iterations, a row a problem, a column a degree and the nearest of some sizes.

    Numbers on one and two ranks are separated where they differ.
    """
    names = table["problem"].where(table["shape"] == "cylinder", table["problem"] + " (" + table["shape"] + ")")
    nearest = [min(SIZES, key=lambda size: abs(np.log(dofs / size))) for dofs in table["dofs"]]
    columns = [f"{DEGREES[d]}, {SIZES[n]}" for d, n in zip(table["degree"], nearest, strict=True)]
    cells = table.assign(name=names, column=columns).groupby(["name", "column"], sort=False)["most"]
    text = cells.agg(lambda most: " / ".join(dict.fromkeys(f"{value:.0f}" for value in most)))
    wide = text.unstack("column").reindex(dict.fromkeys(names))
    return wide.reset_index(names="problem")


def rewrite(path: Path, name: str, text: str) -> None:
    """Put a text between the marks of a page, which it must have once."""
    begin, end = f"<!-- bench {name}: written by ./spine bench --readme -->", f"<!-- end of bench {name} -->"
    page = path.read_text(encoding="utf-8")
    if page.count(begin) != 1 or page.count(end) != 1:
        raise ValueError(f"{path.name} needs the lines '{begin}' and '{end}', once each")
    pattern = re.escape(begin) + ".*?" + re.escape(end)
    path.write_text(re.sub(pattern, lambda _: f"{begin}\n{text}\n{end}", page, flags=re.S), encoding="utf-8")


def write(output: Path, root: Path = ROOT) -> None:
    """Rewrite both pages, and the plots that they show, from a folder; suites that it lacks stay as they are."""
    for name in COLUMNS:
        if (output / f"{name}.csv").exists():
            facts = json.loads((output / f"{name}.json").read_text(encoding="utf-8"))
            text = section(name, pandas.read_csv(output / f"{name}.csv"), facts)
            rewrite(root / "docs" / "performance.md", name, text)
    from benchmarks.summary import ratios, tasks

    for name, shown_as in IMAGES.items():
        if (output / name).exists():
            shutil.copyfile(output / name, root / "docs" / "images" / shown_as)
    for page, name, lines in (("README.md", "tasks", tasks(output)), ("docs/performance.md", "ratios", ratios(output))):
        if lines:
            rewrite(root / page, name, "\n".join(lines))
