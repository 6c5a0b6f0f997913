"""Makes organelles.ply, the spine of spine.ply with an apparatus in its neck and a mitochondrion in its head.

    python make_organelles.py

The apparatus is a tube around the axis of the bent neck; its normals point inward, as segmentations often have them.
"""

from pathlib import Path

import meshio
import numpy as np
import pyvista
from make_spine import bent

#: Radius of the apparatus, um.
ROD = 0.03

#: Heights in the straight neck between which it lies, um.
RANGE = (0.15, 0.45)

#: Middle and radius of the mitochondrion, um.
BALL = ((0.22, 0.15, 0.92), 0.12)


def inward(surface: pyvista.PolyData) -> np.ndarray:
    """Triangles of a closed surface with normals that point inward."""
    x = surface.points[surface.regular_faces]
    volume = np.einsum("ti,ti->", x[:, 0], np.cross(x[:, 1], x[:, 2]))
    return surface.regular_faces[:, ::-1] if volume > 0.0 else surface.regular_faces


if __name__ == "__main__":
    folder = Path(__file__).parent
    spine = meshio.ply.read(folder / "spine.ply")
    heights = np.linspace(*RANGE, 16)
    axis = bent(np.column_stack([0.0 * heights, 0.0 * heights, heights]))
    rod = pyvista.MultipleLines(points=axis).tube(radius=ROD, n_sides=10, capping=True).triangulate().clean()
    ball = pyvista.Icosphere(radius=BALL[1], center=BALL[0], nsub=2)
    points = [spine.points, rod.points, ball.points]
    triangles = [spine.cells_dict["triangle"], inward(rod), ball.regular_faces]
    first = np.cumsum([0, *(len(p) for p in points)])
    faces = np.vstack([t + n for t, n in zip(triangles, first, strict=False)])
    mesh = meshio.Mesh(np.vstack(points).astype(np.float32), [("triangle", faces.astype(np.int32))])
    meshio.ply.write(folder / "organelles.ply", mesh)
    print(f"{len(faces)} triangles")
