"""Commands, benchmarks and code in processes of their own, and what modules import."""

import ast
import json
import os
import subprocess
import sys

import pytest

from spinepnp.__main__ import _run
from spinepnp.errors import CaseError
from support import ROOT


def call(*words):
    """Exit code of a command of the program in this process."""
    return _run([str(word) for word in words], debug=False)


def run(*words):
    return call("run", *words)


def refused(capture, *words, code=2):
    """Error, one line, of a command that ends with this exit code."""
    capture.readouterr()
    assert call(*words) == code
    error = capture.readouterr().err
    assert len(error.splitlines()) == 1, error
    return error


def refusal(work, *arguments, **keys):
    """Error of a case, one line, that a call raises."""
    with pytest.raises(CaseError) as caught:
        work(*arguments, **keys)
    assert "\n" not in str(caught.value)
    return caught.value


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


def run_code(code, *, cwd, exit_code=0, blocked=()):
    """A Python program in a process of its own, with the package of this checkout and without blocked modules."""
    code = (BLOCK.format(names=set(blocked)) if blocked else "") + code
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120, env=environment)
    assert done.returncode == exit_code, done.stderr
    return done


BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names!r}:
            raise ImportError(f"{{name}} is blocked")
sys.meta_path.insert(0, Block())
"""
