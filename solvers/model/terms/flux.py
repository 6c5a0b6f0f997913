"""Prescribed fluxes of species through a boundary, for species without charge too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, override

from pydantic import field_validator

from spinepnp.solvers.model.term_keys import TermKeys, check_each_passing
from spinepnp.units import FARADAY, MolarFlux, Table

if TYPE_CHECKING:
    from spinepnp.geometries import Geometry
    from spinepnp.solvers.model.boundaries import Boundaries, Boundary
    from spinepnp.solvers.model.electrolyte import Electrolyte


class Flux(Table):
    """Prescribed flux of one species, spread evenly over a boundary.

    Attributes:
        species: species that flows, charged or not.
        value: amount per area and time that enters, mol/(m^2 s); negative where it leaves.
    """

    species: str
    value: MolarFlux


class FluxKeys(Table):
    """Prescribed fluxes through a boundary.

    Attributes:
        flux: prescribed fluxes of species into the domain, without charge too; a current is the same for ions.
    """

    flux: tuple[Flux, ...] | None = None

    @field_validator("flux", mode="before", json_schema_input_type=Flux | tuple[Flux, ...])
    @classmethod
    def _one_flux_or_several(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError('write a table such as { species = "Ca", value = "1e-6 mol/(m^2 s)" }, or several')
        return (value,) if isinstance(value, dict | Flux) else value


class Fluxes(TermKeys):
    """Prescribed fluxes."""

    order = 35
    on_side = True
    boundary = FluxKeys

    @override
    def check_boundary(self, key: str, boundary: Boundary, electrolyte: Electrolyte, geometry: Geometry) -> None:
        check_each_passing("flux", boundary.flux or (), key, boundary, electrolyte)

    @override
    def scaled(self, boundary: Boundary, fraction: float, electrolyte: Electrolyte, zero: float) -> dict[str, Any]:
        fluxes = tuple(flux.model_copy(update={"value": fraction * flux.value}) for flux in boundary.flux or ())
        return {"flux": fluxes} if fluxes else {}

    @override
    def carries(self, boundary: Boundary, electrolyte: Electrolyte) -> set[str]:
        return {flux.species for flux in boundary.flux or () if flux.value}

    @override
    def driven(self, boundary: Boundary) -> tuple[str, ...]:
        return tuple(flux.species for flux in boundary.flux or ())

    def _charges(self, boundary: Boundary, electrolyte: Electrolyte) -> list[float]:
        """Current density of each flux that carries charge, A/m^2."""
        valence = {s.name: s.valence for s in electrolyte.species}
        densities = [FARADAY * valence[flux.species] * flux.value for flux in boundary.flux or ()]
        return [density for density in densities if density]

    @override
    def currents(
        self, boundary: Boundary, electrolyte: Electrolyte, area: float, time: float, inside: float
    ) -> tuple[float, ...]:
        return tuple(density * area for density in self._charges(boundary, electrolyte))

    @override
    def limited(self, boundary: Boundary) -> bool:
        return any(flux.value for flux in boundary.flux or ())

    @override
    def forms_layer(self, boundary: Boundary, electrolyte: Electrolyte, fixed: tuple[float, ...]) -> bool:
        return bool(self._charges(boundary, electrolyte))

    @override
    def why_not_electroneutral(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        return "a flux of ions" if any(self._charges(b, electrolyte) for b in boundaries.values()) else ""
