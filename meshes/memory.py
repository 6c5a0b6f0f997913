"""Does a mesh, and the solve on it, fit into the memory of this machine? Asked before Gmsh is."""

from __future__ import annotations

import psutil

from spinepnp.errors import CaseError
from spinepnp.meshes.options import MeshOptions
from spinepnp.units import LENGTH, format_quantity

# Peak resident memory per curved cell of Gmsh and of the distribution, measured.
BYTES_PER_CELL = 1500.0

# Nodes of Lagrange elements per cell in tetrahedral meshes, by degree; measured on meshes with much surface.
NODES_PER_CELL = {1: 0.2, 2: 1.48}


def available_memory() -> float:
    """Memory in bytes that a process of this machine can still get (a control group's limit counts)."""
    available = float(psutil.virtual_memory().available)
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path, encoding="ascii") as file:
                available = min(available, float(file.read()))
        except (OSError, ValueError):  # no such control group, or its limit is "max"
            continue
    return available


def check_memory(cells: float, options: MeshOptions, solver: float = 0.0) -> None:
    """Refuse a mesh whose estimated memory exceeds what the machine has.

    Args:
        cells: estimated number of cells.
        options: resolved mesh options, for the message.
        solver: memory that the solve on this mesh will need, bytes.

    Raises:
        CaseError: names the size, the estimate and what to do.
    """
    need, have = cells * BYTES_PER_CELL + solver, available_memory()
    if need > have:
        assert options.size is not None
        purpose = " for the mesh and the solve" if solver else ""
        raise CaseError(
            "mesh.size",
            f"about {cells:.2g} cells need {need / 1e9:.3g} GB{purpose}, {have / 1e9:.3g} GB are free; make it larger",
            format_quantity(options.size, LENGTH),
        )
