"""Units and physical constants: case files and results carry units, all numbers inside are SI.

Only this module converts. A quantity of a case file is text with a unit ("100 nm"); one of the pydantic types below
(`Length`, `Potential`, ...) makes it a float in SI, and writes it as text in the unit of the results. In Python it may
also be a pint quantity, or a number that `si` marks as SI. `Table` is the base of every model of a table of the case
file.
"""

from __future__ import annotations

import functools
import math
import numbers
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    Strict,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from spinepnp.errors import CaseError, nearest, plain
from spinepnp.messages import refusal

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
        name: name in messages.
        unit: unit of the results.
        si: value of that unit in SI.
        example: example in messages.
        smallest: smallest plausible magnitude in SI of a value that must be positive; a smaller one is refused as a
            mistake. A value that may be zero may be as small as the rounding of a script leaves it.
        largest: largest plausible magnitude in SI.
    """

    name: str
    unit: str
    si: float
    example: str
    smallest: float
    largest: float

    @property
    def one(self) -> str:
        """Name with its article: "a length", "an amount"."""
        return f"{'an' if self.name[0] in 'aeio' else 'a'} {self.name}"

    @property
    def suffix(self) -> str:
        """Unit as the end of a column name: ``mV``, ``um2_per_s``, ``mol_per_m2_s``."""
        return self.unit.replace("^", "").replace("/", "_per_").replace(" ", "_").replace("(", "").replace(")", "")

    @property
    def column(self) -> str:
        """Name of a column in users' tables: ``time_ms``; ``factor``, which has no unit."""
        return f"{self.name}_{self.suffix}" if self.unit else self.name


# The unit of a kind is that of the results; a test compares `si` with pint.
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
FLUX = Kind("flux", "mol/(m^2 s)", 1.0, "1e-6 mol/(m^2 s)", 1e-40, 1e6)
MOLAR_RATE = Kind("amount per time", "ions/s", 1.0 / AVOGADRO, "1e5 ions/s", 1e-40, 1.0)
CHARGE = Kind("charge", "fC", 1e-15, "1 fC", 1e-30, 1.0)
ENERGY = Kind("energy", "aJ", 1e-18, "1 aJ", 1e-40, 1e6)
FREQUENCY = Kind("frequency", "Hz", 1.0, "100 Hz", 1e-6, 1e15)
CONDUCTANCE = Kind("conductance", "nS", 1e-9, "1 nS", 1e-30, 1.0)
CONDUCTANCE_DENSITY = Kind("conductance per area", "mS/cm^2", 10.0, "20 mS/cm^2", 1e-20, 1e12)
PERMEABILITY = Kind("permeability", "um/s", 1e-6, "1 um/s", 1e-20, 1e3)
RESISTIVITY = Kind("resistivity", "Ohm m", 1.0, "1 Ohm m", 1e-9, 1e15)
AREA_RESISTANCE = Kind("specific membrane resistance", "Ohm m^2", 1.0, "2 Ohm m^2", 1e-15, 1e15)
TOTAL_CAPACITANCE = Kind("capacitance", "pF", 1e-12, "20 pF", 1e-24, 1.0)
SECOND_ORDER = Kind("second-order rate constant", "1/(mM s)", 1.0, "1e8 1/(M s)", 1e-30, 1e15)
THIRD_ORDER = Kind("third-order rate constant", "1/(mM^2 s)", 1.0, "1e12 1/(M^2 s)", 1e-30, 1e20)
#: Rate constant of a reaction of one molecule; not one of `KINDS`, because its dimension is that of a frequency.
FIRST_ORDER = Kind("first-order rate constant", "1/s", 1.0, "10 1/s", 1e-30, 1e15)
#: Angle; not one of `KINDS`, because its dimension is that of a plain number.
ANGLE = Kind("angle", "deg", math.pi / 180.0, "25 deg", 1e-9, 2.0 * math.pi)
#: Factor without a unit, in a table of a waveform; not one of `KINDS`.
FACTOR = Kind("factor", "", 1.0, "0.5", 1e-30, 1e6)
#: Kinds by which a quantity's text is recognised.
KINDS = (
    LENGTH, AREA, VOLUME, POTENTIAL, CURRENT, CONCENTRATION, DIFFUSIVITY, TEMPERATURE, TIME, RESISTANCE,
    SURFACE_CHARGE, CAPACITANCE, CURRENT_DENSITY, AMOUNT, RATE, CHARGE, ENERGY, FREQUENCY,
    CONDUCTANCE, CONDUCTANCE_DENSITY, PERMEABILITY, FLUX, MOLAR_RATE, RESISTIVITY, AREA_RESISTANCE, TOTAL_CAPACITANCE,
    SECOND_ORDER, THIRD_ORDER,
)  # fmt: skip

#: Factors to SI of common units, by pint's name of the dimension: importing pint takes half a second. A test compares
#: them with pint.
COMMON_UNITS: dict[str, dict[str, float]] = {
    "[length]": {"nm": 1e-09, "um": 1e-06, "mm": 0.001, "m": 1.0},
    "[length] ** 2": {"nm^2": 1e-18, "um^2": 1e-12, "m^2": 1.0},
    "[length] ** 3": {"nm^3": 1e-27, "um^3": 1e-18, "m^3": 1.0},
    "[mass] * [length] ** 2 / [time] ** 3 / [current]": {"uV": 1e-06, "mV": 0.001, "V": 1.0},
    "[current]": {"fA": 1e-15, "pA": 1e-12, "nA": 1e-09, "A": 1.0},
    "[substance] / [length] ** 3": {"nM": 1e-06, "uM": 0.001, "mM": 1.0, "M": 1000.0, "mol/m^3": 1.0},
    "[length] ** 2 / [time]": {"um^2/s": 1e-12, "m^2/s": 1.0, "um^2/ms": 1e-09},
    "[temperature]": {"K": 1.0},
    "[time]": {"ps": 1e-12, "ns": 1e-09, "us": 1e-06, "ms": 0.001, "s": 1.0},
    "[mass] * [length] ** 2 / [time] ** 3 / [current] ** 2": {"Ohm": 1.0, "MOhm": 1000000.0, "GOhm": 1000000000.0},
    "[mass] * [length] ** 3 / [time] ** 3 / [current] ** 2": {"Ohm m": 1.0, "Ohm cm": 0.01},
    "[mass] * [length] ** 4 / [time] ** 3 / [current] ** 2": {"Ohm m^2": 1.0, "kOhm cm^2": 0.1},
    "[current] ** 2 * [time] ** 4 / [mass] / [length] ** 2": {"fF": 1e-15, "pF": 1e-12, "nF": 1e-09},
    "[current] * [time] / [length] ** 2": {"C/m^2": 1.0, "mC/m^2": 0.001},
    "[current] ** 2 * [time] ** 4 / [mass] / [length] ** 4": {"F/m^2": 1.0, "uF/cm^2": 0.01},
    "[current] / [length] ** 2": {"A/m^2": 1.0, "mA/cm^2": 10.0, "uA/cm^2": 0.01},
    "[substance] / [time]": {"ions/s": 1.66053906717385e-24, "mol/s": 1.0},
    "[substance]": {"ions": 1.66053906717385e-24, "mol": 1.0},
    "[substance] / [length] ** 3 / [time]": {"mM/s": 1.0},
    "[current] * [time]": {"fC": 1e-15, "C": 1.0},
    "[mass] * [length] ** 2 / [time] ** 2": {"aJ": 1e-18, "J": 1.0},
    "1 / [time]": {"Hz": 1.0, "1/s": 1.0, "1/ms": 1000.0},
    "[length] ** 3 / [substance] / [time]": {"1/(M s)": 0.001, "1/(mM s)": 1.0, "1/(uM s)": 1000.0},
    "[length] ** 6 / [substance] ** 2 / [time]": {"1/(M^2 s)": 1e-06, "1/(mM^2 s)": 1.0},
    "[current] ** 2 * [time] ** 3 / [mass] / [length] ** 2": {"pS": 1e-12, "nS": 1e-09, "S": 1.0},
    "[current] ** 2 * [time] ** 3 / [mass] / [length] ** 4": {"mS/cm^2": 10.0, "S/cm^2": 10000.0, "S/m^2": 1.0},
    "[substance] / [length] ** 2 / [time]": {"mol/(m^2 s)": 1.0},
    "[length] / [time]": {"um/s": 1e-06, "m/s": 1.0},
    "dimensionless": {"deg": 0.0174532925199433, "rad": 1.0},
}

#: Quantity: a decimal number, then a unit. Only the unit goes to pint, so that no expression is ever evaluated.
_QUANTITY = re.compile(
    r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?:\s*([^\d\s.+-].{0,39})|\s+(1\s*/.{0,38}))?\s*", re.DOTALL
)

#: Characters of a unit.
_UNIT = re.compile(r"(?:1 ?/ ?)?[A-Za-zµμΩ°(][A-Za-zµμΩ0-9 */^()·²³-]*")


class SI(float):
    """A number that is a quantity in SI units; arithmetic gives plain numbers. Made by `si`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"si({float(self)!r})"


def si(value: Any) -> SI:
    """Mark a number as a quantity in SI units, for calls in Python: ``Cylinder(length=si(1e-6), ...)``.

    Args:
        value: number in SI units (m, V, A, mol/m^3, s, ...).

    Raises:
        CaseError: it is no finite number.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise CaseError("si", "takes one finite number in SI units, for example si(1e-7)", str(value))
    return SI(value)


def number_as_si(value: Any) -> Any:
    """A plain finite number marked as SI, for arguments in Python that take one; all else as it is."""
    plain = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return SI(value) if plain and math.isfinite(value) else value


@functools.cache
def _registry() -> Any:
    import pint  # half a second: only for units that are not common

    registry = pint.UnitRegistry(cache_folder=None)
    registry.define("@alias ohm = Ohm")  # the contract writes MOhm
    registry.define(f"ion = {1.0 / AVOGADRO!r} mol = ions")
    return registry


_COMMON = {
    unit: (factor, 0.0, dimension) for dimension, units in COMMON_UNITS.items() for unit, factor in units.items()
}


@functools.lru_cache(maxsize=1024)
def _unit_in_si(unit: str) -> tuple[float, float, str]:
    """Factor and offset that take a magnitude in ``unit`` to SI base units, and pint's name of its dimension.

    Raises:
        ValueError: the unit is not known.
    """
    if unit in _COMMON:
        return _COMMON[unit]
    registry = _registry()
    if not _UNIT.fullmatch(unit) or re.search(r"\d{3}|[\^*]\s*[-(]*\s*\d{2}", unit):
        raise ValueError(unit)
    try:
        parsed = registry.parse_units(unit.replace("²", "^2").replace("³", "^3").replace("·", "*"))
        zero, one = (float(registry.Quantity(m, parsed).to_base_units().magnitude) for m in (0.0, 1.0))
    except Exception as error:  # pint raises tokenizer, arithmetic and its own errors on a bad unit
        raise ValueError(unit) from error
    # Fifteen digits: pint's prefixes carry a last-bit error (1 mM would be 0.9999999999999998 mol/m^3).
    return float(f"{one - zero:.15g}"), zero, str(parsed.dimensionality)


@functools.cache
def _dimension(kind: Kind) -> str:
    return _unit_in_si(kind.unit)[2]


def parse_quantity(text: object, kind: Kind, *, tiny: bool = False) -> float:
    """A quantity with its unit, in SI, of a plausible magnitude.

    Args:
        text: text such as ``"100 nm"``, a `pint.Quantity`, or a number that `si` has marked.
        kind: kind that the quantity must have.
        tiny: accept values smaller than the kind's smallest plausible one: where zero has a meaning.

    Returns:
        The value in SI units.

    Raises:
        ValueError: no text, no number, no unit, an unknown unit, the unit of another kind, or far too large or small
            a value; the message names the problem and the remedy.
    """
    value = _magnitude(text, kind)
    smallest = 0.0 if tiny or value == 0.0 else kind.smallest
    if not smallest <= abs(value) <= kind.largest:
        size = "large" if abs(value) > kind.largest else "small"
        raise ValueError(f'too {size} {kind.one} to be meant, for example "{kind.example}"')
    return value


def _magnitude(text: object, kind: Kind) -> float:
    """A quantity with its unit, in SI, of any magnitude."""
    if isinstance(text, SI):
        return float(text)
    if hasattr(text, "magnitude") and hasattr(text, "units"):
        text = _text_of_pint(text)
    if not isinstance(text, str):
        raise ValueError(f'{kind.one} is text with a unit, for example "{kind.example}"')
    return _magnitude_of_text(text, kind)


@functools.lru_cache(maxsize=4096)
def _magnitude_of_text(text: str, kind: Kind) -> float:
    """See `_magnitude`; the cases of a batch have most of their texts in common."""
    example = f'for example "{kind.example}"'
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"not a number with a unit; write {kind.one}, {example}")
    number, unit = match[1], (match[2] or match[3] or "").strip()
    unit = f"1{unit}" if unit.startswith("/") else unit
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


def _text_of_pint(quantity: Any) -> str | None:
    """Text of a pint quantity of any registry; ``None`` for an array."""
    try:
        number = float(quantity.magnitude)
    except TypeError:
        return None
    # A reciprocal unit is "1 / s" there; a unit here begins with its name.
    return f"{number!r} " + re.sub(r"^1 / ([^ /*]+)(?![ ]*\*\*)", r"\1^-1", f"{quantity.units:~}")


def kind_of_quantity(text: object) -> Kind | None:
    """Kind of a quantity's text; ``None`` for all that is not a quantity of one of `KINDS`, and for numbers in SI."""
    for kind in () if isinstance(text, SI) else KINDS:
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
    """Shortest text that `parse_quantity` reads as ``value``, up to its last bit; of any magnitude."""
    return _formatted(repr(float(value)), kind)  # NumPy's numbers have another repr


@functools.lru_cache(maxsize=4096)
def _formatted(digits_of_value: str, kind: Kind) -> str:
    """See `format_quantity`; the value is given by its digits, as zeros of both signs are equal numbers."""
    value, magnitude = float(digits_of_value), Decimal(digits_of_value) / Decimal(repr(kind.si))
    for digits in range(6, 18):
        text = f"{float(magnitude):.{digits}g}"
        if _magnitude(f"{text} {kind.unit}", kind) == value:
            break
    return f"{text} {kind.unit}"


def concentration_unit(value: float) -> tuple[str, float]:
    """Unit in which a concentration (mol/m^3) reads best, and its value in SI: nM, uM or mM."""
    units = {"nM": 1e-6, "uM": 1e-3, "mM": 1.0}
    name = next((name for name, si_value in units.items() if abs(value) < 999.5 * si_value), "mM")
    return name, units[name]


def readable_concentration(value: float) -> str:
    """Concentration (mol/m^3) with four digits in the unit that reads best."""
    name, si_value = concentration_unit(value)
    return f"{value / si_value:.4g} {name}"


class Table(BaseModel):
    """A table of the case file: frozen, unknown keys refused, quantities as text with units at the edge.

    In Python it is made by its class, with the keys as arguments, or by a plain dictionary of them.

    Raises:
        CaseError: the first thing that is wrong with it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    if not TYPE_CHECKING:  # type checkers read the arguments off the fields

        def __init__(self, /, **data: Any) -> None:
            try:
                super().__init__(**data)
            except ValidationError as error:
                raise refusal(error, data, type(self).__name__) from None

        # Tables within tables are made by pydantic itself, so that the error of the outermost one names the whole path.
        __init__.__pydantic_base_init__ = True

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        for key in data:
            if key not in cls.model_fields:
                hint = nearest(str(key), cls.model_fields)
                raise PydanticCustomError("unknown_key", "unknown key; {hint}", {"key": str(key), "hint": hint})
        return {key: _plain_scalar(value) for key, value in data.items()}


def _plain_scalar(value: Any) -> Any:
    """A scalar of NumPy as one of Python; all else as it is."""
    return value.item() if type(value).__module__ == "numpy" and getattr(value, "shape", None) == () else value


def _in_one_line(text: str) -> str:
    return plain(re.sub(r"[\t\n]|\r\n", " ", text))


#: One line of text in a table, a picture or a page; control characters in it become question marks.
Line = Annotated[str, AfterValidator(_in_one_line)]

#: Number without a unit; text and true/false are refused.
Number = Annotated[float, Strict()]

#: Integer; text, true/false and numbers with a fraction are refused.
Whole = Annotated[int, Strict()]

#: Boolean; text and numbers are refused.
Flag = Annotated[bool, Strict()]


@dataclass(frozen=True)
class Quantity:
    """Description of the quantity that a key takes, a part of the key's type.

    Attributes:
        kind: kind of the quantity.
        sign: allowed sign: "positive", "non_negative" or "any".
    """

    kind: Kind
    sign: str

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of the text."""
        sign = "[+-]?" if self.sign == "any" else "[+]?"
        # Only pint knows all units: the pattern accepts any word that could be one.
        pattern = rf"^\s*{sign}([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?(\s*[/A-Za-zµμΩ°]|\s+1\s*/).*$"
        return {"type": "string", "pattern": pattern, "examples": [self.kind.example]}


def _quantity(kind: Kind, sign: Literal["positive", "non_negative", "any"] = "any") -> tuple[Any, ...]:
    """Metadata by which pydantic reads a quantity of ``kind`` as a float in SI and writes it as text."""
    quantity = Quantity(kind, sign)

    def read(value: object) -> float:
        try:
            number = parse_quantity(value, kind, tiny=sign != "positive")
        except ValueError as error:
            raise PydanticCustomError("quantity", "{problem}", {"problem": str(error)}) from None
        if (sign == "positive" and number <= 0) or (sign == "non_negative" and number < 0):
            limit = "greater than zero" if sign == "positive" else "zero or greater"
            problem = f'{kind.one} here must be {limit}, for example "{kind.example}"'
            raise PydanticCustomError("quantity", "{problem}", {"problem": problem})
        return number

    return (
        quantity,
        BeforeValidator(read, json_schema_input_type=Annotated[str, WithJsonSchema(quantity.schema)]),
        PlainSerializer(lambda value: format_quantity(value, kind), return_type=str),
    )


Length = Annotated[float, *_quantity(LENGTH, "positive")]
Area = Annotated[float, *_quantity(AREA, "positive")]
Volume = Annotated[float, *_quantity(VOLUME, "positive")]
Coordinate = Annotated[float, *_quantity(LENGTH)]
NonNegativeLength = Annotated[float, *_quantity(LENGTH, "non_negative")]
Angle = Annotated[float, *_quantity(ANGLE, "non_negative")]
Phase = Annotated[float, *_quantity(ANGLE)]
Potential = Annotated[float, *_quantity(POTENTIAL)]
ThermalVoltage = Annotated[float, *_quantity(POTENTIAL, "positive")]
Current = Annotated[float, *_quantity(CURRENT)]
SurfaceCharge = Annotated[float, *_quantity(SURFACE_CHARGE)]
Capacitance = Annotated[float, *_quantity(CAPACITANCE, "positive")]
CurrentDensity = Annotated[float, *_quantity(CURRENT_DENSITY)]
Concentration = Annotated[float, *_quantity(CONCENTRATION, "non_negative")]
ChargeDensity = Annotated[float, *_quantity(CONCENTRATION)]
Amount = Annotated[float, *_quantity(AMOUNT, "non_negative")]
Rate = Annotated[float, *_quantity(RATE)]
MolarFlux = Annotated[float, *_quantity(FLUX)]
Diffusivity = Annotated[float, *_quantity(DIFFUSIVITY, "positive")]
NonNegativeDiffusivity = Annotated[float, *_quantity(DIFFUSIVITY, "non_negative")]
Temperature = Annotated[float, *_quantity(TEMPERATURE, "positive")]
Time = Annotated[float, *_quantity(TIME, "non_negative")]
Duration = Annotated[float, *_quantity(TIME, "positive")]
Frequency = Annotated[float, *_quantity(FREQUENCY, "positive")]
Conductance = Annotated[float, *_quantity(CONDUCTANCE, "positive")]
Permeability = Annotated[float, *_quantity(PERMEABILITY, "positive")]
Resistance = Annotated[float, *_quantity(RESISTANCE, "positive")]
Resistivity = Annotated[float, *_quantity(RESISTIVITY, "positive")]
AreaResistance = Annotated[float, *_quantity(AREA_RESISTANCE, "positive")]
TotalCapacitance = Annotated[float, *_quantity(TOTAL_CAPACITANCE, "non_negative")]
BindingRate = Annotated[float, *_quantity(SECOND_ORDER, "positive")]
UnbindingRate = Annotated[float, *_quantity(FIRST_ORDER, "positive")]
