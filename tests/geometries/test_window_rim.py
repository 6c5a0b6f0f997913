"""Default meshes of a ball with a window: the singular rim, against numbers of other discretisations."""

import numpy as np
import pytest
from mpi4py import MPI

from spinepnp.geometries import BallWindow, Grading, Sizes
from spinepnp.meshes import MeshOptions, generate
from spinepnp.solvers import Boundary, Electrolyte, solve_steady

D = 200e-12

#: Mean escape time over R^2/D, by the rim's radius over R.
ESCAPE = {0.2: 5.38924, 0.05: 21.59825}


def tracer():
    ion = {"diffusivity": f"{D} m^2/s", "concentration": "0 mM"}
    return Electrolyte(species=[{"name": "T", "valence": 0, "source": "1 mM/s", **ion}])


@pytest.mark.parametrize(("dimension", "allowed"), [("axisymmetric", 2e-3), ("3d", 3e-3)])
@pytest.mark.parametrize("narrow", ESCAPE)
def test_escape_from_the_default_mesh_is_right_to_three_per_mille(narrow, dimension, allowed):
    shape = BallWindow(radius="500 nm", window_radius=f"{500 * narrow} nm", dimension=dimension)
    mesh = generate(shape, MeshOptions(), MPI.COMM_SELF)
    found = solve_steady(mesh, tracer(), {"window": Boundary(concentrations="absorbing")})
    assert found.volume.concentration["T"] * D / 500e-9**2 == pytest.approx(ESCAPE[narrow], rel=allowed)
    assert mesh.vertices < 12_000


def test_nodes_move_toward_the_rim_along_the_sphere_and_graded_walls_stay():
    shape = BallWindow(radius="500 nm", window_radius="50 nm", cap_radius="20 nm", cap_angle="30 deg")
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4000, 3))
    x *= (
        0.5
        * np.where(rng.random(4000) < 0.5, 1.0, rng.random(4000) ** (1 / 3))[:, None]
        / np.linalg.norm(x, axis=1)[:, None]
    )
    x[:2000, :2] *= 0.1
    x[:2000, 2] = -np.sqrt(np.maximum(0.25 - x[:2000, 0] ** 2 - x[:2000, 1] ** 2, 0.0))
    moved = shape.toward_rims(x, Sizes(size=0.1))
    radius = np.linalg.norm(x, axis=1)
    on_sphere = np.abs(radius - 0.5) < 1e-12
    assert np.abs(np.linalg.norm(moved[on_sphere], axis=1) - 0.5).max() < 1e-12
    far = np.hypot(np.hypot(x[:, 0], x[:, 1]) - 0.05, x[:, 2] + np.sqrt(0.25 - 0.05**2)) > 0.05
    assert (moved[far] == x[far]).all()
    assert np.abs(moved - x).max() > 1e-3
    inside = np.hypot(x[:, 0], x[:, 1]) < 0.05
    assert (inside == (np.hypot(moved[:, 0], moved[:, 1]) < 0.05))[on_sphere].all()  # nobody leaves the window
    for name in ("wall", "window"):
        assert shape.toward_rims(x, Sizes(size=0.1, grade={name: Grading(0.001, 1.4)})) is x
