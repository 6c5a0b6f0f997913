"""Entry point of `spinepnp`: a verb runs, and every error becomes one line and an exit code."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

from spinepnp.runtime import supervisor

#: Seconds that a rank with an error waits for the others: longer on higher ranks, so that the lowest one speaks first.
ARRIVAL_TIMEOUT = 1.5

#: Additional seconds of that wait for each rank, up to the rank below.
ARRIVAL_TIMEOUT_PER_RANK = 0.2

#: Rank from which on the wait is the same.
LAST_SLOWER_RANK = 5

#: Seconds before an abort in which mpiexec forwards the error line; it drops what is left.
ABORT_DELAY = 0.3

#: Seconds before an abort by a rank that prints nothing: rank 0 must print and abort first.
SILENT_ABORT_DELAY = 3.0

#: Thresholds of the garbage collector: imports and tables make many objects that stay, and the default search takes a
#: tenth of a short run.
GC_THRESHOLDS = (50_000, 20, 20)

# Slow imports come after `supervisor.begin`.


def _world() -> Any:
    """MPI's world communicator if MPI is running in this process and has several ranks, else ``None``."""
    mpi4py = sys.modules.get("mpi4py.MPI")
    if mpi4py is None or not mpi4py.Is_initialized() or mpi4py.Is_finalized():
        return None
    return mpi4py.COMM_WORLD if mpi4py.COMM_WORLD.size > 1 else None


def _leave(code: int, line: str, *, orderly: bool = False) -> int:
    """Print ``line`` once for all ranks and end with an exit code, which is returned where this process may end itself.

    Args:
        orderly: whether the error, if a rank has it, occurs on all ranks at the same place, so that MPI can be shut
            down; otherwise the job is aborted, because MPI would wait for other ranks for ever.
    """
    import time

    from spinepnp.errors import SpineError, all_ranks_arrived, plain
    from spinepnp.runtime import stdout as screen
    from spinepnp.runtime.ranks import rank_from_launcher

    line, world = plain(line), _world()
    if world is None:
        if rank_from_launcher() == 0:
            print(line, file=sys.stderr, flush=True)
        return code
    # Rank 0 speaks if all have arrived; else the lowest rank that has an error, before the others end their wait.
    timeout = ARRIVAL_TIMEOUT + ARRIVAL_TIMEOUT_PER_RANK * min(world.rank, LAST_SLOWER_RANK)
    together = all_ranks_arrived(world, timeout)
    if world.rank == 0 or not together:
        print(line, file=sys.stderr, flush=True)
    if together and orderly:
        return code
    with suppress(OSError, SpineError):  # the first error is the one to report
        screen.finish()
    screen.silence(1, 2)  # MPI_Abort prints a line of its own
    time.sleep(ABORT_DELAY if world.rank == 0 or not together else SILENT_ABORT_DELAY)
    world.Abort(code)
    return code


def provide_home() -> None:
    """Set a private temporary home for a user whose home cannot be written: libraries keep files there.

    In containers the user may be a number without a name, and the root file system read-only.
    """
    import tempfile
    from pathlib import Path

    home = os.path.expanduser("~")
    if os.path.isabs(home) and os.access(home, os.W_OK | os.X_OK):
        return
    folder = Path(tempfile.gettempdir()) / f"spinepnp-home-{os.getuid()}"
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
        status = folder.lstat()
        if status.st_uid != os.getuid() or status.st_mode & 0o077 or not folder.is_dir() or folder.is_symlink():
            raise OSError("not ours")
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="spinepnp-home-"))
    os.environ["HOME"] = str(folder)


def collect_less() -> None:
    """Make garbage collection less frequent."""
    import gc

    gc.set_threshold(*GC_THRESHOLDS)


def main() -> None:
    """Run the command line; never returns."""
    supervisor.open_streams()
    supervisor.begin()
    from spinepnp.commands import petsc_options
    from spinepnp.runtime import stdout as screen
    from spinepnp.runtime.ranks import crowding, rank_from_launcher

    if rank_from_launcher() == 0 and crowding():  # before imports, for which the ranks compete
        print(crowding(), file=sys.stderr, flush=True)
    collect_less()
    os.environ["PYTHONSAFEPATH"] = "1"  # child processes import nothing of the current directory either
    provide_home()
    screen.watch()
    arguments = sys.argv[1:]
    foreign = [a for a in arguments if not _is_text(a)]
    if foreign:
        shown = os.fsencode(foreign[0]).decode(errors="backslashreplace")
        sys.exit(_leave(2, f'error: "{shown}": is not UTF-8 text; give another name', orderly=True))
    debug = "--debug" in arguments
    arguments, options = petsc_options.split([a for a in arguments if a != "--debug"])
    petsc_options.hand_over(options)
    if rank_from_launcher() == 0:
        petsc_options.tell_of_power(arguments[0] if arguments else "")
    code = _run(arguments or ["--help"], debug)
    if options and code == 0 and rank_from_launcher() == 0:
        petsc_options.warn_of_unused(options)
    sys.exit(code)


def _is_text(argument: str) -> bool:
    try:
        argument.encode()
    except UnicodeEncodeError:
        return False
    return True


def _run(arguments: list[str], debug: bool) -> int:
    import logging

    import typer

    from spinepnp.cli import app
    from spinepnp.errors import SingleRankError, SpineError
    from spinepnp.runtime import stdout as screen

    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it prints four lines on a read-only cache
    try:
        code = int(app(arguments, standalone_mode=False, prog_name="spinepnp") or 0)
        screen.finish()
        return _interrupted(arguments) if code == supervisor.INTERRUPTED else code  # Typer turns Ctrl-C into this code
    except SpineError as error:
        _trace(debug)
        if isinstance(error, screen.ScreenError):
            screen.silence(1)
        return _leave(error.exit_code, f"error: {error}", orderly=True)
    except SingleRankError as error:
        _trace(debug)
        return _leave(1, f"error: {error}")
    except (typer.Abort, KeyboardInterrupt):
        return _interrupted(arguments)
    except typer.TyperException as error:
        _trace(debug)
        return _leave(2, f"error: {_usage_problem(error)}; see --help", orderly=True)
    except BrokenPipeError:
        screen.silence(1, 2)
        return 1
    except MemoryError:
        _trace(debug)
        return _leave(1, "error: out of memory; use a larger mesh.size or more machines")
    except Exception as error:
        _trace(debug)
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return _leave(1, f"error: unexpected {reason} (run again with --debug for details, and please report it)")


def _interrupted(arguments: list[str]) -> int:
    """End after an interruption whose results were kept first."""
    if supervisor.is_active():
        supervisor.end()
    return _leave(supervisor.INTERRUPTED, supervisor.interruption(arguments))


def _usage_problem(error: Exception) -> str:
    """The problem of a command line, on one line."""
    describe = getattr(error, "format_message", None)
    return " ".join(str(describe() if describe else error).split()).rstrip(".")


def _trace(debug: bool) -> None:
    if debug:
        import traceback

        traceback.print_exc()


if __name__ == "__main__":
    main()
