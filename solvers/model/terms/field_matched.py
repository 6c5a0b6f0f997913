"""Injector with the field that its electroneutral current needs, so that no Debye layer forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, override

from spinepnp.errors import CaseError
from spinepnp.solvers.model.term_keys import TermKeys
from spinepnp.units import Flag, Table

if TYPE_CHECKING:
    from spinepnp.geometries import Geometry
    from spinepnp.solvers.model.boundaries import Boundaries, Boundary
    from spinepnp.solvers.model.electrolyte import Electrolyte
    from spinepnp.solvers.model.problem_data import ProblemData


class FieldMatchedKeys(Table):
    """Field of an injector.

    Attributes:
        field_matched: the injector has the field that its electroneutral current needs, so that no Debye layer forms;
            at steady state.
    """

    field_matched: Flag = False


class FieldMatched(TermKeys):
    """Field-matched injectors."""

    order = 70
    boundary = FieldMatchedKeys
    steady_only = True

    @override
    def check_boundary(self, key: str, boundary: Boundary, electrolyte: Electrolyte, geometry: Geometry) -> None:
        if boundary.field_matched and len(boundary.injections) != 1:
            raise CaseError(f"{key}.field_matched", "belongs to one current of one species; give it, or drop this")
        if boundary.field_matched and electrolyte.charged_regions:
            raise CaseError(f"{key}.field_matched", "needs a uniform electrolyte.fixed_charge; drop one of them")
        if boundary.field_matched:
            ions = {s.name for s in electrolyte.species if s.valence}
            others = sorted(ions & (boundary.carries(electrolyte) - {boundary.injections[0].species}))
            if others:
                raise CaseError(
                    f"{key}.field_matched",
                    f"belongs to one ion that passes, and {others[0]} passes too; drop one",
                )

    @override
    def check(self, data: ProblemData, geometry: Geometry) -> None:
        matched = [name for name, b in data.boundaries.items() if b.field_matched]
        if matched and not data.is_grounded:
            raise CaseError(
                f"boundaries.{matched[0]}.field_matched",
                "needs a potential that is given somewhere: in a closed domain Gauss' law decides the field; drop it",
            )

    @override
    def field_condition(self, boundary: Boundary) -> str:
        return "field_matched" if boundary.field_matched else ""

    @override
    def signature(self, data: ProblemData) -> tuple[tuple[str, int], ...]:
        """Field-matched injectors and the index of their species."""
        return tuple(
            (name, data.electrolyte.index(b.injections[0].species))
            for name, b in data.boundaries.items()
            if b.field_matched
        )

    @override
    def why_not_electroneutral(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        return ""  # its field is that of the law

    @override
    def law_needs(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        return ""  # as above
