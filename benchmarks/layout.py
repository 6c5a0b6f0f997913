"""Count of the files of solvers/ that one must open to follow a solve: `python -m benchmarks.layout`.

Traces one plain steady solve of two ions in a cylinder and prints how many files run during the solve, and how many run
within `Newton.solve` outside of the assembly of residual and matrix and of the preconditioner. Also counts lines of
code. Classes are found by their names, so that the script also measures older layouts of solvers/.
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any

#: The package whose modules are counted; a function belongs to the module of its globals, a generated one, too.
PACKAGE = "spinepnp.solvers."

#: The method between whose entry and return a Newton solve runs.
NEWTON = "Newton.solve"

#: Classes of the equations; what their methods call is assembly or preconditioning, not Newton's method.
EQUATIONS = ("System", "BlockPreconditioner")


class Trace:
    """Modules of solvers/ whose functions run while the trace is on.

    Attributes:
        files: names of all modules of which a function has run.
        newton: names of those of which one has run within Newton's method but not within the equations.
    """

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
    from mpi4py import MPI

    from spinepnp import solvers
    from spinepnp.geometries import Cylinder
    from spinepnp.meshes import MeshOptions, generate

    ions = [
        {"name": name, "valence": z, "diffusivity": "200 um^2/s", "concentration": "167 mM"}
        for name, z in (("C", 1), ("A", -1))
    ]
    electrolyte = solvers.Electrolyte(thermal_voltage="25.26 mV", species=ions)
    boundaries = {
        "base": solvers.Boundary(potential="0 mV", concentrations="bulk"),
        "top": solvers.Boundary(current={"species": "C", "value": "100 pA"}),
    }
    mesh = generate(Cylinder(radius="50 nm", length="1 um"), MeshOptions(size="50 nm"), MPI.COMM_SELF)
    solve = solvers.solve_steady  # imports what it needs
    with Trace() as trace:
        solve(mesh, electrolyte, boundaries)
    return trace


def count_lines() -> tuple[int, int]:
    """Lines of the Python files that git knows: outside of tests/, and in it."""
    root = Path(__file__).resolve().parents[1]
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=root, capture_output=True, text=True, check=True)
    code = tests = 0
    for name in listed.stdout.splitlines():
        lines = (root / name).read_text(encoding="utf-8").count("\n")
        if name.startswith("tests/"):
            tests += lines
        else:
            code += lines
    return code, tests


def main() -> None:
    """Print the counts."""
    trace = trace_solve()
    print(f"files of solvers/ that run during one steady solve: {len(trace.files)}")
    print("  " + " ".join(sorted(trace.files)))
    print(f"files of solvers/ that run in Newton's method, without assembly and preconditioner: {len(trace.newton)}")
    print("  " + " ".join(sorted(trace.newton)))
    code, tests = count_lines()
    print(f"lines of Python: {code} outside of tests, {tests} in tests")


if __name__ == "__main__":
    main()
