"""Boundary conditions: the [boundaries.NAME] tables and their checks.

A boundary that is not listed is reflecting: no ion flux and no displacement field (the natural conditions of the weak
forms). Surface terms are in `pnp.equations`, loads in `pnp.currents`, Dirichlet conditions in `pnp.constraints`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Tag, field_serializer, field_validator

from spinepnp.errors import CaseError, nearest
from spinepnp.geometries import Geometry
from spinepnp.solvers.model.channels import Channel
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.waveforms import Injection
from spinepnp.units import Capacitance, Concentration, Flag, Potential, SurfaceCharge, Table


class Membrane(Table):
    """A thin membrane as a capacitor: eps dV/dn = C_m (V_out - V).

    Attributes:
        value: capacitance per area C_m, F/m^2.
        outside: potential on the other side of the membrane, V.
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
    """Conditions on one boundary; keys that are left out stand for reflecting ones.

    Examples:
        >>> from spinepnp.solvers import Boundary
        >>> ground = Boundary(potential="0 mV", concentrations="bulk")
        >>> ground.prescribed_potential  # V
        0.0
        >>> injector = Boundary(current={"species": "Na", "value": "50 pA"})
        >>> injector.injections[0].value  # A
        5e-11

    Attributes:
        potential: prescribed potential, V; or "floating": one unknown value, at which no total current flows through
            the boundary (open circuit; needs `concentrations`): of the ions in a steady state, of ions and displacement
            in time. At least one boundary must have a potential or a capacitance, unless the domain is closed.
        concentrations: "bulk", "absorbing" (zero), or a table by species in mol/m^3. Every species needs one
            somewhere, or an amount in [closed].
        current: one prescribed current, or one for each of several species.
        surface_charge: charge of the wall, C/m^2: eps dV/dn = sigma (no field within the wall).
        capacitance: a thin membrane, eps dV/dn = C_m (outside - V).
        channel: channels whose current depends on the mean potential here.
        field_matched: the injector has the field that its electroneutral current needs, so that no Debye layer forms;
            at steady state.
    """

    potential: PotentialData | None = None
    concentrations: ConcentrationData | None = None
    current: tuple[Injection, ...] | None = None
    surface_charge: SurfaceCharge | None = None
    capacitance: Membrane | None = None
    channel: tuple[Channel, ...] | None = None
    field_matched: Flag = False

    @field_validator("current", mode="before", json_schema_input_type=Injection | tuple[Injection, ...])
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, dict | Injection) else value

    @field_validator("channel", mode="before", json_schema_input_type=Channel | tuple[Channel, ...])
    @classmethod
    def _one_kind_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, dict | Channel) else value

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
    def prescribed_potential(self) -> float | None:
        """Prescribed potential, V; ``None`` without one."""
        return None if self.potential == "floating" else self.potential

    @property
    def prescribes_potential(self) -> bool:
        """Whether the potential is prescribed."""
        return self.prescribed_potential is not None

    @property
    def floating(self) -> bool:
        """Whether the potential is one unknown value (open circuit)."""
        return self.potential == "floating"

    @property
    def injections(self) -> tuple[Injection, ...]:
        """Prescribed currents, none or several."""
        return self.current or ()

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Kinds of channels, none or several."""
        return self.channel or ()

    def prescribed(self, electrolyte: Electrolyte) -> dict[str, float]:
        """Prescribed concentration of each species that has one here, mol/m^3."""
        if self.concentrations is None:
            return {}
        if isinstance(self.concentrations, dict):
            return self.concentrations
        return electrolyte.bulk if self.concentrations == "bulk" else dict.fromkeys(electrolyte.names, 0.0)


Boundaries = dict[str, Boundary]


def charges_at(name: str, geometry: Geometry, electrolyte: Electrolyte) -> tuple[float, ...]:
    """Every fixed charge that reaches a boundary, mol/m^3: several for a wall along several regions."""
    if not electrolyte.charged_regions:
        return (electrolyte.uniform_charge,)
    return electrolyte.charges_between(*geometry.heights(name))


def _check_boundary(name: str, boundary: Boundary, electrolyte: Electrolyte, geometry: Geometry) -> None:
    """Refuse unknown species, two conditions for one quantity, and concentrations that are not neutral."""
    key = f"boundaries.{name}"
    prescribed = boundary.prescribed(electrolyte)
    for species in prescribed:
        if species not in electrolyte.names:
            raise CaseError(
                f"{key}.concentrations.{species}", f"no such species; {nearest(species, electrolyte.names)}"
            )
    if isinstance(boundary.concentrations, dict) and set(prescribed) == set(electrolyte.names):
        electrolyte.check_neutral(f"{key}.concentrations", prescribed, charges_at(name, geometry, electrolyte))
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
    constant: set[str] = set()
    for injection in boundary.injections:
        species = injection.species
        _check_carrier(f"{key}.current.species", species, key, prescribed, electrolyte)
        if injection.waveform == "constant":
            if species in constant:
                raise CaseError(f"{key}.current.species", "is listed twice; add its currents into one value", species)
            constant.add(species)
        try:
            _ = injection.time_profile
        except ValueError as error:
            raise CaseError(f"{key}.current.file", str(error), injection.file) from None
    for channel in boundary.channels:
        _check_carrier(f"{key}.channel.species", channel.species, key, prescribed, electrolyte)
        if boundary.potential is not None:
            raise CaseError(
                f"{key}.channel", "depends on a potential that is held here; drop the potential, or give a current"
            )
        try:
            channel.check()
        except ValueError as error:
            raise CaseError(f"{key}.channel.file", str(error), channel.file) from None


def _check_carrier(where: str, species: str, key: str, prescribed: dict[str, float], electrolyte: Electrolyte) -> None:
    """Refuse a current of a species that is unknown, uncharged, or prescribed at the same boundary."""
    if species not in electrolyte.names:
        raise CaseError(where, f"no such species; {nearest(species, electrolyte.names)}", species)
    if electrolyte.species[electrolyte.index(species)].valence == 0:
        raise CaseError(where, "carries no charge, so no current; name a charged one", species)
    if species in prescribed:
        raise CaseError(where, f"its concentration is prescribed here too ({key}.concentrations); drop one", species)


def _check_field(key: str, boundary: Boundary) -> None:
    """Refuse more than one condition for the potential."""
    conditions = {
        "potential": boundary.potential is not None,
        "surface_charge": boundary.surface_charge is not None,
        "capacitance": boundary.capacitance is not None,
        "field_matched": boundary.field_matched,
    }
    first, *others = [name for name, present in conditions.items() if present] or [""]
    if others:
        raise CaseError(f"{key}.{others[0]}", f"excludes {first}: both say what the field does here; drop one")
    if boundary.field_matched and len(boundary.injections) != 1:
        raise CaseError(f"{key}.field_matched", "belongs to one current of one species; give it, or drop this")


def check_boundaries(boundaries: Boundaries, geometry: Geometry, electrolyte: Electrolyte) -> None:
    """Refuse boundary data that the shape or the species do not know, or that contradict each other.

    Args:
        boundaries: tables by name.
        geometry: shape with its named boundaries.
        electrolyte: species of the case.

    Raises:
        CaseError: names the key and what is missing or in excess.
    """
    known = geometry.boundaries
    for name, boundary in boundaries.items():
        if name not in known:
            raise CaseError(f"boundaries.{name}", f"no such boundary; {nearest(name, known)}")
        _check_boundary(name, boundary, electrolyte, geometry)
