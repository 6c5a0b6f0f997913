"""What a formula is asked for, and what a formula is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from spinepnp.case.case import Case
from spinepnp.errors import CaseError
from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.model.electrolyte import Species
from spinepnp.solvers.model.waveforms import Injection
from spinepnp.units import POTENTIAL, Kind, to_unit


@dataclass(frozen=True)
class FormulaContext:
    """What a formula is asked for.

    Attributes:
        case: at the point of the study.
        quantity: column of observables.csv.
        row: all that was computed at that point, by column.
        number: of a table, if the formula takes one.
    """

    case: Case
    quantity: str
    row: Mapping[str, Any]
    number: float = math.nan

    @property
    def place(self) -> str:
        """Boundary, probe or region of the quantity."""
        return self.quantity.split(".")[0]

    @property
    def species(self) -> Species:
        """The species of the quantity."""
        electrolyte = self.case.electrolyte
        return electrolyte.species[electrolyte.index(self.quantity.split(".")[-1])]

    @property
    def boundary(self) -> Boundary:
        """What is imposed at the place of the quantity."""
        return self.case.boundaries[self.place]

    @property
    def injection(self) -> tuple[str, Injection]:
        """The one current of the case, and where it enters.

        Raises:
            CaseError: there are none or several.
        """
        found = [(name, i) for name, b in self.case.boundaries.items() for i in b.injections]
        if len(found) != 1:
            raise CaseError("checks.reference.formula", "needs a case with one current; take another formula")
        return found[0]

    @property
    def current(self) -> float:
        """The height of that current, A."""
        name, injection = self.injection
        return injection.total(self.case.geometry.exact_measures()[name])

    def potential(self, column: str) -> float:
        """A potential that was computed, V."""
        return float(self.row[column]) * POTENTIAL.si


@dataclass(frozen=True)
class Formula:
    """A law.

    Attributes:
        kind: of quantity that it gives; ``None`` for a plain number.
        function: its value in SI.
        takes_number: whether it needs a number of a table.
    """

    kind: Kind
    function: Callable[[FormulaContext], float]
    takes_number: bool = False

    def value(self, context: FormulaContext) -> float:
        """What it says, in the unit of the results."""
        return float(to_unit(self.function(context), self.kind))
