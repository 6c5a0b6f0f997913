"""Digests of source files, by which results and cached meshes know the code that made them."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent

#: Folders and files of the package whose code can change a number of a result.
OF_RESULTS = (
    "geometries", "meshes", "solvers", "validation/analytic", "validation/assumptions.py", "validation/laws.py",
    "units.py", "known_units.py", "csv_files.py", "case.py", "case_time.py", "study.py", "key_paths.py",
    "toml_files.py", "results.py", "fields.py", "output.py", "recorder.py", "trace.py", "run.py", "transient_run.py",
)  # fmt: skip

#: Those whose code can change a straight mesh.
OF_MESHES = ("geometries", "meshes", "units.py", "known_units.py", "csv_files.py")


def source_files(parts: tuple[str, ...]) -> list[Path]:
    """All Python files of the parts (folders or files of the package), folders with all that is below them."""
    found = []
    for part in parts:
        path = PACKAGE / part
        found += sorted(path.rglob("*.py")) if path.is_dir() else [path]
    return found


@functools.cache
def source_digest(parts: tuple[str, ...]) -> str:
    """SHA-256 of the source files of the parts, with their places, as hexadecimal text."""
    digest = hashlib.sha256()
    for path in source_files(parts):
        digest.update(f"{path.relative_to(PACKAGE)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
