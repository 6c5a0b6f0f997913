"""Geometries: domains with named boundaries, and their linear meshes.

To add a shape: one file with a subclass of `Geometry` in `shapes`, its name in `SHAPES`, `AnyGeometry` and `__all__`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from spinepnp.geometries.base import OBSTACLE_NAME, VOLUME_NAME, Geometry, Obstacle
from spinepnp.geometries.linear_mesh import LinearMesh
from spinepnp.geometries.shapes.ball import Ball, BallWindow
from spinepnp.geometries.shapes.ball_neck import BallNeck
from spinepnp.geometries.shapes.cone import Cone
from spinepnp.geometries.shapes.cylinder import Cylinder
from spinepnp.geometries.shapes.hyperboloid import Hyperboloid
from spinepnp.geometries.shapes.pore import Pore
from spinepnp.geometries.shapes.shell import Shell
from spinepnp.geometries.shapes.surface_import import ImportedSurface
from spinepnp.geometries.shapes.tube import Tube
from spinepnp.geometries.sizes import MODEL_UNIT, Grading, InnerPlane, Sizes

#: Former name of a linear mesh.
StraightMesh = LinearMesh

#: Every shape by the name it has in a case file.
SHAPES: dict[str, type[Geometry]] = {
    "cylinder": Cylinder,
    "cone": Cone,
    "tube": Tube,
    "hyperboloid": Hyperboloid,
    "ball_neck": BallNeck,
    "ball": Ball,
    "ball_window": BallWindow,
    "shell": Shell,
    "pore": Pore,
    "surface": ImportedSurface,
}

#: The type of a [geometry] table.
AnyGeometry = Annotated[
    Cylinder | Cone | Tube | Hyperboloid | BallNeck | Ball | BallWindow | Shell | Pore | ImportedSurface,
    Field(discriminator="shape"),
]

__all__ = [
    "MODEL_UNIT",
    "OBSTACLE_NAME",
    "SHAPES",
    "VOLUME_NAME",
    "AnyGeometry",
    "Ball",
    "BallNeck",
    "BallWindow",
    "Cone",
    "Cylinder",
    "Geometry",
    "Grading",
    "Hyperboloid",
    "ImportedSurface",
    "InnerPlane",
    "LinearMesh",
    "Obstacle",
    "Pore",
    "Shell",
    "Sizes",
    "StraightMesh",
    "Tube",
]
