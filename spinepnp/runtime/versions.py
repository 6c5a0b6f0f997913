"""Versions of the code and of the packages that a number depends on."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import platform
import sys
from collections.abc import Iterable
from pathlib import Path

from spinepnp import __version__

PACKAGE = Path(__file__).resolve().parents[1]

#: Folders and files of the package whose code can change a number of a result.
OF_RESULTS = (
    "units.py",
    "csv_files.py",
    "runtime",
    "geometries",
    "meshes",
    "solvers",
    "validation/laws",
    "case",
    "run",
)

#: Folders and files whose code can change a straight mesh.
OF_MESHES = ("units.py", "csv_files.py", "runtime", "geometries", "meshes")


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


#: What the numbers of a finite-element run depend on.
STACK = ("dolfinx", "petsc4py", "mpi4py", "gmsh", "numpy", "pyvista")


def versions(modules: Iterable[str] = STACK) -> dict[str, str]:
    """Versions of what the numbers depend on."""
    own = {"spinepnp": __version__, "python": platform.python_version()}
    return own | {module: _version(module) for module in modules}


@functools.cache
def _version(module: str) -> str:
    """That of an installed package; it is looked up once, each point of a sweep asks for it."""
    try:
        return importlib.metadata.version(module)
    except importlib.metadata.PackageNotFoundError:
        return str(getattr(sys.modules.get(module), "__version__", "unknown"))


@functools.cache
def code_version() -> str:
    """The version and a digest of all code that can change a number, for example ``0.1.0+3f9a21c07b64``."""
    return f"{__version__}+{source_digest(OF_RESULTS)[:12]}"
