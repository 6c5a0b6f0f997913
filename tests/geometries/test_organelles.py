"""Surfaces of several pieces: organelles are holes, overlapping pieces are united, pieces apart are listed."""

import numpy as np
import pytest

from spinepnp.errors import CaseError
from spinepnp.geometries import ImportedSurface
from spinepnp.geometries.triangles.mending import mended
from spinepnp.meshes import MeshOptions, generate
from spinepnp.meshes.measures import area, volume
from spinepnp.runtime.stack import MPI
from spinepnp.solvers import Boundary
from spinepnp.solvers.fem.conductance import conductance_bounds
from spinepnp.solvers.steady import solve_steady
from spinepnp.validation.laws.obstacle import ObstacleLaw
from support.cases import GROUND
from support.commands import refusal
from support.surfaces import ball, meridian_conductance, revolved, rod, spine_profile, together, volume_of, write

PROFILE = spine_profile()
POLE = float(PROFILE[-1, 1])
#: A spine apparatus in the neck and a ball in the head.
HOLES = [rod(0.1, 0.3, 0.03), ball(POLE - 0.2, 0.08)]
PATCHES = [
    {"name": "base", "plane": {"point": ["0 um"] * 3, "normal": [0, 0, 1]}},
    {"name": "psd", "disc": {"centre": ["0 um", "0 um", f"{POLE} um"], "radius": "80 nm"}},
]


def pieces(*profiles, turned=()):
    """Points and triangles of bodies of revolution, some inside out."""
    parts = [revolved(profile) for profile in profiles]
    return together(*((p, t[:, ::-1] if i in turned else t) for i, (p, t) in enumerate(parts)))


def shape(path, patches=PATCHES, **keys):
    return ImportedSurface(file=str(path), unit="um", patches=patches, **keys)


@pytest.mark.mpi
@pytest.mark.parametrize("turned", [(), (1, 2), (0, 1)])
def test_a_spine_with_an_apparatus_and_a_ball_within_has_their_volume_less_and_the_conductance_of_its_meridian(
    tmp_path_factory, comm, turned
):
    folder = comm.bcast(tmp_path_factory.mktemp("holes"))
    path = folder / f"spine_{comm.rank}.stl"
    body = shape(write(path, *pieces(PROFILE, *HOLES, turned=turned)))
    body.check()
    assert set(body.boundaries) == {"base", "psd", "wall", "inner_1", "inner_2"}
    exact = volume_of(PROFILE) - sum(map(volume_of, HOLES))
    assert body.exact_measures()["volume"] * 1e18 == pytest.approx(exact, rel=1e-5)
    mesh = generate(body, MeshOptions(order=1), comm)
    assert volume(mesh) == pytest.approx(exact, rel=1e-5)
    assert area(mesh, "inner_1") == pytest.approx(4.0 * np.pi * 0.08**2, rel=0.03), "the ball is larger than the rod"
    cap = body._surface
    rim = float(cap.corners[cap.values == cap.names.index("psd"), :, 2].min())
    found, exact = conductance_bounds(mesh, "psd", ("base",)), meridian_conductance(PROFILE, HOLES, rim)
    assert found.low < exact < found.high
    assert found.value == pytest.approx(exact, rel=5e-3)
    assert found.value > 1.05 * meridian_conductance(PROFILE, [], rim), "filling the holes would be seen"


def test_a_ball_in_a_cylinder_adds_the_resistance_of_the_law(tmp_path):
    """Multipoles of a sphere with its images in the wall: a ball of 60 nm in a neck of 100 nm."""
    ends = [{"name": n, "plane": {"point": ["0 um", "0 um", z], "normal": [0, 0, 1]}} for n, z in
            (("base", "0 um"), ("top", "0.6 um"))]  # fmt: skip
    neck = shape(write(tmp_path / "neck.ply", *pieces(rod(0.0, 0.6, 0.1, 0.04), ball(0.3, 0.06), turned=(1,))), ends)
    found = conductance_bounds(generate(neck, MeshOptions(order=1), MPI.COMM_SELF), "top", ("base",))
    exact = ObstacleLaw(100e-9, 60e-9).G(0.6e-6) * 1e-6
    assert exact > 1.02 * 0.6 / (np.pi * 0.1**2)
    assert found.low < exact < found.high
    assert found.value == pytest.approx(exact, rel=5e-3)


def test_an_organelle_takes_boundary_conditions(tmp_path):
    body = shape(write(tmp_path / "spine.stl", *pieces(PROFILE, HOLES[1], turned=(1,))))
    mesh = generate(body, MeshOptions(order=1), MPI.COMM_SELF)
    ions = [{"name": n, "valence": z, "diffusivity": "200 um^2/s", "concentration": "167 mM"} for n, z in
            (("Na", 1), ("Cl", -1))]  # fmt: skip
    given = {"base": GROUND, "psd": Boundary(current={"species": "Na", "value": "10 pA"})}
    free = solve_steady(mesh, {"species": ions}, given)
    assert abs(free.boundary["inner_1"].current["Na"]) < 1e-18, "reflecting by default"
    held = solve_steady(mesh, {"species": ions}, given | {"inner_1": GROUND})
    assert held.boundary["inner_1"].current["Na"] < -9e-12, "the ball in the head takes most of the current"
    assert held.ion_balance < 1e-8


def test_a_hole_through_the_base_is_cut_with_it(tmp_path):
    """The rod leaves an annulus of the flat face and goes on as a boundary."""
    body = shape(
        write(tmp_path / "spine.ply", *pieces(PROFILE, rod(0.02, 0.3, 0.03))),
        [{"name": "base", "cut": {"point": ["0 um", "0 um", "0.1 um"], "normal": [0, 0, 1]}}, PATCHES[1]],
    )
    body.check()
    measures = body.exact_measures()
    assert measures["base"] * 1e12 == pytest.approx(np.pi * (0.07**2 - 0.03**2), rel=1e-3)
    exact = volume_of(PROFILE) - np.pi * (0.07**2 * 0.1 + 0.03**2 * 0.2)
    assert measures["volume"] * 1e18 == pytest.approx(exact, rel=1e-3)
    mesh = generate(body, MeshOptions(order=1), MPI.COMM_SELF)
    assert area(mesh, "base") * 1e-12 == pytest.approx(measures["base"])
    lowered = shape(tmp_path / "spine.ply", [{"name": "base", "cut": {"point": ["0 um"] * 2 + ["0.35 um"],
                                                                      "normal": [0, 0, 1]}}, PATCHES[1]])  # fmt: skip
    lowered.check()
    assert lowered.boundaries == ("base", "psd", "wall"), "a hole beyond the cut goes with what is cut off"


def test_what_overlaps_is_united_and_what_lies_within_a_hole_belongs_to_it(tmp_path):
    """Two balls in the head that overlap are one hole of the volume of their union."""
    radius, distance = 0.07, 0.08
    pair = [ball(POLE - 0.24, radius), ball(POLE - 0.24 + distance, radius)]
    exact = 2.0 * volume_of(ball(0.0, radius)) - np.pi * (2 * radius - distance) ** 2 * (
        distance**2 + 4 * distance * radius
    ) / (12 * distance)
    lower, upper = rod(0.0, 0.3, 0.06), rod(0.25, 0.6, 0.1)
    united = mended(*pieces(lower, upper))
    whole = volume_of(lower) + volume_of(upper) - np.pi * 0.06**2 * 0.05
    assert united.surface.volume() == pytest.approx(whole, rel=5e-3)
    assert any("united 2" in done for done in united.done)
    found = mended(*pieces(PROFILE, *pair, ball(POLE - 0.24, 0.03), turned=(1,)))
    assert [shell.volume() for shell in found.shells] == [pytest.approx(exact, rel=0.04)]
    assert any("belong to their inside" in word for word in found.found)
    body = shape(write(tmp_path / "spine.stl", *pieces(PROFILE, *pair, turned=(1,))))
    body.check()
    assert body.exact_measures()["volume"] * 1e18 == pytest.approx(volume_of(PROFILE) - exact, rel=5e-3)


def test_pieces_apart_are_listed_and_left_out_on_request(tmp_path):
    far = revolved(ball(0.0, 0.05))
    path = write(tmp_path / "spine.stl", *together(revolved(PROFILE), (far[0] + [1.0, 0.0, 0.2], far[1])))
    error = refusal(shape(path).check)
    assert error.key == "geometry.file"
    assert "has 2 separate pieces" in str(error)
    assert "at (1, " in str(error)
    assert 'geometry.stray = "drop"' in str(error)
    kept = shape(path, stray="drop")
    kept.check()
    assert kept.exact_measures()["volume"] * 1e18 == pytest.approx(volume_of(PROFILE), rel=1e-5)


def test_pieces_that_touch_at_a_corner_are_apart(tmp_path):
    corner = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=float)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    path = write(tmp_path / "two.stl", *together((corner, faces), (-corner, faces[:, ::-1])))
    with pytest.raises(CaseError, match="has 2 separate pieces"):
        shape(path, []).check()


def test_a_cavity_of_a_volume_mesh_has_a_name(tmp_path):
    import gmsh

    gmsh.initialize(["", "-v", "0"], readConfigFiles=False, interruptible=False)
    try:
        occ = gmsh.model.occ
        body = occ.cut([(3, occ.addSphere(0, 0, 0, 1))], [(3, occ.addSphere(0.1, 0, 0, 0.4))])[0]
        occ.synchronize()
        gmsh.model.addPhysicalGroup(3, [body[0][1]], name="volume")
        gmsh.option.setNumber("Mesh.MeshSizeMax", 0.3)
        gmsh.model.mesh.generate(3)
        gmsh.write(str(tmp_path / "hollow.msh"))
    finally:
        gmsh.finalize()
    hollow = shape(tmp_path / "hollow.msh", [])
    hollow.check()
    assert hollow.boundaries == ("inner_1", "wall")
    mesh = generate(hollow, MeshOptions(order=1), MPI.COMM_SELF)
    assert area(mesh, "inner_1") == pytest.approx(4.0 * np.pi * 0.4**2, rel=0.1)
