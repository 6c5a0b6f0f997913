"""The verb `info`: facts about this installation, for reports of errors. Works without DOLFINx, too."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import platform
import shlex
import sys
from contextlib import suppress
from typing import Any

import psutil

from spinepnp import __version__
from spinepnp.errors import SpineError
from spinepnp.runtime import compiler
from spinepnp.runtime.cache_dirs import cache_dir
from spinepnp.runtime.memory import available_memory, processor_name
from spinepnp.runtime.ranks import rank_from_launcher
from spinepnp.runtime.versions import PACKAGE, code_version

#: Packages whose versions are printed, with all names of a package that has several.
PACKAGES = (
    ("dolfinx-solver-real", "fenics-dolfinx"), ("fenics-basix",), ("fenics-ufl",), ("fenics-ffcx",),
    ("mpi4py",), ("gmsh",), ("numpy",), ("scipy",), ("numba",), ("pandas",), ("pyarrow",), ("pydantic",), ("pint",),
    ("pyvista",), ("vtk",), ("matplotlib",), ("meshio",), ("typer",), ("rich",),
)  # fmt: skip

#: Environment variables that change the behaviour of the program.
VARIABLES = (
    "OMP_NUM_THREADS", "SPINEPNP_BACKGROUND", "SPINEPNP_KERNELS", "SPINEPNP_MESH_CACHE", "XDG_CACHE_HOME",
    "PETSC_OPTIONS", "PETSC_DIR", "CC", "CFLAGS", "PYTHONPATH",
)  # fmt: skip

#: Folders of caches, and whether code is loaded from them.
CACHES = {"kernels": True, "meshes": False}


def facts() -> dict[str, Any]:
    """Facts about the installation, as plain data. Collective where MPI runs."""
    stack = _stack()
    return {
        "spinepnp": {"version": __version__, "code": code_version(), "folder": str(PACKAGE)},
        "python": {
            "version": platform.python_version(), "implementation": platform.python_implementation(),
            "executable": sys.executable,
        },
        "stack": stack,
        "packages": _packages(),
        "machine": _machine(),
        "compiler": _compiler(),
        "loads": {name: _loads(name) for name in ("gmsh", "pyvista")},
        "caches": {name: _cache(name, code=code) for name, code in CACHES.items()},
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }  # fmt: skip


def _stack() -> dict[str, Any]:
    """Versions of DOLFINx, PETSc and MPI; `problem` is the reason why they cannot be loaded."""
    try:
        from spinepnp.runtime.stack import MPI, VERSION, PETSc
    except SpineError as error:
        return {"problem": str(error)}
    return {
        "problem": "",
        "dolfinx": VERSION,
        "petsc": ".".join(map(str, PETSc.Sys.getVersion())),
        "petsc_packages": [name for name in ("mumps", "hypre", "scotch", "parmetis", "superlu_dist")
                           if PETSc.Sys.hasExternalPackage(name)],
        "mpi": " ".join(MPI.Get_library_version().strip("\0").splitlines()[0].split()),
        "mpi_standard": ".".join(map(str, MPI.Get_version())),
        "ranks": MPI.COMM_WORLD.size,
    }  # fmt: skip


def _packages() -> dict[str, str]:
    found = {}
    for names in PACKAGES:
        found[names[0]] = "missing"
        for name in names:
            with suppress(importlib.metadata.PackageNotFoundError):
                found[names[0]] = importlib.metadata.version(name)
                break
    return found


def _machine() -> dict[str, Any]:
    memory = psutil.virtual_memory()
    return {
        "system": platform.platform(),
        "libc": " ".join(platform.libc_ver()),
        "processor": processor_name(),
        "cores": psutil.cpu_count(logical=False),
        "threads": os.cpu_count(),
        "usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_GB": round(memory.total / 1e9, 2),
        "free_memory_GB": round(available_memory() / 1e9, 2),
    }


def _compiler() -> dict[str, str]:
    lines = compiler.identity().removeprefix(" ".join(compiler.command())).splitlines()
    return {
        "command": shlex.join(compiler.command()),
        "version": lines[0] if lines else "unknown",
        "problem": compiler.problem(),
    }


def _loads(module: str) -> str:
    """Reason why a module that needs system libraries cannot be loaded; empty if it can."""
    try:
        importlib.import_module(module)
    except Exception as error:  # a missing library makes them raise nearly anything
        return " ".join(f"{type(error).__name__}: {error}".split())
    return ""


def _cache(name: str, *, code: bool) -> dict[str, Any]:
    folder = cache_dir(name, code=code)
    sizes = []
    for path in folder.rglob("*"):
        with suppress(OSError):  # another process may remove what it has made
            if path.is_file():
                sizes.append(path.stat().st_size)
    return {"folder": str(folder), "files": len(sizes), "MB": round(sum(sizes) / 1e6, 1)}


def print_info(*, as_json: bool) -> None:
    """Print the facts, once for all ranks."""
    found = facts()
    world = sys.modules.get("mpi4py.MPI")
    if (world.COMM_WORLD.rank if world is not None else rank_from_launcher()) > 0:
        return
    print(json.dumps(found, indent=1) if as_json else "\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> list[str]:
    """Lines on the facts, for people."""
    stack, machine, python = found["stack"], found["machine"], found["python"]
    if stack["problem"]:
        loaded = [f"finite elements: MISSING: {stack['problem']}", "  without them: gnp, plot, report, new, list, info"]
    else:
        loaded = [
            f"DOLFINx {stack['dolfinx']}, PETSc {stack['petsc']} (with {', '.join(stack['petsc_packages'])})",
            f"MPI {stack['mpi_standard']}: {stack['mpi']}; {stack['ranks']} rank{'s' if stack['ranks'] > 1 else ''}",
        ]
    built = found["compiler"]
    states = [f"{name}: {problem or 'loads'}" for name, problem in found["loads"].items()]
    caches = [f"{name}: {c['MB']} MB in {c['files']} files, {c['folder']}" for name, c in found["caches"].items()]
    return [
        f"spinepnp {found['spinepnp']['code']} in {found['spinepnp']['folder']}",
        f"Python {python['version']} ({python['implementation']}), {python['executable']}",
        *loaded,
        f"machine: {machine['processor']}, {machine['cores']} cores, {machine['usable']} of {machine['threads']} "
        f"threads usable, {machine['memory_GB']} GB of memory, {machine['free_memory_GB']} free",
        f"system: {machine['system']}, {machine['libc']}",
        f"compiler: {built['command']}: {built['version']}; {built['problem'] or 'compiles, headers are there'}",
        *states,
        *(f"cache of {line}" for line in caches),
        "packages: " + ", ".join(f"{name} {version}" for name, version in found["packages"].items()),
        "environment: " + (", ".join(f"{k}={v}" for k, v in found["environment"].items()) or "nothing that matters"),
    ]
