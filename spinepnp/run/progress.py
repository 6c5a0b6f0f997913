"""Progress of a run for its user: a bar with the time left on a terminal, plain lines elsewhere, and a log file."""

from __future__ import annotations

import sys
import time
from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from spinepnp.errors import plain

#: Number of steps of a smooth interval in time from which on they can tell the time left: the first ones are some 1e-9
#: of the later ones.
FEW_STEPS = 10

#: Least part of the work that is done where the time left is told.
LEAST_DONE = 0.1

#: Part of the seconds so far whose work tells the speed: steps in time grow, so that those before tell too little.
RECENT = 0.2


def print_line(line: str) -> None:
    """Print a line on standard error, for a user who waits. On one rank."""
    print(line, file=sys.stderr, flush=True)


class ProgressBar:
    """Progress over a known number of points; silent on every rank but 0.

    Args:
        comm: MPI communicator.
        total: number of points.
        title: text beside the bar.
        quiet: whether lines go to the log only.
        tick: function that is called with each report of progress.
    """

    def __init__(
        self, comm: Any, total: int, title: str, *, quiet: bool = False, tick: Callable[[], None] | None = None
    ) -> None:
        self._speaks, self._quiet, self._tick = comm.rank == 0, quiet, tick
        self._total, self._title = total, title
        self._unlogged: list[str] = []
        self._held: list[str] = []
        self._done, self._start = 0, time.monotonic()
        self._marks: list[tuple[float, float]] = []
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> ProgressBar:
        if self._speaks and not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as RichProgress

            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
            )
            self._bar = RichProgress(*columns, TextColumn("{task.fields[left]}"), console=Console(stderr=True))
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=self._total, left="")
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def release(self) -> None:
        """Print the lines that were held back."""
        for line in self._held:
            self.log(line)
        self._held.clear()

    def doing(self, what: str, done: float | None = None, left: str | None = None) -> None:
        """Show the work at hand, on a terminal only.

        Args:
            what: description of the work.
            done: number of points that are done; as before by default.
            left: time left, as text; as before by default.
        """
        if self._tick is not None:
            self._tick()
        if self._bar is not None:
            self._bar.update(self._task, completed=done, description=what, **({} if left is None else {"left": left}))

    def log(self, line: str) -> None:
        """Print a plain line on the screen and keep it for the log (`log_to`)."""
        if not self._speaks:
            return
        line = plain(line)
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False)
        elif not self._quiet:
            print_line(line)
        self._unlogged.append(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}")

    def log_to(self, path: Path | None) -> None:
        """Append all lines so far to a log file, once there is one."""
        if path is not None and self._unlogged:
            with suppress(OSError), path.open("a", encoding="utf-8") as file:  # the results say it, too
                file.writelines(f"{line}\n" for line in self._unlogged)
            self._unlogged.clear()

    def left(self, fraction: float, since: float, steps: int = FEW_STEPS) -> str:
        """Time left, as text, at the speed of the later part of the seconds so far.

        Args:
            fraction: fraction of the work that is done.
            since: fraction at which it was begun.
            steps: number of steps since they were last so short that they tell nothing of those that follow.
        """
        elapsed = time.monotonic() - self._start
        self._marks.append((elapsed, fraction))
        if fraction >= 1.0:
            return f"{elapsed:.1f} s in all"
        if steps < FEW_STEPS or fraction - since < LEAST_DONE:
            return "time left: unknown yet"
        number = bisect_right(self._marks, ((1.0 - RECENT) * elapsed, 1.0))
        then, was = self._marks[number - 1] if number else (0.0, since)
        if fraction <= was:
            then, was = 0.0, since
        return f"about {(elapsed - then) / (fraction - was) * (1.0 - fraction):.0f} s left"

    def done(self, line: str, *, hold: bool = False) -> None:
        """Count a finished point, and print a line on it.

        Args:
            line: without counts and times, which are added.
            hold: keep the line back until one is not held.
        """
        self._done += 1
        elapsed = time.monotonic() - self._start
        left = f"about {elapsed / self._done * (self._total - self._done):.0f} s left"
        tail = left if self._done < self._total else f"{elapsed:.1f} s in all"
        self._held.append(f"[{self._done}/{self._total}] {line}, {tail}")
        if not hold:
            self.release()
        if self._bar is not None:
            self._bar.update(self._task, advance=1, left=tail)
