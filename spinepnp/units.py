"""Units live at the edge: case files and results carry them, everything inside is SI.

This is the one place that converts. A quantity of a case file is text with a unit ("100 nm"); it becomes a float in SI
by one of the pydantic types below (`Length`, `Potential`, ...) and goes back to text in the unit of the results.
`Table` is the base of every model that stands for a table of the case file.
"""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    Strict,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from spinepnp.errors import nearest, plain

# CODATA values (exact since the SI of 2019, but for the vacuum permittivity, CODATA 2018).
ELEMENTARY_CHARGE = 1.602176634e-19  #: C
BOLTZMANN = 1.380649e-23  #: J/K
AVOGADRO = 6.02214076e23  #: 1/mol
FARADAY = ELEMENTARY_CHARGE * AVOGADRO  #: C/mol
VACUUM_PERMITTIVITY = 8.8541878128e-12  #: F/m


@dataclass(frozen=True)
class Kind:
    """A kind of physical quantity.

    Attributes:
        name: for messages.
        unit: of the results.
        si: that unit in SI.
        example: for messages.
        smallest: plausible magnitude in SI of a value that must be positive; what is smaller is taken for a slip. What
            may be zero may be as small as the rounding of a script leaves it.
        largest: plausible magnitude.
    """

    name: str
    unit: str
    si: float
    example: str
    smallest: float
    largest: float

    @property
    def one(self) -> str:
        """The name with its article: "a length", "an amount"."""
        return f"{'an' if self.name[0] in 'aeio' else 'a'} {self.name}"

    @property
    def suffix(self) -> str:
        """The unit as it ends a column name: ``mV``, ``um2_per_s``."""
        return self.unit.replace("^", "").replace("/", "_per_")


# The unit of a kind is the unit of the contract's results; `si` is checked against pint by a test.
LENGTH = Kind("length", "nm", 1e-9, "100 nm", 1e-14, 1.0)
AREA = Kind("area", "um^2", 1e-12, "0.1 um^2", 1e-28, 1.0)
VOLUME = Kind("volume", "um^3", 1e-18, "0.5 um^3", 1e-42, 1.0)
POTENTIAL = Kind("potential", "mV", 1e-3, "10 mV", 1e-30, 1e4)
CURRENT = Kind("current", "pA", 1e-12, "50 pA", 1e-40, 1.0)
CONCENTRATION = Kind("concentration", "mM", 1.0, "150 mM", 1e-30, 1e6)
DIFFUSIVITY = Kind("diffusivity", "um^2/s", 1e-12, "200 um^2/s", 1e-20, 1.0)
TEMPERATURE = Kind("temperature", "K", 1.0, "293.15 K", 1e-3, 1e5)
TIME = Kind("time", "ms", 1e-3, "10 ms", 1e-20, 1e9)
RESISTANCE = Kind("resistance", "MOhm", 1e6, "100 MOhm", 1e-12, 1e30)
SURFACE_CHARGE = Kind("surface charge", "C/m^2", 1.0, "0.02 C/m^2", 1e-15, 1e2)
CAPACITANCE = Kind("capacitance per area", "F/m^2", 1.0, "0.01 F/m^2", 1e-15, 1e6)
CURRENT_DENSITY = Kind("current density", "A/m^2", 1.0, "100 A/m^2", 1e-20, 1e15)
AMOUNT = Kind("amount", "ions", 1.0 / AVOGADRO, "5584 ions", 1e-30, 1.0)
RATE = Kind("production rate", "mM/s", 1.0, "1 mM/s", 1e-30, 1e12)
CHARGE = Kind("charge", "fC", 1e-15, "1 fC", 1e-30, 1.0)
ENERGY = Kind("energy", "aJ", 1e-18, "1 aJ", 1e-40, 1e6)
FREQUENCY = Kind("frequency", "Hz", 1.0, "100 Hz", 1e-6, 1e15)
CONDUCTANCE = Kind("conductance", "nS", 1e-9, "1 nS", 1e-30, 1.0)
PERMEABILITY = Kind("permeability", "um/s", 1e-6, "1 um/s", 1e-20, 1e3)
#: Not among the kinds that a value is recognised as: its dimension is that of a plain number.
ANGLE = Kind("angle", "deg", math.pi / 180.0, "25 deg", 1e-9, 2.0 * math.pi)
KINDS = (
    LENGTH, AREA, VOLUME, POTENTIAL, CURRENT, CONCENTRATION, DIFFUSIVITY, TEMPERATURE, TIME, RESISTANCE,
    SURFACE_CHARGE, CAPACITANCE, CURRENT_DENSITY, AMOUNT, RATE, CHARGE, ENERGY, FREQUENCY,
    CONDUCTANCE, PERMEABILITY,
)  # fmt: skip

# A decimal number, then a unit. Only the unit goes to pint, so that no expression is ever evaluated.
#: Factors to SI by unit, by pint's name of the dimension: pint takes half a second to begin. A test compares them.
KNOWN: dict[str, dict[str, float]] = {
    "[length]": {"nm": 1e-09, "um": 1e-06, "mm": 0.001, "m": 1.0},
    "[length] ** 2": {"nm^2": 1e-18, "um^2": 1e-12, "m^2": 1.0},
    "[length] ** 3": {"nm^3": 1e-27, "um^3": 1e-18, "m^3": 1.0},
    "[mass] * [length] ** 2 / [time] ** 3 / [current]": {"uV": 1e-06, "mV": 0.001, "V": 1.0},
    "[current]": {"fA": 1e-15, "pA": 1e-12, "nA": 1e-09, "A": 1.0},
    "[substance] / [length] ** 3": {"uM": 0.001, "mM": 1.0, "mol/m^3": 1.0},
    "[length] ** 2 / [time]": {"um^2/s": 1e-12, "m^2/s": 1.0, "um^2/ms": 1e-09},
    "[temperature]": {"K": 1.0},
    "[time]": {"ps": 1e-12, "ns": 1e-09, "us": 1e-06, "ms": 0.001, "s": 1.0},
    "[mass] * [length] ** 2 / [time] ** 3 / [current] ** 2": {"Ohm": 1.0, "MOhm": 1000000.0, "GOhm": 1000000000.0},
    "[current] * [time] / [length] ** 2": {"C/m^2": 1.0, "mC/m^2": 0.001},
    "[current] ** 2 * [time] ** 4 / [mass] / [length] ** 4": {"F/m^2": 1.0, "uF/cm^2": 0.01},
    "[current] / [length] ** 2": {"A/m^2": 1.0},
    "[substance]": {"ions": 1.66053906717385e-24, "mol": 1.0},
    "[substance] / [length] ** 3 / [time]": {"mM/s": 1.0},
    "[current] * [time]": {"fC": 1e-15, "C": 1.0},
    "[mass] * [length] ** 2 / [time] ** 2": {"aJ": 1e-18, "J": 1.0},
    "1 / [time]": {"Hz": 1.0},
    "[current] ** 2 * [time] ** 3 / [mass] / [length] ** 2": {"pS": 1e-12, "nS": 1e-09, "S": 1.0},
    "[length] / [time]": {"um/s": 1e-06, "m/s": 1.0},
    "dimensionless": {"deg": 0.0174532925199433, "rad": 1.0},
}

_QUANTITY = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\d\s.+-].{0,39})?\s*", re.DOTALL)
_UNIT = re.compile(r"[A-Za-zµμΩ°][A-Za-zµμΩ0-9 */^()·²³-]*")


@functools.cache
def _registry() -> Any:
    import pint  # half a second: only for units that are not known

    registry = pint.UnitRegistry(cache_folder=None)
    registry.define("@alias ohm = Ohm")  # the contract writes MOhm
    registry.define(f"ion = {1.0 / AVOGADRO!r} mol = ions")
    return registry


_KNOWN = {unit: (factor, 0.0, dimension) for dimension, units in KNOWN.items() for unit, factor in units.items()}


@functools.lru_cache(maxsize=1024)
def _unit_in_si(unit: str) -> tuple[float, float, str]:
    """Factor and offset that take a magnitude in ``unit`` to SI base units, and pint's name of its dimension.

    Raises:
        ValueError: the unit is not known.
    """
    if unit in _KNOWN:
        return _KNOWN[unit]
    registry = _registry()
    if not _UNIT.fullmatch(unit) or re.search(r"\d{3}|[\^*]\s*[-(]*\s*\d{2}", unit):
        raise ValueError(unit)
    try:
        parsed = registry.parse_units(unit.replace("²", "^2").replace("³", "^3").replace("·", "*"))
        zero, one = (float(registry.Quantity(m, parsed).to_base_units().magnitude) for m in (0.0, 1.0))
    except Exception as error:  # pint raises tokenizer, arithmetic and its own errors on a bad unit: all mean the same
        raise ValueError(unit) from error
    # Fifteen digits: pint's prefixes carry a last-bit error (1 mM would be 0.9999999999999998 mol/m^3).
    return float(f"{one - zero:.15g}"), zero, str(parsed.dimensionality)


@functools.cache
def _dimension(kind: Kind) -> str:
    return _unit_in_si(kind.unit)[2]


def parse_quantity(text: object, kind: Kind, *, tiny: bool = False) -> float:
    """A quantity with its unit, in SI, of a magnitude that can be meant.

    Args:
        text: for example ``"100 nm"``; a `pint.Quantity` is taken too.
        kind: what the quantity must be.
        tiny: take what is smaller than the kind's smallest plausible value, too: where zero has a meaning.

    Returns:
        The value in SI units.

    Raises:
        ValueError: no text, no number, no unit, an unknown unit, the unit of something else, or far too large or small
            a value; the message says which, and what to write instead.
    """
    value = _magnitude(text, kind)
    smallest = 0.0 if tiny or value == 0.0 else kind.smallest
    if not smallest <= abs(value) <= kind.largest:
        size = "large" if abs(value) > kind.largest else "small"
        raise ValueError(f'too {size} {kind.one} to be meant, for example "{kind.example}"')
    return value


def _magnitude(text: object, kind: Kind) -> float:
    """The same, of any magnitude."""
    if hasattr(text, "magnitude") and hasattr(text, "units"):
        text = f"{float(text.magnitude)!r} {text.units:~}"
    example = f'for example "{kind.example}"'
    if not isinstance(text, str):
        raise ValueError(f"{kind.one} is text with a unit, {example}")
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"not a number with a unit; write {kind.one}, {example}")
    number, unit = match[1], (match[2] or "").strip()
    if not unit:
        raise ValueError(f"the unit is missing; write {kind.one}, {example}")
    try:
        factor, offset, dimension = _unit_in_si(unit)
    except ValueError:
        raise ValueError(f'unknown unit "{unit}"; write {kind.one}, {example}') from None
    if dimension != _dimension(kind):
        other = next((k.one for k in KINDS if _dimension(k) == dimension), None)
        what = f"the unit of {other}" if other else "not a unit of it"
        raise ValueError(f'{kind.one} is needed, "{unit}" is {what}; {example}')
    # Decimal arithmetic rounds once, so that "1 um" and "1000 nm" are the same number.
    try:
        return float(Decimal(number) * Decimal(repr(factor)) + Decimal(repr(offset)))
    except ArithmeticError:  # an exponent beyond Decimal's
        return math.inf


def kind_of_quantity(text: object) -> Kind | None:
    """The kind of a quantity's text, or ``None`` for anything that is no quantity of a known kind."""
    for kind in KINDS:
        try:
            parse_quantity(text, kind)
        except ValueError:
            continue
        return kind
    return None


def to_unit(value: float, kind: Kind) -> float:
    """An SI value in the unit of the results (nm, mV, pA, mM, ...)."""
    return value / kind.si


def format_quantity(value: float, kind: Kind) -> str:
    """The shortest text that `parse_quantity` takes back to ``value`` (up to its last bit); of any magnitude."""
    magnitude = Decimal(repr(value)) / Decimal(repr(kind.si))
    for digits in range(6, 18):
        text = f"{float(magnitude):.{digits}g}"
        if _magnitude(f"{text} {kind.unit}", kind) == value:
            break
    return f"{text} {kind.unit}"


class Table(BaseModel):
    """A table of the case file: frozen, unknown keys refused, quantities as text with units at the edge."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, data: object) -> object:
        if isinstance(data, dict):
            for key in data:
                if key not in cls.model_fields:
                    hint = nearest(str(key), cls.model_fields)
                    raise PydanticCustomError("unknown_key", "unknown key; {hint}", {"key": str(key), "hint": hint})
        return data


def _in_one_line(text: str) -> str:
    return plain(re.sub(r"[\t\n]|\r\n", " ", text))


#: Text that stands in a line of a table, a picture or a page; control characters in it become question marks.
Line = Annotated[str, AfterValidator(_in_one_line)]

#: Numbers without a unit; text and true/false do not pass for them.
Number = Annotated[float, Strict()]
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]


@dataclass(frozen=True)
class Quantity:
    """What a key takes, for whoever explains it; stands in the type of the key.

    Attributes:
        kind: of the quantity.
        sign: "positive", "non_negative" or "any".
    """

    kind: Kind
    sign: str

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of the text."""
        sign = "[+-]?" if self.sign == "any" else "[+]?"
        # Which units there are, only pint knows: any word passes that could be one.
        pattern = rf"^\s*{sign}([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*[A-Za-zµμΩ°].*$"
        return {"type": "string", "pattern": pattern, "examples": [self.kind.example]}


def _quantity_type(kind: Kind, *, positive: bool = False, non_negative: bool = False) -> Any:
    """A pydantic type that reads a quantity of ``kind`` as a float in SI and writes it back as text."""
    quantity = Quantity(kind, "positive" if positive else "non_negative" if non_negative else "any")

    def read(value: object) -> float:
        try:
            number = parse_quantity(value, kind, tiny=not positive)
        except ValueError as error:
            raise PydanticCustomError("quantity", "{problem}", {"problem": str(error)}) from None
        if (positive and number <= 0) or (non_negative and number < 0):
            sign = "greater than zero" if positive else "zero or greater"
            problem = f'{kind.one} here must be {sign}, for example "{kind.example}"'
            raise PydanticCustomError("quantity", "{problem}", {"problem": problem})
        return number

    return Annotated[
        float,
        quantity,
        BeforeValidator(read, json_schema_input_type=Annotated[str, WithJsonSchema(quantity.schema)]),
        PlainSerializer(lambda value: format_quantity(value, kind), return_type=str),
    ]


Length = _quantity_type(LENGTH, positive=True)
Coordinate = _quantity_type(LENGTH)
NonNegativeLength = _quantity_type(LENGTH, non_negative=True)
Angle = _quantity_type(ANGLE, non_negative=True)
Phase = _quantity_type(ANGLE)
Potential = _quantity_type(POTENTIAL)
ThermalVoltage = _quantity_type(POTENTIAL, positive=True)
Current = _quantity_type(CURRENT)
SurfaceCharge = _quantity_type(SURFACE_CHARGE)
Capacitance = _quantity_type(CAPACITANCE, positive=True)
CurrentDensity = _quantity_type(CURRENT_DENSITY)
Concentration = _quantity_type(CONCENTRATION, non_negative=True)
ChargeDensity = _quantity_type(CONCENTRATION)
Amount = _quantity_type(AMOUNT, non_negative=True)
Rate = _quantity_type(RATE)
Diffusivity = _quantity_type(DIFFUSIVITY, positive=True)
Temperature = _quantity_type(TEMPERATURE, positive=True)
Time = _quantity_type(TIME, non_negative=True)
Duration = _quantity_type(TIME, positive=True)
Frequency = _quantity_type(FREQUENCY, positive=True)
Conductance = _quantity_type(CONDUCTANCE, positive=True)
Permeability = _quantity_type(PERMEABILITY, positive=True)
