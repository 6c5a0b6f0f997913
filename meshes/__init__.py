"""Distributed DOLFINx meshes of geometries. Modules that need DOLFINx are imported at their first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from spinepnp.meshes.options import GradeOptions, GradePlane, MeshOptions

if TYPE_CHECKING:
    from spinepnp.meshes.generation import generate
    from spinepnp.meshes.measures import boundary_cells, boundary_layer_heights
    from spinepnp.meshes.spine_mesh import SpineMesh

__all__ = [
    "GradeOptions",
    "GradePlane",
    "MeshOptions",
    "SpineMesh",
    "boundary_cells",
    "boundary_layer_heights",
    "generate",
]


def __getattr__(name: str) -> Any:
    if name in ("boundary_cells", "boundary_layer_heights"):
        return getattr(importlib.import_module("spinepnp.meshes.measures"), name)
    if name in __all__:
        return getattr(importlib.import_module("spinepnp.meshes.generation"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
