"""Known bodies as surfaces of a microscope: conductance, bounds, neck and cut, whatever their direction."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from spinepnp.geometries import Cylinder
from spinepnp.geometries.triangles.mending import mended
from spinepnp.geometries.triangles.own_frame import in_own_frame
from spinepnp.geometries.triangles.smoothing import MOST_STEPS, smoothed, steps_share
from spinepnp.geometries.triangles.spine import ready_spine
from spinepnp.geometries.triangulation import UNNAMED, Triangulation
from spinepnp.runtime.stack import MPI
from spinepnp.validation.studies.known_surfaces import (
    BODIES,
    KnownBody,
    as_from_a_file,
    bounds_of,
    ready_from_a_file,
    revolved,
)

TURNS = [Rotation.from_rotvec(v).as_matrix() for v in ([0.4, -1.1, 0.7], [-2.0, 0.3, 0.9])]


def surface_of(points, triangles):
    return Triangulation(points, triangles, np.zeros(len(triangles), dtype=int), (UNNAMED,))


def test_a_surface_in_its_own_frame_is_the_same_to_the_bit_however_it_is_turned_and_numbered():
    points, triangles = as_from_a_file(BODIES["tube"], "rough", np.eye(3))
    order = np.random.default_rng(1).permutation(len(points))
    number = np.argsort(order)
    first, frame = in_own_frame(surface_of(points, triangles))
    other, _ = in_own_frame(surface_of(points[order] @ TURNS[0].T - 7.0, number[triangles][::-1]))
    assert np.array_equal(first.points, other.points)
    assert np.array_equal(first.triangles, other.triangles)
    back = frame.surface_back(first)
    assert back.volume() == pytest.approx(surface_of(points, triangles).volume(), rel=1e-6)
    assert np.abs(np.sort(back.points[:, 0]) - np.sort(points[:, 0])).max() < 1e-6


def test_a_spine_has_its_neck_and_cut_and_the_same_conductance_in_every_direction():
    found = []
    for turn in TURNS:
        spine = ready_spine(*as_from_a_file(BODIES["ball_neck"], "turned", turn), 0.05)
        assert spine.anatomy.neck_radius == pytest.approx(0.1, rel=0.02)
        assert spine.anatomy.direction @ turn[:, 2] > np.cos(np.radians(5.0))
        areas = {n: spine.surface.areas()[spine.surface.values == i].sum() for i, n in enumerate(spine.surface.names)}
        assert areas["base"] == pytest.approx(np.pi * 0.1**2, rel=0.02)
        found.append(bounds_of(spine.surface, "psd", MPI.COMM_SELF))
    one, other = found
    assert one.low < one.value < one.high
    assert [one.low, one.value, one.high] == pytest.approx([other.low, other.value, other.high], rel=1e-6)


def test_voxels_give_the_conductance_of_the_body_within_two_percent():
    shape = Cylinder(length="400 nm", radius="100 nm")
    body = KnownBody(shape, lambda z: np.full(len(z), 0.1), 0.0, 0.4)
    found = bounds_of(ready_from_a_file(body, "voxels", TURNS[0]), "top", MPI.COMM_SELF)
    assert found.low < found.value < found.high
    assert found.value == pytest.approx(0.4 / (np.pi * 0.1**2), rel=0.02)


def test_only_steps_of_voxels_are_smoothed():
    points, triangles = revolved(np.linspace(0.0, 1.0, 21), np.full(21, 0.1))
    plain = mended(points, triangles)
    assert steps_share(plain.surface) == 0.0
    assert smoothed(plain) is plain
    voxels = mended(*as_from_a_file(BODIES["cylinder"], "voxels", TURNS[1]))
    assert steps_share(voxels.surface) > MOST_STEPS
    smooth = smoothed(voxels)
    assert steps_share(smooth.surface) < MOST_STEPS
    assert "steps of voxels" in smooth.found
    assert smooth.volume_change == pytest.approx(smooth.surface.volume() / voxels.surface.volume() - 1.0)
    assert abs(smooth.volume_change) < 0.01
    assert 0.0 < smooth.distance < 0.03
