"""Cache of linear meshes between runs, so that a geometry is meshed once.

The key of a mesh is a digest of its geometry (with the digests of its files), its sizes, the version of Gmsh and the
source code that makes it. Files appear whole or not at all, and an entry that cannot be read is made again. Of
several processes that need a mesh, one makes it and the others wait.
"""

from __future__ import annotations

import dataclasses
import fcntl
import functools
import hashlib
import importlib.metadata
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from spinepnp.geometries import Geometry, LinearMesh, Sizes
from spinepnp.runtime.cache_dirs import cache_dir
from spinepnp.runtime.versions import MESH_SOURCES, source_digest

#: Size of the cache in bytes above which the least recently used meshes are removed.
CACHE_LIMIT = 4e9

#: Age in seconds above which a partial file belongs to a process that was killed: no write takes that long.
PARTIAL_FILE_AGE = 3600.0


@functools.cache
def _gmsh_version() -> str:
    try:
        return importlib.metadata.version("gmsh")
    except importlib.metadata.PackageNotFoundError:  # Gmsh of a Linux distribution
        import gmsh

        return str(gmsh.__version__)


def mesh_key(geometry: Geometry, sizes: Sizes) -> str:
    """Digest of all that determines a linear mesh."""
    parts = {
        "geometry": geometry.model_dump(mode="python"),
        "files": geometry.files(),
        "sizes": dataclasses.asdict(sizes),
        "gmsh": _gmsh_version(),
        "source": source_digest(MESH_SOURCES),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _read(path: Path) -> LinearMesh | None:
    """The mesh of a cache file, or ``None`` where there is none or it is corrupt (zip files carry check sums)."""
    try:
        with np.load(path, allow_pickle=False) as data:
            mesh = LinearMesh(
                data["points"], data["cells"], data["facets"], data["values"], tuple(data["names"].tolist())
            )
        os.utime(path)
    except Exception:  # a damaged file makes NumPy and zipfile raise nearly anything
        return None
    return mesh


def _write(path: Path, mesh: LinearMesh) -> None:
    """Write a mesh into the cache; where that fails (a full disk), the mesh is made again next time."""
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            temporary = Path(file.name)
            np.savez(
                file,
                names=np.array(mesh.names),
                **{name: getattr(mesh, name) for name in ("points", "cells", "facets", "values")},
            )
        temporary.replace(path)
    except OSError:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _prune(folder: Path) -> None:
    """Remove the least recently used entries until the rest fits."""
    with suppress(OSError):
        for part in folder.glob("*.part"):
            if time.time() - part.stat().st_mtime > PARTIAL_FILE_AGE:
                part.unlink(missing_ok=True)
        files = sorted(((f.stat().st_mtime, f.stat().st_size, f) for f in folder.glob("*.npz")), reverse=True)
        total = 0
        for _, size, file in files:
            total += size
            if total > CACHE_LIMIT:
                file.unlink(missing_ok=True)
                file.with_suffix(".lock").unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of an entry, where the file system has locks; it is released when the process ends."""
    try:
        file = path.open("w")
    except OSError:
        yield
        return
    with file:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def cached_mesh(geometry: Geometry, sizes: Sizes, make: Callable[[], LinearMesh]) -> LinearMesh:
    """The mesh of a geometry from the cache, or a new one, which is then cached. On one rank.

    Args:
        geometry: shape to mesh.
        sizes: target sizes of the mesh.
        make: makes the mesh.
    """
    if os.environ.get("SPINEPNP_MESH_CACHE") == "off":
        return make()
    folder = cache_dir("meshes")
    path = folder / f"{mesh_key(geometry, sizes)}.npz"
    mesh = _read(path)
    if mesh is not None:
        return mesh
    with _locked(path.with_suffix(".lock")):
        mesh = _read(path)
        if mesh is None:
            mesh = make()
            _write(path, mesh)
            _prune(folder)
    return mesh
