"""Runs mpiexec for `./spine -n N`: the loss of a rank is told in one line, whatever banner mpiexec has for it.

`python -m spinepnp.launch MPIEXEC -n N COMMAND ...`. Output is passed on as it comes, signals too.
"""

from __future__ import annotations

import ctypes
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import IO

#: Of prctl: the signal that a process gets when its parent dies.
PR_SET_PDEATHSIG = 1

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


def _end_with_us() -> None:
    """In mpiexec before it starts: it is killed when we are."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))


def main() -> None:
    """Run the command; never returns."""
    # A process group of its own: each signal, from the terminal too, reaches mpiexec once, from here.
    process = subprocess.Popen(
        sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, process_group=0, preexec_fn=_end_with_us
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: process.send_signal(received))
    assert process.stdout is not None
    lost = _pass_on(process.stdout)
    code = process.wait()
    if lost:
        why, which = lost[0]
        print(LOST.format(why=why, number=which, again=again(sys.argv)), file=sys.stderr, flush=True)
        code = 1
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
