"""The verb `plot`: pictures of a result directory, from its files alone; neither MPI nor DOLFINx is needed."""

from __future__ import annotations

import csv
from pathlib import Path

from spinepnp.case.case import Case, load_case
from spinepnp.errors import CaseError, reason_of
from spinepnp.plots.animation import draw_animation
from spinepnp.plots.pictures import attempt, draw
from spinepnp.runtime.files import fields_path

NEEDED = ("case.toml", "observables.csv")


def plot_run(directory: Path, *, animation: bool = True) -> list[Path]:
    """Draw all pictures of a run again, finished or not, and the film of a transient if wanted.

    Returns:
        Files that were made; what cannot be drawn is a warning.

    Raises:
        CaseError: there is no such directory, or no results of a solved point in it.
    """
    case, rows = read_run(directory)
    if not any(row.get("status") == "ok" for row in rows):
        problem = "holds no solved point, so that there is nothing to draw; give another directory"
        raise CaseError(str(directory), problem)
    traced = directory / "trace.csv"
    trace = _rows(traced) if traced.is_file() else []
    made = draw(case, rows, _last_fields(directory), directory, trace)
    if animation and case.study.kind == "transient":
        made += attempt(lambda: draw_animation(case, directory))
    # Transients of which one key was varied have a directory each.
    for below in sorted((directory / "points").glob("[0-9]*/")):
        if all((below / name).is_file() for name in NEEDED):
            made += plot_run(below, animation=animation)
    return made


def read_run(directory: Path) -> tuple[Case, list[dict[str, str]]]:
    """The case of a result directory, and its complete rows.

    Raises:
        CaseError: there are none.
    """
    if not directory.is_dir():
        raise CaseError(str(directory), "is no directory; give the result directory of a run")
    missing = [name for name in NEEDED if not (directory / name).is_file()]
    if missing:
        raise CaseError(str(directory), f"holds no results ({missing[0]} is missing); give the directory of a run")
    return load_case(directory / NEEDED[0]), _rows(directory / NEEDED[1])


def _rows(path: Path) -> list[dict[str, str]]:
    """The complete rows of a table: a run that was killed may end with a part of one.

    Raises:
        CaseError: it is no table.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise CaseError(str(path), f"cannot be read ({reason_of(error)}); give another directory") from None
    except (ValueError, csv.Error):
        raise CaseError(str(path), "is no table of results; give another directory") from None
    return [row for row in rows if None not in row and None not in row.values()]


def _last_fields(directory: Path) -> Path:
    """The fields of the last point or time; those of a run that has not ended are among its points or times."""
    last = fields_path(directory / "fields")
    if last.exists():
        return last
    found = [path for folder in ("points", "fields") for path in sorted((directory / folder).glob("[0-9]*.*vtu"))]
    numbered = [path for path in found if path.stem.isdecimal()]  # others are parts
    return numbered[-1] if numbered else last
