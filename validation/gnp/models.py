"""Neuron models of paper 002, each built from a leak, glutamate channels, voltage-gated channels and a pump.

| model | leak | glutamate | voltage-gated | concentrations |
|---|---|---|---|---|
| cHH | one conductance | one conductance | ohmic | frozen |
| fGNP | GHK | one conductance | ohmic | frozen |
| GNP | GHK | GHK | ohmic | change |
| vGNP, kvGNP, navGNP | GHK | GHK | GHK over a fit: both, K, Na | change |
| iHH | a conductance each | a conductance each | ohmic | change |
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache

import numpy as np

from spinepnp.errors import CaseError, SolveError, nearest
from spinepnp.validation.gnp import kinetics
from spinepnp.validation.gnp.kinetics import Coefficients
from spinepnp.validation.gnp.parameters import Parameters
from spinepnp.validation.laws.constant_field import harmonic_mean

#: State (m, h, n, K_o, Na_i, Cl_i) of the GNP model at rest with the constant pump: the authors' starting point.
REST = (
    1.1580296958448297e-02, 9.9698795102324123e-01, 3.1096957706530627e-02,
    3.1674634958638901, 23.579174619559872, 10.414537331856835,
)  # fmt: skip

#: Voltages of the points of the fits of vGNP, mV.
FIT_VOLTAGES = np.arange(-100.5, 101.0, 1.0)

#: Switches of each model: leak, glutamate, potassium, sodium, frozen (see `kinetics.Coefficients`).
MODELS: dict[str, tuple[int, int, int, int, int]] = {
    "chh": (1, 1, 0, 0, 1),
    "fgnp": (0, 1, 0, 0, 1),
    "gnp": (0, 0, 0, 0, 0),
    "vgnp": (0, 0, 1, 1, 0),
    "kvgnp": (0, 0, 1, 0, 0),
    "navgnp": (0, 0, 0, 1, 0),
    "ihh": (2, 2, 0, 0, 0),
}

#: Kinds of pumps.
PUMPS = ("constant", "concentration")

#: Largest change of the resting voltage, mV, in one step of the continuation to other parameters.
LARGEST_MOVE = 5.0

#: Smallest step of that continuation, as a fraction of the whole change.
SMALLEST_STEP = 1e-3


@dataclass(frozen=True)
class Model:
    """One neuron model with its parameters.

    Examples:
        >>> from spinepnp.validation.gnp import Model
        >>> neuron = Model("gnp", pump="concentration")
        >>> neuron.start().shape, neuron.frozen
        ((6,), False)

    Attributes:
        name: key of `MODELS`.
        pump: "constant", or "concentration" (dependent on K_o and Na_i); cHH and fGNP have the first only.
        parameters: parameters of the model.

    Raises:
        CaseError: the model or the pump is unknown.
    """

    name: str
    pump: str = "constant"
    parameters: Parameters = field(default_factory=Parameters)

    def __post_init__(self) -> None:
        if self.name not in MODELS:
            raise CaseError("model", f"no such model; {nearest(self.name, MODELS)}", self.name)
        if self.pump not in PUMPS:
            raise CaseError("pump", f"no such pump; {nearest(self.pump, PUMPS)}", self.pump)

    @property
    def frozen(self) -> bool:
        """Whether concentrations do not change."""
        return bool(MODELS[self.name][4])

    @cached_property
    def coefficients(self) -> Coefficients:
        """Coefficients for the compiled functions; openings are multipliers p_eff of the glutamate densities."""
        p = self.parameters
        leak, glutamate, potassium, sodium, frozen = MODELS[self.name]
        f_K, f_Na = fits(p)
        return Coefficients(
            phi=p.thermal_voltage, capacitance=p.capacitance, gamma=p.gamma * 1e-3, kappa=p.kappa, unit=p.unit,
            anions=0.5 * (p.anions - p.K + p.Na - p.Cl), K=p.K, Na=p.Na, Cl=p.Cl,
            leak=leak, glutamate=glutamate, potassium=potassium, sodium=sodium,
            pump=int(self.pump == "concentration"), frozen=frozen, K_o=REST[3],
            P_KL=p.P_KL, P_NaL=p.P_NaL, P_ClL=p.P_ClL, G_L=p.G_L, E_L=p.E_L,
            G_KL=p.G_KL, G_NaL=p.G_NaL, G_ClL=p.G_ClL, P_KG=p.P_KG, P_NaG=p.P_NaG,
            G_glu=p.G_glu, E_glu=p.E_glu, G_KG=p.G_KG, G_NaG=p.G_NaG, G_KM=p.G_KM, G_NaM=p.G_NaM,
            P_KV=p.P_KV, P_NaV=p.P_NaV,
            f_K3=f_K[0], f_K2=f_K[1], f_K1=f_K[2], f_K0=f_K[3],
            f_Na3=f_Na[0], f_Na2=f_Na[1], f_Na1=f_Na[2], f_Na0=f_Na[3],
            pump_constant=-p.pump_rate / p.gamma, pump_maximum=p.pump_maximum / p.gamma,
        )  # fmt: skip

    def start(self) -> np.ndarray:
        """Starting point of the authors as a state (m, h, n, V, Na_i, Cl_i)."""
        m, h, n, K_o, Na_i, Cl_i = REST
        c = Model("gnp", "constant", self.parameters).coefficients if self.frozen else self.coefficients
        return np.array([m, h, n, c.kappa * (Na_i - K_o - Cl_i - c.anions), Na_i, Cl_i])

    def slopes(self, state: np.ndarray, p_eff: float = 0.0) -> np.ndarray:
        """Right-hand side dy/dt of (m, h, n, V, Na_i, Cl_i), 1/ms, mV/ms, mM/ms."""
        out = np.empty(6)
        kinetics.slopes(np.asarray(state, dtype=float), p_eff, self.coefficients, out)
        return out

    def jacobian(self, state: np.ndarray, p_eff: float = 0.0) -> np.ndarray:
        """Jacobian d(dy/dt)/dy, exact to rounding, shape (6, 6)."""
        return np.asarray(kinetics.jacobian(np.asarray(state, dtype=float), p_eff, self.coefficients))

    def rest(self, p_eff: float = 0.0, start: np.ndarray | None = None) -> np.ndarray:
        """Steady state by Newton's method, to machine precision.

        Args:
            p_eff: multiplier of the glutamate densities.
            start: initial guess; by default a continuation from the authors' rest and parameters.

        Raises:
            SolveError: Newton's method finds no steady state.
        """
        if start is not None:
            return self._settle(np.array(start, dtype=float), p_eff)
        default = Parameters()
        y, reached, step = replace(self, parameters=default).start(), 0.0, 1.0
        while reached < 1.0:
            fraction = min(1.0, reached + step)
            between = (
                self if fraction == 1.0 else replace(self, parameters=_between(default, self.parameters, fraction))
            )
            try:
                moved = between._settle(y, fraction * p_eff)
                if np.abs(moved - y)[3] > LARGEST_MOVE and step > SMALLEST_STEP:
                    raise SolveError(f"{self.name}: the rest moves too far")
            except (SolveError, np.linalg.LinAlgError) as error:
                step *= 0.5
                if step < SMALLEST_STEP:
                    raise SolveError(f"{self.name}: no rest for these parameters ({error})") from None
                continue
            y, reached = moved, fraction
        return y

    def _settle(self, y: np.ndarray, p_eff: float) -> np.ndarray:
        """Steady state near a state."""
        free = slice(0, 4) if self.frozen else slice(0, 6)
        scale = np.array([1.0, 1.0, 1.0, 10.0, 1.0, 1.0])[free]
        best = np.inf
        for _ in range(60):
            step = np.linalg.solve(self.jacobian(y, p_eff)[free, free], self.slopes(y, p_eff)[free])
            size = float(np.abs(step / scale).max())
            if size < 1e-10 and size >= best:  # only rounding is left
                break
            best = min(best, size)
            y = y.copy()
            y[free] -= step * min(1.0, 0.5 / size)
        K_o, p = float(self.potassium_outside(y)), self.parameters
        if best < 1e-9 and 0.0 < K_o < p.K and 0.0 < y[4] < p.Na and 0.0 < y[5] < p.Cl:
            return y
        raise SolveError(f"{self.name}: no steady state near {np.array2string(y, precision=4)}")

    def potassium_outside(self, states: np.ndarray) -> np.ndarray:
        """Potassium outside, K_o, of states (..., 6), mM."""
        c = self.coefficients
        if self.frozen:
            return np.full(np.shape(states)[:-1], c.K_o)
        return np.asarray(states[..., 4] - states[..., 5] - c.anions - states[..., 3] / c.kappa)

    def currents(self, states: np.ndarray, p_eff: float | np.ndarray = 0.0) -> dict[str, np.ndarray]:
        """Currents into the cell of states (..., 6), uA/cm^2.

        Returns:
            Currents by name: K_leak, Na_leak, Cl_leak, K_glutamate, Na_glutamate, K_gated, Na_gated, pump, and the sums
            leak, glutamate, gated, total.
        """
        states = np.asarray(states, dtype=float)
        flat, opens = states.reshape(-1, 6), np.broadcast_to(p_eff, states.shape[:-1]).ravel()
        values = kinetics.all_currents(np.ascontiguousarray(flat), opens.astype(float), self.coefficients)
        names = ("K_leak", "Na_leak", "Cl_leak", "K_glutamate", "Na_glutamate", "K_gated", "Na_gated", "pump")
        parts = {name: values[:, i].reshape(states.shape[:-1]) for i, name in enumerate((*names, "leak", "glutamate"))}
        parts["leak"] = parts["leak"] + parts["K_leak"] + parts["Na_leak"] + parts["Cl_leak"]
        parts["glutamate"] = parts["glutamate"] + parts["K_glutamate"] + parts["Na_glutamate"]
        parts["gated"] = parts["K_gated"] + parts["Na_gated"]
        parts["total"] = parts["leak"] + parts["glutamate"] + parts["gated"] + parts["pump"]
        return parts


def _between(one: Parameters, other: Parameters, fraction: float) -> Parameters:
    """Parameters at a fraction of the way from one set to another."""
    names = [f.name for f in fields(Parameters)]
    return Parameters(**{n: (1.0 - fraction) * getattr(one, n) + fraction * getattr(other, n) for n in names})


@lru_cache(maxsize=32)
def fits(p: Parameters) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Cubic fits of I'_qV / I_qV at the authors' rest (eqs. 42-45): (N3, N2, N1, N0) for potassium and sodium.

    The gates cancel: r_q(V) = z^2 F P_qV cbar_q(V) / (RT/F G_qM), at `FIT_VOLTAGES`.
    """
    _, _, _, K_o, Na_i, _ = REST
    sides = {"K": (p.K - K_o, K_o, p.P_KV, p.G_KM), "Na": (Na_i, p.Na - Na_i, p.P_NaV, p.G_NaM)}
    fitted = []
    for inside, outside, permeability, largest in sides.values():
        if not (inside > 0.0 and outside > 0.0 and largest > 0.0):
            raise CaseError("K", "the totals leave no potassium or sodium on one side of the membrane", p.K)
        mean = harmonic_mean(FIT_VOLTAGES, inside, outside, 1, p.thermal_voltage)
        ratio = p.unit / p.thermal_voltage * permeability * mean / largest
        fitted.append(tuple(np.polyfit(FIT_VOLTAGES, ratio, 3).tolist()))
    return fitted[0], fitted[1]
