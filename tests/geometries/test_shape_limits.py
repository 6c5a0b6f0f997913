"""Shapes and tables at their limits: each is meshed, or refused in one line that names the right key and what to do."""

from pathlib import Path

import pytest

from spinepnp.batch.sweep import _rows
from spinepnp.errors import CaseError
from spinepnp.geometries import Ball, BallNeck, BallWindow, Cylinder, Hyperboloid, ImportedSurface, Pore, Tube
from spinepnp.meshes import GradeOptions, MeshOptions, generate, generation
from spinepnp.meshes.memory import check_memory
from spinepnp.messages import validated
from spinepnp.runtime import memory
from spinepnp.solvers.model.tables import read_columns
from spinepnp.units import CURRENT, LENGTH, SURFACE_CHARGE, TIME, format_quantity, parse_quantity
from support.cases import SPINE_FILE, spine_surface
from support.measures import errors

HEAD = {"head_radius": "500 nm", "neck_radius": "100 nm", "neck_length": "500 nm"}
WINDOW = {"radius": "500 nm", "window_radius": "100 nm"}


@pytest.mark.parametrize(
    "shape",
    [
        BallNeck(**HEAD, cap_radius="499.9 nm", dimension="axisymmetric"),
        BallNeck(**HEAD, cap_radius="500 nm", dimension="axisymmetric"),
        BallNeck(**HEAD | {"neck_radius": "499.9 nm"}, dimension="axisymmetric"),
        BallNeck(**HEAD | {"neck_radius": "499.9999 nm"}),
        BallWindow(**WINDOW, cap_radius="499.9 nm", dimension="axisymmetric"),
        BallWindow(**WINDOW, cap_radius="500 nm"),
        BallWindow(**WINDOW | {"window_radius": "499.9 nm"}, cap_radius="100 nm", dimension="axisymmetric"),
    ],
    ids=lambda shape: f"{shape.shape} {shape.dimension}",
)
def test_caps_windows_and_necks_may_be_as_wide_as_the_ball(comm, shape):
    mesh = generate(shape, MeshOptions(size="200 nm"), comm)
    assert max(abs(error) for error in errors(mesh).values()) < 2e-3
    assert mesh.min_quality > (0.03 if shape.shape == "ball_window" else 0.1)  # thin cells at the window's rim


@pytest.mark.parametrize(
    ("shape", "key", "message"),
    [
        (BallNeck(**HEAD, cap_radius="501 nm"), "cap_radius", "must not be larger than head_radius"),
        (BallNeck(**HEAD | {"neck_radius": "501 nm"}), "neck_radius", "must be smaller than head_radius"),
        (BallNeck(**HEAD | {"neck_radius": "500 nm"}), "neck_radius", "must be smaller than head_radius"),
        (BallNeck(**HEAD | {"neck_radius": "499.9999999 nm"}, fillet="5 nm"), "fillet", "no edge to round"),
        (BallWindow(**WINDOW, cap_radius="501 nm"), "cap_radius", "must not be larger than radius"),
        (BallWindow(**WINDOW, cap_radius="499 nm", cap_angle="9 deg"), "cap_radius", "at most 0.99 radius"),
        (BallWindow(**WINDOW, cap_radius="99 nm", cap_angle="175 deg"), "cap_angle", "puts the cap onto the window"),
        (BallWindow(radius="1 um", window_radius="999.9999 nm", cap_radius="1 um"), "cap_radius", "leaves no wall"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_too_wide_is_told_with_its_key(shape, key, message):
    with pytest.raises(CaseError, match=message) as caught:
        shape.check()
    assert caught.value.key == f"geometry.{key}"


@pytest.fixture
def table(tmp_path):

    def write(text, encoding="utf-8"):
        path = tmp_path / "table.csv"
        path.write_text(text, encoding=encoding)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("0,50\n400,60\n", "ends at z = 400 nm, before geometry.length = 500 nm; add rows or set length = 400 nm"),
        ("10,50\n500,60\n", "starts at z = 10 nm; add a row at z = 0"),
        ("0,50\n250,0\n500,60\n", "the radius is not positive at z = 250 nm"),
    ],
)
def test_a_profile_table_says_where_it_ends(table, rows, message):
    with pytest.raises(CaseError, match=message):
        Tube(length="500 nm", profile=table(f"z_nm,radius_nm\n{rows}")).check()


def test_a_profile_table_that_ends_at_the_length_up_to_rounding_is_whole(table):
    tube = Tube(length="500 nm", profile=table("z_um,radius_um\n0,0.05\n0.49999999999999994,0.06\n"), dimension="1d")
    tube.check()
    assert tube.exact_measures()["volume"] > 0.0


def test_a_byte_order_mark_is_no_part_of_a_table(table):
    """As spreadsheets write it: profiles, waveforms and lists of cases have one reader."""
    Tube(length="500 nm", profile=table("z_nm,radius_nm\n0,50\n500,60\n", "utf-8-sig")).check()
    waveform = table("time_ms,current_pA\n0,0\n1,5\n", "utf-8-sig")
    assert read_columns(waveform, TIME, CURRENT)[1][1] == pytest.approx(5e-12)
    cases = Path(table("geometry.radius\n100 nm\n", "utf-8-sig"))
    assert list(_rows(cases)) == [{"geometry.radius": "100 nm"}]
    with pytest.raises(CaseError, match="save it as CSV in UTF-8"):
        Tube(length="500 nm", profile=table("z_nm,radius_nm\n0,50\n500,60\n", "utf-16")).check()


@pytest.mark.parametrize(
    ("shape", "options", "key"),
    [
        (Cylinder(length="1 um", radius="100 nm"), {"refine": 6}, "mesh.refine"),
        (Cylinder(length="1 um", radius="100 nm"), {"size": "0.1 nm"}, "mesh.size"),
        (Ball(radius="500 nm"), {"size": "2 nm", "refine": 1}, "mesh.size"),
        (
            BallNeck(**HEAD),
            {"grade": {"wall": GradeOptions(size="0.01 nm"), "base": GradeOptions(size="20 nm")}},
            "mesh.grade.wall.size",
        ),
        (Hyperboloid(a="60 nm", c="1 nm", half_length="300 nm"), {}, "geometry.c"),
        (Cylinder(length="1 nm", radius="1 um"), {}, "geometry.length"),
        (Cylinder(length="1 um", radius="1 um", dimension="axisymmetric"), {"size": "1e-5 nm"}, "mesh.size"),
        (Ball(radius="1 mm", dimension="1d"), {"size": "1e-5 nm"}, "mesh.size"),
        (Pore(radius="1 nm", length="1 mm", reservoir_radius="2 nm", dimension="axisymmetric"), {}, "geometry.radius"),
    ],
)
def test_a_mesh_beyond_the_memory_names_the_key_that_makes_it_large(monkeypatch, shape, options, key):
    monkeypatch.setattr(memory, "available_memory", lambda: 1e9)
    with pytest.raises(CaseError, match="cells need") as caught:
        check_memory(shape, MeshOptions(**options).resolved(shape))
    assert caught.value.key == key
    assert "larger" in caught.value.problem or "smaller" in caught.value.problem


def test_a_mesh_that_takes_long_is_announced(comm, monkeypatch):
    monkeypatch.setenv("SPINEPNP_MESH_CACHE", "off")
    monkeypatch.setattr(generation, "MANY_CELLS", 100)
    said = []
    generate(Cylinder(length="200 nm", radius="100 nm"), MeshOptions(size="50 nm"), comm, log=said.append)
    if comm.rank == 0:
        assert len(said) == 1
        assert said[0].startswith("meshing the cylinder: about ")
    else:
        assert not said


@pytest.mark.parametrize("text", ["-1.8e-16 um", "1e-99 nm", "-4e-300 nm"])
def test_what_may_be_zero_may_be_as_small_as_rounding_leaves_it(text):
    value = parse_quantity(text, LENGTH, tiny=True)
    assert parse_quantity(format_quantity(value, LENGTH), LENGTH, tiny=True) == value
    with pytest.raises(ValueError, match="too small a length"):
        parse_quantity(text, LENGTH)
    patch = {"name": "base", "plane": {"point": [text, "0 nm", "0 nm"], "normal": [0, 0, 1]}}
    surface = validated({"shape": "surface", "file": "x.ply", "unit": "um", "patches": [patch]}, ImportedSurface)
    assert surface.patches[0].plane.point[0] == value
    assert type(surface).model_validate(surface.model_dump()) == surface
    assert parse_quantity("1e-18 C/m^2", SURFACE_CHARGE, tiny=True) == 1e-18


@pytest.mark.parametrize(
    ("point", "normal", "message"),
    [
        ("0 nm", [0, 0, 1], r'point = "0 nm": must be a list in square brackets, such as \["0 nm"\]'),
        (["0 nm"] * 3, "z", r'normal = "z": must be a list in square brackets'),
        (["0 nm"] * 4, [0, 0, 1], "must have at most 3 entries, not 4"),
    ],
)
def test_a_list_given_as_text_or_too_long_is_told_in_plain_words(point, normal, message):
    patch = {"name": "a", "plane": {"point": point, "normal": normal}}
    with pytest.raises(CaseError, match=message):
        validated({"shape": "surface", "file": "x.ply", "unit": "um", "patches": [patch]}, ImportedSurface)


def test_a_plane_that_takes_no_triangle_says_where_there_are_some():
    below = {"name": "low", "plane": {"point": ["0 nm", "0 nm", "-50 nm"], "normal": [0, 0, 1]}}
    with pytest.raises(CaseError, match="nearest triangle parallel to the plane, ") as caught:
        spine_surface(SPINE_FILE, patches=[below]).check()
    place = [text.strip('" ]') for text in caught.value.problem.partition("[")[2].split(",")]
    moved = {"name": "low", "plane": {"point": place, "normal": [0, 0, 1]}}
    spine_surface(SPINE_FILE, patches=[moved]).check()
    slanted = {"name": "low", "plane": {"point": ["0 nm"] * 3, "normal": [1, 2, 3]}}
    with pytest.raises(CaseError, match="none of its triangles is parallel to the plane; turn the normal"):
        spine_surface(SPINE_FILE, patches=[slanted]).check()
