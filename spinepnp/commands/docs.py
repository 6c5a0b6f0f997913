"""The verb `docs`: the site of the documentation, from the pages in docs/ by Sphinx; every warning is an error."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

from spinepnp.checkout import of_checkout
from spinepnp.errors import CaseError, OutputError
from spinepnp.run.directory import ResultDirectory
from spinepnp.runtime.cache_dirs import DISK_ERRORS

#: Packages that make the site; part of the locked environment, not of what a run needs, but for DOLFINx, without which
#: the docstrings of the solvers cannot be read.
TOOLS = ("sphinx", "myst_parser", "furo", "latex2mathml", "dolfinx")


def build_docs(output: Path) -> int:
    """Build the site in a folder; returns 0 if all is right, 1 otherwise.

    Raises:
        CaseError: no checkout, or the tools are not there.
        OutputError: the disk is full, or the like.
    """
    folder = of_checkout("docs", "docs", "the pages are", "use ./spine docs there")
    missing = [name for name in TOOLS if importlib.util.find_spec(name) is None]
    if missing:
        raise CaseError("docs", f"needs {', '.join(missing)}; use ./spine docs, whose environment has them")
    directory = ResultDirectory(output, names=())
    try:
        done = subprocess.run(command(folder.parent, output), stderr=subprocess.PIPE, text=True, errors="replace")
    finally:
        directory.discard()
    status = done.returncode
    refused = re.findall(r"^\s*(?:\w+\.)*\w*Error: \[Errno (\d+)\] ([^:\n]*)", done.stderr, re.M) if status else []
    if refused and int(refused[-1][0]) in DISK_ERRORS:
        raise OutputError(f"{output}: cannot be written ({refused[-1][1].lower()})", "run it again")
    print(done.stderr, end="", file=sys.stderr)
    if status == 0:
        print(output / "index.html")
    return int(status != 0)


def command(source: Path, output: Path) -> list[str]:
    """Command of Sphinx for the pages of a folder with docs/index.md (the checkout); every warning is an error."""
    folder = of_checkout("docs", "docs", "the pages are", "use ./spine docs there")
    options = ["--fail-on-warning", "--keep-going", "--quiet", "--fresh-env", "--write-all"]
    # Doctrees go beside the pages; nobody needs them afterwards, but Sphinx does not do without.
    places = ["-c", str(folder), "-d", str(output / ".doctrees"), str(source), str(output)]
    return [sys.executable, "-m", "sphinx", *options, "-b", "html", *places]
