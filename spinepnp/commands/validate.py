"""The verb `validate`: cases, report.json, figures, report.html."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spinepnp.checkout import validation_folder
from spinepnp.run.directory import ResultDirectory
from spinepnp.runtime.communication import on_root
from spinepnp.validation.report.environment import environment
from spinepnp.validation.report.figures.drawing import describe, draw_all, select_jobs
from spinepnp.validation.report.figures.list import jobs
from spinepnp.validation.report.page import Contents, write_page
from spinepnp.validation.report.previous import read_previous
from spinepnp.validation.report.record import default_folder, make_folder, write_report
from spinepnp.validation.suite.assess import summary
from spinepnp.validation.suite.plan import Subject, load_subjects
from spinepnp.validation.suite.run import run_validation


def validate(
    names: Sequence[str], output: Path | None, comm: Any, *, full: bool, figures: bool, force: bool = False
) -> int:
    """Examine cases and report on them. Collective.

    Args:
        names: names of the cases; all cases without any.
        output: directory of the reports; ``None`` for the default one.
        comm: MPI communicator.
        full: whether cases that take long are wanted, too.
        figures: whether any are drawn.
        force: whether a report of something else that the directory holds is replaced.

    Returns:
        Exit code: 1 if a case or a figure failed.

    Raises:
        CaseError: bad input.
        OutputError: the reports cannot be written.
    """
    subjects = on_root(comm, lambda: load_subjects(validation_folder(), list(names), full=full))
    folder = default_folder(names) if output is None else output
    opened: list[ResultDirectory] = []  # on rank 0
    on_root(comm, lambda: opened.append(make_folder(folder, force=force)))
    try:
        return _examine(subjects, folder, comm, whole=not names, figures=figures)
    finally:
        for directory in opened:
            directory.discard()


def _examine(subjects: Sequence[Subject], folder: Path, comm: Any, *, whole: bool, figures: bool) -> int:
    """Solve cases, write their report and draw figures. Collective."""
    start = time.monotonic()
    previous = on_root(comm, lambda: read_previous(folder))
    verdicts = run_validation(subjects, comm)
    path = on_root(comm, lambda: write_report(verdicts, folder))
    names = [subject.name for subject in subjects]
    drawn = draw_all(select_jobs(jobs(names), () if whole else names), verdicts, comm) if figures else []

    def finish() -> Path:
        here = environment(comm.size, time.monotonic() - start)
        return write_page(Contents(subjects, verdicts, here, drawn, previous, whole=whole), folder)

    page = on_root(comm, finish)
    if comm.rank == 0:
        for line in summary(verdicts):
            print(line)
        for figure in drawn:
            if figure.error:
                print(describe(figure))
        print(f"report: {path}, {page}")
    return int(not all(v.passed for v in verdicts) or any(figure.error for figure in drawn))
