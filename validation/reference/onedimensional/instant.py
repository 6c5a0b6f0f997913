"""What holds at an instant of a transient: the potential of given ions, and the rates at which all changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, diags
from scipy.sparse.linalg import splu

from spinepnp.units import FARADAY
from spinepnp.validation.reference.onedimensional.newton import newton
from spinepnp.validation.reference.onedimensional.problem import refuse
from spinepnp.validation.reference.onedimensional.radau import Equations
from spinepnp.validation.reference.onedimensional.steady import continued, end_flows
from spinepnp.validation.reference.onedimensional.system import BALANCE, Loads

Values = NDArray[np.float64]

#: Part of the time over which the difference is taken that is the rate of a current.
INTERVAL = 1e-4


def settled(equations: Equations, state: Values, time: float) -> Values:
    """The state with the values that its ends hold and with the potential that its ions have.

    Args:
        equations: of the system.
        state: (species + 1, nodes); its potential is a guess.
        time: of the currents, s.

    Raises:
        NoConvergenceError: no potential found.
    """
    system, n = equations.system, state.shape[1]
    ions = state[:-1] - system.misfit(state, system.loads(time))[:-1]
    # At once only the field can change, and no current passes an open end: what displacement it has stays.
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
    """Refuse fields at the ends that are not those of the charge, where nothing ties the potential to ground.

    Raises:
        ValueError: Gauss' law and the fields disagree.
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
    """Rate of du/dn at a state that rests, (2,): what matched ends make of currents that vary in time."""
    system = equations.system
    if not any(end.field_matched and end.varying for end in system.problem.ends):
        return np.zeros(2)
    step = INTERVAL * max(time, system.scale.delta2 * system.scale.time)
    step = -step if time > 2.0 * step else step
    now, near, far = (system.end_slopes(state, system.loads(time + k * step)) for k in range(3))
    return np.asarray((4.0 * near - far - 3.0 * now) / (2.0 * step / system.scale.time))


def _rates(equations: Equations, state: Values, time: float) -> Values:
    """d/dt of the state, of the discrete equations with Poisson's differentiated in time, scaled."""
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
    """Currents at the ends in a transient, by the rates of the equations: they do not know of steps in time.

    Args:
        equations: of the system.
        state: which meets them, (species + 1, nodes).
        time: s, after the start; the side of a jump is that of the function.

    Returns:
        Electric currents that enter (2, species), A; displacement currents that enter, (2,), A; dV/dn (2,), V/m.
    """
    system = equations.system
    rates = _rates(equations, state, time)
    storing = system.storing(state, rates)
    entering, field = end_flows(system, state, system.loads(time), storing)
    # Gauss' law at the ends, differentiated: what the field there takes and the ions around do not.
    through = (system.stiffness(rates[-1]) - np.tensordot(system.z, storing[:-1], 1))[system.end_nodes]
    return entering, through * FARADAY * system.scale.rate, field
