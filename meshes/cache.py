"""Straight meshes kept between runs, so that the same geometry is meshed once.

A mesh is known by its resolved geometry (with the digests of its files), its sizes, the version of Gmsh and the
source of the room that makes it. Files appear whole or not at all, and an entry that cannot be read is made again. Of
several processes that want the same mesh one makes it and the others wait.
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

from spinepnp.geometries import Geometry, Sizes, StraightMesh
from spinepnp.runtime.cache_dirs import cache_folder
from spinepnp.runtime.versions import OF_MESHES, source_digest

#: Bytes that all kept meshes may take; those that were not used for longest go first.
LARGEST = 4e9

#: Seconds after which a file that is not whole is taken for left behind.
ABANDONED = 3600.0


@functools.cache
def _gmsh_version() -> str:
    try:
        return importlib.metadata.version("gmsh")
    except importlib.metadata.PackageNotFoundError:  # a distribution's own package
        import gmsh

        return str(gmsh.__version__)


def mesh_key(geometry: Geometry, sizes: Sizes) -> str:
    """What a mesh is known by."""
    parts = {
        "geometry": geometry.model_dump(mode="python"),
        "files": geometry.files(),
        "sizes": dataclasses.asdict(sizes),
        "gmsh": _gmsh_version(),
        "source": source_digest(OF_MESHES),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _read(path: Path) -> StraightMesh | None:
    """The mesh of a file, or ``None`` where there is none or it is corrupt (zip files carry check sums)."""
    try:
        with np.load(path, allow_pickle=False) as data:
            mesh = StraightMesh(
                data["points"], data["cells"], data["facets"], data["values"], tuple(data["names"].tolist())
            )
        os.utime(path)
    except Exception:  # a damaged file makes NumPy and zipfile raise nearly anything: all mean the same
        return None
    return mesh


def _write(path: Path, mesh: StraightMesh) -> None:
    """Keep a mesh; a full disk or the like only means that it is not kept."""
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
    """Remove the entries that were not used for longest until the rest fits."""
    with suppress(OSError):
        for part in folder.glob("*.part"):  # of a process that was killed while it wrote
            if time.time() - part.stat().st_mtime > ABANDONED:
                part.unlink(missing_ok=True)
        files = sorted(((f.stat().st_mtime, f.stat().st_size, f) for f in folder.glob("*.npz")), reverse=True)
        total = 0
        for _, size, file in files:
            total += size
            if total > LARGEST:
                file.unlink(missing_ok=True)
                file.with_suffix(".lock").unlink(missing_ok=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock on an entry, where the file system has locks; it falls with the process."""
    try:
        file = path.open("w")
    except OSError:
        yield
        return
    with file:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def cached_mesh(geometry: Geometry, sizes: Sizes, make: Callable[[], StraightMesh]) -> StraightMesh:
    """The mesh of a geometry from the cache, or made and kept. On one rank.

    Args:
        geometry: resolved.
        sizes: with which it is made.
        make: makes it.
    """
    if os.environ.get("SPINEPNP_MESH_CACHE") == "off":
        return make()
    folder = cache_folder("meshes")
    path = folder / f"{mesh_key(geometry, sizes)}.npz"
    found = _read(path)
    if found is not None:
        return found
    with _alone(path.with_suffix(".lock")):
        found = _read(path)
        if found is None:
            found = make()
            _write(path, found)
            _prune(folder)
    return found
