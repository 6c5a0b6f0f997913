"""Surfaces of bodies with a known conductance, as files of a microscope would have them: turned, rough, voxelised.

The outline of a body of revolution that is longer than the shape is turned at random and, where it is asked for, made
rough or cut into voxels; then it goes through mending, remeshing, cuts at the ends of the shape, meshing and bounds as
a surface of unknown origin does. The conductance of the shape itself, between its flat ends or from a disc on its head,
is that of its meridian.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.geometries import BallNeck, Cone, Cylinder, Geometry, Hyperboloid, ImportedSurface, Tube
from spinepnp.geometries.triangles.cutting import cut_off, flat_triangles, named_disc
from spinepnp.geometries.triangles.mending import mended
from spinepnp.geometries.triangles.own_frame import in_own_frame
from spinepnp.geometries.triangles.patch_file import write_patches
from spinepnp.geometries.triangles.spine import remeshed_whole, soundly_remeshed
from spinepnp.geometries.triangles.thickness import bulk_size
from spinepnp.geometries.triangulation import UNNAMED, Triangulation
from spinepnp.meshes import MeshOptions, generate
from spinepnp.runtime.communication import on_root
from spinepnp.solvers.fem.conductance import Conductance, conductance, conductance_bounds

#: Distance of neighbouring rings of vertices along the outline, um: its polygons lack 0.2 % of the area of a neck.
STEP = 0.012

#: Length by which the outline is longer than the shape at each flat end, um.
BEYOND = 0.2

#: Sides of the polygons.
SIDES = 56

#: Standard deviation of the displacement of vertices along each coordinate, um.
JITTER = 0.005

#: Place to which the origin of a body is moved after the turn, um.
SHIFT = np.array([3.0, -2.0, 5.0])

#: Edges of a voxel along x, y and z, um: sections of 30 nm in an electron microscope.
VOXEL = (0.008, 0.008, 0.03)

#: Radius of the head of the spine among the bodies, um.
HEAD = 0.35

#: Edge length of the meridian that gives the reference, with quadratic elements; half of it changes less than 1e-4.
MERIDIAN_SIZE = "8 nm"


@dataclass(frozen=True)
class KnownBody:
    """A shape, and the outline of a body that is longer.

    Attributes:
        shape: the shape on its meridian, its base at z = `start`.
        radius: radius at heights z, um.
        start: height of the base, um.
        end: height of the top, or of the pole of the head, um.
        cap_radius: radius of the rim of the synapse on the head, um; ``None`` for a flat top.
    """

    shape: Geometry
    radius: Callable[[np.ndarray], np.ndarray]
    start: float
    end: float
    cap_radius: float | None = None

    @property
    def chord(self) -> float:
        """Distance of the rim of the synapse from the pole, um: a disc on a sphere has the area pi times its square."""
        radius = self.cap_radius or 0.0
        return float(np.sqrt(2.0 * HEAD**2 * (1.0 - np.sqrt(1.0 - (radius / HEAD) ** 2))))

    @property
    def injector(self) -> str:
        """Boundary of the shape with the influx."""
        return "top" if self.cap_radius is None else "cap"

    def reference(self, comm: Any) -> float:
        """Conductance G of the shape, 1/um, by quadratic elements on its meridian. Collective."""
        mesh = generate(self.shape, MeshOptions(size=MERIDIAN_SIZE), comm)
        return conductance(mesh, self.injector, ("base",))

    def triangles(self) -> tuple[np.ndarray, np.ndarray]:
        """Points, um, and triangles of the longer body, outward, its axis along z."""
        low, high = self.start - BEYOND, self.end + (BEYOND if self.cap_radius is None else 0.0)
        z = high - (high - low) * np.linspace(0.0, 1.0, 20_001)[::-1] ** 2  # dense at a pole, where the outline is flat
        r = self.radius(z)
        length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(z), np.diff(r)))])
        places = np.searchsorted(length, np.linspace(0.0, length[-1], round(length[-1] / STEP) + 1))
        z, r = z[places], r[places]
        ends = [radius * np.arange(1, n) / n for radius in (r[0], r[-1]) for n in [max(1, round(radius / STEP))]]
        r = np.concatenate([ends[0], r, ends[1][::-1]])
        z = np.concatenate([np.full(len(ends[0]), z[0]), z, np.full(len(ends[1]), z[-1])])
        return revolved(z, r)


def revolved(z: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points and triangles of a body of revolution, outward, by polygons of equal area as the circles.

    Args:
        z: heights of the rings of vertices, shape (rings,).
        r: their radii, positive, shape (rings,).
    """
    angle = 2.0 * np.pi / SIDES
    phi = angle * (np.arange(SIDES) + 0.5 * (np.arange(len(z)) % 2)[:, None])
    outer = (r * np.sqrt(angle / np.sin(angle)))[:, None]
    rings = np.stack([outer * np.cos(phi), outer * np.sin(phi), np.broadcast_to(z[:, None], phi.shape)], axis=-1)
    points = np.vstack([rings.reshape(-1, 3), [0.0, 0.0, z[0]], [0.0, 0.0, z[-1]]])
    number = np.arange(len(z) * SIDES).reshape(len(z), SIDES)
    triangles = []
    for i in range(len(z) - 1):
        a, b = number[i], number[i + 1]
        if i % 2 == 0:
            triangles += [np.column_stack([a, np.roll(a, -1), b]), np.column_stack([b, np.roll(a, -1), np.roll(b, -1)])]
        else:
            triangles += [np.column_stack([a, np.roll(b, -1), b]), np.column_stack([a, np.roll(a, -1), np.roll(b, -1)])]
    first, last = number[0], number[-1]
    triangles.append(np.column_stack([np.roll(first, -1), first, np.full(SIDES, len(points) - 2)]))
    triangles.append(np.column_stack([last, np.roll(last, -1), np.full(SIDES, len(points) - 1)]))
    return points, np.vstack(triangles)


def voxelised(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Surface by marching cubes of the voxels whose middle is inside.

    Args:
        points: coordinates of a closed, outward oriented surface, um, shape (points, 3).
        triangles: corners, shape (triangles, 3).
    """
    import pyvista

    from spinepnp.geometries.triangles.winding import winding_numbers

    scaled = points / np.array(VOXEL)
    origin = np.floor(scaled.min(axis=0)) - 1.5
    nx, ny, nz = (int(n) for n in np.ceil(scaled.max(axis=0) - origin) + 2)
    inside = winding_numbers(scaled[triangles], origin + 1e-5 * np.array([1.7, 2.3, 3.1]), 1.0, (nx, ny, nz)) > 0
    grid = pyvista.ImageData(dimensions=(nx, ny, nz), spacing=VOXEL, origin=origin * np.array(VOXEL))
    grid["inside"] = inside.astype(np.float32).ravel(order="F")
    found = grid.contour([0.5], scalars="inside", method="flying_edges").triangulate().clean()
    return np.asarray(found.points, dtype=float), np.asarray(found.regular_faces, dtype=int)


def _ball_neck(z: np.ndarray) -> np.ndarray:
    """Radius of a ball on a neck, 0.6 um long where the ball would meet it, with a rounded edge."""
    neck, round_ = 0.1, 0.06
    middle = 0.6 + np.sqrt(HEAD**2 - neck**2)
    centre = middle - np.sqrt((HEAD + round_) ** 2 - (neck + round_) ** 2)
    touch = middle - HEAD * (middle - centre) / (HEAD + round_)
    ball = np.sqrt(np.maximum(HEAD**2 - (z - middle) ** 2, 0.0))
    rounded = neck + round_ - np.sqrt(np.maximum(round_**2 - (z - centre) ** 2, 0.0))
    return np.maximum(np.where(z < centre, neck, np.where(z < touch, rounded, ball)), 1e-3)


#: Bodies by name.
BODIES: dict[str, KnownBody] = {
    "cylinder": KnownBody(
        Cylinder(length="1 um", radius="100 nm", dimension="axisymmetric"), lambda z: np.full(len(z), 0.1), 0.0, 1.0
    ),
    "cone": KnownBody(
        Cone(length="1 um", base_radius="150 nm", top_radius="80 nm", dimension="axisymmetric"),
        lambda z: 0.15 - 0.07 * z, 0.0, 1.0,
    ),
    "tube": KnownBody(
        Tube(length="1 um", profile="100 nm + 30 nm*cos(2*pi*z/(500 nm))", dimension="axisymmetric"),
        lambda z: 0.1 + 0.03 * np.cos(4.0 * np.pi * z), 0.0, 1.0,
    ),
    "hyperboloid": KnownBody(
        Hyperboloid(a="80 nm", c="300 nm", half_length="400 nm", dimension="axisymmetric"),
        lambda z: 0.08 * np.sqrt(1.0 + (z / 0.3) ** 2), -0.4, 0.4,
    ),
    "ball_neck": KnownBody(
        BallNeck(head_radius="350 nm", neck_radius="100 nm", neck_length="600 nm", fillet="60 nm",
                 cap_radius="120 nm", dimension="axisymmetric"),
        _ball_neck, 0.0, 0.6 + float(np.sqrt(HEAD**2 - 0.1**2)) + HEAD, 0.12,
    ),
}  # fmt: skip


def as_from_a_file(body: KnownBody, how: str, turn: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points, um, and triangles of the longer body, turned.

    Args:
        body: the body.
        how: "turned" alone, "rough" (jittered), or "voxels" (jittered and voxelised after the turn).
        turn: rotation matrix, shape (3, 3).
        seed: of the random numbers.
    """
    points, triangles = body.triangles()
    random = np.random.default_rng(seed)
    if how != "turned":
        points = points + random.normal(scale=JITTER, size=points.shape)
    points = points @ turn.T + SHIFT
    return voxelised(points, triangles) if how == "voxels" else (points, triangles)


def ready_from_a_file(body: KnownBody, how: str, turn: np.ndarray) -> Triangulation:
    """Surface between the ends of the shape, from one that is given in some way; see `ready_body`.

    Args:
        body: the body.
        how: see `as_from_a_file`.
        turn: rotation matrix, shape (3, 3).
    """
    return ready_body(body, *as_from_a_file(body, how, turn), turn)


def ready_body(body: KnownBody, points: np.ndarray, triangles: np.ndarray, turn: np.ndarray) -> Triangulation:
    """Surface between the ends of the shape, mended, remeshed, cut and marked as `ready_spine` does it.

    Args:
        body: the body.
        points: coordinates of its turned surface, um, shape (points, 3).
        triangles: corners, shape (triangles, 3).
        turn: rotation matrix, shape (3, 3).

    Raises:
        ValueError: a step fails.
    """
    raw = Triangulation(points, triangles, np.zeros(len(triangles), dtype=int), (UNNAMED,))
    given, frame = in_own_frame(raw)
    _, whole = remeshed_whole(mended(given.points, given.triangles))

    def place(z: float) -> np.ndarray:
        return frame.into(turn @ np.array([0.0, 0.0, z]) + SHIFT)

    axis = frame.axes @ turn[:, 2]
    whole = cut_off(whole, place(body.start), axis, "base", place(body.start - BEYOND), flat_triangles)
    if body.cap_radius is None:
        whole = cut_off(whole, place(body.end), -axis, "top", place(body.end + BEYOND), flat_triangles)
    else:
        whole, _ = named_disc(whole, place(body.end), np.pi * body.chord**2, "cap")
    return frame.surface_back(soundly_remeshed(whole, bulk_size(whole)))


def bounds_of(surface: Triangulation, injector: str, comm: Any, refine: int = 0) -> Conductance:
    """Conductance with bounds of the body within a surface, from an injector to "base". Collective.

    Args:
        surface: closed surface with patches, um.
        injector: name of the patch with the influx.
        comm: MPI communicator.
        refine: number of divisions of every cell.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(comm.bcast(folder, root=0)) / "surface.msh"
        on_root(comm, lambda: write_patches(surface, path))
        shape = ImportedSurface(file=str(path), unit="um", triangles="keep")
        mesh = generate(shape, MeshOptions(order=1, refine=refine), comm)
        comm.barrier()
    return conductance_bounds(mesh, injector, ("base",))
