"""Formulas of the validation, and the context from which they take their data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from spinepnp.case.case import Case
from spinepnp.errors import CaseError
from spinepnp.geometries import Geometry
from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.model.electrolyte import Species
from spinepnp.solvers.model.terms.injection import Injection
from spinepnp.units import POTENTIAL, Kind, to_unit


@dataclass(frozen=True)
class FormulaContext:
    """Data from which a formula computes a reference.

    Attributes:
        case: case at the point of the study.
        quantity: column of observables.csv.
        row: results at that point, by column.
        number: number of a table, if the formula takes one.
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
        """Species of the quantity."""
        electrolyte = self.case.electrolyte
        return electrolyte.species[electrolyte.index(self.quantity.split(".")[-1])]

    @property
    def boundary(self) -> Boundary:
        """Boundary condition at the place of the quantity."""
        return self.case.boundaries[self.place]

    @property
    def injection(self) -> tuple[str, Injection]:
        """The one injection of the case, with the name of its boundary.

        Raises:
            CaseError: there is none, or there are several.
        """
        found = [(name, i) for name, b in self.case.boundaries.items() for i in b.injections]
        if len(found) != 1:
            raise CaseError("checks.reference.formula", "needs a case with one current; take another formula")
        return found[0]

    @property
    def current(self) -> float:
        """Amplitude of the injected current, A."""
        name, injection = self.injection
        return injection.total(self.case.geometry.exact_measures()[name])

    def geometry[Shape: Geometry](self, kind: type[Shape]) -> Shape:
        """Geometry of the case, of the class for which the formula holds.

        Raises:
            CaseError: the case has another geometry.
        """
        geometry = self.case.geometry
        if not isinstance(geometry, kind):
            raise CaseError("checks.reference.formula", f"does not hold for a {geometry.shape}; take another formula")
        return geometry

    def potential(self, column: str) -> float:
        """Potential of the results, V."""
        return float(self.row[column]) * POTENTIAL.si


@dataclass(frozen=True)
class Formula:
    """An analytic law.

    Attributes:
        kind: kind of quantity that the law gives.
        function: function that gives its value in SI.
        takes_number: whether the law needs a number of a table.
        by_region: whether it holds where diffusivities or the permittivity differ by region.
    """

    kind: Kind
    function: Callable[[FormulaContext], float]
    takes_number: bool = False
    by_region: bool = False

    def value(self, context: FormulaContext) -> float:
        """Value of the law, in the unit of the results.

        Raises:
            CaseError: the case violates an assumption of the law.
        """
        if context.case.electrolyte.has_profiles and not self.by_region:
            problem = "needs uniform diffusivities and a uniform permittivity; take another formula"
            raise CaseError("checks.reference.formula", problem)
        return float(to_unit(self.function(context), self.kind))
