"""The verbs `gnp ...`: figures, table and runs of the Gauss-Nernst-Planck reductions (paper 002).

Neither MPI nor DOLFINx is needed, so that nothing is imported here that asks for them.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from spinepnp.errors import CaseError, nearest
from spinepnp.run.directory import ResultDirectory
from spinepnp.run.place import check_place
from spinepnp.runtime.files import write_atomically
from spinepnp.runtime.versions import versions
from spinepnp.units import TIME, parse_quantity
from spinepnp.validation.gnp import Model, Parameters, Trace, stimulus
from spinepnp.validation.gnp.figures import catalogue as figures
from spinepnp.validation.gnp.figures.parts import counted, sample_of, start_of, style
from spinepnp.validation.gnp.figures.run import draw_trace, trace_table
from spinepnp.validation.gnp.models import MODELS

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

#: Any of these in a directory means that it holds results, of these verbs or of others.
RESULT_FILES = ("summary.json", "table.json", "observables.csv", "case.toml", "solver.csv")

#: Default directory of results.
DEFAULT = Path("runs") / "gnp"

#: Packages that the numbers depend on.
STACK = ("numpy", "scipy", "numba", "pandas", "matplotlib")

#: Words that can follow `gnp`, beside names of figures.
OTHERS = ("all", "table", "run", "list")


@dataclasses.dataclass(frozen=True)
class Request:
    """The command line of `gnp`, as it was typed.

    Attributes:
        what: name of a figure, "all", "table", "run" or "list".
        output: directory of the results; ``None`` for the default one.
        changes: ``NAME=VALUE`` texts that change parameters of the models.
        force: whether results in the directory are replaced.
        model: name of the model of "run".
        p_open: opening of the glutamate channels, 0 to 1.
        duration: duration of the run, a text with a unit.
        onset: onset of the stimulus of "run", a text with a unit.
        pump: pump of "run", "constant" or "concentration".
    """

    what: str
    output: Path | None = None
    changes: tuple[str, ...] = ()
    force: bool = False
    model: str | None = None
    p_open: float | None = None
    duration: str | None = None
    onset: str | None = None
    pump: str | None = None


def gnp(request: Request) -> int:
    """Carry out a request; returns the exit code.

    Raises:
        CaseError: bad input.
        SolveError: a run whose concentrations leave their range.
    """
    verbs = {"all": _all, "table": _table, "run": _run, "list": _list}
    if request.what not in verbs and request.what not in figures.FIGURES:
        raise CaseError("gnp", f"no such figure; {nearest(request.what, [*figures.FIGURES, *OTHERS])}", request.what)
    if request.what != "run":
        _refuse(request, ("model", "onset", "pump"), "belongs to gnp run")
    if request.what in OTHERS and request.what != "run":
        _refuse(request, ("p_open", "duration", "changes"), "belongs to gnp run and to single figures")
    return verbs.get(request.what, _figure)(request)


def _refuse(request: Request, names: Iterable[str], why: str) -> None:
    for name in names:
        if getattr(request, name) not in (None, ()):
            raise CaseError("--set" if name == "changes" else f"--{name.replace('_', '-')}", why)


def _changes(texts: Sequence[str]) -> dict[str, float]:
    """Parameters by name."""
    found = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals):
            raise CaseError("--set", "give NAME=VALUE, for example --set G_KM=25", text)
        try:
            found[name] = float(value)
        except ValueError:
            raise CaseError(
                name, "must be a number, in the unit of the parameter (see spinepnp gnp list)", value
            ) from None
    return found


def _milliseconds(name: str, text: str) -> float:
    try:
        return parse_quantity(text, TIME) * 1e3
    except ValueError as error:
        raise CaseError(f"--{name}", str(error), text) from None


# Files.


class Output(ResultDirectory):
    """Directory for results, which is removed where it is new and stays empty."""

    def __init__(self, path: Path, *, force: bool) -> None:
        super().__init__(path, force=force, names=RESULT_FILES)

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *error: object) -> None:
        self.discard()

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all."""
        write_atomically(self.path / name, content, then="try again")

    def csv(self, name: str, table: pd.DataFrame) -> None:
        """Write a table."""
        self.write(name, table.to_csv(index=False, float_format="%.12g", lineterminator="\n").encode())

    def json(self, name: str, content: object) -> None:
        """Write JSON."""
        self.write(name, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())

    def png(self, name: str, canvas: Canvas) -> None:
        """Write a picture."""
        import io

        buffer = io.BytesIO()
        canvas.savefig(buffer, format="png")
        self.write(name, buffer.getvalue())


# Figures.


def _figure(request: Request) -> int:
    """One figure: PNG, CSV files, summary.json."""
    name = request.what
    duration = None if request.duration is None else _milliseconds("duration", request.duration)
    changes = _changes(request.changes)
    figures.checked(name, p_open=request.p_open, duration=duration, **changes)
    with Output(request.output or DEFAULT / name, force=request.force) as output:
        for line in _write_figure(name, output, request.p_open, duration, changes):
            print(line)
        print(f"results: {output.path}")
    return 0


def _write_figure(
    name: str, output: Output, p_open: float | None, duration: float | None, changes: dict[str, float]
) -> tuple[str, ...]:
    """Draw a figure and write its files; returns lines on the runs of the figure."""
    begin = time.monotonic()
    picture = figures.draw(name, p_open=p_open, duration=duration, **changes)
    with style():
        output.png(f"{name}.png", picture.canvas)
    for part, table in picture.tables.items():
        output.csv(f"{name}_{part}.csv", table)
    summary = {
        "status": "ok", "figure": name, "description": figures.FIGURES[name].description, "runs": list(picture.notes),
        "changed": changes | ({} if p_open is None else {"p_open": p_open})
        | ({} if duration is None else {"duration_ms": duration}),
        "files": [f"{name}.png", *(f"{name}_{part}.csv" for part in picture.tables)],
        "seconds": round(time.monotonic() - begin, 3), "versions": versions(STACK),
    }  # fmt: skip
    output.json("summary.json", summary)
    return tuple(f"{name}: {line}" for line in picture.notes)


def _all(request: Request) -> int:
    """Every figure, each into a directory of its own."""
    base, begin = request.output or DEFAULT, time.monotonic()
    check_place(base)
    outputs = {name: Output(base / name, force=request.force) for name in figures.FIGURES}
    try:
        for i, (name, output) in enumerate(outputs.items(), 1):
            since = time.monotonic()
            _write_figure(name, output, None, None, {})
            line = f"[{i}/{len(outputs)}] {name}: {time.monotonic() - since:.1f} s, {output.path}"
            print(line, file=sys.stderr, flush=True)
    finally:
        figures.forget()
        for output in outputs.values():
            output.discard()
    print(f"results: {base} ({time.monotonic() - begin:.1f} s)")
    return 0


# The table.


def _table(request: Request) -> int:
    """Table of the numbers of the paper against computed ones; 1 if a verdict is not the expected one."""
    from spinepnp.validation.gnp import table

    with Output(request.output or DEFAULT / "table", force=request.force) as output:
        rows = [dataclasses.asdict(row) for row in table.rows()]
        output.csv("table.csv", pd.DataFrame(rows))
        output.json("table.json", [{key: _plain(value) for key, value in row.items()} for row in rows])
        _print_rows(rows)
        print(f"results: {output.path}")
    return 1 if any(_unexpected(row) for row in rows) else 0


def _unexpected(row: dict[str, Any]) -> bool:
    """Whether a verdict differs from the expected one, if the row has any."""
    return row.get("expected") is not None and row["verdict"] != row["expected"]


def _plain(value: Any) -> Any:
    """Value that JSON can hold: Python's numbers for those of NumPy, ``None`` for numbers that are not finite."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:.7g}" if isinstance(value, float) else str(value)


def _print_rows(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table()
    names = ("quantity", "section", "paper", "computed", "unit", "verdict", "reason")
    for name in names:
        grid.add_column(name, justify="right" if name in ("paper", "computed") else "left", overflow="fold")
    for row in rows:
        cells = [Text(_shown(row[name])) for name in names]
        grid.add_row(*cells, style="bold red" if _unexpected(row) else "" if row["verdict"] == "agrees" else "yellow")
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160).print(grid)


# Lists.


def _list(request: Request) -> int:
    """Print figures, models and parameters."""
    print("figures (spinepnp gnp NAME):")
    for figure in figures.FIGURES.values():
        options = ["--p-open"] * figure.p_open + ["--duration"] * figure.duration
        print(
            f"  {figure.name:5} {figure.description} [{figure.preset}]" + (f" {' '.join(options)}" if options else "")
        )
    print("others: gnp all, gnp table, gnp run --model M --p-open P --duration T")
    print(f"models: {', '.join(MODELS)}")
    print("parameters (--set NAME=VALUE): V in mV, c in mM, P in m/s, G in mS/cm^2, rates in mM/s, lengths in m")
    for field in dataclasses.fields(Parameters):
        print(f"  {field.name:18} {field.default:.9g}")
    return 0


# Runs.


def _run(request: Request) -> int:
    """One run of one model: summary.json, trace.csv, trace.png."""
    from spinepnp.validation.gnp import run

    for name in ("model", "p_open", "duration"):
        if getattr(request, name) is None:
            example = "--model vgnp --p-open 0.17 --duration '150 s'"
            raise CaseError(f"--{name.replace('_', '-')}", f"is missing; give for example {example}")
    name = str(request.model).lower()
    if name not in MODELS:
        raise CaseError("--model", f"no such model; {nearest(name, MODELS)}", request.model)
    frozen = bool(MODELS[name][4])
    pump = request.pump or ("constant" if frozen else "concentration")
    if frozen and pump == "concentration":
        raise CaseError("--pump", f"the concentrations of {name} do not change; use constant", pump)
    model = Model(name, pump, Parameters().changed(**_changes(request.changes)))
    duration = figures.checked_duration(_milliseconds("duration", str(request.duration)))
    onset = None if request.onset is None else _milliseconds("onset", request.onset)
    p_open = float(request.p_open or 0.0)
    protocol = stimulus(model, p_open, duration, onset)
    with Output(request.output or DEFAULT / "run", force=request.force) as output:
        begin = time.monotonic()
        start, state = start_of(model)
        trace = run(model, protocol, state, sample=sample_of(duration))
        summary = _summary(trace, p_open, start, time.monotonic() - begin)
        output.csv("trace.csv", trace_table(trace))
        with style():
            output.png("trace.png", draw_trace(trace))
        output.json("summary.json", summary)
        block = "" if trace.block_onset is None else f", blocked from {trace.block_onset / 1e3:.3f} s"
        print(f"{name}: {trace.state}, {counted(trace)}{block}, {trace.V[-1]:.3f} mV at the end")
        print(f"results: {output.path}")
    return 0


def _summary(trace: Trace, p_open: float, start: str, seconds: float) -> dict[str, Any]:
    model, last = trace.model, trace.protocol[-1]
    ends = {name: float(values[-1]) for name, values in trace.concentrations.items()}
    return {
        "status": "ok", "state": trace.state, "spike_times_ms": [round(float(t), 6) for t in trace.spikes],
        "spikes": len(trace.spikes), "block_onset_ms": trace.block_onset, "V_final_mV": float(trace.V[-1]),
        "V_start_mV": float(trace.V[0]), "concentrations_final_mM": ends, "model": model.name, "pump": model.pump,
        "p_open": p_open, "p_eff": last.p_eff, "duration_ms": last.until,
        "onset_ms": trace.protocol[0].until if len(trace.protocol) > 1 else 0.0, "start": start, "steps": trace.steps,
        "seconds": round(seconds, 3), "parameters": dataclasses.asdict(model.parameters), "versions": versions(STACK),
    }  # fmt: skip
