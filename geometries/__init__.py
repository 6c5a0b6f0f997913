"""Domains: Gmsh models with named boundaries.

To add a shape: one file with a subclass of `Geometry`, its name in `SHAPES` and `AnyGeometry`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from spinepnp.geometries.ball import Ball, BallWindow
from spinepnp.geometries.ball_neck import BallNeck
from spinepnp.geometries.base import (
    MODEL_UNIT,
    OBSTACLE_NAME,
    VOLUME_NAME,
    Geometry,
    Grading,
    InnerPlane,
    Obstacle,
    Sizes,
)
from spinepnp.geometries.cone import Cone
from spinepnp.geometries.cylinder import Cylinder
from spinepnp.geometries.hyperboloid import Hyperboloid
from spinepnp.geometries.pore import Pore
from spinepnp.geometries.shell import Shell
from spinepnp.geometries.straight import StraightMesh
from spinepnp.geometries.surface_import import ImportedSurface
from spinepnp.geometries.tube import Tube

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
    "Obstacle",
    "Pore",
    "Shell",
    "Sizes",
    "StraightMesh",
    "Tube",
]
