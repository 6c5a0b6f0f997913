"""The verb `plot`: pictures of a result directory, from its files alone; neither MPI nor DOLFINx is needed."""

from __future__ import annotations

from pathlib import Path

from spinepnp.errors import CaseError
from spinepnp.plots.animation import draw_animation
from spinepnp.plots.pictures import attempt, draw
from spinepnp.run.reports import NEEDED, read_rows, read_run
from spinepnp.runtime.files import fields_path


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
    trace = read_rows(traced) if traced.is_file() else []
    made = draw(case, rows, _last_fields(directory), directory, trace)
    if animation and case.study.kind == "transient":
        made += attempt(lambda: draw_animation(case, directory))
    # Transients of which one key was varied have a directory each.
    for below in sorted((directory / "points").glob("[0-9]*/")):
        if all((below / name).is_file() for name in NEEDED):
            made += plot_run(below, animation=animation)
    return made


def _last_fields(directory: Path) -> Path:
    """The fields of the last point or time; those of a run that has not ended are among its points or times."""
    last = fields_path(directory / "fields")
    if last.exists():
        return last
    found = [path for folder in ("points", "fields") for path in sorted((directory / folder).glob("[0-9]*.*vtu"))]
    numbered = [path for path in found if path.stem.isdecimal()]  # others are parts
    return numbered[-1] if numbered else last
