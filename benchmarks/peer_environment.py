"""Python environment with NGSolve, made on first use beside those of the launcher; nothing else depends on it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

from benchmarks.places import ROOT
from spinepnp.runtime.cache_dirs import cache_dir

#: Packages that are installed, by name from the package registry. MKL gives NGSolve its fastest direct solver, PARDISO.
PACKAGES = ("ngsolve==6.2.2608", "netgen-mesher==6.2.2608", "mkl==2026.2.0", "numpy==2.5.5")

#: Seconds after which an installation, or a solve, is given up.
PEER_TIMEOUT = 600

#: Script that the environment runs.
SCRIPT = ROOT / "benchmarks" / "peer_ngsolve.py"


class NoPeerError(Exception):
    """NGSolve cannot be used here; the message is the reason in one line."""


def peer_python() -> Path:
    """Interpreter of the environment, which is made if it is not there.

    Raises:
        NoPeerError: it cannot be installed.
    """
    folder = _store() / f"peer-{hashlib.sha256(repr(PACKAGES).encode()).hexdigest()[:12]}"
    python, complete = folder / "bin" / "python", folder / ".complete"
    if complete.exists() and python.exists():
        return python
    if os.environ.get("SPINEPNP_PEER") == "off":
        raise NoPeerError("NGSolve is switched off by SPINEPNP_PEER")
    print(f"peer: installing {', '.join(PACKAGES)} in {folder}", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        venv.create(folder, with_pip=True)
        install = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *PACKAGES]
        for command in (install, [str(python), "-c", "import ngsolve"]):
            done = subprocess.run(command, capture_output=True, text=True, timeout=PEER_TIMEOUT)
            if done.returncode != 0:
                reasons = done.stderr.strip().splitlines() or ["no reason was given"]
                raise NoPeerError(f"NGSolve cannot be installed: {reasons[-1]}")
    except (OSError, subprocess.SubprocessError) as error:
        raise NoPeerError(f"NGSolve cannot be installed: {error}") from None
    complete.touch()
    return python


def _store() -> Path:
    """Folder of environments: that of the checkout, or one in the user's cache where that cannot be written."""
    store = ROOT / ".environments"
    try:
        store.mkdir(exist_ok=True)
    except OSError:
        return cache_dir("environments", code=True)
    return store if os.access(store, os.W_OK) else cache_dir("environments", code=True)


def solve(python: Path, **arguments: Any) -> dict[str, Any]:
    """Run the script in NGSolve and return its row.

    Raises:
        NoPeerError: the script failed.
    """
    one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PMI", "MPI"))}
    command = [str(python), str(SCRIPT), json.dumps(arguments)]
    try:
        done = subprocess.run(command, env=inherited | one, capture_output=True, text=True, timeout=PEER_TIMEOUT)
    except subprocess.TimeoutExpired:
        raise NoPeerError(f"NGSolve took more than {PEER_TIMEOUT} s") from None
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        raise NoPeerError(f"NGSolve failed: {(done.stderr.strip().splitlines() or ['no reason was given'])[-1]}")
    return dict(json.loads(lines[-1]))
