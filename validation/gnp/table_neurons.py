"""Values of `table` on the neuron models, by the ids of `paper.toml`, in the units printed there."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np

from spinepnp.validation.gnp import models
from spinepnp.validation.gnp.equilibria import Branch, Equilibrium, branch, equilibrium
from spinepnp.validation.gnp.kinetics import CL, NA
from spinepnp.validation.gnp.models import FIT_VOLTAGES, Model
from spinepnp.validation.gnp.parameters import P_EFF_PER_P_OPEN, Parameters
from spinepnp.validation.gnp.simulation import Piece, Trace, run, stimulus
from spinepnp.validation.gnp.table_channels import trend
from spinepnp.validation.laws.constant_field import harmonic_mean

#: Glutamate conductances of iHH for K and Na in Table 1, mS/cm^2.
PRINTED_G = (0.12, 0.03)

#: Permeability of the glutamate channels to potassium in Table 1, m/s.
PRINTED_P_KG = 2.82e-8

#: Times of the Fig 9 protocol: onset and end of the stimulus, end of the run, ms.
FIG9 = (10e3, 40e3, 200e3)

#: Pump maximum of Fig 9, mM/s.
FIG9_PUMP = 0.7

#: Width of the sliding windows of Fig 8h, i, ms.
WINDOW = 8e3

#: Distance from one window to the next, ms.
WINDOW_STEP = 4e3


def _fire(name: str, p_eff: float, duration: float, pump: str = "concentration", **parameters: float) -> Trace:
    """Run with the authors' protocol at a p_eff."""
    model = Model(name, pump, Parameters().changed(**parameters))
    return run(model, stimulus(model, p_eff / model.parameters.glutamate_density, duration))


#: Runs of `_fire` that several sections share, cached.
fire = functools.lru_cache(maxsize=2)(_fire)


def fig9(name: str, p_eff: float, **parameters: float) -> tuple[Trace, str]:
    """Run of Fig 9 from the model's own rest, and whether a block at the end of the stimulus persists or ends.

    Args:
        name: name of the model.
        p_eff: multiplier of the glutamate densities during the stimulus.
        parameters: parameters of the model that are changed, by name.

    Returns:
        The run, and "persists" or "ends".
    """
    model = Model(name, "concentration", Parameters().changed(pump_maximum=FIG9_PUMP, **parameters))
    on, off, end = FIG9
    trace = run(model, [Piece(on, 0.0), Piece(off, p_eff), Piece(end, 0.0)], model.rest())
    late = trace.time > end - 1e3
    return trace, "persists" if trace.state == "block" and trace.V[late].min() > -50.0 else "ends"


def _rate(trace: Trace, parts: Sequence[tuple[float, float]]) -> str:
    """Trend of the number of spikes over intervals of equal length."""
    return trend([len(trace.between(*part)) for part in parts])


def rest() -> dict[str, float | str]:
    """Values of the steady state, and its stability with either sign of the chloride current."""
    model = Model("gnp")
    y = model.rest()
    right = model.jacobian(y)
    # The sign of the chloride current reversed in dCl_i/dt, and so in V, which follows from charge: C_m dV/dt loses
    # I_Cl twice, and dCl_i/dt = -gamma I_Cl.
    printed = right.copy()
    printed[3] += 2.0 * model.coefficients.kappa * right[CL]
    printed[CL] *= -1.0
    return {
        "rest.V": float(y[3]),
        "rest.K_o": float(model.potassium_outside(y)),
        "rest.Na_i": float(y[NA]),
        "rest.Cl_i": float(y[CL]),
        "rest.stable": _stability(right),
        "rest.printed": _stability(printed),
    }


def _stability(jacobian: np.ndarray) -> str:
    """Stability of a steady state by the eigenvalues of its Jacobian."""
    return "stable" if float(np.linalg.eigvals(jacobian).real.max()) < 0.0 else "unstable"


def firing() -> dict[str, float | str]:
    """Values of runs with the constant pump (Figs 5, 6a-f)."""
    gnp, fgnp = (_fire(name, 0.195, 500.0, "constant") for name in ("gnp", "fgnp"))
    both = min(len(gnp.spikes), len(fgnp.spikes))
    lead = fgnp.spikes[:both] - gnp.spikes[:both]
    c = gnp.concentrations
    change = {name: float(np.abs(c[name] - c[name][0]).max()) for name in ("K_o", "Na_i", "Cl_i")}
    inside = c["K_i"] + c["Na_i"] - c["Cl_i"] - gnp.model.parameters.anions
    long, fixed = (_fire(name, 0.195, 20e3, "constant") for name in ("gnp", "fgnp"))
    onset = long.block_onset
    return {
        "chh.spikes": len(_fire("chh", 0.195, 100.0, "constant").spikes),
        "fgnp.spikes": len(_fire("fgnp", 0.195, 100.0, "constant").spikes),
        "gnp.spikes": len(gnp.spikes),
        "gnp.timing": "earlier" if lead[0] > 0.0 and np.all(np.diff(lead) > 0.0) else "not earlier",
        "gnp.dK": change["K_o"],
        "gnp.dNa": change["Na_i"],
        "gnp.dCl": change["Cl_i"],
        "gnp.charge": 1e3 * float(np.abs(inside).max()),
        "gnp.rate": _rate(long, [(t, t + 3e3) for t in (4e3, 7e3, 10e3)]),
        "gnp.state": long.state,
        "gnp.onset": float("nan") if onset is None else 1e-3 * onset,
        "fgnp.state": fixed.state,
    }


def pump() -> dict[str, float | str]:
    """Values of runs with the pump that depends on concentrations (Figs 6g-i, 7)."""
    phasic = _fire("gnp", 0.195, 5e3)
    at = np.array([np.searchsorted(phasic.time, t) for t in (1e3, 5e3)])
    before, after = phasic.model.currents(phasic.states[at])["pump"]
    weak, strong, medium = _fire("gnp", 0.1, 150e3), _fire("gnp", 0.53, 150e3), fire("gnp", 0.515, 150e3)
    late = np.searchsorted(weak.time, np.linspace(31e3, 150e3, 30)[:-1])
    return {
        "phasic.state": phasic.state,
        "phasic.before": float(before),
        "phasic.after": float(after),
        "phasic.growth": 100.0 * float(after / before - 1.0),
        "weak.state": weak.state,
        "weak.V": "falls" if np.all(np.diff(weak.V[late]) < 0.0) else "rises or stays",
        "medium.state": medium.state,
        "medium.rate": _rate(medium, [(30e3, 50e3), (130e3, 150e3)]),
        "strong.state": strong.state,
        "strong.rate": _rate(strong, [(30e3, 35e3), (35e3, 40e3)]),
    }


def fits(code: Mapping[str, Sequence[float]]) -> dict[str, float | str]:
    """Coefficients of the cubic fits (eq. 43), residuals, and distance from the authors' (highest power first)."""
    p, (_, _, _, K_o, Na_i, _) = Parameters(), models.REST
    values: dict[str, float | str] = {}
    distance = 0.0
    sides = {"K": (p.K - K_o, K_o, p.P_KV, p.G_KM), "Na": (Na_i, p.Na - Na_i, p.P_NaV, p.G_NaM)}
    for (name, (inside, outside, permeability, largest)), fit in zip(sides.items(), models.fits(p), strict=True):
        values |= {f"N_{name}{3 - power}": value for power, value in enumerate(fit)}
        distance = max(distance, float(np.abs(np.array(fit) / np.array(code[name]) - 1.0).max()))
        mean = harmonic_mean(FIT_VOLTAGES, inside, outside, 1, p.thermal_voltage)
        ratio = p.unit / p.thermal_voltage * permeability * mean / largest
        values[f"residual_{name}"] = float(np.abs(np.polyval(fit, FIT_VOLTAGES) - ratio).max())
    return values | {"N_code": distance}


def gated() -> dict[str, float | str]:
    """Values of models with voltage-gated channels by GHK (Figs 8, S3)."""
    gnp = fire("gnp", 0.515, 150e3)
    values: dict[str, float | str] = {"gnp.state": gnp.state}
    for name in ("vgnp", "kvgnp", "navgnp"):
        trace = _fire(name, 0.515, 150e3)
        values[f"{name}.state"] = trace.state
        both = min(len(trace.spikes), len(gnp.spikes))
        lag = trace.spikes[:both] - gnp.spikes[:both]
        if name == "vgnp":
            first = int(np.searchsorted(gnp.spikes, 40e3))
            values["vgnp.first"] = "later" if lag[first] > 0.0 else "earlier"
            later = np.flatnonzero(lag[first:] <= 0.0)
            values["vgnp.overtakes"] = 1e-3 * float(gnp.spikes[first + later[0]]) if len(later) else float("nan")
        elif name == "kvgnp":
            values["kvgnp.leads"] = "yes" if np.any(lag < -1.0) else "no"
            values["kvgnp.K"] = "yes" if passive_difference(trace, gnp, "K").max() > 0.0 else "no"
        else:
            values["navgnp.Na"] = "yes" if passive_difference(trace, gnp, "Na").min() < 0.0 else "no"
    return values


def passive_difference(one: Trace, other: Trace, ion: str) -> np.ndarray:
    """Difference of the electrodiffusive K or Na currents of two runs in windows of the stimulus, uA/cm^2 (eq. 46).

    The mean current of a window follows from the change of the concentration and from the pump; no spike is sampled.

    Args:
        one: run of a model.
        other: run of another model with the same protocol.
        ion: "K" or "Na".

    Returns:
        Currents of ``one`` less those of ``other``, uA/cm^2, one for each window.
    """

    def means(trace: Trace) -> np.ndarray:
        gamma, c = trace.model.coefficients.gamma, trace.concentrations
        pump = -trace.model.coefficients.pump_maximum / (
            (1.0 + np.exp((25.0 - c["Na_i"]) / 3.0)) * (1.0 + np.exp(3.5 - c["K_o"]))
        )
        start, end = trace.protocol[0].until, trace.protocol[-1].until
        averages = []
        for t in np.arange(start, end - WINDOW + 1.0, WINDOW_STEP):
            i, j = np.searchsorted(trace.time, [t, t + WINDOW])
            mean = float(pump[i:j].mean())
            q, sign, moved = ("K_o", -1.0, 2.0) if ion == "K" else ("Na_i", 1.0, -3.0)
            rate = float(c[q][j] - c[q][i]) / float(trace.time[j] - trace.time[i])
            averages.append(sign * rate / gamma + moved * mean)
        return np.array(averages)

    return means(one) - means(other)


@functools.cache
def _branch(name: str) -> Branch:
    """Equilibria of a model with default parameters, cached."""
    return branch(Model(name))


def equilibria() -> dict[str, float | str]:
    """Values of Hopf points, saddle-nodes, gaps, and conductances in block (Fig 9d-i)."""
    of = {name: _branch(name) for name in ("vgnp", "ihh")}
    hopf = {name: max(b.hopf, key=lambda e: e.V) for name, b in of.items()}
    loses = all(
        _stable(Model(name), e.V + 0.5) is True and _stable(Model(name), e.V - 0.5) is False for name, e in hopf.items()
    )
    values: dict[str, float | str] = {f"hopf.{name}": e.pump for name, e in hopf.items()}
    for name, b in of.items():
        values[f"saddle.{name}"] = sum(e.V < -55.0 for e in b.saddle_nodes)
        values[f"gap.{name}"] = sum(start > -80.0 for start, _ in b.gaps)
    return values | {"hopf.loss": "yes" if loses else "no"} | _conductances(hopf["vgnp"])


def _stable(model: Model, V: float) -> bool | None:
    """Stability of the equilibrium at a voltage (mV), if there is one."""
    point = equilibrium(model, V)
    return None if point is None else point.stable


def _conductances(e: Equilibrium) -> dict[str, float | str]:
    """Comparison of the conductances of vGNP at an equilibrium with the constants of iHH."""
    p, V = Parameters(), e.V
    K_o, Na_i, Cl_i = float(Model("vgnp").potassium_outside(e.state)), float(e.state[NA]), float(e.state[CL])
    f_K, f_Na = models.fits(p)

    def G(P: float, inside: float, outside: float, z: int) -> float:
        return float(p.unit / p.thermal_voltage * P * harmonic_mean(V, inside, outside, z, p.thermal_voltage))

    pairs = {
        "at.K": (G(p.P_KL, p.K - K_o, K_o, 1), p.G_KL),
        "at.Na": (G(p.P_NaL, Na_i, p.Na - Na_i, 1), p.G_NaL),
        "at.Cl": (G(p.P_ClL, Cl_i, p.Cl - Cl_i, -1), p.G_ClL),
        "at.KV": (G(p.P_KV, p.K - K_o, K_o, 1) / float(np.polyval(f_K, V)), p.G_KM),
        "at.NaV": (G(p.P_NaV, Na_i, p.Na - Na_i, 1) / float(np.polyval(f_Na, V)), p.G_NaM),
    }
    return {name: "higher" if ours > constant else "lower" for name, (ours, constant) in pairs.items()}


def persistence() -> dict[str, float | str]:
    """Values of the block after a stimulus (Fig 9a-c)."""
    values: dict[str, float | str] = {}
    for name in ("vgnp", "ihh"):
        trace, after = fig9(name, 2.5)
        values |= {f"{name}.during": trace.state, f"{name}.after": after}
        if name == "vgnp":
            i = int(np.searchsorted(trace.time, 160e3))
            values["pump.late"] = float(trace.model.currents(trace.states[i])["pump"])
    return values


def printed() -> dict[str, float | str]:
    """Effects of the parameters as printed in the paper, from short runs."""
    y = Model("gnp").rest()
    return {
        "chh": len(_fire("chh", 0.065, 100.0, "constant").spikes),
        "fgnp": len(_fire("fgnp", 0.065, 100.0, "constant").spikes),
        "gnp": len(_fire("gnp", 0.065, 500.0, "constant").spikes),
        "phasic": _fire("gnp", 0.065, 5e3).state,
        "P_KG.spikes": len(_fire("gnp", 0.195, 500.0, "constant", P_KG=PRINTED_P_KG).spikes),
        "P_KG.E": _glutamate_reversal(Model("gnp", parameters=Parameters(P_KG=PRINTED_P_KG)), y),
        "ihh.E": _glutamate_reversal(Model("ihh", parameters=Parameters(G_KG=PRINTED_G[0], G_NaG=PRINTED_G[1])), y),
    }


def _glutamate_reversal(model: Model, y: np.ndarray) -> float:
    """Voltage at which no current flows through the glutamate channels at the concentrations of a state, mV."""
    p, K_o, Na_i = model.parameters, float(model.potassium_outside(y)), float(y[NA])
    if model.name == "ihh":
        E_K, E_Na = (p.thermal_voltage * np.log(r) for r in (K_o / (p.K - K_o), (p.Na - Na_i) / Na_i))
        return float((p.G_KG * E_K + p.G_NaG * E_Na) / (p.G_KG + p.G_NaG))
    outside, inside = p.P_KG * K_o + p.P_NaG * (p.Na - Na_i), p.P_KG * (p.K - K_o) + p.P_NaG * Na_i
    return float(p.thermal_voltage * np.log(outside / inside))


def printed_long() -> dict[str, float | str]:
    """Effects of the parameters as printed in the paper, from long runs."""
    three = P_EFF_PER_P_OPEN
    swapped, after = fig9("ihh", 2.49, G_KG=PRINTED_G[1], G_NaG=PRINTED_G[0])
    return {
        "medium": _fire("gnp", 0.17, 150e3).state,
        "strong": _fire("gnp", 0.18, 150e3).state,
        "rounded.vgnp": _fire("vgnp", three * 0.17, 150e3).state,
        "rounded.gnp": _fire("gnp", three * 0.17, 150e3).state,
        "rounded.strong": _fire("gnp", three * 0.18, 150e3).state,
        "M.vgnp": _fire("vgnp", 0.515, 150e3, pump_maximum=0.3).state,
        "P_KG.medium": _fire("gnp", 0.515, 150e3, P_KG=PRINTED_P_KG).state,
        "P_KG.strong": _fire("gnp", 0.53, 150e3, P_KG=PRINTED_P_KG).state,
        "fig9.vgnp": fig9("vgnp", 0.83)[0].state,
        "fig9.ihh": fig9("ihh", 0.83)[0].state,
        "ihh.state": fig9("ihh", 2.5, G_KG=PRINTED_G[0], G_NaG=PRINTED_G[1])[0].state,
        "swapped.during": swapped.state,
        "swapped.after": after,
    }
