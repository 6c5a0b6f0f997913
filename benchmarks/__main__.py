"""`./spine bench [SUITE ...]`: runs MPI jobs one after another, prints tables, writes CSV files and plots."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pandas
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.plots import plot_krylov, plot_solve
from benchmarks.suites import SUITES, Job, Suite
from benchmarks.worker import MARK
from spinepnp.selftest import find_mpiexec

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

#: Columns of words.
LEFT = ("sweep", "problem", "shape", "case", "dimension", "linear", "model")

#: Seconds after which a job that hangs is killed.
PATIENCE = 3600


@app.command()
def main(
    suites: Annotated[list[str] | None, typer.Argument(metavar="[SUITE ...]", help="all by default")] = None,
    output: Annotated[Path, typer.Option(help="Directory for CSV files and plots.")] = Path("runs/bench"),
    largest: Annotated[float, typer.Option(help="Leave out meshes with more unknowns than this.")] = 1.3e6,
) -> int:
    """Measure solves in units of one scalar Poisson solve, and time steps in units of one steady solve."""
    names = suites or [name for name, suite in SUITES.items() if suite.by_default]
    unknown = set(names) - set(SUITES)
    if unknown:
        raise typer.BadParameter(f"no suite {', '.join(sorted(unknown))}; known: {', '.join(SUITES)}")
    output.mkdir(parents=True, exist_ok=True)
    console = Console(width=None if sys.stdout.isatty() else 150)
    failures = 0
    for name in names:
        rows, failed = _run(name, SUITES[name], largest)
        failures += failed
        if not rows:
            continue
        table = pandas.DataFrame(rows)
        table.to_csv(output / f"{name}.csv", index=False)
        _print(console, SUITES[name], table)
        if name == "solve":
            plot_solve(table, output / "solve.png")
        elif name == "krylov" and "most" in table:
            plot_krylov(table, output / "krylov.png")
        console.print(f"{output / name}.csv")
    return int(failures > 0)


def _run(name: str, suite: Suite, largest: float) -> tuple[list[dict[str, Any]], int]:
    """Rows of all jobs of a suite, and the number of jobs that failed."""
    jobs = [job for job in suite.jobs if job.dofs <= largest]
    rows: list[dict[str, Any]] = []
    failed = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(name, total=len(jobs))
        for job in jobs:
            progress.update(task, description=f"{name}: {job.title}")
            if not sys.stderr.isatty():
                print(f"{name}: {job.title}", file=sys.stderr, flush=True)
            found = _job(job)
            failed += found is None
            rows += found or []
            progress.advance(task)
    return rows, failed


def _job(job: Job) -> list[dict[str, Any]] | None:
    """Rows of one job; ``None`` if it failed, with its reason printed."""
    command = [find_mpiexec(), "-n", str(job.ranks), sys.executable, "-m", "benchmarks.worker", job.task]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPIEXEC_TIMEOUT": str(PATIENCE)}
    done = subprocess.run([*command, json.dumps(job.arguments)], env=environment, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if not lines:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        print(f"{job.title}: failed, {reason}", file=sys.stderr, flush=True)
        return None
    found = json.loads(lines[-1].removeprefix(MARK))
    return found if isinstance(found, list) else [found]


def _print(console: Console, suite: Suite, rows: pandas.DataFrame) -> None:
    table = Table(title=suite.title, title_justify="left")
    for column in suite.columns:
        table.add_column(column.replace("_", " "), justify="left" if column in LEFT else "right")
    for row in rows.to_dict("records"):
        table.add_row(*(_shown(row.get(column)) for column in suite.columns))
    console.print(table)


def _shown(value: Any) -> str:
    if value is None or (isinstance(value, float) and pandas.isna(value)):
        return ""
    if isinstance(value, float):
        return f"{value:.0f}" if value >= 1000 or value == int(value) else f"{value:.3g}"
    return str(value)


if __name__ == "__main__":
    try:
        sys.exit(int(app(standalone_mode=False, prog_name="spinepnp bench") or 0))
    except typer.TyperException as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
