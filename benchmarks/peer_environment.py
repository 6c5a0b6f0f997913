"""Python environment with other programs, made on first use beside those of the launcher; nothing else needs it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.places import ROOT
from spinepnp.commands.test import find_mpiexec
from spinepnp.runtime.cache_dirs import cache_dir

#: Packages that all programs share. MKL has the fastest direct solver that both can use, PARDISO.
SHARED = ("mkl==2026.2.0", "numpy==2.5.5", "gmsh==4.15.2")

#: Seconds after which an installation, or a solve, is given up.
PEER_TIMEOUT = 600


class NoPeerError(Exception):
    """A program cannot be used here; the message is the reason in one line."""


@dataclass(frozen=True)
class Program:
    """Another program.

    Attributes:
        name: its name in tables.
        script: module of this package that it runs.
        packages: packages of its own, by name from the package registry; none if it is part of this environment.
        shared: packages that it shares with other programs, in whose environment it is.
    """

    name: str
    script: str
    packages: tuple[str, ...] = ()
    shared: tuple[str, ...] = SHARED


#: NGSolve with Netgen.
NGSOLVE = Program("NGSolve", "benchmarks.peer_ngsolve", ("ngsolve==6.2.2608", "netgen-mesher==6.2.2608"))

#: DEVSIM.
DEVSIM = Program("DEVSIM", "benchmarks.peer_devsim", ("devsim==2.11.2",))

#: NEURON, without the large packages of the others.
NEURON = Program("NEURON", "benchmarks.peer_rallpack", ("neuron==9.0.2",), ("numpy==2.5.5",))

#: NEURON's reactions and diffusion.
RXD = Program("NEURON rxd", "benchmarks.peer_rxd", NEURON.packages, NEURON.shared)

#: scikit-fem; the first package is the one that is imported by its name.
SKFEM = Program("scikit-fem", "benchmarks.peer_skfem", ("scipy==1.18.1", "scikit-fem==12.0.2"), NEURON.shared)

#: DOLFINx without spinepnp, in the environment of spinepnp.
DOLFINX = Program("DOLFINx", "benchmarks.peer_fenics")


def peer_python(program: Program = NGSOLVE) -> Path:
    """Interpreter of the environment that has a program, which is installed if it is not there.

    Raises:
        NoPeerError: it cannot be installed.
    """
    if not program.packages:
        return Path(sys.executable)
    packages = (*program.shared, *program.packages)
    folder = _store() / f"peer-{hashlib.sha256(repr(program.shared).encode()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    complete = folder / f".complete-{hashlib.sha256(repr(packages).encode()).hexdigest()[:12]}"
    if complete.exists() and python.exists():
        return python
    if os.environ.get("SPINEPNP_PEER") == "off":
        raise NoPeerError(f"{program.name} is switched off by SPINEPNP_PEER")
    print(f"peer: installing {', '.join(packages)} in {folder}", file=sys.stderr, flush=True)
    try:
        if not python.exists():
            venv.create(folder, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *packages]
        for command in (install, [str(python), "-c", f"import {program.packages[0].partition('==')[0]}"]):
            done = subprocess.run(
                command, env=_variables(python, 1), capture_output=True, text=True, timeout=PEER_TIMEOUT
            )
            if done.returncode != 0:
                raise NoPeerError(f"{program.name} cannot be installed: {_last(done.stderr)}")
    except (OSError, subprocess.SubprocessError) as error:
        raise NoPeerError(f"{program.name} cannot be installed: {error}") from None
    complete.touch()
    return python


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["no reason was given"])[-1]


def _store() -> Path:
    """Folder of environments: that of the checkout, or one in the user's cache where that cannot be written."""
    store = ROOT / ".environments"
    try:
        store.mkdir(exist_ok=True)
    except OSError:
        return cache_dir("environments", code=True)
    return store if os.access(store, os.W_OK) else cache_dir("environments", code=True)


def _variables(python: Path, threads: int) -> dict[str, str]:
    """Environment variables of a program on a number of threads."""
    count = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PMI", "MPI"))}
    # DEVSIM does not look for MKL in its own environment.
    libraries = sorted((python.parents[1] / "lib").glob("libmkl_rt.so.*"))
    found = {"DEVSIM_MATH_LIBS": str(libraries[-1])} if libraries else {}
    return inherited | count | found | {"PYTHONPATH": str(ROOT)}


def solve(
    python: Path, program: Program = NGSOLVE, ranks: int = 1, threads: int = 1, **arguments: Any
) -> dict[str, Any]:
    """Run the script of a program and return its row.

    Args:
        python: interpreter that has the program.
        program: the program.
        ranks: number of MPI ranks.
        threads: number of threads.
        arguments: arguments of the script.

    Raises:
        NoPeerError: the script failed.
    """
    launcher = [find_mpiexec(), "-n", str(ranks)] if ranks > 1 else []
    command = [*launcher, str(python), "-m", program.script, json.dumps({"threads": threads} | arguments)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=_variables(python, threads), capture_output=True, text=True, timeout=PEER_TIMEOUT
        )
    except subprocess.TimeoutExpired:
        raise NoPeerError(f"{program.name} took more than {PEER_TIMEOUT} s") from None
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        raise NoPeerError(f"{program.name} failed: {_last(done.stderr) if done.stderr.strip() else done.returncode}")
    return dict(json.loads(lines[-1]))
