"""Launcher of mpiexec for `./spine -n N`: one line on the loss of a rank, in place of mpiexec's banner.

`python -m spinepnp.runtime.launch MPIEXEC -n N COMMAND ...`. Output and signals are forwarded at once.
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
from contextlib import suppress
from typing import IO

from spinepnp.runtime.supervisor import (
    EXIT_CODES,
    GRACE_PERIOD,
    LOST_HOST,
    QUIET_VARIABLE,
    SIGNALS,
    again,
    end_with_parent,
    interruption,
    next_signal,
    open_streams,
    watched,
)

#: Seconds after a signal at which mpiexec is killed: each rank has its grace period, and mpiexec some time.
ALL_RANKS_GRACE_PERIOD = GRACE_PERIOD + 0.6

#: Seconds after the start within which ranks may not run yet and have nothing to keep: a signal then kills at once.
START_UP_TIME = 1.0

#: Seconds after which a second signal is not a copy of the first: the user wants an end at once.
REPEAT_INTERVAL = 1.0

#: Line above and below the banner of Hydra, MPICH's launcher.
RULE = re.compile(rb"={60,}\s*")

#: First line of the banner.
BANNER_BEGIN = re.compile(rb"=\s+BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES")

#: Lines of the banner.
BANNER = re.compile(rb"=.*|\s*|YOUR APPLICATION TERMINATED.*|This typically refers.*|Please see the FAQ.*", re.S)

#: Part of the banner with the reason and the signal that ended a process.
KILLED = re.compile(rb"EXIT STRING: (.+) \(signal (\d+)\)")

#: Beginnings of lines that Hydra prints when it loses a host or a process of its own.
COMPLAINTS = (b"[mpiexec@", b"[proxy:")

#: Beginning of the line of a rank on the loss of a host.
REPORTED_LOSS = LOST_HOST.partition("{")[0].encode()

#: Error line where mpiexec has lost a host or its processes, and does not name it.
LOST_SOME_HOST = "error: a host or its processes were lost, and the job with it; what was solved is kept: {again}"

#: Error line on the loss of a rank.
LOST = "error: a rank was lost ({why}, signal {number}), and the job with it; what was solved is kept: {again}"


def without_banner(lines: Iterable[bytes], losses: list[tuple[str, int]]) -> Iterator[bytes]:
    """Lines of output without the banner.

    Args:
        lines: lines that mpiexec writes.
        losses: list that takes the reason and the signal that ended a process, where the banner names them.
    """
    waiting: list[bytes] = []  # lines that may belong to a banner
    inside = False
    for line in lines:
        if inside:
            killed = KILLED.search(line)
            if killed:
                losses.append((killed[1].decode().lower(), int(killed[2])))
            if not BANNER.fullmatch(line):
                yield line
        elif BANNER_BEGIN.match(line) and waiting and RULE.fullmatch(waiting[-1]):
            inside = True
            waiting.clear()
        elif RULE.fullmatch(line) or (not line.strip() and not waiting):
            waiting.append(line)
        else:
            yield from waiting
            waiting.clear()
            yield line
    yield from waiting


def _forward(stream: IO[bytes] | None) -> list[tuple[str, int]]:
    """Copy output without the banner to standard output; reasons and signals of lost ranks."""
    losses: list[tuple[str, int]] = []
    for line in without_banner(stream or (), losses):
        try:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
        except BrokenPipeError:  # a pager that was closed; the job goes on
            continue
    return losses


def without_complaints(chunks: Iterable[bytes], seen: set[str]) -> Iterator[bytes]:
    """Error output without the lines of Hydra on what it has lost; a bar of progress, without an end, passes at once.

    Args:
        chunks: pieces of output as they come.
        seen: set that takes "complaint" and "report" when a line of Hydra, or of a rank on a lost host, has come.
    """
    held = b""  # begin of a line that may be of Hydra
    fresh = True  # whether the next byte begins a line
    for chunk in chunks:
        for piece in (held + chunk).splitlines(keepends=True):
            held = b""
            ended = piece.endswith((b"\n", b"\r"))
            if fresh and piece.startswith(COMPLAINTS):
                seen.add("complaint")
                held = b"" if ended else piece
                continue
            if fresh and not ended and any(start.startswith(piece) for start in (*COMPLAINTS, REPORTED_LOSS)):
                held = piece
                continue
            if fresh and piece.startswith(REPORTED_LOSS):
                seen.add("report")
            fresh = ended
            yield piece
    if held and not held.startswith(COMPLAINTS):
        yield held


def _forward_errors(stream: IO[bytes] | None, seen: set[str]) -> None:
    """Copy error output without the lines of Hydra to standard error."""
    chunks = iter(lambda: os.read(stream.fileno(), 65536) if stream else b"", b"")
    for piece in without_complaints(chunks, seen):
        with suppress(OSError):
            os.write(2, piece)


def _begin_rank() -> None:
    """Prepare the process of mpiexec: it is killed when this process ends."""
    end_with_parent()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*SIGNALS, signal.SIGCHLD})


def guarded(command: list[str]) -> list[str]:
    """The command of mpiexec (``mpiexec -n N ...``), with signals blocked in each rank until it can handle them."""
    block = ["env", f"--block-signal={','.join(number.name.removeprefix('SIG') for number in SIGNALS)}"]
    try:  # only the env of coreutils has the option
        supported = subprocess.run(block, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        supported = False
    return [*command[:3], *(block if supported else []), *command[3:]]


def _wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of mpiexec and forward signals; returns the first one, or 0.

    Mpiexec is killed where its ranks do not end in time.
    """
    awaited = watched() | {signal.SIGCHLD}
    received, deadline, last, started = 0, math.inf, 0.0, time.monotonic()
    while process.poll() is None:
        arrived = next_signal(awaited, max(0.0, deadline - time.monotonic()))
        now = time.monotonic()
        impatient = arrived in EXIT_CODES and received and now - last > REPEAT_INTERVAL
        if arrived in EXIT_CODES:
            last = now
            if not received:
                received, deadline = arrived, now + (ALL_RANKS_GRACE_PERIOD if now - started > START_UP_TIME else 0.0)
                process.send_signal(signal.SIGTERM)  # mpiexec prints a line on SIGINT, and does not forward SIGHUP
        if impatient or now >= deadline:
            process.kill()
    return received


def main() -> None:
    """Run the command; never returns."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {*SIGNALS, signal.SIGCHLD})
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    open_streams()
    # A process group of its own: each signal, from the terminal too, reaches mpiexec once, from here.
    process = subprocess.Popen(
        guarded(sys.argv[1:]), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        process_group=0, preexec_fn=_begin_rank, env=os.environ | {QUIET_VARIABLE: "yes"},
    )  # fmt: skip
    lost: list[tuple[str, int]] = []
    seen: set[str] = set()
    readers = [
        threading.Thread(target=lambda: lost.extend(_forward(process.stdout)), daemon=True),
        threading.Thread(target=_forward_errors, args=(process.stderr, seen), daemon=True),
    ]
    for reader in readers:
        reader.start()
    received = _wait(process)
    for reader in readers:
        reader.join(1.0 if received or process.returncode else None)
    sys.exit(_end(process.returncode, received, lost, seen))


def _end(code: int, received: int, lost: list[tuple[str, int]], seen: set[str]) -> int:
    """Print why the job has ended before its time, and give the exit code.

    Args:
        code: exit code of mpiexec.
        received: first signal that this process has got, or 0.
        lost: reasons and signals of ranks that were lost.
        seen: lines on lost hosts, by kind (`without_complaints`).
    """
    if (received and code != 0) or code in EXIT_CODES.values():
        print(interruption(sys.argv[sys.argv.index("spinepnp") + 1 :]), file=sys.stderr, flush=True)
        return EXIT_CODES[signal.Signals(received)] if received else code
    if "report" in seen:
        return 1
    if lost:
        why, which = lost[0]
        print(LOST.format(why=why, number=which, again=again(sys.argv)), file=sys.stderr, flush=True)
        return 1
    # A rank that ends the job without a host kills mpiexec, which may not have shown its line.
    if code == -signal.SIGKILL or (code != 0 and "complaint" in seen):
        print(LOST_SOME_HOST.format(again=again(sys.argv)), file=sys.stderr, flush=True)
        return 1
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    main()
