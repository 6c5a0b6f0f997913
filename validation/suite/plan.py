"""What a validation case is: a case file, and which of its results are held against which reference, and why.

The files are in cases/validation; reference numbers are not in them but in validation/reference/references.toml.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from spinepnp.case.case import Case, make_case
from spinepnp.case.messages import validated
from spinepnp.case.toml import parse_toml, read_tables, read_text
from spinepnp.errors import CaseError, nearest
from spinepnp.units import Number, Table
from spinepnp.validation.gnp.table import SECTIONS
from spinepnp.validation.reference import table as references
from spinepnp.validation.suite.formulas import FORMULAS
from spinepnp.validation.suite.one_dimension import problem_of


class Reference(Table):
    """Where the number comes from that a result is held against; one of four.

    Attributes:
        law: what the case's own [compare] law says, by its key in summary.json ("potential_mV").
        one_dimension: the independent solver in one dimension solves the same case.
        formula: a law of `formulas`, which may take a number of a table.
        section: of validation/reference/references.toml.
        column: of its rows.
        key: column that tells its rows apart.
        keys: values of that column, one a point of the study.
        where: other columns and the values that they must have.
        uncertainty: of the numbers, relative.
    """

    law: str | None = None
    one_dimension: bool = False
    formula: str | None = None
    section: str | None = None
    column: str | None = None
    key: str | None = None
    keys: tuple[Number, ...] = ()
    where: dict[str, Number] = Field(default_factory=dict)
    uncertainty: Annotated[Number, Field(ge=0.0, lt=0.1)] = 0.0

    @property
    def tabled(self) -> bool:
        """Whether it has numbers of a table."""
        return self.section is not None

    @model_validator(mode="after")
    def _one_of_all(self) -> Reference:
        table = [part is not None for part in (self.section, self.column, self.key)] + [bool(self.keys)]
        if any(table) != all(table):
            raise ValueError("a table needs all of section, column, key and keys")
        kinds = [self.law is not None, self.one_dimension, self.formula is not None or any(table)]
        if sum(kinds) != 1:
            raise ValueError("give one of law, one_dimension = true, formula, or section with column, key and keys")
        if self.formula is not None and self.formula not in FORMULAS:
            raise ValueError(f"no such formula; {nearest(self.formula, FORMULAS)}")
        if self.formula is not None and FORMULAS[self.formula].takes_number != any(table):
            needs = "a number of a table" if FORMULAS[self.formula].takes_number else "no table"
            raise ValueError(f"the formula {self.formula} takes {needs}")
        return self

    def numbers(self) -> list[float]:
        """The numbers of the table, one a point.

        Raises:
            CaseError: no such section, column or row.
        """
        try:
            rows = references.rows(str(self.section))
            rows = [row for row in rows if all(row[name] == value for name, value in self.where.items())]
            found = [[row[str(self.column)] for row in rows if row[str(self.key)] == value] for value in self.keys]
        except KeyError as error:
            raise CaseError(
                "reference", f"validation/reference/references.toml has no {error}; give a name that it has"
            ) from None
        if any(len(numbers) != 1 for numbers in found):
            raise CaseError(
                "reference.keys", f"not one row of {self.section} for each of them; make key and where pick one"
            )
        return [numbers[0] for numbers in found]


class Check(Table):
    """One result and its reference.

    Attributes:
        quantity: column of observables.csv.
        plus: column that is added to it.
        minus: column that is taken from it.
        over: column that it is divided by.
        per_thermal_voltage: whether a potential in mV is given in units of V_T.
        reference: where the number comes from that it is held against.
        relative_to: errors are relative to "each" reference, or to the "largest" one where some are about zero.
        tolerance: largest error and largest estimate that pass.
        why: what the tolerance stands for.
    """

    quantity: str
    plus: str | None = None
    minus: str | None = None
    over: str | None = None
    per_thermal_voltage: bool = False
    reference: Reference
    relative_to: Literal["each", "largest"] = "each"
    tolerance: Annotated[Number, Field(gt=0.0, lt=1.0)]
    why: str

    @property
    def name(self) -> str:
        """What is held against the reference, in one word or two."""
        parts = (("+", self.plus), ("-", self.minus), ("/", self.over))
        text = " ".join([self.quantity, *(f"{sign} {column}" for sign, column in parts if column)])
        return text + (" / V_T" if self.per_thermal_voltage else "")

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that it takes."""
        return tuple(filter(None, (self.quantity, self.plus, self.minus, self.over)))


class ValidationCase(Table):
    """A validation case: results of a case file, or sections of the table on paper 002.

    Attributes:
        title: what is solved, in a line.
        figure: of the papers that it belongs to.
        base: case file, relative to this one.
        set: keys of it that are changed.
        finer: keys of mesh sizes that a second solve makes smaller, and of growths that it brings closer to one. The
            time steps of a transient are made finer on their own.
        full: whether only `validate --full` solves it.
        checks: results and references.
        neurons: sections of `spinepnp.validation.gnp.table`, in place of all that is about a case file.
    """

    title: str
    figure: str
    base: str | None = None
    set: dict[str, Any] = Field(default_factory=dict)
    finer: tuple[str, ...] = ()
    full: bool = False
    checks: tuple[Check, ...] = ()
    neurons: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_of_both(self) -> ValidationCase:
        of_case = [self.base is not None, bool(self.finer), bool(self.checks)]
        if any(of_case) == bool(self.neurons) or any(of_case) != all(of_case):
            raise ValueError("give either all of base, finer and checks, or neurons")
        for section in self.neurons:
            if section not in SECTIONS:
                raise ValueError(f"no section {section} in the table on paper 002; {nearest(section, SECTIONS)}")
        return self


@dataclass(frozen=True)
class Subject:
    """A validation case that was read.

    Attributes:
        name: of its file.
        plan: what the file says.
        case: what is solved; ``None`` for neurons.
    """

    name: str
    plan: ValidationCase
    case: Case | None

    @property
    def points(self) -> list[str]:
        """Values of what is varied, or times; one empty word for a single state."""
        return [] if self.case is None else points_of(self.case)


def points_of(case: Case) -> list[str]:
    """Values of what is varied, or times, as they stand in the case file; one empty word for a single state."""
    if case.study.kind == "transient":
        return list(case.to_dict()["study"]["times"])
    return [str(value) for value in case.study.values or ("",)]


def load_subject(path: Path, plan: ValidationCase | None = None) -> Subject:
    """Read and check a validation case.

    Args:
        path: of its file.
        plan: what it says, where it was read before.

    Raises:
        CaseError: anything that is wrong with it or with the case that it is made from.
    """
    try:
        return _subject(path, plan or _plan(path))
    except CaseError as error:
        key = error.key if error.key == str(path) else f"{path.stem}: {error.key}"
        raise CaseError(key, error.problem, error.value) from None


def _plan(path: Path) -> ValidationCase:
    return validated(parse_toml(read_text(path), str(path)), ValidationCase)


def _subject(path: Path, plan: ValidationCase) -> Subject:
    if plan.base is None:
        return Subject(path.stem, plan, None)
    base = path.parent / plan.base
    case = make_case(read_tables(read_text(base), str(base), list(plan.set.items()), base.parent))
    if case.study.kind == "transient" and case.study.vary is not None:
        raise CaseError("base", "is a transient of several values; validate one of them", plan.base)
    for check in plan.checks:
        _check(check, case)
    return Subject(path.stem, plan, case)


def _check(check: Check, case: Case) -> None:
    """The reference can be had for the case.

    Raises:
        CaseError: it cannot.
    """
    points = len(points_of(case))
    if check.reference.law is not None and case.compare is None:
        raise CaseError("checks.reference.law", "the case has no [compare]; add one", check.reference.law)
    if check.reference.one_dimension:
        problem_of(case)
    if check.reference.tabled and len(check.reference.numbers()) != points:
        raise CaseError("checks.reference.keys", f"needs {points} values, one a point of the study; change it")


def load_subjects(folder: Path, names: list[str], *, full: bool) -> list[Subject]:
    """The validation cases of a folder, in the order of their names.

    Args:
        folder: with a file each.
        names: those wanted; all without any.
        full: whether those that take long are wanted, too; a name asks for its case in any case.

    Raises:
        CaseError: an unknown name, or anything that is wrong with a file.
    """
    paths = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    for name in names:
        if name not in paths:
            raise CaseError("validate", f"is no validation case; {nearest(name, paths)}", name)
    plans = {path: _plan(path) for stem, path in paths.items() if not names or stem in names}
    return [load_subject(path, plan) for path, plan in plans.items() if names or full or not plan.full]
