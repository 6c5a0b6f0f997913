"""Currents into a domain in which nothing holds the potential: they may change amounts, and never the charge."""

import math

import pytest

from spinepnp.case.case import make_case
from spinepnp.errors import CaseError
from spinepnp.solvers import Boundary, Closed, Electrolyte
from spinepnp.solvers.model.schedule import Schedule
from spinepnp.solvers.time.transient import TransientProblem
from spinepnp.units import FARADAY
from support.cases import line
from support.ions import ion

NA, CL = ion("Na", 1, 100, 1330), ion("Cl", -1, 100, 2030)
SALT = Electrolyte(species=[NA, CL])
VOLUME = math.pi * 1e-14 * 1e-6

#: Change of both concentrations by 10 pA of each ion in 10 ms, mM.
GAINED = 10e-12 * 10e-3 / (FARADAY * VOLUME)


@pytest.fixture(scope="module")
def mesh(comm):
    return line(comm, degree=2)


def flowing(*currents, **keys):
    return Boundary(current=[{"species": s, "value": f"{I} pA"} | keys for s, I in currents])


def last_of(mesh, boundaries, electrolyte=SALT, duration=10e-3):
    problem = TransientProblem(mesh, electrolyte, boundaries, closed=Closed())
    *_, last = problem.steps(Schedule(duration))
    return last.solution


def test_a_salt_is_pressed_into_a_closed_neck(mesh):
    """Both means rise by I t / (F v), and the top is ahead of them by diffusion."""
    solution = last_of(mesh, {"top": flowing(("Na", 10), ("Cl", -10))})
    assert list(solution.volume.concentration.values()) == pytest.approx([132.9905] * 2, rel=1e-6)
    assert list(solution.volume.concentration.values()) == pytest.approx([100 + GAINED] * 2, rel=1e-9)
    top = solution.boundary["top"].concentration
    assert 0.5 * (top["Na"] + top["Cl"]) == pytest.approx(133.6748, rel=1e-5)
    assert abs(solution.volume.charge) < 1e-10 * FARADAY * VOLUME * 100
    assert solution.ion_balance < 1e-10


PULSE = {"waveform": "pulse", "onset": "1 ms", "duration": "2 ms"}


@pytest.mark.parametrize(
    ("boundaries", "source", "gained"),
    [
        ({"top": flowing(("Na", 10)), "base": flowing(("Cl", -10))}, None, (1, 1)),
        ({"top": flowing(("Na", 10)), "base": flowing(("Na", -10))}, None, (0, 0)),
        ({"top": flowing(("Na", 10), ("Cl", -10), **PULSE)}, None, (0.2, 0.2)),
        (
            {
                "top": flowing(("Na", 10), **PULSE),
                "base": Boundary(current=[
                    {"species": "Cl", "value": "-10 pA", "waveform": "step", "onset": "1 ms"},
                    {"species": "Cl", "value": "10 pA", "waveform": "step", "onset": "3 ms"},
                ]),
            },
            None, (0.2, 0.2),
        ),
        ({"top": flowing(("Na", -10))}, 10e-12 / (FARADAY * VOLUME), (0, 0)),
    ],
    ids=["two boundaries", "through", "pulses", "other waveforms", "a source"],
)  # fmt: skip
def test_what_adds_up_to_zero_is_taken(mesh, boundaries, source, gained):
    species = [NA | ({"source": f"{source!r} mM/s"} if source else {}), CL]
    solution = last_of(mesh, boundaries, Electrolyte(species=species))
    expected = [100 + part * GAINED for part in gained]
    assert list(solution.volume.concentration.values()) == pytest.approx(expected, rel=1e-9)
    assert abs(solution.volume.charge) < 1e-10 * FARADAY * VOLUME * 100


@pytest.mark.parametrize(
    ("boundaries", "net"),
    [
        ({"top": flowing(("Na", 10), ("Cl", -9))}, "add up to 1 pA at 0 ms"),
        (
            {"top": flowing(("Na", 10), **PULSE), "base": flowing(("Cl", -10), **(PULSE | {"duration": "1 ms"}))},
            "10 pA",
        ),
        (
            {
                "top": flowing(("Na", 10), waveform="alpha", t_peak="1 ms"),
                "base": flowing(("Cl", -10), waveform="alpha", t_peak="2 ms"),
            },
            "currents charge a domain",
        ),
        (
            {
                "top": flowing(("Na", 10), waveform="sine", frequency="100 Hz"),
                "base": flowing(("Cl", -10), waveform="sine", frequency="200 Hz"),
            },
            "currents charge a domain",
        ),
    ],
    ids=["constant", "pulses", "alphas", "sines"],
)
def test_what_charges_it_at_some_time_is_refused(mesh, boundaries, net):
    with pytest.raises(CaseError, match=net):
        TransientProblem(mesh, SALT, boundaries, closed=Closed())


def test_densities_are_added_up_over_the_areas_of_the_mesh(mesh):
    area = math.pi * 1e-14
    into = Boundary(current=[{"species": "Na", "density": f"{10e-12 / area!r} A/m^2"}])
    solution = last_of(mesh, {"top": into, "base": flowing(("Cl", -10))}, duration=1e-3)
    assert solution.volume.concentration["Na"] == pytest.approx(100 + 0.1 * GAINED, rel=1e-9)
    with pytest.raises(CaseError, match="add up to 1 pA"):
        last_of(mesh, {"top": into, "base": flowing(("Cl", -9))})


def closed_case(study, **boundaries):
    return {
        "geometry": {"shape": "cylinder", "length": "1 um", "radius": "100 nm", "dimension": "1d"},
        "electrolyte": {"species": [NA, CL]},
        "boundaries": boundaries,
        "closed": {},
        "study": study,
    }


CHANNEL = {"channel": [{"species": "Na", "law": "sigmoid", "maximum": "10 pA", "half": "5 mV", "slope": "1 mV"}]}


@pytest.mark.parametrize(
    "study", [{"kind": "steady"}, {"kind": "transient", "duration": "1 ms"}], ids=lambda s: s["kind"]
)
def test_a_channel_needs_a_ground(study):
    with pytest.raises(CaseError, match="depends on a potential that nothing here is relative to"):
        make_case(closed_case(study, top=CHANNEL))


def test_an_amount_is_not_given_where_a_channel_decides_it():
    """The steady net current of the channel would leave through one node of the mesh, and nobody would know."""
    with pytest.raises(CaseError, match="its amount follows from that"):
        make_case(closed_case({"kind": "steady"}, base={"potential": "0 mV"}, top=CHANNEL))
    make_case(closed_case({"kind": "transient", "duration": "1 ms"}, base={"potential": "0 mV"}, top=CHANNEL))
