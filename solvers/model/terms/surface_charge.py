"""Surface charge of a wall: eps dV/dn = sigma."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, override

from spinepnp.solvers.model.planar_layer import LARGEST_DROP_LINEAR
from spinepnp.solvers.model.term_keys import TermKeys
from spinepnp.units import SurfaceCharge, Table

if TYPE_CHECKING:
    from spinepnp.solvers.model.boundaries import Boundaries, Boundary
    from spinepnp.solvers.model.electrolyte import Electrolyte
    from spinepnp.solvers.model.problem_data import ProblemData


class SurfaceChargeKeys(Table):
    """Charge of a wall.

    Attributes:
        surface_charge: charge of the wall, C/m^2: eps dV/dn = sigma (no field within the wall).
    """

    surface_charge: SurfaceCharge | None = None


class SurfaceCharges(TermKeys):
    """Surface charges."""

    order = 40
    on_side = True
    boundary = SurfaceChargeKeys
    grading_keys = ("surface_charge",)

    @override
    def at_boundary(self, boundary: Boundary) -> bool:
        return bool(boundary.surface_charge)

    @override
    def field_condition(self, boundary: Boundary) -> str:
        return "" if boundary.surface_charge is None else "surface_charge"

    @override
    def scaled(self, boundary: Boundary, fraction: float, electrolyte: Electrolyte, zero: float) -> dict[str, Any]:
        return {} if boundary.surface_charge is None else {"surface_charge": fraction * boundary.surface_charge}

    @override
    def wall_charge(self, boundary: Boundary) -> float:
        return boundary.surface_charge or 0.0

    @override
    def source_of_layer(
        self, name: str, boundary: Boundary, data: ProblemData, height: float, element_degree: int
    ) -> str:
        """Quadratic elements lose nothing with "nodal", and linear ones half an order of accuracy at a wall, so that
        concentrations stay where the field of the charge is weak.
        """
        electrolyte = data.electrolyte
        field = abs(boundary.surface_charge or 0.0) / electrolyte.smallest_permittivity
        steepest = electrolyte.largest_valence * field * height / electrolyte.V_T
        strong = field and (element_degree > 1 or steepest > LARGEST_DROP_LINEAR)
        return f"of the surface charge of {name}" if strong else ""

    @override
    def why_not_electroneutral(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        return ""  # its layer is thin

    @override
    def law_needs(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        return "walls without surface charge and capacitance" if self.is_present(electrolyte, boundaries) else ""
