"""The verbs `test` and `bench`, which need a checkout: tests on one rank and then on two, and benchmarks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from spinepnp.checkout import of_checkout
from spinepnp.errors import MissingStackError

#: Largest number of tests that run side by side: some start processes of their own.
WORKERS = 4

#: Our exit codes by those of pytest: passed, failed, interrupted, internal error, usage, no tests.
CODES = {0: 0, 1: 1, 2: 130, 3: 1, 4: 2, 5: 2}

#: Seconds after which a hanging parallel test run is killed.
PARALLEL_TIMEOUT = 900


def run_tests(arguments: list[str]) -> int:
    """Run pytest on one rank, with several files at a time, and then, under mpiexec, the tests marked ``mpi`` on two.

    Args:
        arguments: passed on to pytest; with any, only the first of the two runs is done.

    Returns:
        0 if all passed, 1 if not, 2 if pytest does not understand the arguments or finds no test, 130 if interrupted.

    Raises:
        CaseError: this is an installed package without its tests.
        MissingStackError: no mpiexec beside this Python.
    """
    tests = of_checkout("tests", "test", "the test suite is", "run ./spine test there")
    pytest = [sys.executable, "-m", "pytest", "--rootdir", str(tests.parent), str(tests)]
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    if arguments:
        # Files given by the user replace the tests folder; they are relative to the checkout.
        named = [a for a in arguments if (tests.parent / a.split("::")[0]).exists()]
        command = [*(pytest[:-1] if named else pytest), *arguments]
        return CODES.get(subprocess.run(command, env=environment, cwd=tests.parent).returncode, 1)
    mpiexec = find_mpiexec()
    workers = min(WORKERS, len(os.sched_getaffinity(0)))
    # A file's tests stay together, for they share meshes and compiled equations.
    serial = subprocess.run([*pytest, "-n", str(workers), "--dist", "loadfile"], env=environment).returncode
    print("\nthe tests marked mpi, on two ranks:", flush=True)
    parallel = subprocess.run(
        [mpiexec, "-n", "2", *pytest, "-m", "mpi", "-p", "no:cacheprovider"],
        env={**environment, "MPIEXEC_TIMEOUT": str(PARALLEL_TIMEOUT)},
    ).returncode
    return int(serial != 0 or parallel != 0)


def run_benchmarks(arguments: list[str]) -> int:
    """Run `python -m benchmarks` of the checkout; returns 0 if every job gave numbers, 1 or 2 otherwise.

    Raises:
        CaseError: this is an installed package without its benchmarks.
    """
    root = of_checkout("benchmarks", "bench", "the benchmarks are", "use ./spine bench").parent
    path = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments], env={**os.environ, "PYTHONPATH": path}
    ).returncode


def find_mpiexec() -> str:
    """The mpiexec beside this Python, or the one on the path.

    Raises:
        MissingStackError: there is none.
    """
    beside = Path(sys.executable).parent / "mpiexec"
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    if found is None:
        raise MissingStackError("mpiexec is not found; it comes with MPI (in the locked environment with mpich)")
    return found
