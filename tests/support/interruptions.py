"""Interruptions at random moments: `python tests/support/interruptions.py [NUMBER] [SEED]`; the tests use the same.

A command is interrupted, called again and interrupted again, some times in a row; then it may end, and what it leaves
must be what an unbroken one leaves.
"""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import tomli_w

LINE = tomli_w.dumps({
    "title": "line",
    "geometry": {"shape": "cylinder", "length": "1 um", "radius": "100 nm", "dimension": "1d"},
    "mesh": {"size": "10 nm"},
    "electrolyte": {"thermal_voltage": "25.26 mV", "permittivity": 80, "species": [
        {"name": "Na", "valence": 1, "diffusivity": "1330 um^2/s", "concentration": "100 mM"},
        {"name": "Cl", "valence": -1, "diffusivity": "2030 um^2/s", "concentration": "100 mM"},
    ]},
    "boundaries": {"base": {"potential": "0 mV", "concentrations": "bulk"}},
})  # fmt: skip

TRANSIENT = (
    LINE
    + """
[boundaries.top]
current = { species = "Na", waveform = "alpha", value = "50 pA", onset = "0 ms", t_peak = "1 ms" }
[study]
kind = "transient"
duration = "10 ms"
times = ["2 ms", "5 ms", "10 ms"]
checkpoint_steps = 3
"""
)

STEADY = LINE + '[boundaries.top]\ncurrent = { species = "Na", value = "1 pA" }\n[study]\nkind = "steady"\n'

VALUES = ", ".join(f'"{i} pA"' for i in range(1, 13))
SWEEP = STEADY.replace('kind = "steady"', f'kind = "sweep"\nvary = "boundaries.top.current.value"\nvalues = [{VALUES}]')

BATCH = f"""
[base]
case = "steady.toml"
[axes]
"geometry.radius" = ["80 nm", "100 nm"]
"boundaries.top.current.value" = [{VALUES}]
"""

#: Words of a command by name; `again` is how it goes on.
VERBS = {
    "run": (["run", "transient.toml", "--output", "out"], ["--resume"]),
    "run-sweep": (["run", "sweep.toml", "--output", "out"], ["--resume"]),
    "batch": (["batch", "batch.toml", "--output", "out"], []),
    "validate": (["validate", "line_onset", "junction", "--no-figures", "--output", "out"], []),
}

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)

#: What holds signals back until the command can say its line: the launcher `spine` begins by it.
HOLD = ["env", "--block-signal=HUP,INT,TERM"]

#: Seconds in which all processes must be gone.
LIMIT = 5.0


@dataclass
class Outcome:
    """Exit code, whether the command ended before the signal, seconds to the end of all processes, and complaints."""

    code: int
    finished: bool
    seconds: float
    errors: str
    complaints: list[str] = field(default_factory=list)


def write_cases(folder: Path) -> None:
    for name, text in {"transient": TRANSIENT, "sweep": SWEEP, "steady": STEADY, "batch": BATCH}.items():
        (folder / f"{name}.toml").write_text(text)


def command(verb: str, ranks: int, mpiexec: str, *, again: bool) -> list[str]:
    """The words of a command; on several ranks by `spinepnp.runtime.launch`, as ``./spine -n`` does."""
    words, more = VERBS[verb]
    plain = [sys.executable, "-m", "spinepnp", *words, *(more if again else [])]
    if ranks == 1:
        return [*HOLD, *plain]
    return [*HOLD, sys.executable, "-m", "spinepnp.runtime.launch", mpiexec, "-n", str(ranks), *plain]


def of_job(mark: str) -> list[int]:
    """Processes that live with a mark in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (path / "environ").read_bytes() and "Z" not in (path / "stat").read_text().split()[2]:
                found.append(int(path.name))
        except OSError:
            continue
    return found


def _minds(pid: int, number: int) -> bool:
    """Whether a process holds a signal back or handles it."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return any(int(status[mask], 16) >> (number - 1) & 1 for mask in ("SigBlk", "SigCgt"))


def interrupt(words: list[str], folder: Path, number: int, delay: float, *, environment: dict[str, str]) -> Outcome:
    """Start a command, send it a signal after some seconds, and see how it ends."""
    mark = f"INTERRUPTED_JOB={time.monotonic_ns()}"
    name, value = mark.split("=")
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as screen:
        process = subprocess.Popen(
            words, cwd=folder, stdin=subprocess.DEVNULL, stdout=screen, stderr=errors,
            env=os.environ | environment | {name: value}, start_new_session=True,
        )  # fmt: skip
        try:
            process.wait(delay)
            finished, before = True, False
        except subprocess.TimeoutExpired:
            finished = False
            before = not _minds(process.pid, number)
            process.send_signal(number)
        begin = time.monotonic()
        while (left := of_job(mark)) or process.poll() is None:
            if time.monotonic() - begin > 4 * LIMIT:
                break
            time.sleep(0.01)
        seconds = time.monotonic() - begin
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        code = process.wait()
        errors.seek(0)
        screen.seek(0)
        told, shown = errors.read().decode(), screen.read().decode()
    outcome = Outcome(code, finished or code == 0, seconds, told)
    if not (before and code == -number and told == ""):  # else there was no Python yet: a shell says 130
        outcome.complaints = _complaints(outcome, shown, number)
    return outcome


def _complaints(outcome: Outcome, shown: str, number: int) -> list[str]:
    found = []
    if outcome.seconds > LIMIT:
        found.append(f"hangs for {outcome.seconds:.1f} s")
    for word in ("Traceback", "Fatal Python error", "PETSC ERROR", "unexpected", "TERMINATION", "Segmentation"):
        if word in outcome.errors + shown:
            found.append(word)
    if outcome.finished or number == signal.SIGKILL:
        return found
    expected = 129 if number == signal.SIGHUP else 130
    if outcome.code != expected:
        found.append(f"exit code {outcome.code}, not {expected}")
    lines = [line for line in outcome.errors.splitlines() if "interrupted" in line]
    if len(lines) != 1 or not outcome.errors.endswith(f"{lines[0]}\n"):
        found.append(f"{len(lines)} lines that say so")
    return found


def rows(path: Path) -> list[dict[str, str]]:
    """Rows of a table, those of a batch in the order of its cases."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def difference(one: Path, other: Path, verb: str) -> str:
    """In what two results differ; empty where they do not."""
    if verb == "validate":
        a, b = (json.loads((path / "report.json").read_text()) for path in (one, other))
        # References are solved too, and no two runs have the same tenth digit. Estimates of an error are
        # differences of solutions, down to their rounding.
        told = ("case", "quantity", "point", "reference", "value", "error", "tolerance", "passed")
        a, b = ([{name: str(row[name]) for name in told} for row in table] for table in (a, b))
    else:
        a, b = (rows(path / "observables.csv") for path in (one, other))
    if len(a) != len(b):
        return f"{len(a)} rows and {len(b)}"
    for left, right in zip(a, b, strict=True):
        if list(left) != list(right):
            return f"columns {set(left) ^ set(right)}"
        for name in left:
            if not _close(left[name], right[name], name, 1e-6 if verb == "validate" else 1e-8):
                return f"{name}: {left[name]} and {right[name]}"
    return ""


#: Sizes by which rounding of a column is measured.
FLOORS = {
    "displacement": 1e3, "current": 50.0, "potential": 1.0, "defect": 1e6, "charge": 1.0, "balance": 1.0,
    "error": 1.0, "reference": 1.0, "value": 1.0, "energy": 1.0, "seconds": 1e99, "finished": 1e99,
}  # fmt: skip


def _close(left: str, right: str, name: str, tolerance: float) -> bool:
    if left == right:
        return True
    try:
        a, b = float(left), float(right)
    except ValueError:
        return any(word in name for word in ("seconds", "finished"))
    floor = next((size for word, size in FLOORS.items() if word in name), 0.0)
    return abs(a - b) <= tolerance * max(abs(a), abs(b), floor)


def fuzz(number: int, seed: int, mpiexec: str) -> int:
    """Interrupt so many times, in chains of up to eight; print a table and return the number of complaints."""
    draw = random.Random(seed)
    counts: Counter[tuple[str, str, int, str]] = Counter()
    folder = Path(tempfile.mkdtemp(prefix="interruptions-"))
    environment = {"XDG_CACHE_HOME": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    write_cases(folder)
    lengths, whole = {}, {}
    for verb in VERBS:
        for ranks in (1, 2):
            for _ in range(2):  # the second one finds meshes and kernels
                shutil.rmtree(folder / "out", ignore_errors=True)
                begin = time.monotonic()
                words = command(verb, ranks, mpiexec, again=False)
                done = subprocess.run(words, cwd=folder, env=os.environ | environment, capture_output=True, text=True)
                assert done.returncode == 0, done.stderr
                lengths[verb, ranks] = time.monotonic() - begin
            whole[verb] = folder / f"whole-{verb}"
            shutil.rmtree(whole[verb], ignore_errors=True)
            (folder / "out").rename(whole[verb])
    done, bad = 0, 0
    while done < number:
        verb, ranks = draw.choice(list(VERBS)), draw.choice((1, 2))
        shutil.rmtree(folder / "out", ignore_errors=True)
        if draw.random() < 0.2:
            shutil.rmtree(folder / "cache", ignore_errors=True)  # meshes and compiles
        ended = False
        for link in range(min(number - done, draw.choice((2, 4, 8)))):
            signal_ = draw.choice(SIGNALS)
            delay = draw.choice((draw.uniform(0.0, 1.0), draw.uniform(0.0, 1.1 * lengths[verb, ranks])))
            again = link > 0
            words = command(verb, ranks, mpiexec, again=again)
            outcome = interrupt(words, folder, signal_, delay, environment=environment)
            done += 1
            key = (signal.Signals(signal_).name, verb, ranks)
            counts[*key, "sent"] += 1
            counts[*key, "finished"] += outcome.finished
            counts[*key, "hangs"] += outcome.seconds > LIMIT
            counts[*key, "bad"] += bool(outcome.complaints)
            print(*key, f"at {delay:.3f} s: ends after {outcome.seconds:.2f} s with {outcome.code}", flush=True)
            if outcome.complaints:
                bad += 1
                print(f"{key} at {delay:.3f} s: {outcome.complaints}\n{outcome.errors}", flush=True)
            ended = ended or outcome.finished
        words = command(verb, draw.choice((1, 2)), mpiexec, again=True)
        last = subprocess.run(words, cwd=folder, env=os.environ | environment, capture_output=True, text=True)
        problem = last.stderr if last.returncode else difference(folder / "out", whole[verb], verb)
        counts["chain", verb, ranks, "bad" if problem else "equal"] += 1
        if problem:
            bad += 1
            shutil.copytree(folder / "out", folder / f"bad-{done}")
            print(f"{verb} on {ranks}: resumed differs: {problem}", flush=True)
    for key in sorted(counts):
        print(*key, counts[key])
    print(f"{done} interruptions, {bad} complaints; results in {folder}")
    return bad


if __name__ == "__main__":
    from spinepnp.commands.test import find_mpiexec

    # Below nohup SIGHUP is ignored, and so it is by all commands that are started here.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    total, start = (int(a) for a in [*sys.argv[1:], *("200", "0")[len(sys.argv) - 1 :]])
    sys.exit(fuzz(total, start, find_mpiexec()) > 0)
