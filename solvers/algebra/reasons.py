"""What PETSc's reasons mean to the user, and what helps."""

from __future__ import annotations

from collections.abc import Iterable

from spinepnp.runtime.stack import NOT_A_NUMBER, NOT_A_NUMBER_NAME, PETSc

#: Name of the reason that a linear solve has failed.
LINEAR_SOLVE = "DIVERGED_LINEAR_SOLVE"

#: What a negative SNES reason means, by its name.
FAILURES = {
    LINEAR_SOLVE: "the linear solve failed",
    NOT_A_NUMBER_NAME: "the residual is not a number",
    "DIVERGED_MAX_IT": "Newton did not converge within solver.max_newton steps",
    "DIVERGED_LINE_SEARCH": "the line search found no smaller residual",
    "DIVERGED_DTOL": "the residual grew without bound",
}

#: Errors of MUMPS (INFOG(1) of its manual).
SINGULAR = "the matrix is singular: the data leave something undetermined, or a concentration has vanished"
NO_MEMORY = "not enough memory for the factorisation: use a larger mesh.size or more ranks"
NO_ROOM = (
    "the factorisation needs more room than planned, as where numbers of the matrix differ too much in size: a charge, "
    "a potential or a current may be far too large for the mesh"
)
MUMPS_ERRORS = (
    dict.fromkeys((-6, -10), SINGULAR)
    | dict.fromkeys((-5, -7, -13), NO_MEMORY)
    | dict.fromkeys((-8, -9, -11, -12, -14, -15, -17, -19, -20), NO_ROOM)
)

#: Beginnings of the names of MUMPS' own options.
OF_MUMPS = ("mat_mumps_icntl_", "mat_mumps_cntl_")


def mumps_problem(code: int, given: Iterable[str]) -> str:
    """What is wrong, by an error of MUMPS; empty where nothing is known.

    Args:
        code: INFOG(1).
        given: names of the PETSc options that the user has set.
    """
    options = sorted(name for name in given if name.startswith(OF_MUMPS))
    if code == 0 or not options or MUMPS_ERRORS.get(code) == SINGULAR:
        return MUMPS_ERRORS.get(code, "")
    return f"the factorisation failed with {' and '.join(options)} as set (error {code} of MUMPS); drop what was set"


#: What helps where the block solver has failed.
NO_ACCURACY = 'the linear solve did not reach its tolerance; use a finer mesh, or solver.linear = "direct"'


def reason_name(code: int) -> str:
    """Name of a reason of SNES, the same for all versions of PETSc."""
    reasons = PETSc.SNES.ConvergedReason
    names = {value: name for name, value in vars(reasons).items() if isinstance(value, int) and name != "ITERATING"}
    return {**names, NOT_A_NUMBER: NOT_A_NUMBER_NAME}.get(code, f"reason {code}")
