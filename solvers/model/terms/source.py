"""Sources: uniform production of species in the whole domain; the key is `source` of a species."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, override

from spinepnp.solvers.model.term_keys import TermKeys

if TYPE_CHECKING:
    from spinepnp.solvers.model.boundaries import Boundaries
    from spinepnp.solvers.model.electrolyte import Electrolyte


class Sources(TermKeys):
    """Sources of species."""

    order = 24

    @override
    def in_volume(self, electrolyte: Electrolyte) -> bool:
        return any(s.source for s in electrolyte.species)

    @override
    def scaled_electrolyte(self, electrolyte: Electrolyte, fraction: float) -> dict[str, Any]:
        return {"species": tuple(s.model_copy(update={"source": fraction * s.source}) for s in electrolyte.species)}

    @override
    def produces(self, electrolyte: Electrolyte) -> set[str]:
        return {s.name for s in electrolyte.species if s.source}

    @override
    def why_not_electroneutral(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        return "a source of ions" if self.in_volume(electrolyte) else ""

    @override
    def law_needs(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        return "species without a source" if self.in_volume(electrolyte) else ""
