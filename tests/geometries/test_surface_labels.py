"""Labels of triangles in files, and the place where a spine leaves its dendrite."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from spinepnp.errors import CaseError
from spinepnp.geometries import ImportedSurface
from spinepnp.geometries.triangles.anatomy import find_anatomy
from spinepnp.geometries.triangles.patch_file import write_patches
from spinepnp.geometries.triangles.spine import Given, ready_spine
from spinepnp.geometries.triangles.spine_files import count_spines, read_surface
from spinepnp.geometries.triangulation import UNNAMED, Triangulation
from support.surfaces import revolved, spine_profile, write_morph_spines

POINTS, TRIANGLES = revolved(spine_profile())
MIDDLES = POINTS[TRIANGLES].mean(axis=1)
#: Triangles of the upper part of the head, which is not what a disc at the pole would take.
CAP = MIDDLES[:, 2] > 0.7
AREA = (
    0.5
    * np.linalg.norm(np.cross(*(POINTS[TRIANGLES[CAP, i]] - POINTS[TRIANGLES[CAP, 0]] for i in (1, 2))), axis=1).sum()
)


def labelled_ply(path, binary):
    kind = "binary_little_endian" if binary else "ascii"
    head = f"ply\nformat {kind} 1.0\nelement vertex {len(POINTS)}\nproperty double x\nproperty double y\n"
    head += f"property double z\nelement face {len(TRIANGLES)}\nproperty list uchar int vertex_indices\n"
    head += "property uchar psd\nend_header\n"
    if binary:
        faces = np.empty(len(TRIANGLES), dtype=[("count", "u1"), ("corners", "<i4", 3), ("psd", "u1")])
        faces["count"], faces["corners"], faces["psd"] = 3, TRIANGLES, CAP
        path.write_bytes(head.encode() + POINTS.astype("<f8").tobytes() + faces.tobytes())
    else:
        lines = [" ".join(map(str, p)) for p in POINTS.tolist()]
        lines += [f"3 {a} {b} {c} {int(on)}" for (a, b, c), on in zip(TRIANGLES.tolist(), CAP, strict=True)]
        path.write_text(head + "\n".join(lines) + "\n")


def labelled_vtk(path):
    import pyvista

    surface = pyvista.PolyData.from_regular_faces(POINTS, TRIANGLES)
    surface.cell_data["psd"] = CAP.astype(np.int32)
    (surface.cast_to_unstructured_grid() if path.suffix == ".vtu" else surface).save(path)


def labelled_file(path):
    """A file of the spine with the label psd, in the format of the suffix."""
    if path.suffix == ".ply":
        labelled_ply(path, path.stem == "binary")
    elif path.suffix == ".msh":
        write_patches(Triangulation(POINTS, TRIANGLES, np.where(CAP, 0, 1), ("psd", UNNAMED)), path)
    else:
        labelled_vtk(path)
    return path


@pytest.mark.parametrize("name", ["binary.ply", "text.ply", "spine.vtp", "spine.vtk", "spine.vtu", "spine.msh"])
def test_a_label_of_the_file_is_a_patch(tmp_path, name):
    path = labelled_file(tmp_path / name)
    found = read_surface(path)
    assert np.array_equal(found.group("psd"), CAP)
    assert np.array_equal(found.group_of(("psd",)), CAP)
    patches = [] if path.suffix == ".msh" else [{"name": "psd", "label": "psd" if "." in name[4:] else "psd=1"}]
    shape = ImportedSurface(file=str(path), unit="um", patches=[{"name": "base", "cut": "auto"}, *patches])
    shape.check()
    assert set(shape.boundaries) == {"base", "psd", "wall"}
    assert shape.exact_measures()["psd"] * 1e12 == pytest.approx(AREA, rel=1e-5)


def test_what_a_label_cannot_be(tmp_path):
    path = labelled_file(tmp_path / "binary.ply")
    for label, message in (("neck", "its labels are: psd"), ("psd=7", "there are psd=0, psd=1"), ("psd=x", "numbers")):
        patch = {"name": "psd", "label": label}
        with pytest.raises(CaseError, match=message) as caught:
            ImportedSurface(file=str(path), unit="um", patches=[patch]).check()
        assert caught.value.key == "geometry.patches.psd.label"


def test_a_spine_keeps_a_label_through_mending_and_takes_a_given_plane():
    """The surface has triangles without area, so that it is made anew: the label goes over to the nearest triangles."""
    flat = np.vstack([TRIANGLES, [[0, 0, 1]]])
    given = Given(
        values=np.where(np.append(CAP, False), 0, 1), names=("psd", UNNAMED),
        point=np.array([0.0, 0.0, 0.2]), normal=np.array([0.0, 0.0, -1.0]),
    )  # fmt: skip
    spine = ready_spine(POINTS, flat, 0.05, given)
    surface = spine.surface
    areas = {name: surface.areas()[surface.values == i].sum() for i, name in enumerate(surface.names)}
    assert areas["psd"] == pytest.approx(AREA, rel=0.03)
    assert areas["base"] == pytest.approx(np.pi * 0.07**2, rel=0.01)
    assert np.abs(surface.corners[surface.values == surface.names.index("base"), :, 2] - 0.2).max() < 1e-7
    with pytest.raises(ValueError, match="loses all triangles of its label psd"):
        ready_spine(POINTS, TRIANGLES, 0.05, Given(values=np.where(MIDDLES[:, 2] < 0.1, 0, 1), names=("psd", UNNAMED),
                                                   point=np.array([0.0, 0.0, 0.2])))  # fmt: skip


def test_a_flat_base_of_the_file_stays():
    flat = MIDDLES[:, 2] < 1e-9
    spine = ready_spine(POINTS, TRIANGLES, 0.05, Given(values=np.where(flat, 0, 1), names=("base", UNNAMED)))
    surface = spine.surface
    assert surface.volume() == pytest.approx(spine.mended.surface.volume(), rel=5e-3)
    assert surface.corners[surface.values == surface.names.index("base"), :, 2].max() < 1e-7


TURN = Rotation.from_rotvec([1.0, 0.3, -0.8])


@pytest.fixture(scope="module")
def spines(tmp_path_factory):
    """Two spines on a dendrite that the head of the second one touches, and other files of HDF5."""
    folder = tmp_path_factory.mktemp("morph")
    origin, x = np.array([10.0, 20.0, 30.0]), np.linspace(-3.0, 3.0, 13)
    dendrite = TURN.apply(np.column_stack([x, 0.0 * x, 0.0 * x - 0.2])) + origin
    places = TURN.apply([[0.0, 0.0, 0.0], [1.5, 0.0, 0.8]]) + origin
    turns = np.array([TURN.as_quat(), (TURN * Rotation.from_rotvec([np.pi, 0.0, 0.0])).as_quat()])
    write_morph_spines(folder, POINTS, TRIANGLES, dendrite, places, turns)
    return folder


@pytest.mark.parametrize("name", ["table.h5", "pandas.h5"])
def test_a_spine_begins_where_it_is_nearest_to_the_dendrite(spines, name):
    """The table has the place of the second spine at its base; its head lies at the dendrite, and that counts."""
    assert count_spines(spines / name) == 2
    first, second = (read_surface(spines / name, i) for i in range(2))
    assert first.root[2] == pytest.approx(0.0, abs=0.01)
    assert second.root[2] == pytest.approx(POINTS[:, 2].max())
    surface = Triangulation(POINTS, TRIANGLES, np.zeros(len(TRIANGLES), dtype=int), (UNNAMED,))
    assert find_anatomy(surface).tip[2] < 0.1
    assert find_anatomy(surface, second.root).tip[2] == pytest.approx(POINTS[:, 2].max(), abs=0.02)
    assert find_anatomy(surface, second.root).pole[2] < 0.1


def test_without_a_dendrite_a_spine_begins_at_its_origin_or_with_its_skeleton(spines):
    assert np.array_equal(read_surface(spines / "origin.h5", 1).root, [0.0, 0.0, 0.0])
    assert read_surface(spines / "skeleton.h5", 0).root[2] == pytest.approx(POINTS[:, 2].max())
    assert read_surface(spines / "skeleton.h5", 1).root is None, "a skeleton that is none: all its points are -9"


@pytest.mark.parametrize(
    ("name", "number", "message"),
    [("table.h5", 2, "has no spine 2; give 0 to 1"), ("other.h5", 0, "give morph-spines"), ("none.h5", 0, "read")],
)
def test_a_spine_that_is_not_there(spines, name, number, message):
    with pytest.raises(ValueError, match=message):
        read_surface(spines / name, number)


def test_a_case_names_the_verb_for_files_of_many_spines(spines):
    with pytest.raises(CaseError, match="surface FILE --spine"):
        ImportedSurface(file=str(spines / "table.h5"), unit="um").check()
