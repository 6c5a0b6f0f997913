"""The cylinder: a homogeneous spine neck (paper 001, Fig. 1)."""

from __future__ import annotations

import math
from typing import Any, Literal

from spinepnp.geometries.base import MODEL_UNIT, VOLUME_NAME, Geometry, Sizes, triangles_in
from spinepnp.units import Length


class Cylinder(Geometry):
    r"""A circular cylinder on the z axis.

    ::

              ___
             /   \      top    z = length
             |\_/|
             |   |      wall
             |   |
              \_/       base   z = 0

    Attributes:
        length: height, m.
        radius: m.
    """

    shape: Literal["cylinder"] = "cylinder"
    length: Length
    radius: Length

    @property
    def boundaries(self) -> tuple[str, ...]:
        """Both ends and the wall."""
        return ("base", "top", "wall")

    @property
    def gradable(self) -> tuple[str, ...]:
        """The flat ends."""
        return ("base", "top")

    def default_size(self) -> float:
        """A quarter of the radius: with curved cells the voltage then errs by less than 1e-4."""
        return min(self.radius / 4.0, self.length / 4.0)

    def exact_measures(self) -> dict[str, float]:
        """Volume in m^3 and areas in m^2."""
        disc = math.pi * self.radius**2
        return {
            "volume": disc * self.length,
            "base": disc,
            "top": disc,
            "wall": 2.0 * math.pi * self.radius * self.length,
        }

    def estimate_cells(self, sizes: Sizes) -> float:
        """Three tetrahedra for each triangle of the disc and each layer."""
        length = self.length / MODEL_UNIT
        graded = sum(math.log(sizes.size / g.size) / math.log(g.growth) for g in sizes.grade.values())
        disc = math.pi * (self.radius / MODEL_UNIT) ** 2
        return 3.0 * triangles_in(disc, sizes.size) * (length / sizes.size + graded + 1.0)

    def build(self, gmsh: Any, sizes: Sizes) -> None:
        """A disc extruded in layers: flat end faces can be graded to a fraction of a Debye length at little cost."""
        occ, model = gmsh.model.occ, gmsh.model
        radius, length = self.radius / MODEL_UNIT, self.length / MODEL_UNIT
        heights = sizes.layers(length, "base", "top")
        disc = occ.addDisk(0.0, 0.0, 0.0, radius, radius)
        extruded = occ.extrude(
            [(2, disc)], 0.0, 0.0, length, [1] * len(heights), (heights.cumsum() / length).tolist(), recombine=False
        )
        occ.synchronize()
        (_, top), (_, body), *walls = extruded
        for name, tags in (("base", [disc]), ("top", [top]), ("wall", [tag for _, tag in walls])):
            model.addPhysicalGroup(2, tags, name=name)
        model.addPhysicalGroup(3, [body], name=VOLUME_NAME)
        gmsh.option.setNumber("Mesh.MeshSizeMin", sizes.size)
        gmsh.option.setNumber("Mesh.MeshSizeMax", sizes.size)
