"""What is left of a validation: report.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from spinepnp.errors import CaseError, reason_of
from spinepnp.output import make_writable, write_atomically
from spinepnp.validate.judge import Verdict


def make_folder(directory: Path) -> None:
    """Make the directory of the report, before anything is solved. On rank 0.

    Raises:
        CaseError: it cannot be made or written.
    """
    try:
        make_writable(directory)  # the report of the run before stays until there is another
    except OSError as error:
        reason = reason_of(error)
        raise CaseError("--output", f"cannot be used ({reason}); give another --output", str(directory)) from None


def write_report(verdicts: Sequence[Verdict], directory: Path) -> Path:
    """Write ``report.json``. On rank 0.

    Raises:
        OutputError: it cannot be written.
    """
    path = directory / "report.json"
    write_atomically(
        path, json.dumps([asdict(v) for v in verdicts], indent=1, allow_nan=False) + "\n", then="run it again"
    )
    return path
