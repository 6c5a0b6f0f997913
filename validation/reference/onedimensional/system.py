"""Discrete equations by Galerkin's method with the cross-section as weight, unknowns ln c_i and u = V/V_T, all scaled.

With q_i(v) = int S c_i v and F(v) below, the equations are dq/dt + F = 0 for every nodal function v:

    F_i(v) = int S D_i c_i (ln c_i + z_i u)' v' - int S R_i v - [inflow_i v],
    F_u(v) = delta^2 int S u' v' - int S (sum z_i c_i + rho) v - delta^2 [S du/dn v].

At the node of an end in open circuit the divergence of the total current takes the place of Poisson's equation, and
no current enters: q_u(v) = delta^2 int S u' v', F_u(v) = sum_i z_i int S D_i c_i (ln c_i + z_i u)' v'.

Concentrations are positive by construction. The flux at an end with a prescribed value is the residual of the equation
that the value replaces, so that amounts and charge balance to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spinepnp.validation.reference.onedimensional.checks import refuse
from spinepnp.validation.reference.onedimensional.kinetics import Conserved, Kinetics
from spinepnp.validation.reference.onedimensional.mesh import Mesh
from spinepnp.validation.reference.onedimensional.problem import Problem, Values
from spinepnp.validation.reference.onedimensional.scales import Scales, balanced_field

#: Step in u of the difference for the derivative of a channel's current; its error is of the fourth power.
STEP = 1e-3

#: Step in a gate of the difference for the derivative of currents, which are polynomials of the gates.
OPENING = 1e-3

#: Step, in units of V_T, of the difference for the slope of a gate's steady-state value.
ASIDE = 1e-4

#: Relative mismatch of charge and fields that counts as rounding.
BALANCE = 1e-9


@dataclass(frozen=True)
class Loads:
    """Loads of the equations, scaled; not-a-number marks values that an end does not prescribe.

    Attributes:
        time: time of the currents, s.
        part: part of the currents that is applied.
        potentials: prescribed potentials, (2,).
        logs: prescribed ln c, (2, species).
        slopes: du/dn without a membrane, (2,).
        charge: fixed charge rho at the quadrature points, (elements, points).
        gates: values of the gates of each end; ``None`` for their steady-state values.
    """

    time: float
    part: float
    potentials: Values
    logs: Values
    slopes: Values
    charge: Values
    gates: tuple[Values, ...] | None = None


class System:
    """Residuals and Jacobians of a problem on a mesh (in scaled x); states have the shape (species + 1, nodes).

    Args:
        problem: problem in SI units.
        mesh: mesh in scaled x.
        scale: scales of the problem.
        reference: uniform state at zero load, mol/m^3, (species,).

    Attributes:
        stiffness_blocks: derivative of `stiffness` for each element, (elements, n, n).
    """

    def __init__(self, problem: Problem, mesh: Mesh, scale: Scales, reference: Values) -> None:
        self.problem, self.mesh, self.scale = problem, mesh, scale
        self.reference = reference / scale.concentration
        self.z = problem.valences
        self.carried = np.array([ion.valence for ion in problem.species], dtype=float)  # by currents
        self.D = np.array([ion.diffusivity for ion in problem.species]) / scale.diffusivity
        self.inverse_D = np.divide(1.0, self.D, out=np.zeros_like(self.D), where=self.D > 0.0)  # nothing else enters
        self.weight = mesh.weights * problem.geometry.area(mesh.points * scale.length) / scale.area
        corners = np.array([mesh.edges[0], mesh.edges[-1]]) * scale.length
        self.end_area = problem.geometry.area(corners) / scale.area
        self.end_nodes = np.array([0, len(mesh.x) - 1])
        self.capacity = np.array([end.capacitance for end in problem.ends]) * scale.length / problem.permittivity
        self.matched = [end.field_matched for end in problem.ends]
        self.shape = (len(self.z) + 1, len(mesh.x))
        self.prescribed, self.open = np.zeros(self.shape, dtype=bool), np.zeros(self.shape[1], dtype=bool)
        for node, end in zip(self.end_nodes, problem.ends, strict=True):
            self.prescribed[:-1, node] = [c is not None for c in end.concentrations or [None] * len(self.z)]
            self.prescribed[-1, node] = end.potential is not None
            self.open[node] = end.open_circuit
        self.gates: tuple[Values, ...] | None = None  # of each end, in a transient: what `loads` has
        self.kinetics = Kinetics(problem.reactions, mesh, scale) if problem.reactions else None
        held = self.prescribed[:-1].any(axis=1)
        self.conserved = Conserved.of(problem.reactions, list(self.D == 0.0), list(held))
        self.pin = 0 if problem.gauge == "left" else len(mesh.x) // 2
        stiffness = np.swapaxes(mesh.slopes, 1, 2) @ (self.weight[:, :, None] * mesh.slopes)
        self.stiffness_blocks = scale.delta2 * stiffness

    def uniform(self) -> Values:
        """Uniform state at zero load."""
        state = np.zeros(self.shape)
        state[:-1] = np.log(self.reference)[:, None]
        return state

    def loads(self, time: float, part: float = 1.0) -> Loads:
        """Loads at a time (s), of which ``part`` is applied; with part 0 the uniform state is in equilibrium."""
        problem, scale = self.problem, self.scale
        free = np.full(len(self.z), np.nan)
        start = np.log(self.reference)
        logs = [np.log(end.held(free) / scale.concentration) for end in problem.ends]
        potentials = [np.nan if e.potential is None else e.potential / problem.thermal_voltage for e in problem.ends]
        fields = [balanced_field(problem) if e.normal_field is None else e.normal_field for e in problem.ends]
        charge = problem.charge(self.mesh.points * scale.length) / scale.concentration
        return Loads(
            time=time,
            part=part,
            potentials=part * np.array(potentials),
            logs=start + part * (np.array(logs) - start),
            slopes=part * np.array(fields) * scale.length / problem.thermal_voltage,
            charge=part * charge - (1.0 - part) * float(self.z @ self.reference),
            gates=self.gates,
        )

    def rest(self, state: Values) -> tuple[Values, ...]:
        """Steady-state values of the gates of each end at the potentials of a state."""
        V_T, at_ends = self.problem.thermal_voltage, state[-1, self.end_nodes]
        return tuple(end.rest(float(u) * V_T) for end, u in zip(self.problem.ends, at_ends, strict=True))

    def check_balance(self, time: float, state: Values) -> None:
        """Refuse a closed problem whose currents or fields do not balance; currents depend on the state's potentials.

        Raises:
            ValueError: the fields at the ends violate Gauss' law, or the net current of a species is not zero.
        """
        if not self.problem.closed:
            return
        loads = self.loads(time)
        inflow = self.inflow(state, loads)
        net = np.sum(inflow, axis=0)
        if np.any(np.abs(net) > BALANCE * np.max(np.abs(inflow), initial=1e-300)):
            refuse("currents", net * self.scale.rate, "mol/s that stay in a closed problem: no steady state")
        if self.problem.floating and not any(self.matched):
            c = np.sum(self.weight) * self.reference
            parts = [
                *(self.z * c),
                np.sum(self.weight * loads.charge),
                *(self.scale.delta2 * self.end_area * loads.slopes),
            ]
            if abs(sum(parts)) > BALANCE * float(np.sum(np.abs(parts))) + BALANCE * float(np.sum(c)) * 1e-3:
                fields = [end.normal_field for end in self.problem.ends]
                refuse("normal_field", fields, "does not balance the charge; None at one end takes what does")

    # -- pieces at the quadrature points ----------------------------------------------------------------------------

    def _at_points(self, state: Values) -> tuple[Values, Values, Values]:
        """Concentrations and (ln c + z u)', (species, elements, points) each, and u', (elements, points)."""
        local = state[:, self.mesh.connectivity]
        c = np.exp(local[:-1] @ self.mesh.values.T)
        slopes = (local @ self.mesh.local_slopes.T) * self.mesh.stretch
        return c, slopes[:-1] + self.z[:, None, None] * slopes[-1], slopes[-1]

    def _scatter(self, local: Values) -> Values:
        """Sum of element vectors (fields, elements, nodes of an element) as (fields, nodes)."""
        n = self.shape[1]
        return np.array([np.bincount(self.mesh.connectivity.ravel(), f.ravel(), minlength=n) for f in local])

    def storage(self, state: Values) -> Values:
        """Storage q, for the potential at open ends only; shape of the state."""
        c = self._at_points(state)[0]
        stored = np.zeros(self.shape)
        stored[:-1] = self._scatter((self.weight * c) @ self.mesh.values)
        stored[-1, self.open] = self.stiffness(state[-1])[self.open]
        return stored

    def storing(self, state: Values, rates: Values) -> Values:
        """Rate dq/dt where the state changes at given rates, shape of the state."""
        local = rates[:-1, self.mesh.connectivity]
        rate = np.zeros(self.shape)
        rate[:-1] = self._scatter(np.einsum("feij,fej->fei", self.mass_blocks(state), local))
        rate[-1, self.open] = self.stiffness(rates[-1])[self.open]
        return rate

    def stiffness(self, u: Values) -> Values:
        """Integral delta^2 int S u' v', (nodes,)."""
        return self._scatter(np.einsum("eij,ej->ei", self.stiffness_blocks, u[self.mesh.connectivity])[None])[0]

    def volume_terms(self, state: Values, loads: Loads) -> Values:
        """Residual F without the terms of the ends."""
        c, drive, field = self._at_points(state)
        out = np.empty((self.shape[0], *self.mesh.connectivity.shape))
        weight, slopes = self.weight * self.mesh.stretch, self.mesh.local_slopes
        out[:-1] = (weight * self.D[:, None, None] * c * drive) @ slopes
        if self.kinetics is not None:
            out[:-1] -= (self.weight * self.kinetics.sources(c)) @ self.mesh.values
        rho = self.weight * (np.tensordot(self.z, c, 1) + loads.charge)
        out[-1] = (self.scale.delta2 * weight * field) @ slopes
        out[-1] -= rho @ self.mesh.values
        return self._scatter(out)

    def inflow(self, state: Values, loads: Loads, shift: float = 0.0, denser: float = 0.0) -> Values:
        """Molar rates at which species enter where currents are given, (2, species).

        Args:
            state: state, (species + 1, nodes).
            loads: loads with the time.
            shift: shift of u at the ends.
            denser: shift of every ln c at the ends.
        """
        problem, at_ends = self.problem, state[-1, self.end_nodes] + shift
        dense = np.exp(state[:-1, self.end_nodes].T + denser) * self.scale.concentration
        gates = (None, None) if loads.gates is None else loads.gates
        rates = [
            end.inflow(problem.species, loads.time, float(u) * problem.thermal_voltage, c, m)
            for end, u, c, m in zip(problem.ends, at_ends, dense, gates, strict=True)
        ]
        return loads.part * np.array(rates) / self.scale.rate

    def inflow_slopes(self, state: Values, loads: Loads) -> tuple[Values, Values]:
        """Derivatives of `inflow` by u and by ln c of the same species at the end, (2, species) each."""
        none = np.zeros((2, len(self.z)))
        ends = self.problem.ends

        def slope(along: Callable[[float], Values]) -> Values:
            near, far = ((along(step) - along(-step)) / (2.0 * step) for step in (STEP, 2.0 * STEP))
            return np.asarray((4.0 * near - far) / 3.0)

        by_u = slope(lambda step: self.inflow(state, loads, step)) if any(e.responsive for e in ends) else none
        by_c = slope(lambda step: self.inflow(state, loads, 0.0, step)) if any(e.sensitive for e in ends) else none
        return by_u, by_c

    def gate_slopes(self, state: Values, loads: Loads, rate: complex) -> NDArray[Any]:
        """Derivative of `inflow` by u at its end through the gates there, (2, species).

        Args:
            state: state, (species + 1, nodes).
            loads: loads with the gates.
            rate: rate at which all unknowns change, 1/s; a gate then follows its steady-state value by the factor
                1 / (1 + rate time).
        """
        slopes = np.zeros((2, len(self.z)), dtype=np.result_type(rate, float))
        gates = loads.gates or ()
        for k, end in enumerate(self.problem.ends):
            V = float(state[-1, self.end_nodes[k]]) * self.problem.thermal_voltage
            aside = ASIDE * self.problem.thermal_voltage
            for g, gate in enumerate(end.gates):
                up, down = (
                    self.inflow(state, replace(loads, gates=_moved(gates, k, g, step)))[k]
                    for step in (OPENING, -OPENING)
                )
                by_V = (gate.settled(V + aside) - gate.settled(V - aside)) / (2.0 * ASIDE)
                slopes[k] += (up - down) / (2.0 * OPENING) * by_V / (1.0 + rate * gate.time)
        return slopes

    def end_slopes(self, state: Values, loads: Loads) -> Values:
        """Slopes du/dn at the ends by their conditions, (2,)."""
        slopes = loads.slopes - self.capacity * state[-1, self.end_nodes]
        inflow = self.inflow(state, loads)
        for k, node in enumerate(self.end_nodes):
            if self.matched[k]:
                entering = self.z @ (inflow[k] * self.inverse_D) / self.end_area[k]
                slopes[k] += entering / (self.z**2 @ np.exp(state[:-1, node]))
        return slopes

    def residual(self, state: Values, loads: Loads) -> Values:
        """Residual F with the terms of the ends; in rows of prescribed values it is what the end must supply."""
        F = self.volume_terms(state, loads)
        F[:-1, self.end_nodes] -= self.inflow(state, loads).T
        F[-1, self.end_nodes] -= self.scale.delta2 * self.end_area * self.end_slopes(state, loads)
        F[-1, self.open] = self.z @ F[:-1, self.open]
        return F

    def misfit(self, state: Values, loads: Loads) -> Values:
        """State minus prescribed value, zero where no value is prescribed."""
        difference = np.zeros(self.shape)
        for k, node in enumerate(self.end_nodes):
            difference[:-1, node] = state[:-1, node] - loads.logs[k]
            difference[-1, node] = state[-1, node] - loads.potentials[k]
        return np.where(self.prescribed, difference, 0.0)

    # -- Jacobians ---------------------------------------------------------------------------------------------------

    def mass_blocks(self, state: Values) -> Values:
        """Derivatives dq_i/d ln c_i for each element, (species, elements, n, n)."""
        c = self._at_points(state)[0]
        B = self.mesh.values
        return np.asarray(B.T @ ((self.weight * c)[..., None] * B))

    def blocks(self, state: Values) -> list[tuple[int, int, Values]]:
        """Element blocks of dF, by field of row and column."""
        c, drive, _ = self._at_points(state)
        B, G, last = self.mesh.values, self.mesh.slopes, len(self.z)
        mass = self.mass_blocks(state)
        blocks = [(last, last, self.stiffness_blocks)]
        for i, z in enumerate(self.z):
            conductance = self.weight * self.D[i] * c[i]
            GT = np.swapaxes(G, 1, 2)
            stiff = GT @ (conductance[..., None] * G)
            blocks.append((i, i, stiff + GT @ ((conductance * drive[i])[..., None] * B)))
            blocks.append((i, last, z * stiff))
            blocks.append((last, i, -z * mass[i]))
        if self.kinetics is not None:
            blocks += [
                (i, j, -(B.T @ ((self.weight * slope)[..., None] * B))) for i, j, slope in self.kinetics.slopes(c)
            ]
        return blocks

    def end_entries(self, state: Values, loads: Loads) -> list[tuple[int, int, int, float]]:
        """Entries of dF from the conditions of the ends: (node, row field, column field, value)."""
        last, entries = len(self.z), []
        inflow, (derivative, by_c) = self.inflow(state, loads), self.inflow_slopes(state, loads)
        for k, node in enumerate(self.end_nodes):
            factor = self.scale.delta2 * self.end_area[k]
            diagonal = factor * self.capacity[k]
            entries += [(int(node), i, last, -float(d)) for i, d in enumerate(derivative[k])]
            entries += [(int(node), i, i, -float(d)) for i, d in enumerate(by_c[k])]
            if self.matched[k]:
                strength = self.z**2 * np.exp(state[:-1, node])
                entering, more = (self.z @ (j * self.inverse_D) / self.end_area[k] for j in (inflow[k], derivative[k]))
                diagonal -= factor * more / np.sum(strength)
                share = factor * entering / np.sum(strength) ** 2
                entries += [(int(node), last, i, float(share * s)) for i, s in enumerate(strength)]
            entries.append((int(node), last, last, float(diagonal)))
        return entries


def _moved(gates: tuple[Values, ...], end: int, gate: int, step: float) -> tuple[Values, ...]:
    """Values of the gates with one of them moved by a step."""
    moved = [m.copy() for m in gates]
    moved[end][gate] += step
    return tuple(moved)
