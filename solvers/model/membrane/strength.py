"""Strengths of membrane mechanisms, per area or in total: the unit says which; and their waveforms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from spinepnp.errors import CaseError
from spinepnp.solvers.model.tables import read_columns
from spinepnp.solvers.model.waveforms import WaveformKeys
from spinepnp.units import (
    CONDUCTANCE,
    CONDUCTANCE_DENSITY,
    CURRENT,
    CURRENT_DENSITY,
    FACTOR,
    FLUX,
    MOLAR_RATE,
    PERMEABILITY,
    SI,
    TIME,
    Kind,
    Quantity,
    format_quantity,
    parse_quantity,
)

#: Keys that only a sine has.
OF_A_SINE = ("frequency", "phase")

#: Problem of a sine on a strength.
NO_SINE = (
    "a strength takes no sine, which would make it negative; take step, pulse, alpha, biexponential, ramp or table, "
    "and drop frequency and phase"
)

#: Kinds of strengths that are those of a whole boundary.
TOTALS = (CONDUCTANCE, CURRENT, MOLAR_RATE)


@dataclass(frozen=True)
class Strength:
    """Strength of a mechanism.

    Attributes:
        value: value, SI.
        kind: kind of the quantity, which says whether it is per area; ``None`` for a plain number.
    """

    value: float
    kind: Kind | None = None

    def per_area(self, area: float) -> float:
        """Strength per area, SI; one in total is spread evenly over an area, m^2."""
        return self.value / area if self.kind in TOTALS else self.value

    def times(self, factor: float) -> Strength:
        """Strength times a factor."""
        return Strength(factor * self.value, self.kind)

    def written(self) -> str | float:
        """Strength as it stands in a case file."""
        return self.value if self.kind is None else format_quantity(self.value, self.kind)


@dataclass(frozen=True)
class StrengthOf:
    """Kinds of quantity that a strength may have, a part of the type of its key.

    Attributes:
        kinds: kinds of quantity.
        number: whether it may be a plain number, too.
    """

    kinds: tuple[Kind, ...]
    number: bool = False

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Descriptions of the kinds of quantity."""
        return tuple(Quantity(kind, "non_negative") for kind in self.kinds)

    @property
    def words(self) -> str:
        """Description of what the key takes."""
        return " or ".join(
            [f'{kind.name} >= 0 ("{kind.example}")' for kind in self.kinds] + ["number >= 0"][: self.number]
        )

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of what stands in a file."""
        text = self.quantities[0].schema | {"examples": [kind.example for kind in self.kinds]}
        return {"anyOf": [text, {"type": "number", "minimum": 0}]} if self.number else text

    def read(self, value: object) -> Strength:
        """Strength of what stands in a file.

        Raises:
            PydanticCustomError: it is none, or negative.
        """
        if isinstance(value, Strength):
            return value
        try:
            return self._read(value)
        except ValueError as error:
            raise PydanticCustomError("quantity", "{problem}", {"problem": str(error)}) from None

    def _read(self, value: object) -> Strength:
        if self.number and isinstance(value, int | float) and not isinstance(value, bool | SI):
            found = Strength(float(value))
        elif isinstance(value, SI) and len(self.kinds) > 1:
            raise ValueError(f"may be per area or not; write a text with its unit: {self.words}")
        else:
            found = self._quantity(value)
        if not 0.0 <= found.value < float("inf"):
            raise ValueError("must be zero or greater")
        return found

    def _quantity(self, value: object) -> Strength:
        problems = []
        for kind in self.kinds:
            try:
                return Strength(parse_quantity(value, kind, tiny=True), kind)
            except ValueError as error:
                problems.append(str(error))
        if len(self.kinds) == 1:
            raise ValueError(problems[0])
        raise ValueError(next((p for p in problems if p.startswith("too ")), f"must be a {self.words}"))


def strength_of(kinds: tuple[Kind, ...], *, number: bool = False) -> tuple[Any, ...]:
    """Metadata by which pydantic reads a strength, and writes it as text or number."""
    of = StrengthOf(kinds, number)
    return (
        of,
        BeforeValidator(of.read, json_schema_input_type=Annotated[Any, WithJsonSchema(of.schema)]),
        PlainSerializer(Strength.written, return_type=Any),
    )


#: Conductance per area or in total.
ConductanceStrength = Annotated[Strength, *strength_of((CONDUCTANCE_DENSITY, CONDUCTANCE))]

#: Current per area or in total.
CurrentStrength = Annotated[Strength, *strength_of((CURRENT_DENSITY, CURRENT))]

#: Current of a pump or flux of a species, per area or in total.
PumpStrength = Annotated[Strength, *strength_of((CURRENT_DENSITY, CURRENT, FLUX, MOLAR_RATE))]

#: Permeability, or a ratio of permeabilities.
PermeabilityStrength = Annotated[Strength, *strength_of((PERMEABILITY,), number=True)]


class StrengthWaveform(WaveformKeys):
    """Waveform of a strength: a factor of height one.

    Attributes:
        waveform: course of the strengths in time: a factor from zero before the onset to one; a steady state takes
            "constant" only.
        file: CSV table with the columns ``time_ms`` and ``factor``.
    """

    column: ClassVar = FACTOR

    # Keys of a sine, which would make a strength negative.
    frequency: ClassVar[None] = None  # type: ignore[misc]
    phase: ClassVar[None] = None  # type: ignore[misc]

    waveform: Literal["constant", "step", "pulse", "alpha", "biexponential", "ramp", "table"] = "constant"

    @model_validator(mode="before")
    @classmethod
    def _has_one_sign(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        found = "waveform" if data.get("waveform") == "sine" else next((key for key in OF_A_SINE if key in data), None)
        if found is not None:
            raise PydanticCustomError("wrong_entry", NO_SINE, {"key": found})
        return data

    def check_file(self, key: str) -> None:
        """Read the table of the waveform, if it has one; the key is that of the mechanism.

        Raises:
            CaseError: the table cannot be used, or has a negative factor.
        """
        super().check_file(key)
        if self.file is not None and np.min(read_columns(self.file, TIME, FACTOR)[1]) < 0.0:
            raise CaseError(f"{key}.file", "has a negative factor, which no strength can have; change it", self.file)
