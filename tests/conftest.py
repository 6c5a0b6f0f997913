"""Shared fixtures. MPI comes first: the wheels of PETSc and DOLFINx find its library only once mpi4py has loaded it."""

import gc
import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from mpi4py import MPI

pytest.register_assert_rewrite("support")

# The processes that tests start, some hundreds, share the bytecode of the checkout.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Tests run side by side: pictures in a process of its own would take the core of another test.
os.environ.setdefault("SPINEPNP_BACKGROUND", "off")

# No deadline: a busy machine is no error. In CI the same examples every time.
hypothesis.settings.register_profile("spinepnp", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("spinepnp")

_approx = pytest.approx


def _approx_without_floor(expected: Any, rel: Any = None, abs: Any = None, nan_ok: bool = False) -> Any:
    """`pytest.approx` whose relative tolerance is the only one where no other is given.

    Its own default of 1e-12 is as large as a current of 1 pA in A: such a test could not fail.
    """
    return _approx(expected, rel, 0.0 if rel is not None and abs is None else abs, nan_ok)


pytest.approx = _approx_without_floor


def pytest_configure(config: pytest.Config) -> None:
    if MPI.COMM_WORLD.rank > 0:  # one report is enough
        config.option.verbose = -2
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter._tw._file = open(os.devnull, "w")  # noqa: SIM115 - lives as long as the process


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Under MPI, a test that fails on one rank would leave the others waiting: end the job with its reason."""
    if report.failed and MPI.COMM_WORLD.size > 1:
        print(f"\nrank {MPI.COMM_WORLD.rank}: {report.nodeid}\n{report.longreprtext}", file=sys.__stderr__, flush=True)
        MPI.COMM_WORLD.Abort(1)


#: Numbers of the test files of this process.
_files = itertools.count(1)

#: Number of test files after which meshes in cycles of references are freed.
FILES_BETWEEN_COLLECTIONS = 8


@pytest.fixture(autouse=True, scope="module")
def _free_meshes() -> Any:
    """Free meshes and solvers that hold communicators: MPI has 2048 of them, which thousands of tests would use up."""
    yield
    if next(_files) % FILES_BETWEEN_COLLECTIONS == 0:
        gc.collect()


@pytest.fixture(scope="session")
def comm() -> Any:
    return MPI.COMM_WORLD


@pytest.fixture(scope="session")
def mpiexec() -> str:
    from spinepnp.commands.test import find_mpiexec

    return find_mpiexec()


@pytest.fixture
def spinepnp(tmp_path: Path) -> Any:
    """Runs the command line in a process of its own, in a temporary directory."""

    def run(
        *arguments: str, ranks: int = 0, mpiexec: str = "", timeout: float = 120.0, exit_code: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "spinepnp", *arguments]
        if ranks:
            command = [mpiexec, "-n", str(ranks), *command]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=timeout)
        assert exit_code in (None, done.returncode), done.stderr
        return done

    return run


@pytest.fixture
def verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Any:
    """Runs the command line in this process, in a temporary directory: a process of its own takes seconds to start."""
    from spinepnp.__main__ import _run

    def run(*arguments: str, exit_code: int | None = None) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(tmp_path)
        capfd.readouterr()
        code = _run(list(arguments), debug=False)
        done = subprocess.CompletedProcess(arguments, code, *capfd.readouterr())
        assert exit_code in (None, code), done.stderr
        return done

    return run
