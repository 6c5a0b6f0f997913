"""Pictures and report of a run in a process of its own, which draws while the run solves and is ready with it.

The process needs neither MPI nor DOLFINx. It is started by a command only, on rank 0, where a core is free for it; all
else draws in the process of the run (`drawing.draw`), as on a node whose cores all have ranks.
"""

from __future__ import annotations

import io
import logging
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from spinepnp.pages.outcome import NOTHING, Outcome
from spinepnp.runtime import supervisor
from spinepnp.runtime.ranks import RANK_VARIABLES, rank_from_launcher, ranks_on_this_machine

if TYPE_CHECKING:
    from spinepnp.case.case import Case

#: Environment variable that has the last word: "on" or "off".
VARIABLE = "SPINEPNP_BACKGROUND"

#: Memory that the process needs for each byte of a file of fields: the grid, its surface and their copies.
MEMORY_PER_BYTE = 6.0

#: Memory of its libraries, bytes.
MEMORY_OF_LIBRARIES = 4e8

#: Beginnings of environment variables of launchers: the process belongs to no MPI job.
OF_LAUNCHERS = ("PMI_", "PMIX_", "MPI_", "OMPI_", "HYDRA_", "HYDI_", *RANK_VARIABLES)

#: Score by which Linux chooses the process to kill where memory ends: the pictures before the solve.
OOM_SCORE = "1000"

#: Most of the complaints that are passed on, characters.
LONGEST_COMPLAINT = 4000


def has_free_core() -> bool:
    """Whether this process may use more cores than there are ranks on this machine, or `VARIABLE` says so."""
    wanted = os.environ.get(VARIABLE, "")
    if wanted in ("on", "off"):
        return wanted == "on"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores > ranks_on_this_machine()


@contextmanager
def background_pictures() -> Iterator[PictureProcess | None]:
    """Process for the pictures of a command, which ends with the block; ``None`` where the run draws them itself.

    Not collective: it is on rank 0 only.
    """
    if not supervisor.is_active() or rank_from_launcher() != 0 or not has_free_core():
        yield None
        return
    try:
        process = PictureProcess()
    except OSError:  # too many processes
        yield None
        return
    try:
        yield process
    finally:
        process.close()


class PictureProcess:
    """Process that draws pictures of runs one after the other, at once or as soon as it can.

    Of a directory whose pictures are to be drawn again before their turn, only the last ones are drawn. The process is
    killed by Linux when this one ends, however that happens.
    """

    def __init__(self) -> None:
        places = [os.path.abspath(place) for place in sys.path if place]
        code = f"import sys; sys.path[:] = {places!r}; from spinepnp.pages import background; background.main()"
        variables = {k: v for k, v in os.environ.items() if not k.startswith(OF_LAUNCHERS)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**variables, "OMP_NUM_THREADS": "1", "PYTHONSAFEPATH": "1"},
            process_group=0,  # Ctrl-C of a terminal is for the run, which ends this process
        )
        self._last: Path | None = None

    def draw(
        self,
        case: Case,
        rows: Sequence[dict[str, Any]],
        fields: Path | None,
        directory: Path,
        trace: Sequence[dict[str, Any]] = (),
        outcome: Outcome = NOTHING,
    ) -> None:
        """Let all pictures be drawn that suit a run, and its report; see `drawing.draw`. Returns before they are.

        Args:
            case: case that was run.
            rows: rows of observables.csv.
            fields: file of the last fields; ``None`` where they are in parts.
            directory: directory of the pictures, which stays where it is until `finish`.
            trace: rows of trace.csv.
            outcome: what the run prints at its end.
        """
        if fields is None or not _fits(fields):
            from spinepnp.pages import drawing

            drawing.draw(case, rows, fields, directory, trace, outcome)
            return
        self._last = directory
        job = pickle.dumps((case, list(rows), fields.absolute(), directory.absolute(), list(trace), outcome))
        with suppress(OSError):  # it has died, which `finish` tells
            pickle.dump((str(directory), job), self._input)
            self._input.flush()

    def finish(self) -> None:
        """Wait until all pictures are there; what could not be drawn is a line on standard error."""
        if self._last is None or self._input.closed:
            return
        with suppress(OSError):
            self._input.close()
        assert self._process.stdout is not None
        complaints, code = self._process.stdout.read().decode(errors="replace"), self._process.wait()
        if code != 0:
            again = f"spinepnp plot {self._last} draws them"
            complaints += f"pictures could not be drawn: their process has ended (code {code}); {again}\n"
        if complaints:
            print(complaints, end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        """End the process, whatever it is at."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                if stream is not None:
                    stream.close()

    @property
    def _input(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin


def _fits(fields: Path) -> bool:
    """Whether there is memory for fields in a second process."""
    from spinepnp.runtime.memory import available_memory

    size = fields.stat().st_size if fields.exists() else 0
    return MEMORY_OF_LIBRARIES + MEMORY_PER_BYTE * size < available_memory()


class _Jobs:
    """Jobs that arrive on a stream, one a directory: a later one takes the place of one that has not begun."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._ended = stream, False
        self._waiting: dict[str, bytes] = {}
        self._changed = threading.Condition()
        # By a thread, so that the run never waits for a picture.
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(EOFError, OSError, pickle.UnpicklingError):
            while True:
                directory, job = pickle.load(self._stream)
                with self._changed:
                    self._waiting.pop(directory, None)
                    self._waiting[directory] = job
                    self._changed.notify()
        with self._changed:
            self._ended = True
            self._changed.notify()

    @property
    def waiting(self) -> bool:
        """Whether a job has arrived that has not begun."""
        return bool(self._waiting)

    def __iter__(self) -> Iterator[Any]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                if not self._waiting:
                    return
                job = self._waiting.pop(next(iter(self._waiting)))
            yield pickle.loads(job)


def main() -> None:
    """Draw what arrives on standard input until it is closed, and write what could not be drawn to standard output."""
    if sys.platform == "linux":  # elsewhere it ends with its input
        supervisor.end_with_parent(int(sys.argv[1]))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE, encoding="ascii")
    jobs = _Jobs(sys.stdin.buffer)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
    os.dup2(2, 1)  # libraries print there
    from spinepnp.pages import drawing

    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # as in the run itself
    if not jobs.waiting:
        drawing.warm_up()
    with redirect_stderr(io.StringIO()) as complaints:
        for job in jobs:
            drawing.draw(*job)
    answers.write(complaints.getvalue()[-LONGEST_COMPLAINT:])
    answers.flush()
    os._exit(0)  # nothing is left to be done, and libraries take their time
