"""Validation case: a case file, and the references against which its results are compared.

The files are in cases/validation; reference numbers are not in them but in validation/reference/references.toml.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from spinepnp.case.case import Case, make_case
from spinepnp.case.toml import parse_toml, read_tables, read_text
from spinepnp.errors import CaseError, nearest
from spinepnp.messages import validated
from spinepnp.units import Number, Table
from spinepnp.validation.gnp.table import SECTIONS
from spinepnp.validation.reference import table as references
from spinepnp.validation.suite.formulas import FORMULAS
from spinepnp.validation.suite.one_dimension import problem_of
from spinepnp.validation.suite.studies import STUDIES


class Reference(Table):
    """Source of the number with which a result is compared; one of four kinds.

    Attributes:
        law: key in summary.json ("potential_mV") of the case's own [compare] law.
        one_dimension: whether the independent solver in one dimension solves the case as the reference.
        formula: name of a law of `formulas`, which may take a number of a table.
        section: section of references.toml.
        column: column of the numbers.
        key: column that tells the rows apart.
        keys: values of the key column, one for each point of the study.
        where: other columns and the values that they must have.
        uncertainty: relative uncertainty of the numbers.
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
        """Whether the reference has numbers of a table."""
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
        """Numbers of the table, one for each point.

        Raises:
            CaseError: the table has no such section, column or row.
        """
        try:
            rows = references.rows(str(self.section))
            rows = [row for row in rows if all(row[name] == value for name, value in self.where.items())]
            matching = [[row[str(self.column)] for row in rows if row[str(self.key)] == value] for value in self.keys]
        except KeyError as error:
            raise CaseError(
                "reference", f"validation/reference/references.toml has no {error}; give a name that it has"
            ) from None
        if any(len(numbers) != 1 for numbers in matching):
            raise CaseError(
                "reference.keys", f"not one row of {self.section} for each of them; make key and where pick one"
            )
        return [numbers[0] for numbers in matching]


class Check(Table):
    """One result and its reference.

    Attributes:
        quantity: column of observables.csv.
        plus: column that is added.
        minus: column that is subtracted.
        over: column by which the result is divided.
        per_thermal_voltage: whether a potential in mV is given in units of V_T.
        reference: source of the number with which the result is compared.
        relative_to: errors are relative to "each" reference, or to the "largest" one where some are about zero.
        tolerance: largest error and largest estimate that pass.
        why: reason for the tolerance.
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
        """Text of the quantity that is compared."""
        parts = (("+", self.plus), ("-", self.minus), ("/", self.over))
        text = " ".join([self.quantity, *(f"{sign} {column}" for sign, column in parts if column)])
        return text + (" / V_T" if self.per_thermal_voltage else "")

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that the check reads."""
        return tuple(filter(None, (self.quantity, self.plus, self.minus, self.over)))


class ValidationCase(Table):
    """A validation case: results of a case file, or sections of the table on paper 002.

    Attributes:
        title: title in one line.
        figure: figure of the papers to which the case belongs.
        base: case file, relative to this file.
        set: keys of the case file that are changed.
        unset: paths of keys of the case file that are removed, before others are set.
        finer: keys of mesh sizes that are smaller, and of growths that are closer to one, in a second solve. The time
            steps of a transient are refined by themselves.
        full: whether only `validate --full` solves the case.
        checks: results and their references.
        neurons: sections of `spinepnp.validation.gnp.table`, in place of a case file.
        study: name of a study of `studies`, in place of a case file.
    """

    title: str
    figure: str
    base: str | None = None
    set: dict[str, Any] = Field(default_factory=dict)
    unset: tuple[str, ...] = ()
    finer: tuple[str, ...] = ()
    full: bool = False
    checks: tuple[Check, ...] = ()
    neurons: tuple[str, ...] = ()
    study: str | None = None

    @model_validator(mode="after")
    def _one_of_all(self) -> ValidationCase:
        of_case = [self.base is not None, bool(self.finer), bool(self.checks)]
        if any(of_case) + bool(self.neurons) + (self.study is not None) != 1 or any(of_case) != all(of_case):
            raise ValueError("give all of base, finer and checks, or neurons, or study")
        if self.study is not None and self.study not in STUDIES:
            raise ValueError(f"no such study; {nearest(self.study, STUDIES)}")
        for section in self.neurons:
            if section not in SECTIONS:
                raise ValueError(f"no section {section} in the table on paper 002; {nearest(section, SECTIONS)}")
        return self


@dataclass(frozen=True)
class Subject:
    """A validation case that was read.

    Attributes:
        name: name of its file, without the ending.
        plan: content of the file.
        case: case to solve; ``None`` for neurons and studies.
    """

    name: str
    plan: ValidationCase
    case: Case | None

    @property
    def points(self) -> list[str]:
        """Values of the varied key, or times; one empty text for a single state."""
        return [] if self.case is None else points_of(self.case)


def points_of(case: Case) -> list[str]:
    """Values of the varied key, or times, as in the case file; one empty text for a single state."""
    if case.study.kind == "transient":
        return list(case.to_dict()["study"]["times"])
    return [str(value) for value in case.study.values or ("",)]


def load_subject(path: Path, plan: ValidationCase | None = None) -> Subject:
    """Read and check a validation case from its path; its plan may have been read before.

    Raises:
        CaseError: an error in the file or in its case.
    """
    try:
        return _subject(path, plan or _plan(path))
    except CaseError as error:
        key = error.key if error.key == str(path) else f"{path.stem}: {error.key}"
        raise CaseError(key, error.problem, error.value) from None


def _plan(path: Path) -> ValidationCase:
    """Content of the file of a validation case."""
    return validated(parse_toml(read_text(path), str(path)), ValidationCase)


def _subject(path: Path, plan: ValidationCase) -> Subject:
    if plan.base is None:
        return Subject(path.stem, plan, None)
    base = path.parent / plan.base
    case = make_case(read_tables(read_text(base), str(base), list(plan.set.items()), base.parent, plan.unset))
    if case.study.kind == "transient" and case.study.vary is not None:
        raise CaseError("base", "is a transient of several values; validate one of them", plan.base)
    for check in plan.checks:
        _check(check, case)
    return Subject(path.stem, plan, case)


def _check(check: Check, case: Case) -> None:
    """Refuse a check whose reference the case does not have."""
    points = len(points_of(case))
    if check.reference.law is not None and case.compare is None:
        raise CaseError("checks.reference.law", "the case has no [compare]; add one", check.reference.law)
    if check.reference.one_dimension:
        problem_of(case)
    if check.reference.tabled and len(check.reference.numbers()) != points:
        raise CaseError("checks.reference.keys", f"needs {points} values, one a point of the study; change it")


def load_subjects(folder: Path, names: list[str], *, full: bool) -> list[Subject]:
    """Validation cases of a folder, in the order of their names.

    Args:
        folder: folder with one file for each case.
        names: names of the requested cases; empty for all.
        full: whether to include cases that take long; a case that is named is always included.

    Raises:
        CaseError: an unknown name, or an error in a file.
    """
    paths = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    for name in names:
        if name not in paths:
            raise CaseError("validate", f"is no validation case; {nearest(name, paths)}", name)
    plans = {path: _plan(path) for stem, path in paths.items() if not names or stem in names}
    return [load_subject(path, plan) for path, plan in plans.items() if names or full or not plan.full]
