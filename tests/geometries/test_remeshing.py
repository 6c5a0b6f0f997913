"""Remeshing of triangulated surfaces: shape, patches and thickness."""

import numpy as np
import pytest

from spinepnp.geometries.surface_reader import read_triangulation
from spinepnp.geometries.triangles.remeshing import remeshed
from spinepnp.geometries.triangles.thickness import bulk_size, edge_lengths, thickness
from spinepnp.geometries.triangulation import problem_of
from spinepnp.meshes import MeshOptions, generate
from spinepnp.runtime.stack import MPI
from support.cases import SPINE_FILE, spine_surface
from support.measures import errors


def test_volume_patches_and_rims_stay():
    shape = spine_surface(SPINE_FILE, triangles="remesh")
    surface = shape.name_patches(read_triangulation(str(SPINE_FILE))).outward()
    for size in (0.5, 1.0):
        lengths = edge_lengths(surface, size * bulk_size(surface))
        found = remeshed(surface, lengths)
        assert problem_of(found) is None
        assert found.volume() == pytest.approx(surface.volume(), rel=2e-3)
        for value, name in enumerate(surface.names):
            areas = [one.areas()[one.values == value].sum() for one in (found, surface)]
            assert areas[0] == pytest.approx(areas[1], rel=1e-2), name
        wanted = (surface.areas() / (np.sqrt(3.0) / 4.0 * lengths[surface.triangles].mean(axis=1) ** 2)).sum()
        assert 0.5 * wanted < len(found.triangles) < 1.5 * wanted


def test_thickness_is_the_radius_of_neck_and_head():
    surface = read_triangulation(str(SPINE_FILE)).outward()
    radii = thickness(surface.points, surface.triangles, 0.01)
    neck = (surface.points[:, 2] > 0.2) & (surface.points[:, 2] < 0.4)
    assert np.median(radii[neck]) == pytest.approx(0.07, rel=0.1)
    assert 0.2 < radii.max() < 0.35


def test_the_mesh_of_a_remeshed_surface_is_that_of_the_file():
    shape = spine_surface(SPINE_FILE, triangles="remesh")
    assert shape.default_degree() == 2
    mesh = generate(shape, MeshOptions(), MPI.COMM_SELF)
    assert max(abs(error) for error in errors(mesh).values()) < 1e-2
    assert 0.5 < mesh.options.cells(shape) / mesh.cells < 2.0
