"""Command line of `./spine bench [SUITE ...]`: runs MPI jobs one after another, prints tables, writes CSV and plots."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import pandas
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import jobs, page
from benchmarks.plots import plot_krylov, plot_solve
from benchmarks.plots_work import plot_accuracy, plot_precision
from benchmarks.suites import SUITES, Suite
from benchmarks.verdicts import VERDICTS
from spinepnp.errors import CaseError
from spinepnp.run.directory import ResultDirectory

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

#: Columns that hold words, which are aligned to the left.
LEFT = (
    "sweep", "problem", "shape", "case", "dimension", "linear", "model", "variant", "program", "mesh", "settings",
    "kind", "what", "status",
)  # fmt: skip


@app.command()
def main(
    suites: Annotated[list[str] | None, typer.Argument(metavar="[SUITE ...]", help="all by default")] = None,
    output: Annotated[Path, typer.Option(help="Directory for CSV files and plots.")] = Path("runs/bench"),
    largest: Annotated[float, typer.Option(help="Leave out meshes with more unknowns than this.")] = 1.3e6,
    readme: Annotated[
        bool, typer.Option("--readme", help="Write the tables of the directory into README.md and docs/performance.md.")
    ] = False,
) -> int:
    """Measure solves in units of one scalar Poisson solve, time steps, accuracy, other programs and start-up."""
    names = suites or [name for name, suite in SUITES.items() if suite.by_default]
    if names == ["none"]:
        names = []
    unknown = set(names) - set(SUITES)
    if unknown:
        raise typer.BadParameter(f"no suite {', '.join(sorted(unknown))}; known: {', '.join(SUITES)}")
    directory = ResultDirectory(output, names=())
    try:
        console = Console(width=None if sys.stdout.isatty() else 190)
        failures = sum(_suite(name, output, largest, console) for name in names)
        if readme:
            page.write(output)
    finally:
        directory.discard()
    return int(failures > 0)


def _suite(name: str, output: Path, largest: float, console: Console) -> int:
    """Run a suite, print and save its table; returns the number of jobs that failed."""
    rows, failed = jobs.run(name, SUITES[name], largest)
    if not rows:
        return failed
    table = pandas.DataFrame(rows)
    table.to_csv(output / f"{name}.csv", index=False)
    (output / f"{name}.json").write_text(json.dumps(page.about()), encoding="utf-8")
    _print(console, SUITES[name], table)
    for line in VERDICTS[name](table) if name in VERDICTS else ():
        console.print(line, markup=False, highlight=False)
    _plot(name, table, output)
    console.print(f"{output / name}.csv")
    return failed


def _plot(name: str, table: pandas.DataFrame, output: Path) -> None:
    if name == "solve":
        plot_solve(table, output / "solve.png")
    elif name == "krylov" and "most" in table:
        plot_krylov(table, output / "krylov.png")
    elif name == "accuracy":
        plot_accuracy(table, output)
    elif name == "precision":
        plot_precision(table, output)


def _print(console: Console, suite: Suite, rows: pandas.DataFrame) -> None:
    for name, part in rows.groupby(suite.split, sort=False) if suite.split in rows else [("", rows)]:
        title = f"{suite.title}: {name}" if name else suite.title
        table = Table(title=title, title_justify="left")
        columns = [c for c in suite.columns if c in part and (part[c].notna().any() or not suite.split)]
        for column in columns:
            table.add_column(column.replace("_", " "), justify="left" if column in LEFT else "right")
        for row in part.to_dict("records"):
            table.add_row(*(page.shown(row[column]) for column in columns))
        console.print(table)


if __name__ == "__main__":
    try:
        sys.exit(int(app(standalone_mode=False, prog_name="spinepnp bench") or 0))
    except (CaseError, typer.TyperException) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
