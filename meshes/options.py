"""The [mesh] table of a case file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from spinepnp.errors import CaseError, nearest
from spinepnp.geometries import MODEL_UNIT, Geometry, Grading, Sizes
from spinepnp.units import LENGTH, Length, Number, Table, format_quantity


class GradeOptions(Table):
    """Grading toward one boundary: the edge length there and the ratio of neighbouring layers."""

    size: Length
    growth: Number = Field(default=1.4, ge=1.01, le=10.0)


class MeshOptions(Table):
    """How to mesh.

    Attributes:
        size: target edge length, m; by default that of the shape.
        order: 2 for curved cells, 1 for straight ones.
        refine: uniform refinements (none in this version).
        grade: finer layers toward named boundaries.
        element_degree: degree of the Lagrange elements of all unknowns.
    """

    size: Length | None = None
    order: Literal[1, 2] = 2
    refine: Literal[0] = 0
    grade: dict[str, GradeOptions] = Field(default_factory=dict)
    element_degree: Literal[1, 2] = 1

    def resolved(self, geometry: Geometry) -> MeshOptions:
        """The same options with the shape's default size filled in."""
        return self if self.size is not None else self.model_copy(update={"size": geometry.default_size()})

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
            if name not in geometry.gradable:
                choices = " and ".join(geometry.gradable)
                raise CaseError(f"mesh.grade.{name}", f"a {geometry.shape} can be graded toward {choices} only")
            if grade.size > size:
                raise CaseError(
                    f"mesh.grade.{name}.size",
                    f"is coarser than mesh.size = {format_quantity(size, LENGTH)}; make it smaller or leave it out",
                    format_quantity(grade.size, LENGTH),
                )
        grading = {name: Grading(g.size / MODEL_UNIT, g.growth) for name, g in self.grade.items()}
        return Sizes(size / MODEL_UNIT, grading)
