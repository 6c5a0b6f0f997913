"""Instants of a transient: the potential of given ions, and the rates of change from which currents follow."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csc_matrix, diags
from scipy.sparse.linalg import splu

from spinepnp.units import FARADAY
from spinepnp.validation.reference.onedimensional.checks import refuse
from spinepnp.validation.reference.onedimensional.equations import Equations
from spinepnp.validation.reference.onedimensional.newton import newton
from spinepnp.validation.reference.onedimensional.problem import Values
from spinepnp.validation.reference.onedimensional.steady import continued, end_flows
from spinepnp.validation.reference.onedimensional.system import BALANCE, Loads

#: Step of the difference for the rate of a current, relative to the time: its error is of second order in it.
INTERVAL = 1e-4


def settled(equations: Equations, state: Values, time: float) -> Values:
    """State with the prescribed values at the ends and the potential that follows from the ions.

    Args:
        equations: equations of the system.
        state: state, (species + 1, nodes); its potential is a guess.
        time: time of the currents, s.

    Raises:
        NoConvergenceError: Newton's method finds no potential.
    """
    system, n = equations.system, state.shape[1]
    ions = state[:-1] - system.misfit(state, system.loads(time))[:-1]
    # In an instant only the field can change; no current passes an open end, so its displacement stays.
    displaced, is_open = system.stiffness(state[-1]), system.open
    closed, opened = diags((~is_open).astype(float)), diags(is_open.astype(float))

    def solve(u: Values, part: float) -> Values:
        loads = system.loads(time, part)

        def potential(u: Values) -> tuple[Values, csc_matrix]:
            full = np.vstack([ions, u[None]])
            F, J = equations.residual(full, loads)[-1], equations.matrix(full, loads)[-n:, -n:]
            if not is_open.any():
                return F, J
            F = np.where(is_open, system.stiffness(u) - displaced, F)
            return F, (closed @ J + opened @ equations.mass(full)[-n:, -n:]).tocsc()

        return newton(potential, u, polish=1)

    return np.vstack([ions, continued(solve, state[-1])[None]])


def check_charge(equations: Equations, state: Values, loads: Loads) -> None:
    """Refuse fields at the ends that violate Gauss' law, where the potential is floating.

    Args:
        equations: equations of the system.
        state: state, (species + 1, nodes).
        loads: currents and fields at the ends at a time.

    Raises:
        ValueError: fields and charge do not balance.
    """
    if not equations.gauge.active:
        return
    system = equations.system
    c = np.sum(system.storage(state)[:-1])
    left = system.residual(state, loads)[-1, equations.gauge.node]
    if abs(left) > BALANCE * c:
        fields = [end.normal_field for end in system.problem.ends]
        refuse("normal_field", fields, f"does not balance the charge at t = {loads.time:.6g} s; a floating potential")


def _drift(equations: Equations, state: Values, time: float) -> Values:
    """Rate of du/dn at a fixed state, (2,), from currents that vary in time at ends with a matched field."""
    system = equations.system
    if not any(end.field_matched and end.varying for end in system.problem.ends):
        return np.zeros(2)
    step = INTERVAL * max(time, system.scale.delta2 * system.scale.time)
    step = -step if time > 2.0 * step else step
    now, near, far = (system.end_slopes(state, system.loads(time + k * step)) for k in range(3))
    return np.asarray((4.0 * near - far - 3.0 * now) / (2.0 * step / system.scale.time))


def _rates(equations: Equations, state: Values, time: float) -> Values:
    """Rate of the state from the discrete equations, with Poisson's equation differentiated in time, scaled."""
    system, ends = equations.system, equations.system.end_nodes
    loads = system.loads(time)
    algebraic = equations.replaced.copy()
    algebraic[-1] |= ~system.open
    right = np.where(algebraic, 0.0, -equations.residual(state, loads))
    drift = system.scale.delta2 * system.end_area * _drift(equations, state, time)
    right[-1, ends] = np.where(equations.replaced[-1, ends] | system.open[ends], right[-1, ends], drift)
    matrix = equations.mass(state) + equations.assembler.identity(algebraic) @ equations.matrix(state, loads)
    return np.asarray(splu(matrix.tocsc()).solve(right.ravel()).reshape(state.shape))


def flows(equations: Equations, state: Values, time: float) -> tuple[Values, Values, Values]:
    """Currents at the ends in a transient, from the rates of the equations, independent of time steps.

    Args:
        equations: equations of the system.
        state: state that meets them, (species + 1, nodes).
        time: time after the start, s; at a jump, the side that the functions of the currents take.

    Returns:
        Electric currents that enter (2, species), A; displacement currents that enter, (2,), A; dV/dn (2,), V/m.
    """
    system = equations.system
    rates = _rates(equations, state, time)
    storing = system.storing(state, rates)
    entering, field = end_flows(system, state, system.loads(time), storing)
    # Gauss' law at the ends, differentiated in time: displacement that the charge of the ions does not supply.
    through = (system.stiffness(rates[-1]) - np.tensordot(system.z, storing[:-1], 1))[system.end_nodes]
    return entering, through * FARADAY * system.scale.rate, field
