"""Runs mpiexec for `./spine -n N`: the loss of a rank is told in one line, whatever banner mpiexec has for it.

`python -m spinepnp.runtime.launch MPIEXEC -n N COMMAND ...`. Output is passed on as it comes, signals too.
"""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import IO

from spinepnp.runtime.supervisor import (
    CODES,
    ORDERLY,
    QUIET,
    SIGNALS,
    end_with_parent,
    interruption,
    next_signal,
    open_streams,
    watched,
)

#: Seconds that all ranks together have for their end.
PATIENCE = ORDERLY + 0.6

#: Seconds within which mpiexec has no ranks yet to pass a signal to, and these have nothing to keep.
YOUNG = 1.0

#: Seconds after which a second signal is not the first one come twice.
IMPATIENCE = 1.0

#: First and last lines of the banner of Hydra, MPICH's launcher, and what it says of the end of a process.
RULE, BEGIN = re.compile(rb"={60,}\s*"), re.compile(rb"=\s+BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES")
BANNER = re.compile(rb"=.*|\s*|YOUR APPLICATION TERMINATED.*|This typically refers.*|Please see the FAQ.*", re.S)
KILLED = re.compile(rb"EXIT STRING: (.+) \(signal (\d+)\)")

LOST = "error: a rank was lost ({why}, signal {number}), and the job with it; what was solved is kept: {again}"


def without_banner(lines: Iterable[bytes], found: list[tuple[str, int]]) -> Iterator[bytes]:
    """Lines of output but for the banner.

    Args:
        lines: as mpiexec writes them.
        found: gets why and by which signal a process has ended, where the banner says so.
    """
    held: list[bytes] = []
    inside = False
    for line in lines:
        if inside:
            killed = KILLED.search(line)
            if killed:
                found.append((killed[1].decode().lower(), int(killed[2])))
            if not BANNER.fullmatch(line):
                yield line
        elif BEGIN.match(line) and held and RULE.fullmatch(held[-1]):
            inside = True
            held.clear()
        elif RULE.fullmatch(line) or (not line.strip() and not held):
            held.append(line)
        else:
            yield from held
            held.clear()
            yield line
    yield from held


def again(arguments: list[str]) -> str:
    """How to go on: a batch continues by itself."""
    return "the same command goes on" if "batch" in arguments else "the same command with --resume goes on"


def _pass_on(stream: IO[bytes]) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for line in without_banner(stream, found):
        try:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
        except BrokenPipeError:  # a pager that has seen enough; the job goes on
            continue
    return found


def _begin_rank() -> None:
    """In mpiexec before it starts: it is killed when we are."""
    end_with_parent()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*SIGNALS, signal.SIGCHLD})


def guarded(command: list[str]) -> list[str]:
    """The command of mpiexec by which ranks hear of no signal before they can say a line.

    Args:
        command: mpiexec, ``-n``, number of ranks, and the command of a rank.
    """
    hold = ["env", f"--block-signal={','.join(number.name.removeprefix('SIG') for number in SIGNALS)}"]
    try:  # an env of coreutils; that of others has no such option
        able = subprocess.run(hold, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        able = False
    return [*command[:3], *(hold if able else []), *command[3:]]


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for mpiexec, and pass signals on; it is killed where its ranks do not end in time.

    Returns:
        The signal that has come; 0 if none has.
    """
    awaited = watched() | {signal.SIGCHLD}
    come, deadline, last, begun = 0, math.inf, 0.0, time.monotonic()
    while process.poll() is None:
        heard = next_signal(awaited, max(0.0, deadline - time.monotonic()))
        now = time.monotonic()
        impatient = heard in CODES and come and now - last > IMPATIENCE
        if heard in CODES:
            last = now
            if not come:
                come, deadline = heard, now + (PATIENCE if now - begun > YOUNG else 0.0)
                process.send_signal(signal.SIGTERM)  # of a SIGINT mpiexec speaks, and SIGHUP it does not pass on
        if impatient or now >= deadline:
            process.kill()
    return come


def main() -> None:
    """Run the command; never returns."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {*SIGNALS, signal.SIGCHLD})
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    open_streams()
    # A process group of its own: each signal, from the terminal too, reaches mpiexec once, from here.
    process = subprocess.Popen(
        guarded(sys.argv[1:]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, process_group=0,
        preexec_fn=_begin_rank, env=os.environ | {QUIET: "yes"},
    )  # fmt: skip
    assert process.stdout is not None
    stream, lost = process.stdout, []
    reader = threading.Thread(target=lambda: lost.extend(_pass_on(stream)), daemon=True)
    reader.start()
    come = _wait(process)
    reader.join(1.0 if come else None)
    code = process.returncode
    if (come and code != 0) or code in CODES.values():
        print(interruption(sys.argv[sys.argv.index("spinepnp") + 1 :]), file=sys.stderr, flush=True)
        code = CODES[signal.Signals(come)] if come else code
    elif lost:
        why, which = lost[0]
        print(LOST.format(why=why, number=which, again=again(sys.argv)), file=sys.stderr, flush=True)
        code = 1
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
