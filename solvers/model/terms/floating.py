"""Floating potential: one unknown value, at which no total current flows through the boundary (open circuit).

Its key is `potential = "floating"`, see `terms/dirichlet.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, override

from spinepnp.errors import CaseError
from spinepnp.solvers.model.term_keys import TermKeys
from spinepnp.units import Table

if TYPE_CHECKING:
    from spinepnp.geometries import Geometry
    from spinepnp.solvers.model.boundaries import Boundaries, Boundary
    from spinepnp.solvers.model.electrolyte import Electrolyte
    from spinepnp.solvers.model.problem_data import ProblemData


class FloatingKeys(Table):
    """Property of the tables of boundaries; the key is that of prescribed potentials."""

    @property
    def floating(self) -> bool:
        """Whether the potential is one unknown value (open circuit)."""
        return bool(getattr(self, "potential", None) == "floating")


class Floating(TermKeys):
    """Floating potentials."""

    order = 20
    boundary = FloatingKeys

    @override
    def at_boundary(self, boundary: Boundary) -> bool:
        return bool(boundary.floating)

    @override
    def check_boundary(self, key: str, boundary: Boundary, electrolyte: Electrolyte, geometry: Geometry) -> None:
        prescribed = boundary.prescribed(electrolyte)
        charged = [s.name for s in electrolyte.species if s.valence != 0 and s.name in prescribed]
        if boundary.floating and not charged:
            raise CaseError(
                f"{key}.potential",
                "needs the concentration of a charged species here, whose current decides it; add one",
                "floating",
            )

    @override
    def check(self, data: ProblemData, geometry: Geometry) -> None:
        if not data.is_grounded and any(b.floating for b in data.boundaries.values()):
            known = ", ".join(geometry.boundaries)
            raise CaseError("boundaries", f"a floating potential needs another that is given; ground one of {known}")

    @override
    def signature(self, data: ProblemData) -> tuple[str, ...]:
        """Boundaries at one unknown potential."""
        return tuple(name for name, b in data.boundaries.items() if b.floating)

    @override
    def why_not_electroneutral(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        return ""  # it differs from the potential of the ground, which prescribed values tell

    @override
    def law_needs(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        return ""  # as any other potential
