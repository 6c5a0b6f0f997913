"""Fixed charge: immobile ions, uniform or by region; its key is `electrolyte.fixed_charge`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, override

from spinepnp.solvers.model.term_keys import TermKeys

if TYPE_CHECKING:
    from spinepnp.geometries import Geometry
    from spinepnp.solvers.model.boundaries import Boundaries
    from spinepnp.solvers.model.electrolyte import Electrolyte


class FixedCharge(TermKeys):
    """Fixed charge."""

    order = 22

    @override
    def in_volume(self, electrolyte: Electrolyte) -> bool:
        return bool(electrolyte.charged_regions or electrolyte.uniform_charge)

    @override
    def scaled_electrolyte(self, electrolyte: Electrolyte, fraction: float) -> dict[str, Any]:
        """Regions only: a uniform charge belongs to the bulk."""
        regions = tuple(r.model_copy(update={"value": fraction * r.value}) for r in electrolyte.charged_regions)
        return {"fixed_charge": regions} if regions else {}

    @override
    def source_of_inner_layer(self, electrolyte: Electrolyte) -> str:
        return "of the fixed charge of a region" if any(r.value for r in electrolyte.charged_regions) else ""

    @override
    def why_not_electroneutral(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        return "fixed charge by region" if electrolyte.charged_regions else ""

    @override
    def law_needs(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        return "a uniform fixed charge, or none" if any(r.value for r in electrolyte.charged_regions) else ""


def charges_at(name: str, geometry: Geometry, electrolyte: Electrolyte) -> tuple[float, ...]:
    """Every fixed charge that reaches a boundary, mol/m^3: several for a wall along several regions.

    Args:
        name: name of the boundary.
        geometry: shape of the domain.
        electrolyte: electrolyte with its fixed charge.
    """
    if not electrolyte.charged_regions:
        return (electrolyte.uniform_charge,)
    return electrolyte.charges_between(*geometry.heights(name))
