"""Report of a run: ``report.html``, one file that needs no network, made of what the run has written.

A run that has failed, or has not ended, has one too. Nothing here needs MPI or DOLFINx.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from spinepnp import __version__
from spinepnp.case.case import Case
from spinepnp.csv_files import complete_rows
from spinepnp.pages.body import Fields, body_of, looks_of, read_frames
from spinepnp.pages.curves import Chart, charts_data
from spinepnp.pages.facts import (
    Table,
    currents_table,
    peaks_table,
    provenance_table,
    resolved_table,
    state_table,
)  # fmt: skip
from spinepnp.pages.outcome import PAGE, Outcome, read_summary
from spinepnp.pages.page import PACKAGE, environment
from spinepnp.pages.profiles import profile_charts
from spinepnp.pages.traces import charts
from spinepnp.pages.words import Words
from spinepnp.plots.cells import is_line, times_and_files
from spinepnp.plots.membranes import without_layers
from spinepnp.runtime.files import fields_path, is_whole, write_atomically
from spinepnp.solvers.problem.columns import layers_of_rows
from spinepnp.units import TIME, format_quantity
from spinepnp.validation.laws.profiles import LawProfile

#: Command that runs the case again, in the folder of its results.
COMMAND = "spinepnp run case.toml --output again"

#: Files of a run that the page names, if they are there.
FILES = (
    "case.toml", "summary.json", "observables.csv", "trace.csv", "solver.csv", "fields.vtu", "fields.pvtu",
    "fields.pvd", "run.log", "animation.gif",
)  # fmt: skip


@dataclass(frozen=True)
class _Run:
    """Content of a result directory.

    Attributes:
        case: case that was run.
        directory: result directory.
        summary: content of summary.json.
        rows: rows of observables.csv.
        trace: rows of trace.csv.
        fields: fields, if there are any that can be shown.
        remark: reason why there are none.
    """

    case: Case
    directory: Path
    summary: Mapping[str, Any]
    rows: Sequence[dict[str, str]]
    trace: Sequence[dict[str, str]]
    fields: Fields | None
    remark: str

    @property
    def solved(self) -> list[dict[str, str]]:
        """Rows of points that were solved."""
        return [row for row in self.rows if row.get("status") == "ok"]


def write_report(case: Case, directory: Path, outcome: Outcome, *, in_parts: bool = False) -> Path:
    """Write the report of a run into its directory. On rank 0.

    Args:
        case: case that was run.
        directory: result directory.
        outcome: what the run prints at its end.
        in_parts: whether fields in parts are read, too, for which this process needs the memory.

    Raises:
        OutputError: it cannot be written.
    """
    summary = read_summary(directory)
    fields, remark = _fields(case, directory, summary, in_parts=in_parts)
    run = _Run(
        case, directory, summary, _rows(directory / "observables.csv"), _rows(directory / "trace.csv"), fields, remark
    )
    write_atomically(directory / PAGE, render(run, outcome), then="run it again")
    return directory / PAGE


def render(run: _Run, outcome: Outcome) -> str:
    """Text of the page."""
    template = environment(PACKAGE).get_template("report.html.j2")
    return template.render(**_words(run), **_shown(run), outcome=outcome, no_body=run.remark, version=__version__)


def _words(run: _Run) -> dict[str, Any]:
    """Texts of the page, and links."""
    case, summary, directory = run.case, run.summary, run.directory
    failures = [row["status"].removeprefix("failed").removeprefix(": ") for row in run.rows if _has_failed(row)]
    points = sorted(directory.glob(f"points/*/{PAGE}"))
    return {
        "title": case.title or case.geometry.shape.replace("_", " "),
        "kind": _kind(case),
        "moment": _moment(run),
        "shape": f"{case.geometry.shape.replace('_', ' ')}, {case.geometry.dimension}",
        "status": {"ok": "solved"}.get(summary.get("status", "not finished"), summary.get("status", "not finished")),
        "reason": summary.get("reason", ""),
        "failures": [failure for failure in failures if failure],
        "points": len(run.rows) if case.study.vary is not None else 0,
        "seconds": summary.get("seconds"),
        "case_text": _text(directory / "case.toml"),
        "files": [name for name in FILES if (directory / name).exists()],
        "pictures": sorted(path.name for path in directory.glob("*.png")),
        "below": [path.relative_to(directory).as_posix() for path in points],
        "when": time.strftime("%Y-%m-%d %H:%M"),
    }


def _shown(run: _Run) -> dict[str, Any]:
    """Body, curves and tables of the page."""
    fields, first = run.fields, run.fields.first if run.fields is not None else 0
    profiles = profile_charts(fields, _laws(run)) if fields is not None and run.case.geometry.on_axis else []
    drawn = [*profiles, *_traces(run)]
    pairs = list(zip(drawn, charts_data(drawn, first), strict=True))
    return {
        "body": _body(run),
        "frames": list(fields.labels) if fields is not None and len(fields.labels) > 1 else [],
        "first": first,
        "at": fields.labels[0] if fields is not None and len(fields.labels) == 1 else "",
        "without_layers": not run.summary.get("layers_resolved", True),
        "profiles": pairs[: len(profiles)],
        "traces": pairs[len(profiles) :],
        "tables": _tables(run),
        "resolved": resolved_table({**run.summary, **_layers(run)}),
        "provenance": provenance_table(run.summary, COMMAND),
    }


def _layers(run: _Run) -> dict[str, Any]:
    """Facts on Debye layers of all rows of a transient, as they are printed at its end; empty for others."""
    solved = [row for row in run.solved if "layers_resolved" in row]
    return layers_of_rows(solved) if run.case.study.kind == "transient" and solved else {}


def _body(run: _Run) -> dict[str, Any] | None:
    """Data of the viewer; ``None`` where there is nothing to turn."""
    fields = run.fields
    if fields is None or is_line(fields.grid):
        return None
    return body_of(fields, looks_of(fields), opened=run.case.geometry.on_axis).data(fields.first)


def _fields(case: Case, directory: Path, summary: Mapping[str, Any], *, in_parts: bool) -> tuple[Fields | None, str]:
    """Fields that the page shows, and the reason why there are none."""
    last = fields_path(directory / "fields")
    frames: list[tuple[str, Path]] = []
    if case.study.kind == "transient" and case.study.vary is None:
        frames = [(f"t = {t:g} {TIME.unit}", path) for t, path in times_and_files(directory / "fields.pvd")]
    elif case.study.kind == "sweep":
        for i, value in enumerate(case.study.values or ()):
            frames.append((_point(case, value), fields_path(directory / "points" / f"{i + 1:04d}")))
    frames = [(label, path) for label, path in frames if is_whole(path)]
    if not frames and is_whole(last):
        frames = [("", last)]
    if not frames:
        return None, "This run has kept no fields."
    if not in_parts and any(path.suffix == ".pvtu" for _, path in frames):
        return None, "The fields are in parts; spinepnp report draws them, on one rank."
    if not summary.get("layers_resolved", True):  # on such cells they would ring
        return read_frames(frames, partial(without_layers, case)), ""
    return read_frames(frames), ""


def _point(case: Case, value: object) -> str:
    """A point of a sweep in words."""
    return f"{case.study.vary if case.study.kind_of_values is None else _varied(case)} = {value}"


def _laws(run: _Run) -> list[LawProfile | None]:
    """Profile of the law at each frame of the fields."""
    case, study = run.case, run.case.study
    if case.compare is None or run.fields is None:
        return []
    if study.vary is None:
        return [case.law_profile()] * len(run.fields.labels)
    values = {_point(case, value): value for value in study.values or ()}
    known = [values[label] for label in run.fields.labels if label in values]
    return [case.with_value(study.vary, value).law_profile() for value in known]


def _varied(case: Case) -> str:
    """The varied key in words, without its unit."""
    return Words.of(f"{name}.area_um2" for name in case.boundaries).of_column(case.study.column).words


def _kind(case: Case) -> str:
    study = case.study
    several = f"{len(study.values or ())} values of the {_varied(case)}" if study.vary is not None else ""
    if study.kind == "transient":
        duration = format_quantity(study.duration or 0.0, TIME)
        return f"transients of {duration}, {several}" if several else f"transient of {duration}"
    return f"sweep over {several}" if several else "steady state"


def _moment(run: _Run) -> str:
    """Words for the state of summary.json: the last time, or the last point."""
    words, study = [], run.case.study
    if study.vary is not None and run.solved and study.column in run.solved[-1]:
        kind, value = study.kind_of_values, run.solved[-1][study.column]
        words.append(f"{_varied(run.case)} = {float(value):g} {kind.unit}" if kind else f"{study.vary} = {value}")
    when = run.summary.get(f"time_{TIME.suffix}")
    return ", ".join([*words, *([f"t = {when:.6g} {TIME.unit}"] if when is not None else [])])


def _traces(run: _Run) -> list[Chart]:
    """Charts over time or over the varied value; none of a steady state."""
    study, when, ions = run.case.study, f"time_{TIME.suffix}", run.case.electrolyte.names
    if study.vary is not None:
        numeric = [row for row in run.solved if _is_number(row.get(study.column))]
        label = Words.of(numeric[0]).of_column(study.column).label if numeric else ""
        if len(numeric) < 2:
            return []
        return charts(numeric, study.column, label, ions, peaks=study.kind == "transient")
    if study.kind != "transient" or not run.rows:
        return []
    # The trace has more times; observables.csv tells which places are boundaries, and which layers are not resolved.
    told = (".area_um2", ".volume_um3")
    areas = {name: value for name, value in run.rows[0].items() if name.endswith(told)} | _layers(run)
    rows = [row | areas for row in run.trace] or list(run.rows)
    return charts(rows, when, f"time ({TIME.unit})", ions)


def _tables(run: _Run) -> list[tuple[str, Table]]:
    """Tables of the last state with their headings."""
    shown = [*run.case.shown_boundaries, *run.case.probes]
    found = {
        "Peaks": peaks_table(run.summary, shown, run.rows[0] if run.rows else {}),
        "Potentials and concentrations": state_table(run.summary),
        "Currents": currents_table(run.summary),
    }
    return [(heading, table) for heading, table in found.items() if table is not None]


def _has_failed(row: Mapping[str, Any]) -> bool:
    return str(row.get("status", "ok")) != "ok"


def _is_number(text: Any) -> bool:
    try:
        float(text)
    except (TypeError, ValueError):
        return False
    return True


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _rows(path: Path) -> list[dict[str, str]]:
    """Complete rows of a table; none where there is no table."""
    try:
        return complete_rows(path)
    except (OSError, ValueError, csv.Error):
        return []
