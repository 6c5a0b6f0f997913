"""Makes spine.ply, a triangulated spine that is neither straight nor symmetric, for the case spine_surface.toml.

    python make_spine.py

A ball on a neck is triangulated by Gmsh, its neck is bent and its head pushed out of shape by a smooth map. The cap of
the ball leaves a rim in the triangles that a patch can follow.
"""

from pathlib import Path

import meshio
import numpy as np
from mpi4py import MPI

from spinepnp.geometries import BallNeck
from spinepnp.meshes import MeshOptions, generate
from spinepnp.runtime.stack import dolfinx

BODY = BallNeck(
    head_radius="300 nm",
    neck_radius="70 nm",
    neck_length="600 nm",
    fillet="60 nm",
    cap_radius="90 nm",
)


def bent(x: np.ndarray) -> np.ndarray:
    """The map, in micrometres: the base stays where it is."""
    u, v, z = x.T
    head = 0.5 * (1.0 + np.tanh((z - 0.6) / 0.15))
    lobed = 1.0 + head * (0.25 * np.tanh(2.0 * u) - 0.15 * np.sin(4.0 * v) * v)
    x = u * lobed + 0.35 * z**2 / (1.0 + z)
    y = v * (1.0 + 0.3 * head) + 0.12 * z**3 * np.sin(1.5 * z)
    return np.column_stack([x, y, z + 0.25 * head * u])


if __name__ == "__main__":
    spine = generate(BODY, MeshOptions(size="45 nm", order=1), MPI.COMM_SELF)
    facets = np.concatenate(list(spine.boundary_facets.values()))
    corners = dolfinx.mesh.entities_to_geometry(spine.mesh, 2, np.sort(facets).astype(np.int32))
    used, triangles = np.unique(corners, return_inverse=True)
    triangles = triangles.reshape(corners.shape)
    points = bent(spine.mesh.geometry.x[used])
    # Normals outward: away from the cell within, which for this body is away from its bent axis.
    x = points[triangles]
    middle = spine.mesh.geometry.x[used][triangles].mean(axis=1)
    inside = np.column_stack([0.9 * middle[:, :2], np.clip(middle[:, 2], 0.05, 0.9)])
    outward = x.mean(axis=1) - bent(inside)
    wrong = np.einsum("ti,ti->t", np.cross(x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]), outward) < 0.0
    triangles[wrong] = triangles[wrong][:, [0, 2, 1]]
    path = Path(__file__).with_name("spine.ply")
    meshio.ply.write(path, meshio.Mesh(points.astype(np.float32), [("triangle", triangles.astype(np.int32))]))
    pole = bent(np.array([[0.0, 0.0, spine.mesh.geometry.x[:, 2].max()]]))
    print(f"{len(triangles)} triangles; the middle of the cap lies at {pole[0].round(3)} um")
