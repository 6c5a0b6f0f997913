"""Thin membrane as a capacitor: eps dV/dn = C_m (V_out - V)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self, override

from pydantic import field_serializer, model_validator

from spinepnp.solvers.model.planar_layer import largest_drop
from spinepnp.solvers.model.term_keys import TermKeys
from spinepnp.units import FARADAY, Capacitance, Potential, Table

if TYPE_CHECKING:
    from spinepnp.solvers.model.boundaries import Boundaries, Boundary
    from spinepnp.solvers.model.electrolyte import Electrolyte
    from spinepnp.solvers.model.problem_data import ProblemData
    from spinepnp.solvers.model.scaling import Scales


class Membrane(Table):
    """A thin membrane as a capacitor: eps dV/dn = C_m (V_out - V).

    Attributes:
        value: capacitance per area C_m, F/m^2.
        outside: potential on the other side of the membrane, V; the same as `outside.potential` of the boundary.
    """

    value: Capacitance
    outside: Potential | None = None


class CapacitanceKeys(Table):
    """Capacitance of a membrane.

    Attributes:
        capacitance: a thin membrane, eps dV/dn = C_m (outside - V).
    """

    capacitance: Membrane | None = None

    @model_validator(mode="after")
    def _knows_outside(self) -> Self:
        """Give the capacitance the potential of the solution outside, where it has none of its own."""
        if self.capacitance is not None and self.capacitance.outside is None:
            outside = getattr(getattr(self, "outside", None), "potential", None)
            found = self.capacitance.model_copy(update={"outside": outside or 0.0})
            object.__setattr__(self, "capacitance", found)  # the table is frozen for others
        return self

    @field_serializer("capacitance")
    def _said_once(self, value: Membrane | None) -> object:
        """Leave the potential outside to `outside.potential` where that is given, so that either can be varied."""
        elsewhere = getattr(getattr(self, "outside", None), "potential", None) is not None
        return value and value.model_dump(mode="json", exclude={"outside"} if elsewhere else None)


class Capacitances(TermKeys):
    """Membranes."""

    order = 50
    on_side = True
    boundary = CapacitanceKeys

    @override
    def field_condition(self, boundary: Boundary) -> str:
        return "" if boundary.capacitance is None else "capacitance"

    @override
    def signature(self, data: ProblemData) -> tuple[str, ...]:
        """Boundaries with a capacitance."""
        return tuple(name for name, b in data.boundaries.items() if b.capacitance is not None)

    @override
    def scaled(self, boundary: Boundary, fraction: float, electrolyte: Electrolyte, zero: float) -> dict[str, Any]:
        if boundary.capacitance is None:
            return {}
        outside = zero + fraction * (boundary.outside_potential - zero)
        return {"capacitance": Membrane.model_construct(value=boundary.capacitance.value, outside=outside)}

    @override
    def grounds(self, boundary: Boundary) -> bool:
        return boundary.capacitance is not None

    @override
    def levels(self, boundary: Boundary) -> tuple[float, ...]:
        return () if boundary.capacitance is None else (boundary.outside_potential,)

    @override
    def charges_wall(self, boundary: Boundary) -> bool:
        return boundary.capacitance is not None

    @override
    def charge_at(self, boundary: Boundary, potential: float, scales: Scales) -> float:
        if boundary.capacitance is None:
            return 0.0
        kappa = boundary.capacitance.value * scales.potential / scales.surface_charge
        return float(kappa * (boundary.outside_potential / scales.potential - potential))

    @override
    def source_of_layer(
        self, name: str, boundary: Boundary, data: ProblemData, height: float, element_degree: int
    ) -> str:
        if boundary.capacitance is None or _drop(boundary, data, height) <= largest_drop(element_degree):
            return ""
        return f"of the charge on the membrane {name}"

    @override
    def bounds_potential(self, electrolyte: Electrolyte, boundaries: Boundaries) -> bool:
        return True  # the potential outside is one of the levels

    @override
    def why_not_electroneutral(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        return ""  # its layer is thin

    @override
    def law_needs(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        return "walls without surface charge and capacitance" if self.is_present(electrolyte, boundaries) else ""


def _drop(boundary: Boundary, data: ProblemData, height: float) -> float:
    """Estimated change of |z| phi, V_T, within a cell of a height at a membrane with its full charge.

    It is the smaller one of the field of the charge over the cell, and of the potential at which the ions of the cell
    carry the charge (in a cell that is thicker than the layer).
    """
    electrolyte = data.electrolyte
    charge = boundary.capacitance.value * abs(boundary.outside_potential - data.reference_potential)
    field = charge / electrolyte.smallest_permittivity
    ions = sum(abs(s.valence) * s.concentration for s in electrolyte.species)
    drop_of_ions = math.asinh(charge / (FARADAY * height * ions)) if ions > 0.0 else math.inf
    return float(electrolyte.largest_valence * min(field * height / electrolyte.V_T, drop_of_ions))
