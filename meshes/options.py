"""The [mesh] table of a case file."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from spinepnp.errors import CaseError, nearest
from spinepnp.geometries import MODEL_UNIT, Geometry, Grading, Sizes
from spinepnp.units import LENGTH, Length, Number, Table, Whole, format_quantity

#: Default size on a line over that of the shape: there small cells cost nothing.
ON_A_LINE = 1.0 / 16.0

#: The same for quadratic elements in three dimensions: volume and areas still err by less than 1e-4.
QUADRATIC = 1.6


class GradeOptions(Table):
    """Grading toward one boundary.

    Attributes:
        size: edge length at the boundary, m.
        growth: ratio of the heights of neighbouring layers.
    """

    size: Length
    growth: Number = Field(default=1.4, ge=1.01, le=10.0)


class MeshOptions(Table):
    """How to mesh.

    Attributes:
        size: target edge length, m; by default that of the shape; a sixteenth of it for a line.
        order: 2 for curved cells, 1 for straight ones, which lose area.
        refine: how often every cell is divided (into eight in three dimensions), after meshing and in parallel.
        grade: finer cells toward named boundaries: thin layers at the ends of necks, on the wall of a ball and on the
            spheres of a shell, small cells of all directions at others; none for a surface.
        element_degree: degree of the Lagrange elements of all unknowns; by default 2 on meridians, and in three
            dimensions where walls are smooth (hyperboloid, tube, shell); else 1.
    """

    size: Length | None = None
    order: Literal[1, 2] = 2
    refine: Whole = Field(default=0, ge=0, le=6)
    grade: dict[str, GradeOptions] = Field(default_factory=dict)
    element_degree: Literal[1, 2] | None = None

    def resolved(self, geometry: Geometry) -> MeshOptions:
        """The same options with the shape's default size and degree filled in."""
        update: dict[str, Any] = {}
        if self.size is None:
            solid = QUADRATIC if geometry.default_degree() == 2 else 1.0
            relative = {"3d": solid, "axisymmetric": 1.0, "1d": ON_A_LINE}[geometry.dimension]
            update["size"] = geometry.default_size() * relative
        if self.element_degree is None:
            update["element_degree"] = geometry.default_degree()
        return self.model_copy(update=update)

    def cells(self, geometry: Geometry) -> float:
        """Estimated number of cells, refinements included."""
        return geometry.estimate_cells(self.sizes(geometry)) * 2.0 ** (geometry.cell_dimension * self.refine)

    def sizes(self, geometry: Geometry) -> Sizes:
        """What the geometry's builder aims at, in model units.

        Raises:
            CaseError: grading toward a boundary that the shape does not have, or coarser than the bulk.
        """
        size = self.resolved(geometry).size
        assert size is not None
        for name, grade in self.grade.items():
            if name not in geometry.boundaries:
                raise CaseError(f"mesh.grade.{name}", f"no such boundary; {nearest(name, geometry.boundaries)}")
            if not geometry.gradable:
                problem = "the triangles of a surface stay as they are; make them finer in the file, or set mesh.refine"
                raise CaseError(f"mesh.grade.{name}", problem)
            if grade.size > size:
                raise CaseError(
                    f"mesh.grade.{name}.size",
                    f"is coarser than mesh.size = {format_quantity(size, LENGTH)}; make it smaller or leave it out",
                    format_quantity(grade.size, LENGTH),
                )
        grading = {name: Grading(g.size / MODEL_UNIT, g.growth) for name, g in self.grade.items()}
        sizes = Sizes(size / MODEL_UNIT, grading)
        geometry.coverings(sizes)  # refuses layers that do not fit
        return sizes
