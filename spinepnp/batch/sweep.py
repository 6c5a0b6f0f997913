"""Sweep files: a base case and axes over any of its keys, as a list of checked cases.

A sweep is TOML, or axes in a CSV file whose columns are paths of keys; nothing in it is ever executed.
"""

from __future__ import annotations

import copy
import itertools
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from spinepnp.case.case import Case, make_case
from spinepnp.case.digest import case_digest, digest
from spinepnp.case.estimate import Size, size_of
from spinepnp.case.study import column_of, common_kind, number_of
from spinepnp.case.toml import (
    check_kind,
    find_files,
    kind_of,
    parse_toml,
    read_tables,
    read_text,
    set_value,
    unset_value,
    value_of,
)
from spinepnp.csv_files import rows_of
from spinepnp.errors import CaseError
from spinepnp.messages import validated
from spinepnp.solvers.problem.columns import NOTHING
from spinepnp.units import Line, Table, Whole

#: Largest number of cases in one sweep: more are taken for a mistake.
MOST_CASES = 200_000

#: Cost of a transient, in steady solves: some 40 steps of five steady states each.
TRANSIENT_SOLVES = 200

#: Number of cases from which on a line tells that they are checked.
MANY_CASES = 500

#: Seconds between further lines.
LINE_EVERY = 2.0

#: Name of an axis, and of its column, over paths of keys that are removed.
UNSET = "unset"

#: Column that tells base cases apart where there are several.
BASE_COLUMN = "base.case"


class Base(Table):
    """Base case of a sweep.

    Attributes:
        case: path of a case file, relative to the sweep; or several, each of which goes along all axes.
        set: keys that differ from the file for all cases, by their paths.
        unset: paths of keys that are removed from the file for all cases, before others are set.
    """

    case: str | Annotated[tuple[str, ...], Field(min_length=1)]
    set: dict[str, Any] = Field(default_factory=dict)
    unset: tuple[str, ...] = ()


class Sweep(Table):
    """A sweep file.

    Attributes:
        title: of the whole.
        base: the case that is varied.
        axes: values by the path of the key that takes them; a value may be a whole table. The values of "unset" are
            paths of keys, or lists of them, that are removed before others are set.
        combine: all combinations, the n-th values of all axes together, or the rows of a CSV file.
        csv: that file, relative to the sweep.
        ranks_per_case: ranks that solve a case together; "auto" by size and memory.
        fields: whether the fields of each case are kept.
        pictures: whether pictures of each case are drawn.
    """

    title: Line = ""
    base: Base
    axes: dict[str, Annotated[tuple[Any, ...], Field(min_length=1)]] = Field(default_factory=dict)
    combine: Literal["product", "zip", "csv"] = "product"
    csv: str | None = None
    ranks_per_case: Annotated[Whole, Field(ge=1)] | Literal["auto"] = "auto"
    fields: bool = False
    pictures: bool = False


@dataclass
class Job:
    """One case of a sweep.

    Attributes:
        number: position in the sweep, from 1.
        columns: values of the axes by the name of their column, with units.
        name: name on the screen: the columns that differ between cases.
        key: digest by which its results are known.
        data: resolved case as plain tables; ``None`` where it is impossible.
        error: reason why it is impossible.
        varied: column of the key that the case itself varies, if it does.
        chain: digest of its mesh and structure; cases that share it are solved one after another.
        meshes: digests of its meshes: one, or those of the values that the case itself varies.
        solves: number of its steady states or transients.
        unknowns: estimated number of unknowns.
        cost: estimated seconds on one core.
        memory: estimated bytes.
        stamp: time of the outcome that it replaces; see `Store.stamp`.
    """

    number: int
    columns: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    key: str = ""
    data: dict[str, Any] | None = None
    error: str = ""
    varied: str | None = None
    chain: str = ""
    meshes: tuple[str, ...] = ()
    solves: int = 0
    unknowns: float = 0.0
    cost: float = 0.0
    memory: float = 0.0
    stamp: int = 0

    def case(self) -> Case:
        """The checked case."""
        assert self.data is not None
        return make_case(copy.deepcopy(self.data))


@dataclass(frozen=True)
class Plan:
    """Sweep with all its cases.

    Attributes:
        sweep: the file.
        jobs: in its order; the last axis varies fastest.
        sources: files that it was read from.
    """

    sweep: Sweep
    jobs: list[Job]
    sources: tuple[Path, ...] = ()


def is_sweep(path: Path) -> bool:
    """Whether a file is a sweep rather than a case.

    Raises:
        CaseError: it cannot be read, or is malformed TOML.
    """
    return kind_of(parse_toml(read_text(path), str(path))) == "sweep"


def load_sweep(path: Path, log: Callable[[str], None] | None = None) -> Plan:
    """Read a sweep file and check all its cases. On one rank.

    Args:
        path: path of the sweep file.
        log: function that takes lines on the way, where there are many cases.

    Returns:
        The plan; a case that is impossible beside others that are not carries its error.

    Raises:
        CaseError: the sweep is wrong, or every one of its cases is.
    """
    data = parse_toml(read_text(path), str(path))
    check_kind(data, str(path), "sweep")
    for place in ("axes", "base"):  # TOML reads a key that follows a table into it
        table = data.get(place)
        for key in ("combine", "csv"):
            if isinstance(table, dict) and isinstance(table.get(key), str):
                data[key] = table.pop(key)
    sweep = validated(data, Sweep)
    folder = path.parent
    names = [sweep.base.case] if isinstance(sweep.base.case, str) else list(sweep.base.case)
    settings = list(_settings(sweep, names, folder))
    jobs = [Job(number) for number in range(1, len(settings) + 1)]
    if len({Path(name).stem for name in names}) < len(names):
        raise CaseError("base.case", "two of the cases have the same name; rename one")
    bases = {name: _base(name, sweep.base, folder) for name in names}
    first: CaseError | None = None
    sizes: dict[str, Size] = {}
    told = begin = time.monotonic()
    if log is not None and len(jobs) >= MANY_CASES:
        log(f"{len(jobs)} cases are checked")
    for job, setting in zip(jobs, settings, strict=True):
        name, values = setting
        done = job.number - 1
        if log is not None and len(jobs) >= MANY_CASES and done and time.monotonic() >= told + LINE_EVERY:
            told = time.monotonic()
            left = (told - begin) / done * (len(jobs) - done)
            log(f"{done} of {len(jobs)} cases are checked, about {left:.0f} s left")
        try:
            _resolve(job, bases[name], values, folder, sizes)
        except CaseError as error:
            first = first or error
            job.error = str(error)
            job.key = digest({"impossible": error.args, "base": bases[name], "values": values})
    if first is not None and all(job.error for job in jobs):
        raise first
    labels = [{**({BASE_COLUMN: Path(name).stem} if len(names) > 1 else {}), **values} for name, values in settings]
    for job, columns in zip(jobs, named_columns(labels), strict=True):
        job.columns = columns
    entries = {entry for job in jobs for entry in job.columns.items()}
    differing = {name for name, number in Counter(name for name, _ in entries).items() if number > 1}
    for job in jobs:
        job.name = ", ".join(f"{name} = {value:g}" if isinstance(value, float) else f"{name} = {value}"
                              for name, value in job.columns.items() if name in differing) or "the case"  # fmt: skip
    return Plan(sweep, jobs, (path, *(folder / name for name in (*names, *filter(None, [sweep.csv])))))


def _base(name: str, base: Base, folder: Path) -> dict[str, Any]:
    """Tables of a base case, with the keys that differ for all cases."""
    return read_tables(read_text(folder / name), name, base.set.items(), folder / Path(name).parent, base.unset)


def _settings(sweep: Sweep, bases: list[str], folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name of the base and values of the keys, for each case."""
    if sweep.csv is not None and sweep.combine != "csv":
        raise CaseError("csv", 'belongs to combine = "csv"; set that, or drop it', sweep.csv)
    if sweep.combine == "csv":
        if sweep.csv is None:
            raise CaseError("csv", 'is missing; name the file with the values, for example csv = "points.csv"')
        if sweep.axes:
            raise CaseError("axes", f"come from {sweep.csv}; drop them here", next(iter(sweep.axes)))
        rows = list(_rows(folder / sweep.csv))
    elif sweep.combine == "zip":
        lengths = {len(values) for values in sweep.axes.values()}
        if len(lengths) > 1:
            counts = ", ".join(f"{path} has {len(values)}" for path, values in sweep.axes.items())
            raise CaseError("axes", f'zip takes as many values of each axis, but {counts}; or use combine = "product"')
        rows = [dict(zip(sweep.axes, values, strict=True)) for values in zip(*sweep.axes.values(), strict=True)]
    else:
        count = math.prod(map(len, (bases, *sweep.axes.values())))
        if count > MOST_CASES:
            raise CaseError("axes", f"ask for {count} cases, {MOST_CASES} are allowed; split the sweep")
        rows = [dict(zip(sweep.axes, values, strict=True)) for values in itertools.product(*sweep.axes.values())]
    for row in rows:
        if UNSET in row:
            row[UNSET] = _paths(row[UNSET])
    for base in bases:
        for row in rows or [{}]:
            yield base, row


def _paths(value: Any) -> list[str]:
    """Paths of keys that are removed in a case: a list, or text with blanks or commas between them."""
    paths = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise CaseError("axes.unset", 'takes paths of keys, for example ["boundaries.wall.mechanism"]', value)
    return paths


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a CSV file, whose columns are paths of keys."""
    number = 0
    try:
        for number, row in enumerate(rows_of(path), 1):
            if number > MOST_CASES:
                raise CaseError(str(path), f"has more than {MOST_CASES} rows; split it")
            yield {name: value if name == UNSET else value_of(value) for name, value in row.items() if value}
    except ValueError as error:
        raise CaseError(str(path), str(error)) from None
    if number == 0:
        raise CaseError(str(path), "has no rows below its heading; add one a case")


def _resolve(job: Job, base: dict[str, Any], values: dict[str, Any], folder: Path, sizes: dict[str, Size]) -> None:
    """Fill a job with its checked case and its cost.

    Args:
        job: job that is filled.
        base: tables of the base case.
        values: values by the path of their key.
        folder: folder of the sweep file, to which paths of files are relative.
        sizes: estimated sizes by chain, which grow: cases on one mesh share theirs.
    """
    data = _copied(base)
    for path in values.get(UNSET, ()):
        unset_value(data, path)
    for path, value in values.items():
        if path != UNSET:
            set_value(data, path, _copied(value))
    _without_varied(data, values)
    find_files(data, folder)
    case = make_case(data)
    points = case.points()  # each value of a sweep in the case is checked too
    job.data = case.to_dict()
    job.key = case_digest(case, job.data)
    job.varied = case.study.column if case.study.vary is not None else None
    job.chain = digest(repr(case.model_key))
    if job.chain not in sizes:
        sizes[job.chain] = size_of(case)
    size, job.solves = sizes[job.chain], len(points)
    job.meshes = tuple(dict.fromkeys(digest(repr((point.geometry, point.mesh))) for point in points))
    steady_solves = job.solves * (TRANSIENT_SOLVES if case.study.kind == "transient" else 1)
    job.unknowns, job.cost, job.memory = size.unknowns, steady_solves * size.seconds, size.memory


def _copied(value: Any) -> Any:
    """Copy of tables and lists, whose other contents cannot change; `copy.deepcopy` takes three times as long."""
    if isinstance(value, dict):
        return {key: _copied(inner) for key, inner in value.items()}
    return [_copied(inner) for inner in value] if isinstance(value, list) else value


def _without_varied(data: dict[str, Any], paths: Iterable[str]) -> None:
    """Drop the sweep of the base case where an axis is over its varied key, or over a table with that key."""
    study = data.get("study")
    if not isinstance(study, dict) or not isinstance(study.get("vary"), str):
        return
    if any(f"{study['vary']}.".startswith(f"{path}.") for path in paths):
        del study["vary"]
        study.pop("values", None)
        if study.get("kind") == "sweep":
            study["kind"] = "steady"


def named_columns(settings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Values, given by path, by the names of their columns: a column for each key of a table, with one unit."""
    flat = [dict(_flat(setting)) for setting in settings]
    paths = list(dict.fromkeys(path for row in flat for path in row))
    kinds = {path: common_kind(row[path] for row in flat if path in row) for path in paths}
    return [{column_of(p, kinds[p]): number_of(row[p], kinds[p]) for p in paths if p in row} for row in flat]


def _flat(setting: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for path, value in setting.items():
        if path == UNSET:
            yield path, ", ".join(value) or NOTHING
        elif isinstance(value, dict):
            yield from _flat({f"{path}.{key}": inner for key, inner in value.items()})
        else:
            yield path, value if isinstance(value, str | int | float | bool) else str(value)
