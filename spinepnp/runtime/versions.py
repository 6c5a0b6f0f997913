"""Versions of the code and of the packages that results depend on."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import platform
import sys
from collections.abc import Iterable
from pathlib import Path

from spinepnp import __version__

#: Directory of the package.
PACKAGE = Path(__file__).resolve().parents[1]

#: Directories and files of the package whose code can change a number of a result.
RESULT_SOURCES = (
    "units.py",
    "csv_files.py",
    "expressions.py",
    "runtime",
    "geometries",
    "meshes",
    "solvers",
    "validation/laws",
    "case",
    "run",
)

#: Directories and files of the package whose code can change a linear mesh.
MESH_SOURCES = ("units.py", "csv_files.py", "expressions.py", "runtime", "geometries", "meshes")

#: Packages that the numbers of a finite-element run depend on.
STACK = ("dolfinx", "petsc4py", "mpi4py", "gmsh", "numpy", "pyvista")


def source_files(parts: tuple[str, ...]) -> list[Path]:
    """Python files and tables of numbers of the parts: files, and directories of the package with all below them."""
    files = []
    for part in parts:
        path = PACKAGE / part
        files += sorted(f for f in path.rglob("*") if f.suffix in (".py", ".toml")) if path.is_dir() else [path]
    return files


@functools.cache
def source_digest(parts: tuple[str, ...]) -> str:
    """SHA-256 of the source files of the parts, with their paths, as hexadecimal text."""
    digest = hashlib.sha256()
    for path in source_files(parts):
        digest.update(f"{path.relative_to(PACKAGE)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def versions(modules: Iterable[str] = STACK) -> dict[str, str]:
    """Versions of spinepnp, Python and packages, by name."""
    base = {"spinepnp": __version__, "python": platform.python_version()}
    return base | {module: _version(module) for module in modules}


@functools.cache
def _version(module: str) -> str:
    """Version of an installed package; cached, since each point of a sweep records it."""
    try:
        return importlib.metadata.version(module)
    except importlib.metadata.PackageNotFoundError:
        return str(getattr(sys.modules.get(module), "__version__", "unknown"))


@functools.cache
def code_version() -> str:
    """Version with a digest of all code that can change a number, for example ``0.1.0+3f9a21c07b64``."""
    return f"{__version__}+{source_digest(RESULT_SOURCES)[:12]}"
