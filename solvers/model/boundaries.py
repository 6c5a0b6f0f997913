"""What is imposed on the named boundaries: the [boundaries.NAME] tables.

A boundary that is not listed is reflecting: no ion flux and no displacement field (the natural conditions of the weak
forms). To add a condition: a key here, its term in `weak_forms` or in `steady`, its current in `currents`.
"""

from __future__ import annotations

import functools
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, field_serializer, field_validator, model_validator

from spinepnp.errors import CaseError, nearest
from spinepnp.geometries import Geometry
from spinepnp.solvers.model import waveforms as stimuli
from spinepnp.solvers.model.channels import Channel
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.keys import check_keys
from spinepnp.solvers.model.waveforms import KEYS, Course, Waveform
from spinepnp.units import (
    Capacitance,
    Concentration,
    Current,
    CurrentDensity,
    Duration,
    Flag,
    Frequency,
    Phase,
    Potential,
    SurfaceCharge,
    Table,
    Time,
    Whole,
)

#: Most pulses of a train.
LONGEST_TRAIN = 10_000


class Injection(Table):
    """A prescribed current of one species through a boundary; positive charge entering counts positive.

    Attributes:
        species: the species that carries the current.
        value: total, A, spread evenly over the boundary; the height of a waveform.
        density: per area, A/m^2, in place of the value.
        waveform: how it goes in time; a steady state knows "constant" only.
        onset: when the waveform begins, s.
        duration: of a pulse, of the rise of a ramp, or of a sine (which has no end without it), s.
        t_peak: from the onset of an alpha function to its peak, s.
        count: pulses or alpha functions of a train.
        interval: from one onset to the next, s.
        frequency: of a sine, 1/s.
        phase: of a sine at its onset, rad.
        file: CSV table with the columns ``time_ms`` and ``current_pA``.
    """

    species: str
    value: Current | None = None
    density: CurrentDensity | None = None
    waveform: Waveform = "constant"
    onset: Time | None = None
    duration: Duration | None = None
    t_peak: Duration | None = None
    count: Annotated[Whole, Field(ge=1, le=LONGEST_TRAIN)] | None = None
    interval: Duration | None = None
    frequency: Frequency | None = None
    phase: Phase | None = None
    file: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> Injection:
        sizes = (self.value is not None) + (self.density is not None)
        if self.waveform == "table" and sizes:
            raise ValueError("a table holds the current itself; drop value and density")
        if self.waveform != "table" and sizes != 1:
            raise ValueError('needs either value = "50 pA" (the total) or density = "100 A/m^2"')
        check_keys(self, "waveform", KEYS, ("species", "value", "density"))
        if (self.count is None or self.count == 1) != (self.interval is None):
            raise ValueError('a train needs both count = 2 and interval = "20 ms"')
        if self.waveform == "pulse" and self.interval is not None and self.interval < (self.duration or 0.0):
            raise ValueError("the interval of a train of pulses is shorter than a pulse; make it longer")
        return self

    @property
    def flows(self) -> bool:
        """Whether it is not zero."""
        return bool(self.value or self.density) or self.waveform == "table"

    def total(self, area: float) -> float:
        """The current through a boundary, A; of a waveform its height.

        Args:
            area: of the boundary, m^2.
        """
        if self.density is not None:
            return self.density * area
        return self.value or 0.0

    @property
    def course(self) -> Course:
        """How it goes in time, over its value.

        Raises:
            ValueError: its table cannot be read.
        """
        return _course(self)  # not kept here: a case travels between ranks, and functions cannot

    def at(self, time: float, inside: float) -> Injection:
        """The constant current that it is at a time, on the side of another one of the same smooth piece, s."""
        if self.waveform == "constant":
            return self
        factor = self.course.factor(time, inside)
        value = factor if self.waveform == "table" else None if self.value is None else factor * self.value
        density = None if self.density is None else factor * self.density
        return Injection.model_construct(species=self.species, value=value, density=density)


@functools.lru_cache(maxsize=256)
def _course(injection: Injection) -> Course:
    onset = injection.onset or 0.0
    starts = tuple(onset + i * (injection.interval or 0.0) for i in range(injection.count or 1))
    match injection.waveform:
        case "step":
            return stimuli.step(onset)
        case "pulse":
            return stimuli.pulses(starts, injection.duration or 0.0)
        case "alpha":
            return stimuli.alphas(starts, injection.t_peak or 0.0)
        case "ramp":
            return stimuli.ramp(onset, injection.duration or 0.0)
        case "sine":
            return stimuli.sine(onset, injection.frequency or 0.0, injection.duration, injection.phase or 0.0)
        case "table":
            return stimuli.table(injection.file or "", onset)
    return stimuli.CONSTANT


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
        potential: prescribed potential, V; or "floating": one unknown value, at which no total current flows through
            the boundary (open circuit; needs `concentrations`): of the ions in a steady state, of ions and displacement
            in time. At least one boundary must have one, or a capacitance,
            unless the domain is closed.
        concentrations: "bulk", "absorbing" (zero), or a table by species in mol/m^3. Every species needs one
            somewhere, or an amount in [closed].
        current: one prescribed current, or one for each of several species.
        surface_charge: charge of the wall, C/m^2: eps dV/dn = sigma (no field within the wall).
        capacitance: that of a thin membrane, eps dV/dn = C_m (outside - V).
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
        """The prescribed potential, V, if there is one."""
        return None if self.potential == "floating" else self.potential

    @property
    def prescribes_potential(self) -> bool:
        """Whether the potential is prescribed."""
        return self.prescribed_potential is not None

    @property
    def floating(self) -> bool:
        """Whether the potential is one unknown value."""
        return self.potential == "floating"

    @property
    def injections(self) -> tuple[Injection, ...]:
        """All prescribed currents."""
        return self.current or ()

    @property
    def channels(self) -> tuple[Channel, ...]:
        """All channels."""
        return self.channel or ()

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


def charges_at(name: str, geometry: Geometry, electrolyte: Electrolyte) -> tuple[float, ...]:
    """Every fixed charge that reaches a boundary, mol/m^3: one, but for walls along several regions."""
    if not electrolyte.charged_regions:
        return (electrolyte.uniform_charge,)
    return electrolyte.charges_between(*geometry.heights(name))


def _check_boundary(name: str, boundary: Boundary, electrolyte: Electrolyte, geometry: Geometry) -> None:
    """Species known, nothing prescribed twice, prescribed concentrations neutral."""
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
            _ = injection.course
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
    """The species of a current is known, charged, and not prescribed at the same boundary."""
    if species not in electrolyte.names:
        raise CaseError(where, f"no such species; {nearest(species, electrolyte.names)}", species)
    if electrolyte.species[electrolyte.index(species)].valence == 0:
        raise CaseError(where, "carries no charge, so no current; name a charged one", species)
    if species in prescribed:
        raise CaseError(where, f"its concentration is prescribed here too ({key}.concentrations); drop one", species)


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


def check_boundaries(boundaries: Boundaries, geometry: Geometry, electrolyte: Electrolyte) -> None:
    """Refuse boundary data that the shape or the species do not know, or that contradict each other.

    Args:
        boundaries: the tables by name.
        geometry: the shape, with its boundaries.
        electrolyte: the species.

    Raises:
        CaseError: names the key and what is missing or in excess.
    """
    known = geometry.boundaries
    for name, boundary in boundaries.items():
        if name not in known:
            raise CaseError(f"boundaries.{name}", f"no such boundary; {nearest(name, known)}")
        _check_boundary(name, boundary, electrolyte, geometry)
