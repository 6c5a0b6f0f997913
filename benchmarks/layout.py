"""Count of the files of solvers/ that one must open to follow a solve: `python -m benchmarks.layout`.

Traces one plain steady solve of two ions in a cylinder and prints how many files run during the solve, and how many run
within `Newton.solve` outside of the assembly of residual and matrix and of the preconditioner. Also counts lines of
code. Classes are found by their names, so that the script also measures older layouts of solvers/.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from types import FrameType
from typing import Any

from benchmarks.places import ROOT
from benchmarks.problems import Problem
from spinepnp import solvers
from spinepnp.runtime.stack import MPI

#: The package whose modules are counted; a function belongs to the module of its globals, a generated one, too.
PACKAGE = "spinepnp.solvers."

#: The method between whose entry and return a Newton solve runs.
NEWTON = "Newton.solve"

#: Classes of the equations; what their methods call is assembly or preconditioning, not Newton's method.
EQUATIONS = ("System", "BlockPreconditioner")


class Trace:
    """Modules of solvers/ with a function that runs while the trace is on: all, and those of Newton's method."""

    def __init__(self) -> None:
        self._newton = self._equations = 0  # how deep the calls are nested
        self.files: set[str] = set()
        self.newton: set[str] = set()

    def __enter__(self) -> Trace:
        sys.setprofile(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _event(self, frame: FrameType, event: str, _: Any) -> None:
        """One call or return, as `sys.setprofile` reports it."""
        code, module = frame.f_code, frame.f_globals.get("__name__", "")
        if event not in ("call", "return") or not module.startswith(PACKAGE):
            return
        if not code.co_flags & inspect.CO_OPTIMIZED:  # the body of a module or a class, that is, an import
            return
        change = 1 if event == "call" else -1
        self._newton += change * (code.co_qualname == NEWTON)
        self._equations += change * (code.co_qualname.partition(".")[0] in EQUATIONS)
        if event == "call":
            name = module.removeprefix(PACKAGE)
            self.files.add(name)
            if self._newton and not self._equations:
                self.newton.add(name)


def trace_solve() -> Trace:
    """The trace of a steady solve of two ions in a cylinder with a current of 100 pA, on one rank."""
    problem = Problem("")
    mesh, conditions = problem.make_mesh("50 nm", 1, MPI.COMM_SELF), problem.conditions()
    solve = solvers.solve_steady  # imports what it needs
    with Trace() as trace:
        solve(mesh, problem.electrolyte, conditions)
    return trace


def main() -> None:
    """Print the counts of files, and of lines of the Python files that git knows."""
    trace = trace_solve()
    print(f"files of solvers/ that run during one steady solve: {len(trace.files)}")
    print("  " + " ".join(sorted(trace.files)))
    print(f"files of solvers/ that run in Newton's method, without assembly and preconditioner: {len(trace.newton)}")
    print("  " + " ".join(sorted(trace.newton)))
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = {name: (ROOT / name).read_text(encoding="utf-8").count("\n") for name in listed.stdout.splitlines()}
    tests = sum(number for name, number in lines.items() if name.startswith("tests/"))
    print(f"lines of Python: {sum(lines.values()) - tests} outside of tests, {tests} in tests")


if __name__ == "__main__":
    main()
