"""What is left of a validation: report.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from spinepnp.run.directory import ResultDirectory
from spinepnp.runtime.files import write_atomically
from spinepnp.validation.report.page import PAGE, TITLE
from spinepnp.validation.report.previous import RECORD, read_rows
from spinepnp.validation.suite.assess import Verdict

#: Longest list of names in that of a folder.
LONGEST = 80


def default_folder(names: Sequence[str]) -> Path:
    """Where the report goes unless told: that of named cases beside that of all, whose record it must not replace.

    Args:
        names: of the cases; none for all.
    """
    if not names:
        return Path("runs/validate")
    first, *others = found = sorted(set(names))
    together = "-".join(found)
    return Path("runs") / f"validate-{together if len(together) <= LONGEST else f'{first}-and-{len(others)}-more'}"


def _is_ours(path: Path) -> bool:
    """Whether a validation has written a report."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return TITLE in text if path.name == PAGE else bool(read_rows(text))


def make_folder(directory: Path, *, force: bool = False) -> ResultDirectory:
    """Make the directory of the report, before anything is solved. On rank 0.

    Args:
        directory: which.
        force: whether a report that is none of a validation may be replaced.

    Returns:
        The directory, ours until it is released.

    Raises:
        CaseError: it has such a report, or cannot be made or written.
    """
    foreign = tuple(name for name in (RECORD, PAGE) if (directory / name).exists() and not _is_ours(directory / name))
    return ResultDirectory(directory, force=force, names=foreign)  # ours stays until there is another


def write_report(verdicts: Sequence[Verdict], directory: Path) -> Path:
    """Write ``report.json``. On rank 0.

    Raises:
        OutputError: it cannot be written.
    """
    path = directory / RECORD
    write_atomically(
        path, json.dumps([asdict(v) for v in verdicts], indent=1, allow_nan=False) + "\n", then="run it again"
    )
    return path
