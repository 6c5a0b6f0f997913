"""Makes turned_spine.ply, a spine in any direction whose neck is longer than needed, for the case spine_cut.toml.

    python make_turned_spine.py

A ball of 0.35 um on a neck of 0.1 um, whose edge is rounded, is turned and remeshed. The normal of the plane of the
base, 0.6 um below the ball, is printed; the conductance of the body above that plane is known.
"""

from pathlib import Path

import meshio
import numpy as np
from scipy.spatial.transform import Rotation

from spinepnp.geometries.triangles.mending import mended
from spinepnp.geometries.triangles.spine import remeshed_whole
from spinepnp.validation.studies.known_surfaces import BODIES, SHIFT, as_from_a_file

TURN = Rotation.from_rotvec([0.6, -0.4, 0.3]).as_matrix()

if __name__ == "__main__":
    points, triangles = as_from_a_file(BODIES["ball_neck"], "turned", TURN)
    surface = remeshed_whole(mended(points - SHIFT, triangles))[1]
    mesh = meshio.Mesh(surface.points.astype(np.float32), [("triangle", surface.triangles.astype(np.int32))])
    meshio.ply.write(Path(__file__).with_name("turned_spine.ply"), mesh)
    print(f"{len(surface.triangles)} triangles; normal of the base {TURN[:, 2].round(6)}, at the origin")
