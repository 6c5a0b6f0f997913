"""Record of a validation: report.json."""

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

#: Longest part of a folder's name that lists cases, characters.
LONGEST = 80


def default_folder(names: Sequence[str]) -> Path:
    """Default folder of the report; named cases have another one than all cases (no names), whose record stays."""
    if not names:
        return Path("runs/validate")
    first, *others = cases = sorted(set(names))
    together = "-".join(cases)
    return Path("runs") / f"validate-{together if len(together) <= LONGEST else f'{first}-and-{len(others)}-more'}"


def _is_ours(path: Path) -> bool:
    """Whether a file is the report of a validation."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return TITLE in text if path.name == PAGE else bool(read_rows(text))


def make_folder(directory: Path, *, force: bool = False) -> ResultDirectory:
    """Make the directory of the report, before anything is solved. On rank 0.

    Args:
        directory: path of the directory.
        force: whether a file of another origin that has the name of a report may be replaced.

    Returns:
        The directory, locked for this process until it is released.

    Raises:
        CaseError: the directory has such a file, or cannot be made or written.
    """
    foreign = tuple(name for name in (RECORD, PAGE) if (directory / name).exists() and not _is_ours(directory / name))
    # A report of this project stays until the new one replaces it.
    return ResultDirectory(directory, force=force, names=foreign)


def write_report(verdicts: Sequence[Verdict], directory: Path) -> Path:
    """Write ``report.json``. On rank 0.

    Raises:
        OutputError: the file cannot be written.
    """
    path = directory / RECORD
    write_atomically(
        path, json.dumps([asdict(v) for v in verdicts], indent=1, allow_nan=False) + "\n", then="run it again"
    )
    return path
