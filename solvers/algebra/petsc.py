"""PETSc for the solvers: precedence of options, weak callbacks, and messages for its reasons of failure.

Options of the command line and PETSC_OPTIONS come first, then those of the case file, then defaults.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from spinepnp.errors import CaseError, nearest
from spinepnp.runtime.stack import NOT_A_NUMBER, NOT_A_NUMBER_NAME, PETSc
from spinepnp.solvers.model.options import OPTIONS_WITH_KEYS

#: Name of the SNES reason for a failed linear solve.
LINEAR_SOLVE_FAILED = "DIVERGED_LINEAR_SOLVE"

#: Messages for negative SNES reasons, by name.
FAILURES = {
    LINEAR_SOLVE_FAILED: "the linear solve failed",
    NOT_A_NUMBER_NAME: "the residual is not a number",
    "DIVERGED_MAX_IT": "Newton did not converge within solver.max_newton steps",
    "DIVERGED_LINE_SEARCH": "the line search found no smaller residual",
    "DIVERGED_DTOL": "the residual grew without bound",
}

#: Message for a singular matrix.
SINGULAR = "the matrix is singular: the data leave something undetermined, or a concentration has vanished"

#: Message where MUMPS cannot allocate memory.
NO_MEMORY = "not enough memory for the factorisation: use a larger mesh.size or more ranks"

#: Message where the workspace of MUMPS is too small.
NO_ROOM = (
    "the factorisation needs more room than planned, as where numbers of the matrix differ too much in size: a charge, "
    "a potential or a current may be far too large for the mesh"
)

#: Messages for errors of MUMPS, by INFOG(1) of its manual.
MUMPS_ERRORS = (
    dict.fromkeys((-6, -10), SINGULAR)
    | dict.fromkeys((-5, -7, -13), NO_MEMORY)
    | dict.fromkeys((-8, -9, -11, -12, -14, -15, -17, -19, -20), NO_ROOM)
)

#: Prefixes of the options of MUMPS.
MUMPS_PREFIXES = ("mat_mumps_icntl_", "mat_mumps_cntl_")

#: Message where the block solver has failed, with the remedy.
NO_ACCURACY = 'the linear solve did not reach its tolerance; use a finer mesh, or solver.linear = "direct"'

#: PETSc options by name, without the leading dash.
OptionValues = dict[str, str | int | float | bool]


def options_set_by_user(case_options: OptionValues) -> set[str]:
    """Names of the options that the user has set: in the case file, on the command line or in PETSC_OPTIONS."""
    return {*case_options, *PETSc.Options().getAll()}


class PetscOptions:
    """PETSc options of one solver; they are in PETSc's database only while they are in force.

    Args:
        defaults: default options.
        case_options: options of the case file.

    Raises:
        CaseError: a type of solver that PETSc does not have, on which it would abort.
    """

    def __init__(self, defaults: OptionValues, case_options: OptionValues) -> None:
        self._defaults, self._case_options = dict(defaults), case_options
        if self.is_set_by_user("pc_type"):
            self._defaults.pop("pc_factor_mat_solver_type", None)  # it belongs to the default of pc_type
        self._read: set[str] = set()
        self._check_types()

    def is_set_by_user(self, name: str) -> bool:
        """Whether the user has set an option."""
        return name in self.set_by_user

    @property
    def set_by_user(self) -> set[str]:
        """Names of the options that the user has set."""
        return options_set_by_user(self._case_options)

    def text(self, name: str) -> str:
        """Value of an option that has a default."""
        return str(PETSc.Options().getString(name, str(self._case_options.get(name, self._defaults[name]))))

    @property
    def source(self) -> str:
        """Source of the user's options, for errors."""
        return "solver.petsc" if self._case_options else "PETSc options of the command line or PETSC_OPTIONS"

    def _check_types(self) -> None:
        known = {
            "snes_type": PETSc.SNES.Type,
            "ksp_type": PETSc.KSP.Type,
            "pc_type": PETSc.PC.Type,
            "pc_factor_mat_solver_type": PETSc.Mat.SolverType,
        }
        database = PETSc.Options()
        given = {name: database.getString(name) for name in known if database.hasName(name)}
        for name, value in {**self._case_options, **given}.items():
            types = {str(v) for k, v in vars(known.get(name, object)).items() if k.isupper()}
            if name in known and value not in types:
                raise CaseError(
                    f"solver.petsc.{name}", f"PETSc has no such type; {nearest(str(value), sorted(types))}", value
                )

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Put options into PETSc's database within the block, except those that the command line has set.

        Nested solvers read their options when they are set up in the first solve, so that it needs the block as well.

        Raises:
            CaseError: a PETSc option is given that has a key of its own in [solver].
        """
        database = PETSc.Options()
        for name, key in OPTIONS_WITH_KEYS.items():
            if database.hasName(name):
                raise CaseError(f"-{name}", f"is set by solver.{key}; use --set solver.{key}=...")
        added = {k: v for k, v in {**self._defaults, **self._case_options}.items() if not database.hasName(k)}
        for name, value in added.items():
            database.setValue(name, value)
        try:
            yield
        finally:
            self._read |= {name for name in self._case_options if name not in added or database.used(name)}
            for name in added:
                database.delValue(name)

    def refuse_unused(self) -> None:
        """Refuse options of the case file that PETSc has not read by the end of the first solve: they are misspelt.

        Raises:
            CaseError: names the option.
        """
        for name in self._case_options:
            if name not in self._read:
                raise CaseError(f"solver.petsc.{name}", "is read by no part of this solver; correct or drop it")


def weakly(method: Callable[..., Any]) -> Callable[..., Any]:
    """Callback for PETSc that keeps no reference to its object: Python cannot collect cycles through PETSc."""
    reference = weakref.WeakMethod(method)

    def call(*arguments: Any) -> Any:
        bound = reference()
        assert bound is not None
        return bound(*arguments)

    return call


def mumps_problem(code: int, set_by_user: Iterable[str]) -> str:
    """Message for an error of MUMPS; empty where it is not known.

    Args:
        code: error code INFOG(1).
        set_by_user: names of the PETSc options that the user has set.
    """
    options = sorted(name for name in set_by_user if name.startswith(MUMPS_PREFIXES))
    if code == 0 or not options or MUMPS_ERRORS.get(code) == SINGULAR:
        return MUMPS_ERRORS.get(code, "")
    return f"the factorisation failed with {' and '.join(options)} as set (error {code} of MUMPS); drop what was set"


def reason_name(code: int) -> str:
    """Name of a reason of SNES, equal for all versions of PETSc."""
    reasons = PETSc.SNES.ConvergedReason
    names = {value: name for name, value in vars(reasons).items() if isinstance(value, int) and name != "ITERATING"}
    return {**names, NOT_A_NUMBER: NOT_A_NUMBER_NAME}.get(code, f"reason {code}")
