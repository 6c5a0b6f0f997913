"""Obstacles in bodies of revolution: their surface, and the check that they lie inside."""

from __future__ import annotations

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.geometries.base import OBSTACLE_NAME, Obstacle
from spinepnp.geometries.meridian import Piece, inside
from spinepnp.geometries.sizes import MODEL_UNIT
from spinepnp.geometries.surfaces import Surface
from spinepnp.units import LENGTH, format_quantity

#: Narrowest gap between obstacle and wall, over the obstacle's radius, that can be meshed.
SMALLEST_GAP = 1e-2


def obstacle_surface(obstacle: Obstacle) -> Surface:
    """Sphere of an obstacle: a half circle on the z axis that is turned and shifted."""
    x, y, z = (coordinate / MODEL_UNIT for coordinate in obstacle.centre)
    R = obstacle.radius / MODEL_UNIT
    return Surface(Piece(OBSTACLE_NAME, (0.0, z + R), (0.0, z - R), (0.0, z), -1), shift=(x, y))


def gap_of(obstacle: Obstacle, chains: list[list[Piece]]) -> float:
    """Distance between the obstacle and the nearest wall in model units; negative where it is not inside."""
    r, z = (np.array([x / MODEL_UNIT]) for x in (obstacle.off_axis, obstacle.centre[2]))
    distance = min(float(np.hypot(*(np.array(p.nearest(r, z)) - [r, z]))[0]) for chain in chains for p in chain)
    # A point on the axis moves a little off it: the ray by which `inside` decides must cross the outline.
    within = inside([np.concatenate([piece.points(240) for piece in chain]) for chain in chains], r + 1e-9, z)[0]
    return distance - obstacle.radius / MODEL_UNIT if within else -distance


def check_obstacle(obstacle: Obstacle, chains: list[list[Piece]]) -> None:
    """Refuse an obstacle that is not wholly inside the body.

    Raises:
        CaseError: the obstacle goes through the wall, or lies outside.
    """
    gap = gap_of(obstacle, chains)
    if gap < 0.0:
        raise CaseError("geometry.obstacle", "goes through the wall or lies outside; move it or make it smaller")
    if gap < SMALLEST_GAP * obstacle.radius / MODEL_UNIT:
        shown = format_quantity(float(f"{gap * MODEL_UNIT:.3g}"), LENGTH)
        raise CaseError("geometry.obstacle", "almost touches the wall; move it or make it smaller", f"{shown} of room")
