"""Default grading of the mesh toward Debye layers of fixed and surface charge.

A layer forms at an edge of a region of fixed charge, at a wall with a surface charge, at the ends of a charged ring,
and at an end with the prescribed concentrations of a bath where it meets either. The case file may set the size of the
cells there (`mesh.grade`, `mesh.grade_planes`); elsewhere it is chosen here from the electrolyte, as far as the number
of cells allows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.geometries import MODEL_UNIT, OBSTACLE_NAME, Geometry
from spinepnp.geometries.rings import finest_on
from spinepnp.meshes.options import SAME_PLANE, GradeOptions, GradePlane, MeshOptions
from spinepnp.solvers.model.boundaries import Boundaries
from spinepnp.solvers.model.closed import Closed
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.terms.dirichlet import blocking_charges
from spinepnp.units import FARADAY, LENGTH, format_quantity

#: Cells per thickness of the layer at the wall, and growth, by the degree of the elements; the first pair whose number
#: of cells is affordable is taken. Measured errors of a wall's potential, in that order: degree 1 0.13, 0.2, 0.7 and
#: 1.6 %; degree 2 0.012 and 0.03 %. (Growth 1.4 gives 0.004 %, but makes a cone's current no better and its
#: solve three times longer.)
LEVELS = {1: ((8.0, 1.1), (8.0, 1.2), (4.0, 1.4), (4.0, 2.0)), 2: ((4.0, 1.7), (4.0, 2.0))}

#: Cells per thickness of the layer at a blocking wall with a prescribed potential.
BLOCKING_CELLS = 6.0

#: Largest number of cells of the graded mesh, over that of the ungraded one.
MOST_CELLS_FACTOR = 2.0

#: Number of cells that is affordable in any case, by the dimension of the mesh.
AFFORDABLE_CELLS = {"1d": 1e5, "axisymmetric": 1e4, "3d": 0.0}

#: Numbers to which sizes are rounded down, so that similar cases share a cached mesh.
ROUND_SIZES = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)

#: Smallest size chosen by default, m: far below the size of an ion.
SMALLEST_SIZE = 1e-12

#: Smallest size at a blocking wall with a prescribed potential, m, by the degree of the elements: where point ions
#: crowd, finer cells lose the digits of everything else.
SMALLEST_AT_BLOCKING = {1: 3e-13, 2: 1e-13}

#: Growth at a blocking wall with a prescribed potential, by the degree of the elements: its layer has no single
#: thickness.
GROWTH_AT_BLOCKING = {1: 1.08, 2: 1.1}


def grade_layers(
    options: MeshOptions,
    geometry: Geometry,
    electrolyte: Electrolyte,
    boundaries: Boundaries | None = None,
    closed: Closed | None = None,
    planes: tuple[float, ...] = (),
) -> MeshOptions:
    """Mesh options with the default grading toward Debye layers of fixed and surface charge filled in.

    Boundaries and planes that the options grade stay as they are. Applied twice it changes nothing.

    Args:
        options: mesh options of the case.
        geometry: shape of the domain.
        electrolyte: species, checked.
        boundaries: boundary conditions by name, checked.
        closed: prescribed amounts of species.
        planes: heights, m, where the mesh gets a plane without smaller cells, in shapes made of layers.

    Returns:
        Options with `grade` and `grade_planes` of all layers whose cells are affordable; in shapes made of layers every
        edge of a region of fixed charge, of a diffusivity or of the permittivity gets at least a plane of the mesh.

    Raises:
        CaseError: the options do not fit the shape.
    """
    boundaries = boundaries or {}
    walls = {name: boundary.wall_charge for name, boundary in boundaries.items() if boundary.wall_charge}
    blocking = blocking_charges(electrolyte, boundaries)
    steps = sorted({*planes, *(z for profile in electrolyte.profiles() for z in profile.planes)})
    if not geometry.gradable or not (electrolyte.charged_regions or walls or blocking or steps):
        return options
    choice = _Choice(options, geometry)
    permittivity = electrolyte.permittivity_profile
    mobile = max(_ionic_strengths(geometry, electrolyte, boundaries, closed))
    sides = {name: _spread(geometry, walls.pop(name)) for name in geometry.sides if name in walls}
    fixed = max((*sides.values(), *(abs(region.value) for region in electrolyte.charged_regions)), default=0.0)

    def length_at(name: str, charge: float = 0.0) -> float:
        """Thickness of the layer at a boundary with a charge, m."""
        relative = permittivity.smallest_near(*geometry.heights(name)) if permittivity.planes else 1.0
        debye = electrolyte.debye_length(max(mobile, fixed), relative)
        gouy_chapman = 2.0 * electrolyte.absolute_permittivity * electrolyte.V_T * relative
        return min(debye, gouy_chapman / abs(charge)) if charge else debye

    for name, charge in blocking.items():
        choice.add_blocking(name, length_at(name, charge))
    _grade_charges(choice, electrolyte, boundaries, {name: length_at(name, charge) for name, charge in walls.items()},
                   [*sides], mobile, length_at)  # fmt: skip
    for z in steps:
        choice.add_plane(z, math.inf, math.inf, coarse=geometry.dimension == "3d")
    return choice.options


def _grade_charges(
    choice: _Choice,
    electrolyte: Electrolyte,
    boundaries: Boundaries,
    lengths: dict[str, float],
    sides: list[str],
    mobile: float,
    length_at: Callable[[str], float],
) -> None:
    """Grade toward charged walls, edges of fixed charge, and baths that meet either.

    Args:
        choice: options that are refined.
        electrolyte: species with the fixed charge.
        boundaries: boundary conditions by name.
        lengths: thickness of the layer at each charged wall, m, by name.
        sides: charged sides of a line.
        mobile: largest sum of z^2 c of the ions, mol/m^3.
        length_at: Debye length at a boundary, m.
    """
    geometry, permittivity = choice.geometry, electrolyte.permittivity_profile
    # The largest error goes first: an unresolved wall loses most of its potential, an edge a percent of a current.
    # Walls become finer with the cells that are left.
    for name, length in lengths.items():
        choice.add_boundary(name, length, coarse=True)
    coarse = geometry.dimension == "3d"
    for z, charge, room in _edges(electrolyte):
        relative = permittivity.smallest_near(z, z)
        choice.add_plane(z, electrolyte.debye_length(max(mobile, charge), relative), room, coarse=coarse)
    for name in (name for name in lengths if geometry.in_layers and choice.is_graded(name)):
        for z in geometry.heights(name):  # a ring's ends; those of a whole wall or of an end are no inner planes
            choice.add_plane(float(f"{z:.12g}"), lengths[name], math.inf, coarse=True)
    graded = [name for name in lengths if choice.is_graded(name)]
    for name in _baths_at_charge(geometry, electrolyte, boundaries, [*graded, *sides]):
        choice.add_boundary(name, length_at(name), coarse=coarse)
    for name, length in lengths.items():
        choice.add_boundary(name, length, coarse=False)


class _Choice:
    """Mesh options that are refined one layer after another, as long as the number of cells allows."""

    def __init__(self, options: MeshOptions, geometry: Geometry) -> None:
        self.options, self.geometry, self.given = options, geometry, frozenset(options.grade)
        self.no_planes = options.grade_planes == ()  # an empty list switches grading at planes off
        resolved, default = options.resolved(geometry), MeshOptions().resolved(geometry)
        self.size, self.degree = resolved.size, resolved.element_degree
        self.levels = LEVELS[self.degree]
        self.scale = min(1.0, resolved.size / default.size)  # cells at layers shrink with mesh.size
        # Against the mesh without any grading, so that what is chosen does not depend on what was chosen before.
        ungraded = resolved.model_copy(update={"grade": {}, "grade_planes": None})
        cells = geometry.estimate_cells(ungraded.sizes(geometry))
        self.most = max(MOST_CELLS_FACTOR * cells, AFFORDABLE_CELLS[geometry.dimension])

    def is_graded(self, name: str) -> bool:
        """Whether the mesh is graded toward a boundary, by itself or as a part of a wall."""
        return finest_on(self.options.grade, self.geometry.share_layers(name)) is not None

    def _is_given(self, name: str) -> bool:
        """Whether the case grades the mesh toward a boundary, by itself or as a part of a wall."""
        return not self.given.isdisjoint(self.geometry.share_layers(name))

    def _sizes(self, length: float, *, coarse: bool) -> Iterator[tuple[float, float]]:
        """Size and growth of each level for a layer of a length, the finest first.

        Args:
            length: thickness of the layer, m.
            coarse: whether the last level suffices: it gives the current through the edges of a gel to 5e-5.
        """
        for cells, growth in self.levels[-1:] if coarse else self.levels:
            size = length / cells * self.scale
            if SMALLEST_SIZE <= size < self.size:
                yield _rounded(size), growth

    def _take(self, update: dict[str, Any]) -> bool:
        """Update the options, if the layers fit into the mesh and it has not too many cells; whether it did."""
        options = self.options.model_copy(update=update)
        try:
            cells = self.geometry.estimate_cells(options.sizes(self.geometry))
        except CaseError:  # a layer does not fit
            return False
        if cells <= self.most:
            self.options = options
        return cells <= self.most

    def add_boundary(self, name: str, length: float, *, coarse: bool) -> None:
        """Grade toward a boundary that the case does not grade, or refine its grading."""
        if self._is_given(name):
            return
        for size, growth in self._sizes(length, coarse=coarse):
            grade = {**self.options.grade, name: GradeOptions(size=_text(size), growth=growth)}
            if self._take({"grade": grade}):
                return

    def add_blocking(self, name: str, length: float) -> None:
        """Grade toward a blocking wall with a prescribed potential and a layer of a thickness, m."""
        size = max(_rounded(length / BLOCKING_CELLS * self.scale), SMALLEST_AT_BLOCKING[self.degree])
        if self._is_given(name) or not size < self.size:
            return
        growth = GROWTH_AT_BLOCKING[self.degree]
        self._take({"grade": {**self.options.grade, name: GradeOptions(size=_text(size), growth=growth)}})

    def add_plane(self, z: float, length: float, room: float, *, coarse: bool) -> None:
        """Grade toward a plane within the body: height, thickness of the layer, distance of the next plane, m."""
        if self.geometry.why_no_planes() is not None or self.no_planes:
            return
        low, high = (end * MODEL_UNIT for end in self.geometry.z_extent())
        planes, hair = self.options.grade_planes or (), SAME_PLANE * (high - low)
        if not low + hair < z < high - hair or any(abs(p.z - z) <= max(hair, p.size or 0.0) for p in planes):
            return
        room = min(room, z - low, high - z, *(abs(p.z - z) for p in planes))
        height = format_quantity(z, LENGTH)
        for level_size, growth in self._sizes(length, coarse=coarse):
            size = level_size if level_size <= room else _rounded(room)
            plane = GradePlane(z=height, size=_text(size), growth=growth)
            if size >= SMALLEST_SIZE and self._take({"grade_planes": (*planes, plane)}):
                return
        if self.geometry.in_layers:
            self._take({"grade_planes": (*planes, GradePlane(z=height))})


def _ionic_strengths(
    geometry: Geometry, electrolyte: Electrolyte, boundaries: Boundaries, closed: Closed | None
) -> Iterator[float]:
    """Sums of z^2 c of the bulk, of each bath, and of a closed domain, mol/m^3."""
    contents = [boundary.prescribed(electrolyte) for boundary in boundaries.values()]
    if closed is not None and closed.amounts:
        volume = geometry.exact_measures()["volume"]
        contents.append({name: amount / volume for name, amount in closed.amounts.items()})
    for content in ({}, *contents):
        concentrations = electrolyte.bulk | content
        yield sum(s.valence**2 * concentrations[s.name] for s in electrolyte.species)


def _spread(geometry: Geometry, charge: float) -> float:
    """Largest density of a charge (C/m^2) of the side of a line over its cross-section at an end, mol/m^3."""
    ends = np.array(geometry.z_extent())
    per_volume = geometry.side_weight(ends) / geometry.cross_section(ends) / MODEL_UNIT
    return abs(charge) / FARADAY * float(per_volume.max())


def charge_beside(electrolyte: Electrolyte, z: float) -> tuple[float, float]:
    """Fixed charge of the regions just below and just above a height, mol/m^3."""
    regions = electrolyte.charged_regions
    below = sum(r.value for r in regions if r.region[0] < z <= r.region[1])
    return below, sum(r.value for r in regions if r.region[0] <= z < r.region[1])


def _edges(electrolyte: Electrolyte) -> Iterator[tuple[float, float, float]]:
    """Heights where the fixed charge jumps, m, its larger magnitude there, mol/m^3, and the distance to the next, m."""
    heights = sorted({z for region in electrolyte.charged_regions for z in region.region})
    for z in heights:
        below, above = charge_beside(electrolyte, z)
        if below != above:
            room = min((abs(other - z) for other in heights if other != z), default=math.inf)
            yield z, max(abs(below), abs(above)), room


def _baths_at_charge(
    geometry: Geometry, electrolyte: Electrolyte, boundaries: Boundaries, walls: list[str]
) -> Iterator[str]:
    """Ends with prescribed concentrations that are not neutral with the fixed charge there, or beside a graded wall."""
    spans = [geometry.body_heights(wall) for wall in walls if wall != OBSTACLE_NAME]
    for name, z in geometry.end_heights().items():
        prescribed = boundaries[name].prescribed(electrolyte) if name in boundaries else {}
        if not any(s.valence for s in electrolyte.species if s.name in prescribed):
            continue
        charge = max(charge_beside(electrolyte, z * MODEL_UNIT), key=abs)
        neutral = set(prescribed) == set(electrolyte.mobile) and electrolyte.ions_balance(prescribed, charge)
        beside_wall = any(low < high and z in (low, high) for low, high in spans)
        if beside_wall or (charge and not neutral):
            yield name


def _rounded(size: float) -> float:
    """Size rounded down to one of the round numbers, m."""
    power = 10.0 ** math.floor(math.log10(size * 1e9) + 1e-9)
    return max(number for number in ROUND_SIZES if number * power <= size * 1e9 * (1.0 + 1e-9)) * power * 1e-9


def _text(size: float) -> str:
    """Text of a size for a case file."""
    return format_quantity(float(f"{size:.3g}"), LENGTH)
