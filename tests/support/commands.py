"""Commands, benchmarks and code in processes of their own, and what modules import."""

import ast
import json
import os
import subprocess
import sys

from spinepnp.__main__ import _run
from support import ROOT


def call(*words):
    """Exit code of a command of the program in this process."""
    return _run([str(word) for word in words], debug=False)


def run(*words):
    return call("run", *words)


def rows(task, **arguments):
    from benchmarks.worker import MARK

    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.worker", task, json.dumps(arguments)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    assert lines, done.stderr
    return json.loads(lines[-1].removeprefix(MARK))


STACK = {"mpi4py", "petsc4py", "dolfinx", "basix", "ufl", "ffcx"}


def imports(path):
    """Modules that a file imports anywhere, in full."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def run_code(code, *, cwd):
    """A Python program in a process of its own, which imports the package of this checkout."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd, timeout=120, env=environment
    )


BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names!r}:
            raise ImportError(f"{{name}} is blocked")
sys.meta_path.insert(0, Block())
"""
