"""What a validation case is: a case file, and which of its results are held against which reference, and why.

The files are in cases/validation; reference numbers are not in them but in validation/references.toml.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from spinepnp.case import Case, make_case, parse_toml, read_tables, read_text, validated
from spinepnp.errors import CaseError, nearest
from spinepnp.units import Number, Table
from spinepnp.validation import references


class Reference(Table):
    """Where the number comes from that a result is held against: a law of the case, or a table of references.

    Attributes:
        law: what the case's own [compare] law says, by its key in summary.json ("potential_mV").
        section: of validation/references.toml.
        column: of its rows.
        key: column that tells its rows apart.
        keys: values of that column, one a point of the study.
        where: other columns and the values that they must have.
        uncertainty: of the numbers, relative.
    """

    law: str | None = None
    section: str | None = None
    column: str | None = None
    key: str | None = None
    keys: tuple[Number, ...] = ()
    where: dict[str, Number] = Field(default_factory=dict)
    uncertainty: Annotated[Number, Field(ge=0.0, lt=0.1)] = 0.0

    @model_validator(mode="after")
    def _one_of_both(self) -> Reference:
        table = (self.section, self.column, self.key)
        if (self.law is None) == any(part is None for part in table) or (self.law is None) != bool(self.keys):
            raise ValueError("give either law, or all of section, column, key and keys")
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
                "reference", f"validation/references.toml has no {error}; give a name that it has"
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
        minus: column that is taken from it.
        over: column that it is divided by.
        per_thermal_voltage: whether a potential in mV is given in units of V_T.
        reference: see `Reference`.
        tolerance: largest |value/reference - 1|.
        why: what the tolerance stands for.
    """

    quantity: str
    minus: str | None = None
    over: str | None = None
    per_thermal_voltage: bool = False
    reference: Reference
    tolerance: Annotated[Number, Field(gt=0.0, lt=1.0)]
    why: str

    @property
    def name(self) -> str:
        """What is held against the reference, in one word or two."""
        text = self.quantity + (f" - {self.minus}" if self.minus else "") + (f" / {self.over}" if self.over else "")
        return text + (" / V_T" if self.per_thermal_voltage else "")


class ValidationCase(Table):
    """A validation case.

    Attributes:
        title: what is solved, in a line.
        figure: of the papers that it belongs to.
        base: case file, relative to this one.
        set: keys of it that are changed.
        finer: keys of mesh sizes that the second solve makes smaller, and of growths that it brings closer to one.
        full: whether only `validate --full` solves it.
        checks: results and references.
    """

    title: str
    figure: str
    base: str
    set: dict[str, Any] = Field(default_factory=dict)
    finer: Annotated[tuple[str, ...], Field(min_length=1)]
    full: bool = False
    checks: Annotated[tuple[Check, ...], Field(min_length=1)]


@dataclass(frozen=True)
class Subject:
    """A validation case that was read.

    Attributes:
        name: of its file.
        plan: what the file says.
        case: what is solved.
    """

    name: str
    plan: ValidationCase
    case: Case


def load_subject(path: Path) -> Subject:
    """Read and check a validation case.

    Raises:
        CaseError: anything that is wrong with it or with the case that it is made from.
    """
    plan = validated(parse_toml(read_text(path), str(path)), ValidationCase)
    base = path.parent / plan.base
    case = make_case(read_tables(read_text(base), str(base), list(plan.set.items()), base.parent))
    if case.study.kind == "transient":
        raise CaseError("base", "is a transient; validation cases are steady states and sweeps of them", plan.base)
    points = len(case.points())
    for check in plan.checks:
        if check.reference.law is not None and case.compare is None:
            raise CaseError("checks.reference.law", "the case has no [compare]; add one", check.reference.law)
        if check.reference.law is None and len(check.reference.numbers()) != points:
            raise CaseError("checks.reference.keys", f"needs {points} values, one a point of the study; change it")
    return Subject(path.stem, plan, case)


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
    subjects = [load_subject(path) for stem, path in paths.items() if not names or stem in names]
    return [subject for subject in subjects if names or full or not subject.plan.full]
