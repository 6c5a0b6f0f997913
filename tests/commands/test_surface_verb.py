"""The verb `surface`: files, bounds and what is refused."""

import json

import numpy as np
import pytest

from spinepnp.case.case import load_case
from spinepnp.commands.surface import electric_table, surface
from spinepnp.commands.surface_inputs import SurfaceRequest
from spinepnp.errors import CaseError
from spinepnp.geometries import Cylinder
from spinepnp.meshes import MeshOptions, generate
from spinepnp.meshes.measures import area
from spinepnp.reference.results_page import SPINE
from spinepnp.runtime.stack import MPI
from spinepnp.solvers.fem.conductance import Conductance, conductance_bounds
from support.cases import SPINE_FILE


def request(output, file=SPINE_FILE, **changes):
    return SurfaceRequest(**({"files": (file,), "psd_area": 0.03, "output": output} | changes))


@pytest.mark.mpi
def test_both_bounds_of_a_straight_prism_are_its_conductance(comm):
    neck = Cylinder(length="400 nm", radius="100 nm")
    mesh = generate(neck, MeshOptions(order=1, size="40 nm"), comm)
    found, exact = conductance_bounds(mesh, "top", ("base",)), 0.4 / area(mesh, "top")
    assert [found.low, found.value, found.high] == pytest.approx([exact] * 3, rel=1e-8)


def test_a_spine_with_bounds_table_and_case(tmp_path):
    assert surface(request(tmp_path / "spine"), MPI.COMM_SELF) == 0
    row = json.loads((tmp_path / "spine" / "surface.json").read_text())
    assert row["status"] == "ok"
    assert row["unit"] == "um (guessed)"
    assert set(row) == set(SPINE)
    assert row["G_low_per_um"] < row["G_per_um"] < row["G_high_per_um"] < 1.05 * row["G_low_per_um"]
    case = load_case(tmp_path / "spine" / "case.toml")
    assert case.geometry.boundaries == ("base", "psd", "wall")
    assert case.geometry.exact_measures()["volume"] * 1e18 == pytest.approx(row["volume_um3"])
    with pytest.raises(CaseError, match="holds a surface"):
        surface(request(tmp_path / "spine"), MPI.COMM_SELF)


def test_the_table_is_that_of_the_law():
    """R(0) of a neck of 1 um and 100 nm is 124.7 MOhm; 1 nS at 70 mV brings 63.143530 pA and 6.856470 mV."""
    table = electric_table(Conductance(0.0, 1.0 / (np.pi * 0.1**2), 0.0))
    assert table["R_0_MOhm"] == pytest.approx(124.74, rel=1e-3)
    assert table["V_1nS_mV"] == pytest.approx(6.856470, rel=1e-6)
