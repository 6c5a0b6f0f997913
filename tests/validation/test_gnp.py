"""The GNP models: identities of electrodiffusion, channels, neurons against independent integration, bad input."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad, solve_ivp

from spinepnp.errors import CaseError, SolveError
from spinepnp.validation import gnp
from spinepnp.validation.gnp import data, kinetics, simulation
from spinepnp.validation.gnp.channels import linear_ratio, permeabilities
from spinepnp.validation.gnp.models import REST
from spinepnp.validation.laws import constant_field
from spinepnp.validation.laws.constant_field import B, conductance, ghk_current, harmonic_mean, profile
from support.commands import refusal

PHI = 0.02664
VOLTAGES = st.floats(-0.3, 0.3)
CONCENTRATIONS = st.floats(1e-4, 500.0)
VALENCES = st.sampled_from([-2, -1, 1, 2])
OPEN = [(name, pump) for name in gnp.MODELS for pump in ("constant", "concentration")]


def fluxes(V, c_i, c_o, z, P):
    """Size of the two one-way currents, whose difference the Goldman-Hodgkin-Katz current is."""
    w = z * V / PHI
    return abs(z) * 96485.0 * P * (c_i * B(w) + c_o * B(-w))


# --- electrodiffusion


@given(x=st.floats(-700.0, 700.0))
def test_B(x):
    assert B(-x) == pytest.approx(B(x) - x, rel=1e-13, abs=1e-13 * abs(x))
    assert B(x) == pytest.approx(math.exp(min(x, 700.0)) * B(-x), rel=1e-12)
    assert B(x) > 0.0
    assert kinetics.B(x) == pytest.approx(B(x), rel=1e-13)


def test_B_at_its_removable_point():
    assert B(0.0) == 1.0
    tiny = np.array([-1e-6, -1e-9, 1e-12, 1e-7])
    assert pytest.approx(1.0 + tiny / 2.0 + tiny**2 / 12.0, rel=1e-15) == B(tiny)
    assert kinetics.B(1e-7 * (1.0 - 1e-9)) == pytest.approx(kinetics.B(1e-7 * (1.0 + 1e-9)), rel=1e-14)


@given(V=VOLTAGES, c_i=CONCENTRATIONS, c_o=CONCENTRATIONS, z=VALENCES)
def test_conductance_and_current_are_one(V, c_i, c_o, z):
    E = constant_field.reversal_potential(c_i, c_o, z, PHI)
    for at in (V, 0.0, E, E * (1.0 + 1e-12), 1e-12):
        G = conductance(at, c_i, c_o, z, 1e-8, PHI)
        scale = fluxes(at, c_i, c_o, z, 1e-8)
        assert G > 0.0
        assert abs(G * (at - E) + ghk_current(at, c_i, c_o, z, 1e-8, PHI)) <= 1e-12 * scale


def test_harmonic_mean_at_its_removable_points():
    assert harmonic_mean(0.0, 96.83, 3.17, 1, PHI) == pytest.approx((96.83 - 3.17) / math.log(96.83 / 3.17), rel=1e-14)
    assert harmonic_mean(0.0, 5.0, 5.0, 1, PHI) == 5.0
    e = math.log(3.17 / 96.83)
    assert harmonic_mean(PHI * e, 96.83, 3.17, 1, PHI) == pytest.approx(96.83 * B(e), rel=1e-14)


@given(V=VOLTAGES, c_i=st.floats(0.5, 200.0), c_o=st.floats(0.5, 200.0), z=VALENCES)
@settings(max_examples=40)
def test_harmonic_mean_is_that_of_the_profile(V, c_i, c_o, z):
    ends = profile(np.array([0.0, 1.0]), V, c_i, c_o, z, PHI)
    assert ends == pytest.approx([c_o, c_i], rel=1e-12)
    inverse = quad(
        lambda xi: 1.0 / float(profile(xi, V, c_i, c_o, z, PHI)), 0.0, 1.0, epsabs=0.0, epsrel=1e-11, limit=400
    )
    assert harmonic_mean(V, c_i, c_o, z, PHI) == pytest.approx(1.0 / inverse[0], rel=1e-8)


@given(xi=st.floats(0.0, 1.0), V=st.floats(-0.2, 0.2), z=VALENCES)
def test_transit_time(xi, V, z):
    time = constant_field.transit_time(xi, V, z, PHI)
    assert -1e-13 <= time <= 0.125 + 1e-13
    # the other way round with the field reversed
    assert time == pytest.approx(constant_field.transit_time(1.0 - xi, -V, z, PHI), abs=1e-12)


def test_transit_time_solves_its_equation():
    """T'' - w T' = -1 with T = 0 at both ends, and the series joins the formula."""
    xi, V = np.linspace(0.0, 1.0, 2001), 0.05
    T, step, w = constant_field.transit_time(xi, V, 1, PHI), xi[1], V / PHI
    residual = np.diff(T, 2) / step**2 - w * (T[2:] - T[:-2]) / (2.0 * step) + 1.0
    assert np.abs(residual).max() < 1e-5
    near = [float(constant_field.transit_time(0.3, 1e-3 * PHI * s, 1, PHI)) for s in (0.999999, 1.000001)]
    assert near[0] == pytest.approx(near[1], rel=1e-6)


# --- channels


def channel_of(valences, inside, outside, P):
    parts = zip(valences, inside, outside, P, strict=True)
    permeants = tuple(gnp.Permeant(f"q{i}", z, a, b, p) for i, (z, a, b, p) in enumerate(parts))
    return gnp.Channel("test", permeants, data.AREA, PHI)


@given(st.data())
@settings(max_examples=60)
def test_apparent_and_latent_pairs_give_the_current(draw):
    n = draw.draw(st.sampled_from([2, 3]))
    some = lambda values: draw.draw(st.lists(values, min_size=n, max_size=n))  # noqa: E731
    c = channel_of(
        some(st.sampled_from([-1, 1])),
        some(st.floats(0.1, 300.0)),
        some(st.floats(0.1, 300.0)),
        some(st.floats(1e-3, 1.0)),
    )
    V = draw.draw(VOLTAGES)
    scale = c.area * sum(fluxes(V, p.inside, p.outside, p.valence, p.permeability) for p in c.permeants)
    for g, E in (c.apparent(V), c.latent(V)):
        assert abs(float(g * (V - E) + c.current(V))) <= 1e-11 * scale


@given(V=VOLTAGES)
def test_latent_pair_of_a_channel_with_calcium(V):
    c = data.cp_ampa()
    g, E = c.latent(V)
    assert float(g * (V - E)) == pytest.approx(-float(c.current(V)), rel=1e-9, abs=1e-24)
    with pytest.raises(CaseError):
        c.apparent(V)


@given(
    inside=st.tuples(st.floats(60.0, 150.0), st.floats(1.0, 40.0)),
    outside=st.tuples(st.floats(1.0, 40.0), st.floats(60.0, 150.0)),
    slope=st.floats(1e-12, 1e-10),
    z=st.sampled_from([-1, 1]),
)
def test_the_condition_of_linearity(inside, outside, slope, z):
    first, second = (gnp.Permeant(q, z, a, b) for q, a, b in zip("ab", inside, outside, strict=True))
    P = permeabilities(first, second, slope, data.AREA, PHI)
    assert P[1] / P[0] == pytest.approx(linear_ratio(first, second), rel=1e-12)
    c = channel_of((z, z), inside, outside, P)
    V = np.linspace(-0.2, 0.2, 41)
    E = c.apparent(0.0)[1]
    assert np.abs(c.current(V) + slope * (V - E)).max() <= 1e-12 * slope * 0.2
    assert data.rectification(c) == pytest.approx(1.0, abs=1e-9)


def test_the_paper_s_channels():
    assert data.ampa().apparent(-0.05)[0] == pytest.approx(30e-12, rel=1e-12)
    assert data.ampa().latent(-0.05)[0] < 29e-12
    for name in data.CHANNELS:
        c = data.channel(name)
        assert abs(float(c.current(c.resting_potential()))) < 1e-24
    assert data.rectification(data.gaba()) > 2.0
    assert data.rectification(data.ampa_without_potassium()) < 0.6
    assert data.rectification(data.ampa_without_sodium()) > 2.0


@pytest.mark.parametrize("name", ["ampa_without_potassium", "ampa_without_sodium", "cp_ampa_without_calcium"])
def test_the_residue_of_a_solution_free_of_an_ion_carries_nothing(name):
    c = data.channel(name)
    trace = next(p.name for p in c.permeants if p.inside == data.RESIDUE)
    V = c.resting_potential() + np.array([-0.08, 0.08])
    assert np.abs(c.currents(V)[trace] / c.current(V)).max() < 1e-6


# --- neuron models against independent formulas


def plain(t, y, p_eff, pump):
    """GNP as the paper writes it (eqs. 26-35), for (m, h, n, V, K_o, Na_i, Cl_i): V and all ions on their own."""
    m, h, n, V, K_o, Na_i, Cl_i = y
    phi, F, gamma = 26.64, 9648500.0, 4e5 / 96485.0 * 1e-5
    K_i, Na_o, Cl_o = 100.0 - K_o, 155.0 - Na_i, 145.0 - Cl_i
    e = math.exp(-V / phi)

    def cation(P, i, o):
        return -F * P * V / phi * (i - o * e) / (1.0 - e)

    I_K, I_Na = (2e-8 * F * -V / phi * (K_i - K_o * e) / (1.0 - e)), cation(1e-9, Na_i, Na_o)
    I_Cl = -F * 4e-9 * V / phi * (Cl_i - Cl_o / e) / (1.0 - 1.0 / e)
    I_KG = p_eff * cation(2.8243142792082283e-9, K_i, K_o)
    I_NaG = p_eff * cation(2.453037405249982e-9, Na_i, Na_o)
    I_KV = -20.0 * n**4 * (V - phi * math.log(K_o / K_i))
    I_NaV = -30.0 * m**3 * h * (V - phi * math.log(Na_o / Na_i))
    I_p = -0.048 / (1e3 * gamma)
    if pump == "concentration":
        I_p = -0.299510717130278 / (1e3 * gamma)
        I_p /= (1.0 + math.exp((25.0 - Na_i) / 3.0)) * (1.0 + math.exp(3.5 - K_o))
    a_m = 0.32 * (V + 54.0) / (1.0 - math.exp(-(V + 54.0) / 4.0))
    b_m = 0.28 * (V + 27.0) / (math.exp((V + 27.0) / 5.0) - 1.0)
    a_h, b_h = 0.128 * math.exp(-(V + 50.0) / 18.0), 4.0 / (1.0 + math.exp(-(V + 27.0) / 5.0))
    a_n = 0.032 * (V + 52.0) / (1.0 - math.exp(-(V + 52.0) / 5.0))
    b_n = 0.5 * math.exp(-(V + 57.0) / 40.0)
    return [
        a_m * (1.0 - m) - b_m * m,
        a_h * (1.0 - h) - b_h * h,
        a_n * (1.0 - n) - b_n * n,
        I_K + I_Na + I_Cl + I_KG + I_NaG + I_KV + I_NaV + I_p,
        gamma * (-I_KV - I_K - I_KG + 2.0 * I_p),
        gamma * (I_NaV + I_Na + I_NaG + 3.0 * I_p),
        -gamma * I_Cl,
    ]


@pytest.fixture(scope="module")
def reference():
    """300 ms of GNP by SciPy from the authors' start, glutamate from the beginning."""
    model = gnp.Model("gnp", "concentration")
    start = model.start()
    y0 = [*start[:4], REST[3], *start[4:]]

    def up(t, y, *_):
        return y[3] + 20.0

    up.direction = 1.0
    return solve_ivp(
        plain, (0.0, 300.0), y0, "DOP853", np.linspace(0.0, 300.0, 601), events=up,
        args=(0.515, "concentration"), rtol=1e-10, atol=1e-12,
    )  # fmt: skip


def against(reference, tolerance):
    model = gnp.Model("gnp", "concentration")
    return gnp.run(model, [gnp.Piece(300.0, 0.515)], sample=0.5, tolerance=tolerance)


def test_against_an_independent_integration(reference):
    trace = against(reference, 1e-9)
    spikes = reference.t_events[0]
    assert len(spikes) > 20
    assert len(trace.spikes) == len(spikes)
    assert np.abs(trace.spikes - spikes).max() < 1e-4
    # V from charge, where theirs is integrated, and the other way round K_o
    c = trace.concentrations
    for name, values in (("K_o", reference.y[4]), ("Na_i", reference.y[5]), ("Cl_i", reference.y[6])):
        assert np.abs(c[name] - values).max() < 1e-6
    kappa, anions = trace.model.coefficients.kappa, trace.model.coefficients.anions
    from_charge = kappa * (reference.y[5] - reference.y[4] - reference.y[6] - anions)
    assert np.abs(from_charge - reference.y[3]).max() < 1e-4
    quiet = np.abs(np.gradient(reference.y[3], 0.5)) < 10.0  # in spikes a cubic between steps is off by more
    assert np.abs(trace.V - reference.y[3])[quiet].max() < 0.02


def test_the_default_tolerance_is_good_to_a_hundredth_of_a_millisecond(reference):
    trace = against(reference, simulation.TOLERANCE)
    assert np.abs(trace.spikes - reference.t_events[0]).max() < 0.02


def test_spike_times_converge_with_the_tolerance(reference):
    errors = [np.abs(against(reference, t).spikes - reference.t_events[0]).max() for t in (1e-3, 1e-5, 1e-7)]
    assert errors[0] > 4.0 * errors[1] > 16.0 * errors[2]


@pytest.mark.parametrize("name", [n for n in gnp.MODELS if n not in ("chh", "fgnp")])
def test_voltage_and_charge_move_together(name):
    """C_m dV/dt is the sum of the currents, and what eq. 26 makes of eq. 27, all along a run."""
    model = gnp.Model(name, "concentration")
    trace = gnp.run(model, gnp.stimulus(model, 0.515 / 3.0, 200.0), sample=0.5)
    assert len(trace.spikes) > 3
    I, gamma, kappa = trace.currents(), model.coefficients.gamma, model.coefficients.kappa
    slopes = np.array([model.slopes(y, p) for y, p in zip(trace.states, trace.p_eff, strict=True)])
    K = I["K_gated"] + I["K_leak"] + I["K_glutamate"]
    from_charge = kappa * (slopes[:, 4] - gamma * (-K + 2.0 * I["pump"]) - slopes[:, 5])
    size = sum(np.abs(I[q]) for q in ("K_leak", "Na_leak", "Cl_leak", "K_gated", "Na_gated", "pump"))
    assert np.all(np.abs(slopes[:, 3] - I["total"]) <= 1e-9 * size)
    assert np.all(np.abs(slopes[:, 3] - from_charge) <= 1e-9 * size)
    K_o = model.potassium_outside(trace.states)
    assert np.abs(kappa * (trace.states[:, 4] - K_o - trace.states[:, 5] - 10.0) - trace.V).max() < 1e-9


def test_pieces_of_one_opening_are_one_piece():
    model = gnp.Model("gnp")
    whole = gnp.run(model, [gnp.Piece(200.0, 0.3)], tolerance=1e-8)
    parts = gnp.run(model, [gnp.Piece(t, 0.3) for t in (70.0, 70.5, 200.0)], tolerance=1e-8)
    assert np.abs(whole.spikes - parts.spikes).max() < 1e-3
    assert np.abs(whole.V - parts.V).max() < 0.5
    assert whole.time.tolist() == parts.time.tolist()


@pytest.mark.parametrize(("name", "pump"), OPEN)
def test_jacobian(name, pump):
    model = gnp.Model(name, pump)
    y = gnp.run(model, [gnp.Piece(31.0, 0.515)]).end
    exact = model.jacobian(y, 0.515)
    for j, step in enumerate((1e-5, 1e-5, 1e-5, 1e-4, 1e-4, 1e-4)):
        up, down = y.copy(), y.copy()
        up[j] += step
        down[j] -= step
        differences = (model.slopes(up, 0.515) - model.slopes(down, 0.515)) / (2.0 * step)
        assert exact[:, j] == pytest.approx(differences, rel=1e-5, abs=1e-7 * np.abs(exact).max())


# --- rest and equilibria


@pytest.mark.parametrize(("name", "pump"), OPEN)
def test_rest_is_a_steady_state_to_machine_precision(name, pump):
    model = gnp.Model(name, pump)
    y = model.rest()
    slopes = model.slopes(y)
    assert np.abs(slopes[:4]).max() < 2e-14
    if not model.frozen:
        assert np.abs(slopes[4:]).max() < 1e-16
        assert np.linalg.eigvals(model.jacobian(y)).real.max() < 0.0
        p = model.parameters
        # chloride leaks only: it rests at its Nernst potential
        assert y[3] == pytest.approx(-p.thermal_voltage * math.log((p.Cl - y[5]) / y[5]), abs=1e-9)
    assert y[3] == pytest.approx(-68.17, abs=0.01)


@pytest.mark.parametrize("name", ["gnp", "vgnp", "ihh"])
def test_rest_of_the_strong_pump(name):
    model = gnp.Model(name, "concentration", gnp.Parameters(pump_maximum=0.7))
    y = model.rest()
    assert np.abs(model.slopes(y)).max() < 2e-14
    assert y[3] < -70.0
    assert np.abs(gnp.run(model, [gnp.Piece(2e3, 0.0)], y).end - y).max() < 1e-6


@pytest.mark.parametrize("name", ["gnp", "vgnp", "kvgnp", "navgnp", "ihh"])
def test_equilibria(name):
    model = gnp.Model(name)
    found = gnp.branch(model, np.linspace(-90.0, -16.0, 75))  # the pump reverses above
    assert len(found.points) > 50
    for e in found.points:
        held = model.coefficients._replace(pump=0, pump_constant=e.pump)
        out = np.empty(6)
        kinetics.slopes(e.state, 0.0, held, out)
        size = max(abs(float(i)) for i in kinetics.currents(e.state, model.potassium_outside(e.state), 0.0, held))
        assert np.abs(out[:3]).max() < 1e-14
        # K_o from charge keeps 1e-14 mM; that is what its currents keep
        assert np.abs(out[3:]).max() < 1e-9 * size
        assert e.pump < 0.0
    volts = [e.V for e in found.points]
    assert all(a < b for a, b in pairwise(volts))


def test_the_gap_of_vgnp_begins_and_ends_without_potassium():
    model = gnp.Model("vgnp")
    start, end = next(g for g in gnp.branch(model, np.arange(-60.0, -40.0, 0.02)).gaps)
    for V in (start - 1e-6, end + 1e-6):
        e = gnp.equilibrium(model, V)
        assert e is not None
        assert float(model.potassium_outside(e.state)) < 0.05
    assert gnp.equilibrium(model, start + 1e-6) is gnp.equilibrium(model, end - 1e-6) is None


@pytest.mark.parametrize(("name", "pump"), [("gnp", 5.0), ("gnp", 2.0), ("vgnp", 1.0)])
def test_a_voltage_that_runs_away_ends_the_run_at_once(name, pump):
    """The gates' rates grow with exp(-V/18 mV): their steps would shrink for ever."""
    model = gnp.Model(name, "constant", gnp.Parameters(pump_rate=pump))
    with pytest.raises(SolveError, match=r"runs away .* use a weaker pump"):
        gnp.run(model, [gnp.Piece(1e5, 0.0)])


def test_rest_is_an_equilibrium_of_its_pump():
    model = gnp.Model("gnp")
    y = model.rest()
    e = gnp.equilibrium(model, float(y[3]))
    assert e is not None
    assert e.stable
    assert e.pump == pytest.approx(model.coefficients.pump_constant, rel=1e-9)
    assert e.state == pytest.approx(y, rel=1e-9)


def test_scan_of_anions():
    model = gnp.Model("gnp", "concentration")
    found = gnp.scan_anions(model, [110.0, 115.0, 120.0, 110.0])
    assert found[0][1] == pytest.approx(model.rest(), rel=1e-9)
    assert found[-1][1] == pytest.approx(found[0][1], rel=1e-9)
    for anions, y in found:
        changed = gnp.Model("gnp", "concentration", gnp.Parameters(anions=anions))
        assert np.abs(changed.slopes(y)).max() < 1e-13
    chloride = [y[kinetics.CL] for _, y in found[:3]]
    assert chloride[0] > chloride[1] > chloride[2]  # anions that stay drive chloride out


# --- traces


def test_block_is_told_from_firing_and_rest():
    time = np.arange(0.0, 3000.0, 0.5)
    firing = np.where(time % 20.0 < 1.0, 30.0, -65.0)
    assert simulation.block_onset(time, firing) is None
    assert simulation.block_onset(time, np.full_like(time, -68.0)) is None
    onset = simulation.block_onset(time, np.where(time < 1000.0, firing, -30.0))
    assert onset == pytest.approx(1000.0, abs=1.0)
    short = np.where((time > 1000.0) & (time < 1400.0), -30.0, firing)
    assert simulation.block_onset(time, short) is None


def test_what_a_trace_tells():
    model = gnp.Model("gnp", "concentration")
    trace = gnp.run(model, gnp.stimulus(model, 0.515 / 3.0, 1000.0))
    assert trace.state == "tonic"
    assert not len(trace.between(0.0, 200.0))
    assert len(trace.between(200.0, 1000.0)) == len(trace.spikes)
    _, rates = trace.rates(200.0)
    assert rates.sum() * 0.2 == pytest.approx(len(trace.spikes))
    assert trace.p_eff[0] == 0.0
    assert trace.p_eff[-1] == pytest.approx(0.515)
    c = trace.concentrations
    assert c["K_i"] + c["K_o"] == pytest.approx(np.full(len(trace.time), 100.0))
    assert gnp.run(model, [gnp.Piece(100.0, 0.0)], model.rest()).state == "rest"


def test_p_open_counts_the_channels_that_the_figures_need():
    p = gnp.Parameters()
    assert p.p_eff(1.0 / 3.0) == pytest.approx(1.0)
    assert p.changed(glutamate_density=1.0).p_eff(0.065) == 0.065


# --- bad input


@pytest.mark.parametrize(
    "call",
    [
        lambda: gnp.Permeant("K", 1, -1.0, 3.0),
        lambda: gnp.Permeant("K", 1, math.nan, 3.0),
        lambda: gnp.Permeant("K", 1, 97.0, 3.0, -1e-2),
        lambda: gnp.Permeant("K", 0, 97.0, 3.0),
        lambda: gnp.Channel("none", (gnp.Permeant("K", 1, 97.0, 3.0),), 1.0, PHI),
        lambda: linear_ratio(gnp.Permeant("K", 1, 97.0, 3.0), gnp.Permeant("Na", 1, 97.0, 3.0)),
        lambda: data.cp_ampa().apparent(0.0),
        lambda: data.ampa().with_concentrations(Cl=(1.0, 1.0)),
        lambda: data.channel("nmda"),
        lambda: gnp.Model("hgnp"),
        lambda: gnp.Model("gnp", "none"),
        lambda: gnp.Parameters(P_KL=-1e-8),
        lambda: gnp.Parameters(K=-100.0),
        lambda: gnp.Parameters(Cl=0.0),
        lambda: gnp.Parameters(G_KM=math.inf),
        lambda: gnp.Parameters().changed(P_KX=1.0),
        lambda: gnp.Parameters().p_eff(1.01),
        lambda: gnp.Parameters().p_eff(-0.01),
        lambda: gnp.Parameters().p_eff(math.nan),
        lambda: gnp.stimulus(gnp.Model("gnp"), 0.1, 0.0),
        lambda: gnp.stimulus(gnp.Model("gnp"), 0.1, math.inf),
        lambda: gnp.stimulus(gnp.Model("gnp"), 0.1, 100.0, onset=100.0),
        lambda: gnp.stimulus(gnp.Model("gnp"), 1.1, 100.0),
        lambda: gnp.run(gnp.Model("gnp"), []),
        lambda: gnp.run(gnp.Model("gnp"), [gnp.Piece(0.0, 0.1)]),
        lambda: gnp.run(gnp.Model("gnp"), [gnp.Piece(10.0, -0.1)]),
        lambda: gnp.run(gnp.Model("gnp"), [gnp.Piece(10.0, 0.1), gnp.Piece(5.0, 0.1)]),
        lambda: gnp.run(gnp.Model("gnp"), [gnp.Piece(10.0, 0.1)], sample=0.0),
        lambda: gnp.run(gnp.Model("gnp"), [gnp.Piece(10.0, 0.1)], tolerance=0.0),
    ],
)
def test_bad_input_is_told_in_one_line(call):
    assert len(str(refusal(call))) < 300


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(CaseError, match=r'did you mean "vgnp"\?'):
        gnp.Model("vgn")
    with pytest.raises(CaseError, match=r'did you mean "P_KL"\?'):
        gnp.Parameters().changed(PKL=1e-8)


@pytest.mark.parametrize(("name", "why"), [("vgnp", r"K_o is used up \(K_o = -"), ("gnp", "K_o is used up")])
def test_a_run_that_leaves_the_physical_range_says_when(name, why):
    """A pump that takes no notice of concentrations empties the outside of potassium; ohmic channels need its log."""
    model = gnp.Model(name, "constant", gnp.Parameters(pump_rate=0.5))
    with pytest.raises(SolveError, match=rf"^{name}: at [0-9.]+ ms {why}") as caught:
        gnp.run(model, [gnp.Piece(1e4, 0.0)])
    assert "\n" not in str(caught.value)


def test_no_rest_is_told():
    with pytest.raises(SolveError, match="no rest"):
        gnp.Model("gnp", "constant", gnp.Parameters(pump_rate=50.0)).rest()
