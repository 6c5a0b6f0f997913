"""Independent solver of high order for the full equations on a line, in a ball or in a shell.

NumPy and SciPy only; nothing is shared with solvers/: Legendre spectral elements, ln c_i and V/V_T as unknowns.

    problem     geometry, ions and conditions at the ends
    scales      units of the equations, size of the first element
    mesh        elements and their tables
    reactions   data of reactions by mass action; `kinetics` has their rates and what they conserve
    system      discrete equations; `assembly` makes their sparse matrices, `equations` replaces rows
    newton      Newton's method with limited steps
    steady      steady states, with the loads applied in parts; `estimated_error`
    transient   states at given times, by Radau IIA of order 5 (`radau`); `instant` has currents at an instant
    profile     values, slopes and currents of a state
"""

from __future__ import annotations

from spinepnp.validation.reference.onedimensional.newton import NoConvergenceError
from spinepnp.validation.reference.onedimensional.problem import End, Gate, Ion, Problem, ball, line, shell
from spinepnp.validation.reference.onedimensional.reactions import Reaction
from spinepnp.validation.reference.onedimensional.steady import Steady, estimated_error, solve_steady
from spinepnp.validation.reference.onedimensional.transient import State, solve_transient

__all__ = [
    "End",
    "Gate",
    "Ion",
    "NoConvergenceError",
    "Problem",
    "Reaction",
    "State",
    "Steady",
    "ball",
    "estimated_error",
    "line",
    "shell",
    "solve_steady",
    "solve_transient",
]
