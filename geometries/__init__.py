"""Domains: Gmsh models with named boundaries.

To add a shape: one file with a subclass of `Geometry`, its name in `SHAPES` and `AnyGeometry`.
"""

from __future__ import annotations

from spinepnp.geometries.base import MODEL_UNIT, VOLUME_NAME, Geometry, Grading, Sizes
from spinepnp.geometries.cylinder import Cylinder

#: Every shape by the name it has in a case file.
SHAPES: dict[str, type[Geometry]] = {"cylinder": Cylinder}

#: The type of a [geometry] table.
AnyGeometry = Cylinder

__all__ = ["MODEL_UNIT", "SHAPES", "VOLUME_NAME", "AnyGeometry", "Cylinder", "Geometry", "Grading", "Sizes"]
