"""An independent reference: states of the full equations on a line, in a ball or a shell, of high order.

NumPy and SciPy only; nothing is shared with solvers/: Legendre spectral elements, ln c_i and V/V_T as unknowns.

    problem     what is solved: geometry, ions, ends
    steady      Newton with the loads applied in parts; `estimated_error`
    transient   states at given times, by Radau IIA of order 5
    profile     values, slopes and currents of a state
"""

from __future__ import annotations

from spinepnp.validation.reference.onedimensional.newton import NoConvergenceError
from spinepnp.validation.reference.onedimensional.problem import End, Gate, Ion, Problem, ball, line, shell
from spinepnp.validation.reference.onedimensional.steady import Steady, estimated_error, solve_steady
from spinepnp.validation.reference.onedimensional.transient import State, solve_transient

__all__ = [
    "End",
    "Gate",
    "Ion",
    "NoConvergenceError",
    "Problem",
    "State",
    "Steady",
    "ball",
    "estimated_error",
    "line",
    "shell",
    "solve_steady",
    "solve_transient",
]
