"""Runner of the jobs of a suite, one after another, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.suites import Job, Suite
from benchmarks.worker import MARK
from spinepnp.commands.test import find_mpiexec

#: Seconds after which a job that hangs is killed; the longest job takes about a quarter of it.
JOB_TIMEOUT = 3600


def run(name: str, suite: Suite, largest: float) -> tuple[list[dict[str, Any]], int]:
    """Rows of all jobs of a suite up to a number of unknowns, and the number of jobs that failed."""
    jobs = [job for job in suite.jobs if job.dofs <= largest]
    rows: list[dict[str, Any]] = []
    failed = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(name, total=len(jobs))
        for job in jobs:
            progress.update(task, description=f"{name}: {job.title}")
            if not sys.stderr.isatty():
                print(f"{name}: {job.title}", file=sys.stderr, flush=True)
            found = _job(job)
            failed += found is None
            rows += found or []
            progress.advance(task)
    return rows, failed


def _job(job: Job) -> list[dict[str, Any]] | None:
    """Rows of one job; ``None`` if it failed, with its reason printed."""
    launcher = [find_mpiexec(), "-n", str(job.ranks)] if job.ranks else []
    command = [*launcher, sys.executable, "-m", "benchmarks.worker", job.task, json.dumps(job.arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPIEXEC_TIMEOUT": str(JOB_TIMEOUT)}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=JOB_TIMEOUT + 60)
    except subprocess.TimeoutExpired:
        print(f"{job.title}: failed, more than {JOB_TIMEOUT} s", file=sys.stderr, flush=True)
        return None
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if not lines:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        print(f"{job.title}: failed, {reason}", file=sys.stderr, flush=True)
        return None
    found = json.loads(lines[-1].removeprefix(MARK))
    return found if isinstance(found, list) else [found]
