"""PETSc options of a solve in their order: command line and PETSC_OPTIONS, then the case file, then defaults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spinepnp.errors import CaseError, nearest
from spinepnp.runtime.stack import PETSc
from spinepnp.solvers.model.options import OURS

#: PETSc options by name, without the leading dash.
PetscOptions = dict[str, str | int | float | bool]


def given_by_user(of_case: PetscOptions) -> set[str]:
    """Names of the options that the user has set: in the case file, on the command line or in PETSC_OPTIONS."""
    return {*of_case, *PETSc.Options().getAll()}


class Precedence:
    """The options of one solver; PETSc's database holds them only while they are in force.

    Args:
        defaults: ours.
        of_case: those of the case file.

    Raises:
        CaseError: a type of solver that PETSc does not have, on which it would abort.
    """

    def __init__(self, defaults: PetscOptions, of_case: PetscOptions) -> None:
        self._defaults, self._of_case = dict(defaults), of_case
        if self.is_given("pc_type"):
            self._defaults.pop("pc_factor_mat_solver_type", None)  # it belongs to our own choice
        self._read: set[str] = set()
        self._check_types()

    def is_given(self, name: str) -> bool:
        """Whether the user has set an option."""
        return name in self.given

    @property
    def given(self) -> set[str]:
        """Names of the options that the user has set."""
        return given_by_user(self._of_case)

    def text(self, name: str) -> str:
        """The value of an option that has a default."""
        return str(PETSc.Options().getString(name, str(self._of_case.get(name, self._defaults[name]))))

    @property
    def source(self) -> str:
        """Where the user's options come from, for errors."""
        return "solver.petsc" if self._of_case else "PETSc options of the command line or PETSC_OPTIONS"

    def _check_types(self) -> None:
        known = {
            "snes_type": PETSc.SNES.Type,
            "ksp_type": PETSc.KSP.Type,
            "pc_type": PETSc.PC.Type,
            "pc_factor_mat_solver_type": PETSc.Mat.SolverType,
        }
        database = PETSc.Options()
        given = {name: database.getString(name) for name in known if database.hasName(name)}
        for name, value in {**self._of_case, **given}.items():
            types = {str(v) for k, v in vars(known.get(name, object)).items() if k.isupper()}
            if name in known and value not in types:
                raise CaseError(
                    f"solver.petsc.{name}", f"PETSc has no such type; {nearest(str(value), sorted(types))}", value
                )

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Our options in PETSc's database, where the user's have not set them, for the time of the block.

        Nested solvers read theirs only when they are set up in the first solve, so that one needs the block as well.

        Raises:
            CaseError: PETSc's own option for what a key of the case file says.
        """
        database = PETSc.Options()
        for name, ours in OURS.items():
            if database.hasName(name):
                raise CaseError(f"-{name}", f"is set by solver.{ours}; use --set solver.{ours}=...")
        mine = {k: v for k, v in {**self._defaults, **self._of_case}.items() if not database.hasName(k)}
        for name, value in mine.items():
            database.setValue(name, value)
        try:
            yield
        finally:
            self._read |= {name for name in self._of_case if name not in mine or database.used(name)}
            for name in mine:
                database.delValue(name)

    def refuse_unused(self) -> None:
        """A misspelt option is one that nobody has read after the first solve.

        Raises:
            CaseError: names it.
        """
        for name in self._of_case:
            if name not in self._read:
                raise CaseError(f"solver.petsc.{name}", "is read by no part of this solver; correct or drop it")
