"""Domains from files: formats, patches, and what is refused."""

import os

import meshio
import numpy as np
import pytest

from spinepnp.case.case import load_case
from spinepnp.errors import CaseError
from spinepnp.geometries.surface_reader import read_triangulation
from spinepnp.geometries.triangulation import find_intersection, problem_of
from spinepnp.meshes import MeshOptions, generate
from spinepnp.meshes.measures import volume
from spinepnp.meshes.report import describe
from spinepnp.runtime.stack import MPI, dolfinx
from support import CASES
from support.cases import BASE, PSD, SPINE_FILE, spine_surface
from support.commands import refusal
from support.measures import errors


def written(tmp_path, change=lambda points, triangles: (points, triangles), suffix=".ply"):
    spine = read_triangulation(str(SPINE_FILE))
    points, triangles = change(spine.points.copy(), spine.triangles.copy())
    path = tmp_path / f"spine{suffix}"
    mesh = meshio.Mesh(np.asarray(points, dtype=np.float32), [("triangle", np.asarray(triangles, dtype=np.int32))])
    {".ply": meshio.ply, ".stl": meshio.stl, ".obj": meshio.obj}[suffix].write(path, mesh)
    return path


@pytest.mark.mpi
def test_the_shipped_spine(comm):
    case = load_case(CASES / "spine_surface.toml")
    assert case.geometry.boundaries == ("base", "psd", "side", "wall")
    mesh = generate(case.geometry, case.mesh, comm)
    assert max(abs(error) for error in errors(mesh).values()) < 1e-12
    assert mesh.min_quality > 0.1
    assert 0.5 < mesh.options.cells(case.geometry) / mesh.cells < 2.0
    named = np.concatenate(list(mesh.boundary_facets.values()))
    assert np.array_equal(np.sort(named), np.sort(dolfinx.mesh.exterior_facet_indices(mesh.mesh.topology)))
    exact = case.geometry.exact_measures()
    assert exact["base"] == pytest.approx(np.pi * (70e-9) ** 2, rel=0.02)


@pytest.mark.parametrize("suffix", [".ply", ".stl", ".obj"])
def test_formats_hold_the_same_spine(tmp_path, suffix):
    found, spine = spine_surface(written(tmp_path, suffix=suffix)), spine_surface(SPINE_FILE)
    found.check()
    assert found.boundaries == ("base", "psd", "wall")
    assert found.exact_measures() == pytest.approx(spine.exact_measures(), rel=1e-4)


def test_refinement_and_other_sizes_keep_the_polyhedron():
    for options in (MeshOptions(refine=1), MeshOptions(size="100 nm"), MeshOptions(size="30 nm")):
        mesh = generate(spine_surface(SPINE_FILE), options, MPI.COMM_SELF)
        assert max(abs(error) for error in errors(mesh).values()) < 1e-12
        assert 0.5 < options.cells(mesh.geometry) / mesh.cells < 2.0


def test_other_units_and_normals_that_point_inward(tmp_path):
    inward = written(tmp_path, lambda p, t: (p * 1e3, t[:, ::-1]))
    found = spine_surface(inward, unit="nm")
    found.check()
    assert found.exact_measures() == pytest.approx(spine_surface(SPINE_FILE).exact_measures(), rel=1e-5)


def test_a_base_that_is_cut_and_a_synapse_at_the_pole():
    plane = {"point": ["0 nm", "0 nm", "200 nm"], "normal": [0.0, 0.0, 1.0]}
    psd = {"name": "psd", "pick": "pole", "area": "0.03 um^2"}
    whole = spine_surface(SPINE_FILE, patches=[]).exact_measures()["volume"]
    for cut, least in (("auto", 0.8), (plane, 0.5)):
        shape = spine_surface(SPINE_FILE, patches=[psd, {"name": "base", "cut": cut}])
        shape.check()
        assert shape.boundaries == ("base", "psd", "wall")
        measures = shape.exact_measures()
        assert measures["psd"] == pytest.approx(0.03e-12, rel=1e-3)
        assert measures["base"] == pytest.approx(np.pi * (70e-9) ** 2, rel=0.1)
        assert least * whole < measures["volume"] < whole
    assert measures["volume"] == pytest.approx(whole - np.pi * (70e-9) ** 2 * 200e-9, rel=0.01)
    assert max(abs(error) for error in errors(generate(shape, MeshOptions(), MPI.COMM_SELF)).values()) < 1e-12


def push(points, triangles):
    """One corner of the head through the other side."""
    top = np.argmax(points[:, 2])
    points[top] = [0.2, 0.1, 0.3]
    return points, triangles


BROKEN = {
    "open": (lambda p, t: (p, t[1:]), "is not watertight: 3 open edges, one at ("),
    "flipped": (lambda p, t: (p, np.vstack([t[:1, ::-1], t[1:]])), "is not oriented: its triangles disagree at 3"),
    "crossing": (push, "intersects itself at ("),
    "doubled": (lambda p, t: (np.vstack([p, p + 5.0]), np.vstack([t, t + len(p)])), "has 2 separate pieces"),
    "with a fin": (lambda p, t: (np.vstack([p, p[:1] + 1.0]), np.vstack([t, [t[0, 0], t[0, 1], len(p)]])), "edges"),
    "flat": (lambda p, t: (p * [1, 1, 0], t), "repair it"),
    "one triangle": (lambda p, t: (p, t[:1]), "fewer than four triangles"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_surface_is_refused_before_meshing(tmp_path, name):
    change, message = BROKEN[name]
    error = refusal(lambda: spine_surface(written(tmp_path, change), patches=[]).check())
    assert error.key == "geometry.file"
    assert message in str(error)


def test_two_sheets_that_cross_are_found_wherever_they_do(tmp_path):
    """A slab through the neck, far finer or coarser than the spine's own triangles."""
    spine = read_triangulation(str(SPINE_FILE))
    assert problem_of(spine) is None
    for count in (1, 30):
        x = np.linspace(-1.0, 1.0, count + 1)
        grid = np.stack(np.meshgrid(x, x), axis=-1).reshape(-1, 2)
        n = np.arange((count + 1) ** 2).reshape(count + 1, -1)
        a, b, c, d = n[:-1, :-1].ravel(), n[:-1, 1:].ravel(), n[1:, :-1].ravel(), n[1:, 1:].ravel()
        sheet = np.concatenate([np.column_stack([a, b, d]), np.column_stack([a, d, c])])
        points = np.vstack([spine.points, np.column_stack([grid, np.full(len(grid), 0.3123)])])
        both = type(spine)(points, np.vstack([spine.triangles, sheet + len(spine.points)]), spine.values, spine.names)
        assert find_intersection(both)[2] == pytest.approx(0.3123)


@pytest.mark.parametrize(
    ("keys", "key", "message"),
    [
        ({"unit": "m"}, "geometry.unit", "makes the domain 1.2 m wide"),
        ({"unit": "pm"}, "geometry.unit", "makes the domain"),
        ({"unit": "mV"}, "geometry.unit", "a length is needed"),
        ({"unit": "um; rm"}, "geometry.unit", ""),
        ({"patches": [BASE, BASE]}, "geometry.patches.1.name", "is taken"),
        ({"patches": [BASE | {"name": "wall"}]}, "geometry.patches.0.name", "is taken"),
        ({"patches": [BASE | {"name": "a b"}]}, "geometry.patches.0.name", "must be a letter"),
        ({"patches": [BASE | {"name": "again"}, BASE]}, "geometry.patches.base", "overlaps again"),
        ({"patches": [{"name": "far", "disc": {"centre": ["5 um"] * 3, "radius": "1 um"}}]}, "geometry.patches.far",
         "takes no triangle of the surface, which lies within x = "),
        ({"patches": [{"name": "none"}]}, "geometry.patches.none", "needs either"),
        ({"patches": [{"name": "psd", "pick": "pole"}]}, "geometry.patches.psd.area", "give both"),
        ({"patches": [{"name": "psd", "pick": "pole", "area": "9 um^2"}]}, "geometry.patches.psd", "has less area"),
        ({"patches": [{"name": "b", "cut": {"point": ["9 um"] * 3, "normal": [0, 0, 1]}}]}, "geometry.patches.b",
         "does not cut the surface"),
        ({"patches": [BASE | PSD | {"name": "both"}]}, "geometry.patches.both", "has plane and disc"),
        ({"patches": [{"name": "p", "plane": {"point": ["0 nm"] * 3, "normal": [0, 0, 0]}}]},
         "geometry.patches.p.plane.normal", "must not be zero"),
        ({"dimension": "axisymmetric"}, "geometry.dimension", "can be"),
        ({"obstacle": {"centre": ["0 nm"] * 3, "radius": "5 nm"}}, "geometry.obstacle", "cannot have one"),
    ],
)  # fmt: skip
def test_bad_keys(keys, key, message):
    with pytest.raises(CaseError, match=key) as caught:
        spine_surface(SPINE_FILE, **keys).check()
    assert caught.value.key == key
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("nowhere.stl", None),
        ("spine.xyz", b"1 2 3"),
        ("spine.ply", b"ply\nformat ascii 1.0\nend_header\n"),
        ("spine.stl", b"solid spine\nendsolid spine\n"),
        ("spine.obj", b"v 0 0 0\n"),
        ("spine.msh", b"$MeshFormat\n4.1 0 8\n$EndMeshFormat\n"),
        ("spine.ply", b"\x00\xff" * 40),
    ],
)
def test_files_that_are_none(tmp_path, name, content):
    """One line that names the file."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert refusal(lambda: spine_surface(tmp_path / name).check()).key == "geometry.file"


def ply(properties, body, faces=1):
    """An ASCII PLY file with these properties of its vertices."""
    lines = ["ply", "format ascii 1.0", f"element vertex {max(1, body.count(chr(10)))}"]
    lines += [f"property float {name}" for name in properties]
    lines += [f"element face {faces}", "property list uchar int vertex_indices"] if faces else []
    return "\n".join([*lines, "end_header", body]).encode()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.ply", b"", "is empty"),
        ("a.obj", b" \n\n", "is empty"),
        ("a.ply", SPINE_FILE.read_bytes()[:60], "is cut off within its header"),
        ("a.ply", SPINE_FILE.read_bytes()[:-7], "is cut off or damaged, no whole PLY"),
        ("a.stl", SPINE_FILE.read_bytes(), "holds PLY, not STL; let its name end in .ply"),
        ("a.ply", b"v 0 0 0\nf 1 1 1\n", "holds OBJ, not PLY; let its name end in .obj"),
        ("a.obj", b"solid a\nfacet normal 0 0 1\nendsolid\n", "holds STL, not OBJ"),
        ("a.stl", b"\0" * 84, "holds no triangles"),
        ("a.stl", b"\0" * 80 + b"\x09\0\0\0" + b"\0" * 100, "announces 9 triangles and has room for 2"),
        ("a.stl", b"solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\n", "it has no line endsolid"),
        ("a.stl", b"solid a\nfacet normal 0 0 1\nvertex 0 0 0\nendsolid\n", "1 triangles have 1 corners"),
        ("a.stl", b"solid a\nfacet\nvertex 0 0 x\nvertex 0 0 1\nvertex 0 1 1\nendsolid\n", "no whole STL"),
        ("a.stl", b"\0" * 80 + b"\x01\0\0\0" + b"\xff" * 50, "not finite numbers"),
        ("a.stl", bytes(range(256)) * 9, "announces"),
        ("a.ply", bytes(range(256)) * 9, "is no PLY file"),
        ("a.msh", "Schöne Grüße".encode("latin-1") * 9, "is no MSH file"),
        ("a.msh", b"$MeshFormat\n4.1 0 8\n$EndMeshFormat\n$Nodes\n1 1 1 1\n", "$Nodes does not end"),
        ("a.obj", b"v 0 0 0\nv 1 0\n", 'is damaged in line 2, "v 1 0"'),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 0 1 2\n", "a vertex that is not there"),
        ("a.obj", b"v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "not finite numbers"),
        ("a.ply", ply("xy", "0 0\n1 0\n0 1\n3 0 1 2"), "has vertices without z"),
        ("a.ply", ply("xyz", "0 0 0\n1 0 0\n0 1 0\n3 0 1 9"), "a vertex that is not there"),
        ("a.ply", ply("xyz", "0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 3"), "of the type quad; triangulate its faces"),
        ("a.ply", ply("xyz", "0 0 0\n", faces=0), "holds no triangles"),
        ("a.step", b"ISO-10303-21;", "must end in .stl"),
    ],
)
def test_a_damaged_file_is_told_in_words_and_never_waited_for(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    error = refusal(lambda: spine_surface(tmp_path / name).check())
    assert error.key == "geometry.file"
    assert message in str(error)
    assert ";" in error.problem, "says what to do"


@pytest.mark.parametrize("suffix", [".ply", ".stl", ".obj"])
def test_a_file_cut_off_anywhere_is_refused_in_our_words(tmp_path, suffix):
    """Never the words of Python, and no reader that waits for an end that does not come."""
    whole = written(tmp_path, suffix=suffix).read_bytes()
    for part in np.linspace(0, len(whole) - 2, 23).astype(int):
        path = tmp_path / f"cut{suffix}"
        path.write_bytes(whole[:part])
        with pytest.raises(CaseError) as caught:
            spine_surface(path).check()
        for word in ("list index", "unpack", "codec", "could not convert", "ReadError", "buffer", "reshape"):
            assert word not in str(caught.value)


def gmsh_box(path, order, dim=3, extra=None):
    """A cylinder of 100 nm with the names "left" and "right", in nm; with dim 2 its surface alone.

    Extra is the name of a physical group of one point beside it, or "prism" for cells that are none.
    """
    import gmsh

    gmsh.initialize(["", "-v", "0"], readConfigFiles=False, interruptible=False)
    try:
        occ, model = gmsh.model.occ, gmsh.model
        body = occ.addCylinder(0, 0, 0, 100, 0, 0, 40)
        occ.synchronize()
        for _, face in model.getBoundary([(3, body)], oriented=False):
            x = occ.getCenterOfMass(2, face)[0]
            if x < 1.0 or x > 99.0:
                model.addPhysicalGroup(2, [face], name="left" if x < 1.0 else "right")
            elif dim == 2:
                model.addPhysicalGroup(2, [face], name="wall")
        if dim == 3:
            model.addPhysicalGroup(3, [body], name="volume")
        if extra == "probe":
            probe = occ.addPoint(500, 0, 0)
            occ.synchronize()
            model.addPhysicalGroup(0, [probe], name=extra)
        if extra == "prism":
            square = occ.addRectangle(0, 0, 200, 50, 50)
            (_, prism), *_ = [e for e in occ.extrude([(2, square)], 0, 0, 50, [2], recombine=True) if e[0] == 3]
            occ.synchronize()
            model.addPhysicalGroup(3, [prism], name="prisms")
        gmsh.option.setNumber("Mesh.MeshSizeMax", 15)
        model.mesh.generate(dim)
        model.mesh.setOrder(order)
        gmsh.write(str(path))
    finally:
        gmsh.finalize()


@pytest.mark.parametrize("order", [1, 2])
def test_a_gmsh_mesh_keeps_its_cells_and_names(tmp_path, order):
    gmsh_box(tmp_path / "box.msh", order)
    shape = spine_surface(tmp_path / "box.msh", unit="nm", patches=[])
    shape.check()
    assert shape.boundaries == ("left", "right", "wall")
    coarse, fine = (generate(shape, MeshOptions(refine=r), MPI.COMM_SELF) for r in (0, 1))
    assert fine.cells == 8 * coarse.cells
    if order == 1:
        assert max(abs(error) for error in errors(coarse).values()) < 1e-12
    found = describe(coarse, 1e-9)
    assert found["order"] == order
    assert found["volume_um3"] == pytest.approx(np.pi * 0.04**2 * 0.1, rel=0.03 if order == 1 else 2e-4)
    assert volume(fine) == pytest.approx(found["volume_um3"], rel=1e-12)
    for name in ("left", "right"):
        circle = found["boundaries"][name]["area_um2"]
        assert circle == pytest.approx(np.pi * 0.04**2, rel=0.03 if order == 1 else 2e-4)


def test_a_gmsh_surface_is_filled(tmp_path):
    gmsh_box(tmp_path / "box.msh", 1, dim=2)
    disc = {"name": "spot", "disc": {"centre": ["50 nm", "40 nm", "0 nm"], "radius": "15 nm"}}
    shape = spine_surface(tmp_path / "box.msh", unit="nm", patches=[disc])
    shape.check()
    assert shape.boundaries == ("left", "right", "spot", "wall")
    assert max(abs(error) for error in errors(generate(shape, MeshOptions(), MPI.COMM_SELF)).values()) < 1e-12


def test_points_that_belong_to_nothing_do_no_harm(tmp_path):
    gmsh_box(tmp_path / "box.msh", 1, extra="probe")
    shape = spine_surface(tmp_path / "box.msh", unit="nm", patches=[])
    shape.check()
    assert max(abs(error) for error in errors(generate(shape, MeshOptions(), MPI.COMM_SELF)).values()) < 1e-12


def test_cells_that_are_no_tetrahedra_are_refused(tmp_path):
    gmsh_box(tmp_path / "box.msh", 1, extra="prism")
    with pytest.raises(CaseError, match="holds cells of the type wedge"):
        spine_surface(tmp_path / "box.msh", unit="nm", patches=[]).check()


def test_refining_second_order_cells_keeps_their_quality_and_order_one_makes_them_straight(tmp_path):
    gmsh_box(tmp_path / "box.msh", 2)
    shape = spine_surface(tmp_path / "box.msh", unit="nm", patches=[])
    coarse, fine = (generate(shape, MeshOptions(refine=r), MPI.COMM_SELF) for r in (0, 1))
    assert fine.min_quality > 0.6 * coarse.min_quality
    assert describe(generate(shape, MeshOptions(order=1), MPI.COMM_SELF), 1e-9)["order"] == 1


def test_an_obj_file_with_normals_quads_and_negative_indices(tmp_path):
    corners = [(x, y, z) for x in (0, 100) for y in (0, 100) for z in (0, 100)]
    faces = [(1, 2, 4, 3), (5, 7, 8, 6), (1, 5, 6, 2), (3, 4, 8, 7), (1, 3, 7, 5), (2, 6, 8, 4)]
    lines = [f"v {x} {y} {z}" for x, y, z in corners] + ["vn 0 0 1", "vt 0 0", "# a cube"]
    lines += ["f " + " ".join(f"{c}//1" for c in face) for face in faces[:3]]
    lines += ["f " + " ".join(f"{c - 9}/1/1" for c in face) for face in faces[3:]]
    (tmp_path / "cube.obj").write_text("\n".join(lines))
    cube = spine_surface(tmp_path / "cube.obj", unit="nm", patches=[])
    cube.check()
    assert cube.exact_measures() == pytest.approx({"volume": 1e-21, "wall": 6e-14})


def test_a_surface_cannot_be_graded_and_a_sweep_finds_its_files(tmp_path):
    path = CASES / "spine_surface.toml"
    with pytest.raises(CaseError, match=r"mesh.grade.psd: the triangles of a surface stay as they are"):
        load_case(path, ["mesh.grade.psd.size='5 nm'"])
    study = 'study={kind="sweep", vary="geometry.file", values=["surfaces/spine.ply"]}'
    assert [point.geometry.file for point in load_case(path, [study]).points()] == [str(SPINE_FILE)]


def test_a_pipe_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "spine.stl")
    with pytest.raises(CaseError, match="is no file"):
        spine_surface(tmp_path / "spine.stl").check()
