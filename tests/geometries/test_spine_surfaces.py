"""From a surface as it comes to a spine with patches: mending, cutting, anatomy."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from spinepnp.geometries.surface_reader import read_triangulation
from spinepnp.geometries.triangles.mending import mended
from spinepnp.geometries.triangles.remeshing import Target
from spinepnp.geometries.triangles.spine import ready_spine
from spinepnp.geometries.triangles.spine_files import guessed_unit, read_surface
from spinepnp.geometries.triangulation import problem_of
from support.cases import SPINE_FILE
from support.surfaces import together

SPINE = read_triangulation(str(SPINE_FILE)).outward()
TURN = Rotation.from_rotvec([0.4, -1.1, 0.7])


def sphere(centre, radius, outward=True):
    """Points and triangles of an icosphere."""
    import pyvista

    ball = pyvista.Icosphere(radius=radius, center=centre, nsub=3)
    faces = ball.regular_faces
    return np.asarray(ball.points, dtype=float), np.asarray(faces if outward else faces[:, ::-1], dtype=int)


def test_a_spine_gets_a_flat_base_and_a_synapse_whatever_its_direction():
    spine = ready_spine(TURN.apply(SPINE.points), SPINE.triangles[:, ::-1], 0.03)
    surface, anatomy = spine.surface, spine.anatomy
    assert problem_of(surface) is None
    assert surface.names == ("base", "psd", "wall")
    areas = {name: surface.areas()[surface.values == i].sum() for i, name in enumerate(surface.names)}
    assert areas["psd"] == pytest.approx(0.03, rel=0.01)
    assert areas["base"] == pytest.approx(np.pi * 0.07**2, rel=0.06)
    corners = surface.corners[surface.values == 0].reshape(-1, 3)
    assert np.abs((corners - anatomy.cut) @ anatomy.direction).max() < 1e-9
    assert anatomy.neck_radius == pytest.approx(0.07, rel=0.02)
    assert np.linalg.norm(TURN.inv().apply(anatomy.cut)) < 0.1, "near the base, which is at the origin"
    assert TURN.inv().apply(anatomy.pole)[2] > 1.0
    lost = SPINE.volume() - surface.volume()
    assert 0.0 < lost < 1.5 * np.pi * 0.07**2 * 0.1


def test_pieces_inside_are_shells_in_either_orientation_and_pieces_outside_are_listed():
    head = SPINE.points[SPINE.points[:, 2] > 0.8].mean(axis=0)
    for outward in (True, False):
        inner, far = sphere(head, 0.05, outward), sphere([3.0, 0.0, 0.0], 0.1)
        found = mended(*together((SPINE.points, SPINE.triangles), inner, far))
        assert len(found.shells) == 1
        assert len(found.stray) == 1
        assert found.shells[0].volume() == pytest.approx(4 / 3 * np.pi * 0.05**3, rel=0.05)
        assert found.surface.volume() == pytest.approx(SPINE.volume())


def test_triangles_without_area_holes_and_windings_are_mended():
    half = np.where(SPINE.corners.mean(axis=1)[:, [2]] > 0.5, SPINE.triangles, SPINE.triangles[:, ::-1])
    flat = np.vstack([SPINE.triangles, [[0, 0, 1]]])
    for triangles in (half, SPINE.triangles[5:], flat):
        found = mended(SPINE.points, triangles)
        assert problem_of(found.surface) is None
        assert found.surface.volume() == pytest.approx(SPINE.volume(), rel=2e-3)


def test_triangles_without_area_do_not_change_distances():
    """VTK takes them for lines, and their third corner from memory at random: distances were wrong, or it crashed."""
    points, triangles = SPINE.points, SPINE.triangles
    places = np.vstack([1.01 * points[triangles[:, :2]].mean(axis=1), 1.02 * points])
    lines = np.vstack([triangles[:, [0, 0, 1]], triangles])
    nearest, distance = Target(points, triangles).nearest(places)
    found, signed = Target(points, lines).nearest(places)
    assert np.array_equal(nearest, found)
    assert np.array_equal(distance, signed)


@pytest.mark.parametrize("suffix", [".off", ".vtk", ".vtp", ".ply", ".obj"])
def test_formats(tmp_path, suffix):
    import meshio
    import pyvista

    path = tmp_path / f"spine{suffix}"
    if suffix in (".vtk", ".vtp"):
        pyvista.PolyData.from_regular_faces(SPINE.points, SPINE.triangles).save(path)
    else:
        meshio.write(path, meshio.Mesh(SPINE.points, [("triangle", SPINE.triangles.astype(np.int32))]))
    found = read_surface(path)
    points, triangles = found.points, found.triangles
    assert len(triangles) == len(SPINE.triangles)
    assert guessed_unit(path, points) == "um"
    assert guessed_unit(path, 1e3 * points) == "nm"
    assert mended(points, triangles).surface.volume() == pytest.approx(SPINE.volume(), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xyz", b"1 2 3", "must end in .stl"),
        ("a.off", b"", "is empty"),
        ("a.off", b"OFF\n1 2", "is damaged"),
        ("a.vtk", b"nonsense", "is damaged"),
        ("a.stl", b"solid a\nfacet\n", "cut off"),
        ("none.ply", None, "cannot be read"),
        ("a.h5", b"nothing", "h5py|HDF5"),
    ],
)
def test_bad_files_are_one_line_with_a_remedy(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        read_surface(tmp_path / name)
    assert "\n" not in str(caught.value)
