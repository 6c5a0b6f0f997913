"""Extension of a transient: how a case may differ from the one that was run, and tables with columns of new probes."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spinepnp.case.case import Case
from spinepnp.case.digest import CHECKPOINT_KEYS
from spinepnp.csv_files import csv_text
from spinepnp.errors import CaseError
from spinepnp.run.place import holds_results
from spinepnp.solvers.model.schedule import SAME_TIME
from spinepnp.solvers.problem.columns import TIME_COLUMN
from spinepnp.units import TIME, format_quantity, parse_quantity, to_unit

#: Keys of [study] in which an extension may differ.
FREE = ("duration", "times", *CHECKPOINT_KEYS)

#: Reason why another difference is refused, and the remedy.
TAKEN = "--extend takes a longer study.duration, later study.times and added probes; give another --output"


@dataclass(frozen=True)
class Extension:
    """Difference of a case from the one that was run.

    Attributes:
        before: duration of the run, s.
        after: duration of the case, s.
        times: listed times that the run lacks, s.
        probes: names of added probes.
    """

    before: float
    after: float
    times: tuple[float, ...]
    probes: tuple[str, ...]

    def remarks(self, reached: float) -> list[str]:
        """Lines on what goes on from a time, s, that the run has reached.

        Raises:
            CaseError: nothing is left to solve.
        """
        start, end = (format_quantity(float(f"{time:.6g}"), TIME) for time in (reached, self.after))
        if reached >= self.after * (1.0 - SAME_TIME):
            raise CaseError("study.duration", "the run has come there already; make it longer for --extend", end)
        lines = [f"goes on from {start} to {end}"]
        lines += [f"{', '.join(self.probes)}: values from {start} on"] if self.probes else []
        earlier = sum(time <= reached * (1.0 + SAME_TIME) for time in self.times)
        lines += [f"{earlier} listed times up to {start} are new, and have no rows"] if earlier else []
        return lines


def check_extendable(kind: str, directory: Path) -> None:
    """Refuse a case that has nothing to go on from.

    Raises:
        CaseError: its study is no transient, or the directory holds no run.
    """
    if kind != "transient":
        raise CaseError("--extend", "belongs to a transient; drop it (--resume solves added values of a sweep)")
    if not holds_results(directory):
        raise CaseError("--extend", "holds no run to go on from; drop --extend, or correct --output", str(directory))


def extension_of(case: Case, directory: Path) -> Extension | None:
    """Extension by which a case differs from the one that was run in a directory; ``None`` where it does not.

    Raises:
        CaseError: it differs in something else, or the directory does not tell its case.
    """
    try:
        text = (directory / "case.toml").read_text(encoding="utf-8")
        before = tomllib.loads(text)
        if before["study"]["kind"] != "transient":
            raise CaseError("study.kind", f"differs from the case that was run in {directory}; {TAKEN}")
        duration = parse_quantity(before["study"]["duration"], TIME)
        listed = {parse_quantity(time, TIME) for time in before["study"].get("times", ())}
    except (OSError, ValueError, KeyError):
        problem = "its case.toml is missing or damaged, so that nothing says which case was run; give another --output"
        raise CaseError("--extend", problem, str(directory)) from None
    if text == case.to_toml():
        return None
    after = tomllib.loads(case.to_toml())
    old, new = before.get("probes", {}), after.get("probes", {})
    kept = {name: place for name, place in new.items() if name in old}
    path = next(_differences(_fixed(before, old), _fixed(after, kept)), None)
    if path is not None:
        raise CaseError(path, f"differs from the case that was run in {directory}; {TAKEN}")
    study = case.study.resolved()
    assert study.duration is not None
    if study.duration < duration * (1.0 - SAME_TIME):
        problem = f"is shorter than the {format_quantity(duration, TIME)} of the run in {directory}; {TAKEN}"
        raise CaseError("study.duration", problem, format_quantity(study.duration, TIME))
    times = tuple(time for time in study.times or () if time not in listed)
    return Extension(duration, study.duration, times, tuple(name for name in new if name not in old))


def is_extension(case: Case, directory: Path) -> bool:
    """Whether a case differs from the one that was run in a directory as an extension does, or not at all."""
    try:
        extension_of(case, directory)
    except CaseError:
        return False
    return True


def _fixed(tables: Mapping[str, Any], probes: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a case that an extension may not change; of the probes those that are given."""
    study = {key: value for key, value in tables["study"].items() if key not in FREE}
    return {**tables, "title": "", "study": study, "probes": dict(probes)}


def _differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """Paths of keys in which two tables differ."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        if one != other:
            yield path
        return
    for key in {**one, **other}:
        below = f"{path}.{key}" if path else key
        if key in one and key in other:
            yield from _differences(one[key], other[key], below)
        else:
            yield below


def widened(content: bytes, added: Mapping[str, float], time: float) -> bytes:
    """CSV table with added columns, before that of the status.

    Args:
        content: table of a transient.
        added: values by the name of their column at the end of the table.
        time: time of these values, s: that of the last row, where the table goes so far.
    """
    reader = csv.DictReader(io.StringIO(content.decode(), newline=""))
    rows: list[dict[str, Any]] = list(reader)
    columns = list(reader.fieldnames or ())
    at = columns.index("status") if "status" in columns else len(columns)
    columns[at:at] = [name for name in added if name not in columns]
    if rows and float(rows[-1][TIME_COLUMN]) == float(f"{to_unit(time, TIME):.15g}"):
        rows[-1] |= added
    return csv_text(columns, rows).encode()
