"""Prescribed currents of species, constant or with a waveform in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, override

from pydantic import field_serializer, field_validator, model_validator

from spinepnp.errors import CaseError
from spinepnp.messages import entry_path, problem_of_choice
from spinepnp.solvers.model.term_keys import TermKeys, check_passing
from spinepnp.solvers.model.waveforms import WaveformKeys
from spinepnp.units import Current, CurrentDensity, Table

#: Keys of which a current needs one, with examples.
SIZES = {"value": 'value = "50 pA" (the total)', "density": 'density = "100 A/m^2"'}

if TYPE_CHECKING:
    from spinepnp.geometries import Geometry
    from spinepnp.solvers.model.boundaries import Boundaries, Boundary
    from spinepnp.solvers.model.electrolyte import Electrolyte


class CurrentKeys(Table):
    """Species and size of a current, which stand before its waveform in the table.

    Attributes:
        species: species that carries the current.
        value: total current, A, spread evenly over the boundary; the height of a waveform.
        density: current per area, A/m^2, in place of the value.
    """

    species: str
    value: Current | None = None
    density: CurrentDensity | None = None


class Injection(WaveformKeys, CurrentKeys):
    """Prescribed current of one species through a boundary; positive charge entering counts positive.

    Examples:
        >>> from spinepnp.solvers import Injection
        >>> synapse = Injection(species="Na", waveform="alpha", value="50 pA", onset="1 ms", t_peak="2 ms")
        >>> synapse.at(3e-3, 3e-3).value  # A, at the peak
        5e-11

    Attributes:
        waveform: course of the current in time; a steady state takes "constant" only.
        file: CSV table with the columns ``time_ms`` and ``current_pA``.
    """

    @model_validator(mode="after")
    def _whole(self) -> Injection:
        if self.waveform == "table" and (self.value is not None or self.density is not None):
            raise ValueError("a table holds the current itself; drop value and density")
        if self.waveform != "table" and (problem := problem_of_choice(self, SIZES)):
            raise ValueError(problem)
        self.check_waveform(("species", "value", "density"))
        return self

    @property
    def flows(self) -> bool:
        """Whether the current is not zero at all times."""
        return bool(self.value or self.density) or self.waveform == "table"

    def total(self, area: float) -> float:
        """Current through a boundary of an area (m^2), A; of a waveform its height."""
        if self.density is not None:
            return self.density * area
        return self.value or 0.0

    def at(self, time: float, inside: float) -> Injection:
        """Constant injection with the current of a time; ``inside`` lies in the same smooth interval, s."""
        if self.waveform == "constant":
            return self
        factor = self.time_profile.factor(time, inside)
        value = factor if self.waveform == "table" else None if self.value is None else factor * self.value
        density = None if self.density is None else factor * self.density
        return Injection.model_construct(species=self.species, value=value, density=density)


class InjectionKeys(Table):
    """Prescribed currents through a boundary.

    Attributes:
        current: one prescribed current, or one for each of several species.
    """

    current: tuple[Injection, ...] | None = None

    @field_validator("current", mode="before", json_schema_input_type=Injection | tuple[Injection, ...])
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, dict | Injection) else value

    @field_serializer("current")
    def _one_as_table(self, value: tuple[Injection, ...] | None) -> object:
        if value is None:
            return None
        tables = [injection.model_dump(mode="json", exclude_none=True) for injection in value]
        return tables[0] if len(tables) == 1 else tables

    @property
    def injections(self) -> tuple[Injection, ...]:
        """Prescribed currents, none or several."""
        return self.current or ()


class Injections(TermKeys):
    """Prescribed currents."""

    order = 30
    on_side = True
    boundary = InjectionKeys
    file_keys = ("current.file",)

    @override
    def check_boundary(self, key: str, boundary: Boundary, electrolyte: Electrolyte, geometry: Geometry) -> None:
        constant: set[str] = set()
        for number, injection in enumerate(boundary.injections):
            species = injection.species
            where = entry_path(f"{key}.current", boundary.injections, number, beside="species")
            check_passing(f"{where}.species", species, key, boundary, electrolyte, charged=True)
            if injection.waveform == "constant":
                if species in constant:
                    problem = "is listed twice; add its currents into one value"
                    raise CaseError(f"{where}.species", problem, species)
                constant.add(species)
            injection.check_file(entry_path(f"{key}.current", boundary.injections, number))

    @override
    def waveforms(self, boundary: Boundary) -> tuple[WaveformKeys, ...]:
        return tuple(boundary.injections)

    @override
    def at(self, boundary: Boundary, time: float, inside: float) -> dict[str, Any]:
        """One current for each species, as in a steady state."""
        if not any(i.waveform != "constant" for i in boundary.injections):
            return {}
        sums: dict[tuple[str, str], float] = {}
        for injection in (i.at(time, inside) for i in boundary.injections):
            kind = "value" if injection.density is None else "density"
            key = injection.species, kind
            sums[key] = sums.get(key, 0.0) + (getattr(injection, kind) or 0.0)
        merged = (
            Injection.model_construct(
                species=species, value=total if kind == "value" else None, density=total if kind == "density" else None
            )
            for (species, kind), total in sums.items()
        )
        return {"current": tuple(merged)}

    @override
    def scaled(self, boundary: Boundary, fraction: float, electrolyte: Electrolyte, zero: float) -> dict[str, Any]:
        if boundary.current is None:
            return {}
        sizes = ("value", "density")
        return {
            "current": tuple(
                i.model_copy(update={k: fraction * v for k in sizes if (v := getattr(i, k)) is not None})
                for i in boundary.current
            )
        }

    @override
    def carries(self, boundary: Boundary, electrolyte: Electrolyte) -> set[str]:
        return {i.species for i in boundary.injections if i.flows}

    @override
    def driven(self, boundary: Boundary) -> tuple[str, ...]:
        return tuple(i.species for i in boundary.injections)

    @override
    def currents(
        self, boundary: Boundary, electrolyte: Electrolyte, area: float, time: float, inside: float
    ) -> tuple[float, ...]:
        return tuple(i.at(time, inside).total(area) for i in boundary.injections if i.flows)

    @override
    def limited(self, boundary: Boundary) -> bool:
        return any(i.flows for i in boundary.injections)

    @override
    def forms_layer(self, boundary: Boundary, electrolyte: Electrolyte, fixed: tuple[float, ...]) -> bool:
        """Whether a current flows through a wall that has not the field of the current."""
        return self.limited(boundary) and not boundary.field_matched

    @override
    def why_not_electroneutral(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        injected = {i.species for b in boundaries.values() for i in b.injections if i.flows}
        return "several injected species" if len(injected) > 1 else ""

    @override
    def law_needs(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        return ""  # every law says itself which current it needs
