"""Exchange with a well-stirred solution beyond a boundary: the flux k (c_out - c) into the domain (Robin condition)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, override

from pydantic import field_validator

from spinepnp.errors import CaseError
from spinepnp.solvers.model.term_keys import TermKeys, check_each_passing
from spinepnp.units import PERMEABILITY, Concentration, Permeability, Table, format_quantity

if TYPE_CHECKING:
    from spinepnp.geometries import Geometry
    from spinepnp.solvers.model.boundaries import Boundaries, Boundary
    from spinepnp.solvers.model.electrolyte import Electrolyte
    from spinepnp.solvers.model.problem_data import ProblemData

#: Smallest rate over that of diffusion at which an exchange alone fixes an amount: the equations of concentrations then
#: lose eight of their sixteen digits, and the amount has an error below 1e-5.
SLOWEST = 1e-8


class Exchange(Table):
    """Flux k (c_out - c) of one species into the domain, at every point of a boundary.

    Attributes:
        species: species that is exchanged, charged or not.
        rate: rate k, m/s.
        outside: concentration c_out outside, mol/m^3.
    """

    species: str
    rate: Permeability
    outside: Concentration


class ExchangeKeys(Table):
    """Exchange with a solution outside.

    Attributes:
        exchange: species that are exchanged with a solution outside, by the flux rate (outside - c).
    """

    exchange: tuple[Exchange, ...] | None = None

    @field_validator("exchange", mode="before", json_schema_input_type=Exchange | tuple[Exchange, ...])
    @classmethod
    def _one_species_or_several(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError('write a table such as { species = "K", rate = "10 um/s", outside = "4 mM" }, or several')
        return (value,) if isinstance(value, dict | Exchange) else value


class Exchanges(TermKeys):
    """Exchange of species; it determines their amounts, and ions that it carries form a Debye layer."""

    order = 65
    on_side = True
    boundary = ExchangeKeys

    def _entries(self, boundary: Boundary) -> tuple[Exchange, ...]:
        return tuple(boundary.exchange or ())

    @override
    def check_boundary(self, key: str, boundary: Boundary, electrolyte: Electrolyte, geometry: Geometry) -> None:
        check_each_passing("exchange", self._entries(boundary), key, boundary, electrolyte)
        unknown = "a floating potential" if boundary.floating else "a load" if boundary.load is not None else ""
        if unknown and self._ions(boundary, electrolyte):
            problem = f"of ions has no place in the net current of {unknown}; drop one of them"
            raise CaseError(f"{key}.exchange", problem)

    @override
    def check(self, data: ProblemData, geometry: Geometry) -> None:
        """Refuse ions that charge a domain without a ground."""
        for name, boundary in data.boundaries.items():
            if self._ions(boundary, data.electrolyte) and not data.is_grounded:
                raise CaseError(
                    f"boundaries.{name}.exchange", "lets ions charge a domain that nothing grounds; ground it"
                )
        if not data.transient:
            self._check_pace(data, geometry)

    def _check_pace(self, data: ProblemData, geometry: Geometry) -> None:
        """Refuse exchanges that alone determine an amount, but so slowly that rounding decides it."""
        electrolyte, boundaries = data.electrolyte, data.boundaries
        places = {s: [n for n, b in boundaries.items() if s in b.determines(electrolyte)] for s in electrolyte.names}
        for species, names in places.items():
            rates = {n: e.rate for n in names for e in self._entries(boundaries[n]) if e.species == species}
            if not names or len(rates) < len(names) or species in data.determined:
                continue
            volume, area = geometry.exact_measures()["volume"], sum(geometry.exact_area(n) for n in names)
            diffusion = electrolyte.effective_diffusivity(electrolyte.species[electrolyte.index(species)])
            slowest = SLOWEST * diffusion * volume ** (1.0 / 3.0) / area
            if max(rates.values()) < slowest:
                raise CaseError(
                    f"boundaries.{names[0]}.exchange.rate",
                    f"alone determines how much {species} there is, and is lost in rounding beside diffusion; "
                    f"make it {format_quantity(float(f'{slowest:.2g}'), PERMEABILITY)} or more, or prescribe its "
                    "concentration on a boundary",
                    format_quantity(max(rates.values()), PERMEABILITY),
                )

    def _ions(self, boundary: Boundary, electrolyte: Electrolyte) -> bool:
        """Whether charge can pass a boundary."""
        carried = self.carries(boundary, electrolyte)
        return any(s.valence for s in electrolyte.species if s.name in carried)

    @override
    def signature(self, data: ProblemData) -> tuple[tuple[str, str], ...]:
        """Boundaries and species that are exchanged there."""
        return tuple((name, e.species) for name, b in data.boundaries.items() for e in self._entries(b))

    @override
    def scaled(self, boundary: Boundary, fraction: float, electrolyte: Electrolyte, zero: float) -> dict[str, Any]:
        if boundary.exchange is None:
            return {}
        bulk = electrolyte.bulk
        outside = [bulk[e.species] + fraction * (e.outside - bulk[e.species]) for e in boundary.exchange]
        entries = zip(boundary.exchange, outside, strict=True)
        return {"exchange": tuple(entry.model_copy(update={"outside": c}) for entry, c in entries)}

    @override
    def carries(self, boundary: Boundary, electrolyte: Electrolyte) -> set[str]:
        return {entry.species for entry in self._entries(boundary) if entry.rate}

    @override
    def determines(self, boundary: Boundary, electrolyte: Electrolyte) -> set[str]:
        return self.carries(boundary, electrolyte)

    @override
    def driven(self, boundary: Boundary) -> tuple[str, ...]:
        return tuple(entry.species for entry in self._entries(boundary))

    @override
    def forms_layer(self, boundary: Boundary, electrolyte: Electrolyte, fixed: tuple[float, ...]) -> bool:
        return self._ions(boundary, electrolyte)

    @override
    def why_not_electroneutral(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        return "an exchange of ions" if any(self._ions(b, electrolyte) for b in boundaries.values()) else ""
