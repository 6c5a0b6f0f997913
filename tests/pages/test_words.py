"""Names of columns in words."""

import pytest

from spinepnp.pages.words import Words

#: A table with a boundary "top", a region "head" and a probe "p1".
COLUMNS = ("top.area_um2", "head.volume_um3", "p1.potential_mV")


@pytest.mark.parametrize(
    ("column", "label"),
    [
        ("head.concentration_mM.Na", "Na in the head (mM)"),
        ("top.concentration_mM.K", "K at the top (mM)"),
        ("p1.potential_mV", "potential in p1 (mV)"),
        ("top.potential_error_mV", "potential error at the top (mV)"),
        ("top.current_pA.Na", "current of Na through the top (pA)"),
        ("top.current_pA.total", "current through the top (pA)"),
        ("top.current_pA.displacement", "displacement current through the top (pA)"),
        ("top.AMPA.current_pA.Na", "current of Na by AMPA at the top (pA)"),
        ("top.AMPA.current_pA.total", "current by AMPA at the top (pA)"),
        ("top.hh.gate.m", "open fraction m of hh at the top"),
        ("top.gate.1", "open fraction 1 at the top"),
        ("top.load.current_pA", "current into the load at the top (pA)"),
        ("top.area_um2", "area at the top (um^2)"),
        ("volume.charge_fC", "charge in the volume (fC)"),
        ("compartments.er.concentration_mM.Ca", "Ca in the er (mM)"),
        ("peak.head.potential_mV", "peak potential in the head (mV)"),
        ("law.ohmic_potential_mV", "potential of Ohm's law (mV)"),
        ("law.concentration_mM.Na", "Na of the law (mM)"),
        ("boundaries.top.current.value_pA", "current at the top (pA)"),
        ("boundaries.top.potential_mV", "potential at the top (mV)"),
        ("geometry.neck_radius_nm", "neck radius (nm)"),
        ("geometry.shape", "shape"),
        ("mesh.size_nm", "mesh size (nm)"),
        ("time_ms", "time (ms)"),
        ("layers_resolved", "layers resolved"),
    ],
)
def test_a_column_in_words(column, label):
    assert Words.of(COLUMNS).of_column(column).label == label
