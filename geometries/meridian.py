"""The meridian of a body of revolution, and the target edge lengths around it.

A meridian is a closed chain in the half plane r >= 0: straight lines and circular arcs that each carry the name of the
boundary they sweep when turned about the z axis, and the axis, which sweeps nothing. It gives exact measures (by
Pappus), the target edge length at every point, and an estimate of the number of cells. One unit of length throughout.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np

from spinepnp.geometries.sizes import Grading

#: Growth of the edge length with the distance from a small patch: a larger one costs quality, a smaller one cells.
DEFAULT_SLOPE = 0.3

#: Steepest growth of the edge length that tetrahedra of a good shape can follow.
STEEPEST_SLOPE = 0.6

#: Rectangles in the estimate of the number of cells, to bound its time.
MOST_RECTANGLES = 200_000

Point = tuple[float, float]


@dataclass(frozen=True)
class Piece:
    """A line or an arc of a meridian, from ``start`` to ``end``, as points (r, z).

    The chain runs with the body on its left: up along the outer wall, and down along the surface of a cavity.

    Attributes:
        name: name of the boundary that the piece sweeps.
        start: first point.
        end: last point.
        centre: centre of an arc of at most a half turn; ``None`` for a line.
        turn: +1 for an arc that runs counterclockwise in the plane (r to the right, z up), -1 for a clockwise one.
    """

    name: str
    start: Point
    end: Point
    centre: Point | None = None
    turn: int = 1

    @property
    def _arc_centre(self) -> Point:
        if self.centre is None:
            raise ValueError("a line has no centre")
        return self.centre

    @property
    def radius(self) -> float:
        """Radius of an arc."""
        return math.dist(self.start, self._arc_centre)

    def angles(self) -> tuple[float, float]:
        """Angles from the r direction at which an arc starts and ends; the second is smaller for a clockwise one."""
        (r, z), two_pi = self._arc_centre, 2.0 * math.pi
        first, last = (math.atan2(p[1] - z, p[0] - r) for p in (self.start, self.end))
        return first, first + self.turn * ((self.turn * (last - first)) % two_pi)

    def length(self) -> float:
        """Length in the half plane."""
        if self.centre is None:
            return math.dist(self.start, self.end)
        first, last = self.angles()
        return self.radius * abs(last - first)

    def area(self) -> float:
        """Area of the surface that the piece sweeps."""
        if self.centre is None:
            return math.pi * (self.start[0] + self.end[0]) * math.dist(self.start, self.end)
        first, last = self.angles()
        R, sine = self.radius, math.sin(last) - math.sin(first)
        return abs(2.0 * math.pi * R * (self.centre[0] * (last - first) + R * sine))

    def volume(self) -> float:
        """Integral of pi r^2 dz along the piece; the sum over all pieces is the volume of the body."""
        (a, z0), (b, z1) = self.start, self.end
        if self.centre is None:
            return math.pi / 3.0 * (a * a + a * b + b * b) * (z1 - z0)
        (first, last), R, c = self.angles(), self.radius, self.centre[0]

        def antiderivative(angle: float) -> float:
            s = math.sin(angle)
            return c * c * s + c * R * (angle + s * math.cos(angle)) + R * R * (s - s**3 / 3.0)

        return math.pi * R * (antiderivative(last) - antiderivative(first))

    def points(self, count: int) -> np.ndarray:
        """Points along the piece, shape (count + 1, 2); for a line only its ends."""
        if self.centre is None:
            return np.array([self.start, self.end])
        angle = np.linspace(*self.angles(), count + 1)
        points = np.asarray(self.centre) + self.radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        points[0], points[-1] = self.start, self.end
        return points

    def nearest(self, r: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Nearest points of the piece to points of the half plane."""
        if self.centre is None:
            (a, b), (c, d) = self.start, self.end
            square = (c - a) ** 2 + (d - b) ** 2
            t = ((r - a) * (c - a) + (z - b) * (d - b)) / square if square > 0.0 else np.zeros_like(r)
            t = np.clip(t, 0.0, 1.0)
            return a + t * (c - a), b + t * (d - b)
        (a, b), (middle, half) = self.centre, self.opening()
        turned = np.arctan2(z - b, r - a) - middle
        angle = middle + np.clip((turned + math.pi) % (2.0 * math.pi) - math.pi, -half, half)
        return a + self.radius * np.cos(angle), b + self.radius * np.sin(angle)

    def opening(self) -> Point:
        """Angle of the middle of an arc, and half of the angle that it spans."""
        first, last = self.angles()
        return 0.5 * (first + last), 0.5 * abs(last - first)

    def divided(self) -> list[Piece]:
        """The piece, divided into arcs of at most a third of a turn: an arc of a half turn has no unique side."""
        if self.centre is None:
            return [self]
        first, last = self.angles()
        points = self.points(max(1, math.ceil(abs(last - first) / (2.0 * math.pi / 3.0) - 1e-9)))
        ends = [(float(r), float(z)) for r, z in points]
        return [replace(self, start=p, end=q) for p, q in itertools.pairwise(ends)]


@dataclass(frozen=True)
class Refinement:
    """A smaller edge length near a piece: ``size`` on it, growing with the distance by ``slope``.

    Attributes:
        piece: piece of a meridian near which edges are smaller.
        size: edge length on the piece.
        slope: growth of the edge length with the distance.
        tilt: angle about the origin, from the z axis toward +x, by which the swept piece is turned in space, rad.
        shift: shift of the swept piece's axis along x and y.
    """

    piece: Piece
    size: float
    slope: float = DEFAULT_SLOPE
    tilt: float = 0.0
    shift: Point = (0.0, 0.0)

    @classmethod
    def graded(cls, piece: Piece, grade: Grading) -> Refinement:
        """Refinement by a grading of the case file, with the law of the layers (`Sizes.layers`)."""
        log = math.log(grade.growth)
        return cls(piece, log / (grade.growth - 1.0) * grade.size, min(log, STEEPEST_SLOPE))

    def edges(self, r: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Edge length at points of the half plane, before any tilt and shift."""
        across, up = self.piece.nearest(r, z)
        return self.size + self.slope * np.hypot(r - across, z - up)

    def expression(self) -> str:
        """Edge length at points of space, tilted and shifted, as the formula of a MathEval field of Gmsh."""
        piece, sine, cosine = self.piece, math.sin(self.tilt), math.cos(self.tilt)
        x, y = (f"({name}-({by!r}))" if by else name for name, by in zip("xy", self.shift, strict=True))
        across, height = (f"({x}*({cosine!r})-z*({sine!r}))", f"({x}*({sine!r})+z*({cosine!r}))") if sine else (x, "z")
        r = f"sqrt({across}^2+{y}^2)"
        if piece.centre is None:
            (a, b), (c, d) = piece.start, self._along()
            u, v = piece.end[0] - a, piece.end[1] - b
            t = f"min(1,max(0,({r}-({a!r}))*({c!r})+({height}-({b!r}))*({d!r})))"
            square = f"({r}-({a!r})-{t}*({u!r}))^2+({height}-({b!r})-{t}*({v!r}))^2"
        else:
            (a, b), (middle, half), R = piece.centre, piece.opening(), piece.radius
            across, up = f"({r}-({a!r}))", f"({height}-({b!r}))"
            rho = f"sqrt({across}^2+{up}^2+1e-30)"
            cosine_beyond = f"({across}*({math.cos(middle)!r})+{up}*({math.sin(middle)!r}))/{rho}"
            beyond = f"max(0,acos(max(-1,min(1,{cosine_beyond})))-({half!r}))"
            square = f"max(0,{across}^2+{up}^2+{R * R!r}-{2.0 * R!r}*{rho}*cos({beyond}))"
        return f"{self.size!r}+{self.slope!r}*sqrt({square})"

    def _along(self) -> Point:
        """Vector along a line, over its squared length: its product with a distance is a fraction of the line."""
        (a, b), (c, d) = self.piece.start, self.piece.end
        square = (c - a) ** 2 + (d - b) ** 2
        return ((c - a) / square, (d - b) / square) if square > 0.0 else (0.0, 0.0)


def smallest_edges(refinements: list[Refinement], size: float, r: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Target edge length at points of the half plane: the smallest of all refinements and the bulk size.

    Args:
        refinements: regions with smaller edges than in the bulk.
        size: edge length in the bulk, model units.
        r: distances of the points from the axis, model units, any shape.
        z: heights of the points, model units, shape of ``r``.

    Returns:
        Edge lengths, model units, shape of ``r``.
    """
    return reduce(np.minimum, (f.edges(r, z) for f in refinements), np.full_like(r, size))


def set_size_fields(gmsh: Any, refinements: list[Refinement], size: float) -> None:
    """Set the edge length at every point as Gmsh's only source of sizes.

    Args:
        gmsh: the initialised Gmsh module; its current model gets the sizes.
        refinements: regions with smaller edges; those that are not smaller than in the bulk are left out.
        size: edge length in the bulk, model units.
    """
    fields = gmsh.model.mesh.field
    tags = []
    for refinement in refinements:
        if refinement.size < size:
            tags.append(fields.add("MathEval"))
            fields.setString(tags[-1], "F", refinement.expression())
    if tags:
        smallest = fields.add("Min")
        fields.setNumbers(smallest, "FieldsList", tags)
        fields.setAsBackgroundMesh(smallest)
    for option in ("ExtendFromBoundary", "FromPoints", "FromCurvature"):
        gmsh.option.setNumber(f"Mesh.MeshSize{option}", 0)
    gmsh.option.setNumber("Mesh.MeshSizeMin", 0.0)
    gmsh.option.setNumber("Mesh.MeshSizeMax", size)


def simplices_in(chains: list[list[Piece]], refinements: list[Refinement], size: float, dim: int) -> float:
    """Number of regular simplices of the target edges that fill a body of revolution, or its meridian.

    The half plane is divided into rectangles no larger than half the target edge there (edges grow slowly, so that no
    small patch is missed); a rectangle counts where its centre lies in the body. They are as slender as the body, so
    that a thin one is not missed where their number ends the division.

    Args:
        chains: the meridian.
        refinements: regions with edges smaller than ``size``.
        size: edge length in the bulk.
        dim: 3 for tetrahedra in the body, 2 for triangles in the meridian.
    """
    outlines = [np.concatenate([piece.points(48) for piece in chain]) for chain in chains]
    low, high = outlines[0].min(axis=0), outlines[0].max(axis=0)
    side = (high - low) / 8.0
    across, up = (low[i] + side[i] * (np.arange(8) + 0.5) for i in (0, 1))
    r, z = (a.ravel() for a in np.meshgrid(across, up))
    total, rectangles = 0.0, 0
    while len(r):
        edge = smallest_edges(refinements, size, r, z)
        rectangles += len(r)
        done = (side.max() <= 0.5 * edge) if rectangles < MOST_RECTANGLES else np.ones(len(r), dtype=bool)
        counted = done & inside(outlines, r, z)
        content = 2.0 * math.pi * r * 6.0 * math.sqrt(2.0) / edge**3 if dim == 3 else 4.0 / math.sqrt(3.0) / edge**2
        total += float(np.sum(content[counted] * side.prod()))
        side = 0.5 * side
        r, z = r[~done], z[~done]
        r = np.concatenate([r + 0.5 * i * side[0] for i in (-1, 1) for _ in range(2)])
        z = np.concatenate([z + 0.5 * j * side[1] for _ in range(2) for j in (-1, 1)])
    return max(total, 6.0)


def facets_on(piece: Piece, refinements: list[Refinement], size: float, dim: int) -> float:
    """Number of regular facets of the target edges that cover the surface that a piece sweeps, or the piece itself.

    Args:
        piece: line or arc of a meridian.
        refinements: regions with smaller edges than in the bulk.
        size: edge length in the bulk, model units.
        dim: 3 for triangles on the surface that the piece sweeps, 2 for edges along the piece.
    """
    points = piece.points(1000)
    middle, length = 0.5 * (points[1:] + points[:-1]), np.linalg.norm(np.diff(points, axis=0), axis=1)
    edge = smallest_edges(refinements, size, middle[:, 0], middle[:, 1])
    each = 2.0 * math.pi * middle[:, 0] * 4.0 / math.sqrt(3.0) / edge**2 if dim == 3 else 1.0 / edge
    return float(np.sum(each * length))


def inside(outlines: list[np.ndarray], r: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Whether points lie in the body: a ray away from the axis crosses the outlines an odd number of times.

    Args:
        outlines: points (r, z) along each chain of a meridian, each of shape (points, 2).
        r: distances of the points from the axis, shape (n,).
        z: heights of the points, shape (n,).

    Returns:
        True for each point within the body, shape (n,).
    """
    odd = np.zeros(len(r), dtype=bool)
    for outline in outlines:
        for (a, b), (c, d) in itertools.pairwise(outline):
            if b != d:
                odd ^= ((b <= z) != (d <= z)) & (a + (z - b) * (c - a) / (d - b) > r)
    return odd
