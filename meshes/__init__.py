"""From geometries to distributed DOLFINx meshes."""

from __future__ import annotations

from spinepnp.meshes.generate import SpineMesh, boundary_layer_heights, generate
from spinepnp.meshes.options import GradeOptions, MeshOptions

__all__ = ["GradeOptions", "MeshOptions", "SpineMesh", "boundary_layer_heights", "generate"]
