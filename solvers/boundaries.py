"""What is imposed on the named boundaries: the [boundaries.NAME] tables.

A boundary that is not listed is reflecting: no ion flux and no displacement field (the natural conditions of the weak
forms). To add a condition: a key here, its term in `weak_forms` or in `steady`, its current in `currents`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Tag, field_serializer, field_validator, model_validator

from spinepnp.errors import CaseError, nearest
from spinepnp.solvers.electrolyte import Electrolyte
from spinepnp.units import (
    Capacitance,
    Concentration,
    Current,
    CurrentDensity,
    Flag,
    Potential,
    SurfaceCharge,
    Table,
)


class Injection(Table):
    """A prescribed current of one species through a boundary; positive charge entering counts positive.

    Attributes:
        species: the species that carries the current.
        value: total, A, spread evenly over the boundary.
        density: or per area, A/m^2.
    """

    species: str
    value: Current | None = None
    density: CurrentDensity | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Injection:
        if (self.value is None) == (self.density is None):
            raise ValueError('needs either value = "50 pA" (the total) or density = "100 A/m^2"')
        return self

    @property
    def flows(self) -> bool:
        """Whether it is not zero."""
        return bool(self.value or self.density)

    def total(self, area: float) -> float:
        """The current through a boundary, A.

        Args:
            area: of the boundary, m^2.
        """
        if self.value is not None:
            return self.value
        assert self.density is not None
        return self.density * area


class Membrane(Table):
    """A thin membrane as a capacitor: eps dV/dn = C_m (V_out - V).

    Attributes:
        value: capacitance per area C_m, F/m^2.
        outside: potential on its other side, V.
    """

    value: Capacitance
    outside: Potential = 0.0


ConcentrationData = Annotated[
    Annotated[Literal["bulk", "absorbing"], Tag("word")] | Annotated[dict[str, Concentration], Tag("table")],
    Discriminator(lambda value: "table" if isinstance(value, dict) else "word"),
]


PotentialData = Annotated[
    Annotated[Literal["floating"], Tag("word")] | Annotated[Potential, Tag("quantity")],
    Discriminator(lambda value: "word" if value == "floating" else "quantity"),
]


class Boundary(Table):
    """Conditions on one boundary; what is left out is reflecting.

    Attributes:
        potential: prescribed potential, V; or "floating": one unknown value, at which no net current flows through the
            boundary (open circuit).
        concentrations: "bulk", "absorbing" (zero), or a table by species in mol/m^3.
        current: one prescribed current, or one for each of several species.
        surface_charge: of the wall, C/m^2: eps dV/dn = sigma (no field within the wall).
        capacitance: of a thin membrane.
        field_matched: the injector has the field that its electroneutral current needs, so that no Debye layer forms
            (facts pnp D); at steady state.
    """

    potential: PotentialData | None = None
    concentrations: ConcentrationData | None = None
    current: tuple[Injection, ...] | None = None
    surface_charge: SurfaceCharge | None = None
    capacitance: Membrane | None = None
    field_matched: Flag = False

    @field_validator("current", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, dict | Injection) else value

    @field_validator("concentrations", mode="before")
    @classmethod
    def _word_or_table(cls, value: object) -> object:
        if not isinstance(value, dict) and value not in ("bulk", "absorbing", None):
            raise ValueError('write "bulk", "absorbing", or a table such as { Na = "12 mM", K = "155 mM" }')
        return value

    @field_serializer("current")
    def _one_as_table(self, value: tuple[Injection, ...] | None) -> object:
        if value is None:
            return None
        tables = [injection.model_dump(mode="json", exclude_none=True) for injection in value]
        return tables[0] if len(tables) == 1 else tables

    @property
    def held_potential(self) -> float | None:
        """The prescribed potential, V, if there is one."""
        return None if self.potential == "floating" else self.potential

    @property
    def holds_potential(self) -> bool:
        """Whether the potential is prescribed."""
        return self.held_potential is not None

    @property
    def floating(self) -> bool:
        """Whether the potential is one unknown value."""
        return self.potential == "floating"

    @property
    def injections(self) -> tuple[Injection, ...]:
        """All prescribed currents."""
        return self.current or ()

    def prescribed(self, electrolyte: Electrolyte) -> dict[str, float]:
        """Prescribed concentration of each species that has one here, mol/m^3."""
        if self.concentrations is None:
            return {}
        if self.concentrations == "bulk":
            return electrolyte.bulk
        if self.concentrations == "absorbing":
            return dict.fromkeys(electrolyte.names, 0.0)
        assert isinstance(self.concentrations, dict)
        return self.concentrations


Boundaries = dict[str, Boundary]


def _check_boundary(name: str, boundary: Boundary, electrolyte: Electrolyte) -> None:
    """Species known, nothing prescribed twice, prescribed concentrations neutral."""
    key = f"boundaries.{name}"
    prescribed = boundary.prescribed(electrolyte)
    for species in prescribed:
        if species not in electrolyte.names:
            raise CaseError(
                f"{key}.concentrations.{species}", f"no such species; {nearest(species, electrolyte.names)}"
            )
    if isinstance(boundary.concentrations, dict) and set(prescribed) == set(electrolyte.names):
        electrolyte.check_neutral(f"{key}.concentrations", prescribed)
    _check_field(key, boundary)
    charged = [s.name for s in electrolyte.species if s.valence != 0 and s.name in prescribed]
    if boundary.floating and not charged:
        raise CaseError(
            f"{key}.potential",
            "needs the concentration of a charged species here, whose current decides it; add one",
            "floating",
        )
    if boundary.field_matched and electrolyte.charged_regions:
        raise CaseError(f"{key}.field_matched", "needs a uniform electrolyte.fixed_charge; drop one of them")
    seen: set[str] = set()
    for injection in boundary.injections:
        species = injection.species
        if species not in electrolyte.names:
            raise CaseError(
                f"{key}.current.species", f"no such species; {nearest(species, electrolyte.names)}", species
            )
        if electrolyte.species[electrolyte.index(species)].valence == 0:
            raise CaseError(f"{key}.current.species", "carries no charge, so no current; name a charged one", species)
        if species in prescribed:
            raise CaseError(
                f"{key}.current.species",
                f"its concentration is prescribed here too ({key}.concentrations); drop one",
                species,
            )
        if species in seen:
            raise CaseError(f"{key}.current.species", "is listed twice; add its currents into one value", species)
        seen.add(species)


def _check_field(key: str, boundary: Boundary) -> None:
    """The potential has at most one condition."""
    given = {
        "potential": boundary.potential is not None,
        "surface_charge": boundary.surface_charge is not None,
        "capacitance": boundary.capacitance is not None,
        "field_matched": boundary.field_matched,
    }
    first, *others = [name for name, is_given in given.items() if is_given] or [""]
    if others:
        raise CaseError(f"{key}.{others[0]}", f"excludes {first}: both say what the field does here; drop one")
    if boundary.field_matched and len(boundary.injections) != 1:
        raise CaseError(f"{key}.field_matched", "belongs to one current of one species; give it, or drop this")


def check_boundaries(boundaries: Boundaries, known: tuple[str, ...], electrolyte: Electrolyte) -> None:
    """Refuse boundary data that the shape or the species do not know, or that contradict each other.

    Args:
        boundaries: the tables by name.
        known: names of the shape's boundaries.
        electrolyte: the species.

    Raises:
        CaseError: names the key and what is missing or in excess.
    """
    for name, boundary in boundaries.items():
        if name not in known:
            raise CaseError(f"boundaries.{name}", f"no such boundary; {nearest(name, known)}")
        _check_boundary(name, boundary, electrolyte)
