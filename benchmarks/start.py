"""Suite `start`: waiting times of a user (help, import, first and second case, a batch), and how they are spent."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.places import CASES, ROOT
from benchmarks.stages import MARK
from spinepnp.commands.test import find_mpiexec

#: Longest times that are acceptable, s.
TARGETS = {"--help": 0.5, "first run": 15.0, "second run, outside mesh and solve": 3.0, "batch of 60, 2 ranks": 30.0}

#: Cases of other kinds whose second run is measured: a spine, a sweep with a law, a surface, a closed body, two rings.
OTHERS = ("ball_neck_steady", "hyperboloid_law", "spine_surface", "closed_ball", "two_rings")

#: Cases in time whose stages are listed, too: one with its fields, and a family of six.
IN_TIME = {"spine_step": "a transient", "pulse_pair": "a family of transients"}

#: Stages that count as mesh and solve.
WORK = ("mesh", "set-up of the solver", "solve")

#: Number of imports that are listed.
LISTED = 12

Row = dict[str, Any]


def start(
    comm: Any,
    case: str = "cylinder_iv.toml",
    sweep: str = "sweeps/necks.toml",
    others: Sequence[str] = (*OTHERS, *IN_TIME),
) -> list[Row]:
    """Rows of three kinds: times with their targets, stages of the runs, the slowest imports.

    Pictures that are drawn while the run works count with the time that it waits for them at its end.
    """
    bare = _best([sys.executable, "-c", "pass"])
    rows = [_time("an interpreter", bare, bare)]
    rows.append(_time("--help", _best([sys.executable, "-m", "spinepnp", "--help"]), bare))
    for what in ("spinepnp", "spinepnp.solvers"):
        rows.append(_time(f"import {what}", _best([sys.executable, "-c", f"import {what}"]), bare))
    with tempfile.TemporaryDirectory() as folder:
        cold = {"XDG_CACHE_HOME": str(Path(folder) / "cache")}
        for i, name in enumerate(("first run", "second run")):
            stages = _stages(CASES / case, Path(folder) / f"out{i}", cold)
            rows += _of_run(name, stages, bare)
        for other in others:
            for again in ("", "again"):
                stages = _stages(CASES / f"{other}.toml", Path(folder) / f"{other}{again}", cold)
            kind = f"{IN_TIME[other]} ({other})" if other in IN_TIME else other
            rows.append(_time(f"second run, outside mesh and solve: {kind}", _outside(stages), bare))
            if other in IN_TIME:
                rows += _parts(f"second run, {kind}", stages)
        if sweep:
            seconds = _run([find_mpiexec(), "-n", "2", sys.executable, "-m", "spinepnp", "batch", str(CASES / sweep),
                            "--output", str(Path(folder) / "batch")])  # fmt: skip
            rows.append(_time("batch of 60, 2 ranks", seconds, bare))
    for what in ("spinepnp.cli", "spinepnp.run.steady"):
        rows += _imports(what)
    return rows


def _time(what: str, seconds: float, bare: float) -> Row:
    target = TARGETS.get(what.split(": ")[0])
    reached = "" if target is None else "yes" if seconds <= target else "no"
    return {"kind": "time", "what": what, "seconds": seconds, "target": target, "reached": reached,
            "over_interpreter": seconds / bare}  # fmt: skip


def _environment(more: dict[str, str] | None = None) -> dict[str, str]:
    """Environment variables of a user; those of the worker's own MPI must not reach other programs."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PMI", "MPI"))}
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    variables.pop("SPINEPNP_MESH_CACHE", None)
    # Without bytecode every process compiles the sources anew: not what an installation does, nor a second command.
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**variables, "OMP_NUM_THREADS": "1", "PYTHONPATH": path, **(more or {})}


def _run(command: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, env=_environment(), capture_output=True, check=True, cwd=tempfile.gettempdir())
    return time.perf_counter() - begin


def _best(command: list[str], repeats: int = 4) -> float:
    """Seconds of the fastest of `repeats` runs; the first run fills the cache of the disk."""
    return min(_run(command) for _ in range(repeats))


def _stages(case: Path, output: Path, cache: dict[str, str]) -> dict[str, float]:
    """Seconds of each stage of a run of a case."""
    command = [sys.executable, "-m", "benchmarks.stages", repr(time.time()), str(case), str(output)]
    done = subprocess.run(command, env=_environment(cache), capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith(MARK))
    return dict(json.loads(line.removeprefix(MARK)))


def _outside(stages: dict[str, float]) -> float:
    """Seconds of a run that are neither mesh nor solve."""
    return stages["total"] - sum(stages.get(stage, 0.0) for stage in WORK)


def _of_run(name: str, stages: dict[str, float], bare: float) -> list[Row]:
    rows = [_time(name, stages["total"], bare), _time(f"{name}, outside mesh and solve", _outside(stages), bare)]
    return rows + _parts(name, stages)


def _parts(name: str, stages: dict[str, float]) -> list[Row]:
    """Rows of the stages of a run, longest first."""
    parts = sorted(stages.items(), key=lambda item: -item[1])
    total = stages["total"]
    return [{"kind": name, "what": stage, "seconds": s, "share": s / total} for stage, s in parts if stage != "total"]


def _imports(what: str) -> list[Row]:
    """Rows of the slowest packages of an import, each with the modules that it imports for the first time."""
    command = [sys.executable, "-X", "importtime", "-c", f"import {what}"]
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=True)
    return [
        {"kind": f"import {what}", "what": name, "seconds": seconds, "share": share}
        for name, seconds, share in slowest_imports(done.stderr)[:LISTED]
    ]


def slowest_imports(text: str) -> list[tuple[str, float, float]]:
    """Packages with their seconds and their share of all, from the output of -X importtime, slowest first.

    A module counts for the first two parts of its name in this project and for the first one elsewhere.
    """
    seconds: dict[str, float] = {}
    for own, name in re.findall(r"^import time:\s+(\d+) \|\s+\d+ \|\s*(\S+)", text, flags=re.M):
        parts = name.split(".")
        package = ".".join(parts[:2] if parts[0] == "spinepnp" else parts[:1])
        seconds[package] = seconds.get(package, 0.0) + int(own) * 1e-6
    total = sum(seconds.values()) or 1.0
    return [(n, s, s / total) for n, s in sorted(seconds.items(), key=lambda item: -item[1])]
