"""Types, defaults and meanings of the keys of a table, read from the models and their docstrings.

One source for docs/keys.md, the JSON Schema, `list` and the case files of `new`. Nothing here needs DOLFINx.
"""

from __future__ import annotations

import inspect
import json
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from spinepnp.case.short_forms import SHORT_FORMS
from spinepnp.case.study import TRANSIENT, Study
from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.model.electrolyte import DEFAULT_THERMAL_VOLTAGE, Electrolyte
from spinepnp.solvers.model.membrane.law_keys import TRACES
from spinepnp.solvers.model.membrane.strength import StrengthOf
from spinepnp.solvers.model.terms.capacitance import Membrane
from spinepnp.solvers.model.terms.mechanism import Outside
from spinepnp.units import POTENTIAL, Quantity, Table, format_quantity

#: Potential outside of a membrane where none is given.
NO_POTENTIAL = format_quantity(0.0, POTENTIAL)

#: Defaults that are filled in when a case is resolved, because they depend on other keys.
LATE: dict[type[Table], dict[str, Any]] = {
    Electrolyte: {"thermal_voltage": format_quantity(DEFAULT_THERMAL_VOLTAGE, POTENTIAL)},
    Study: TRANSIENT,
    Boundary: {"traces": TRACES},
    Membrane: {"outside": NO_POTENTIAL},
    Outside: {"potential": NO_POTENTIAL},
}

#: Units by which docstrings tell what a quantity is inside; in a file it has any unit of its kind.
_SI = re.compile(
    r"(?:^|, | in )(?:m|m\^3|V|A|K|s|S|rad|mol|1/s|m/s|m\^2/s|[ACF]/m\^2|mol/\(m\^3 s\)|mol/m\^3)(?: \(= mM\))?"
    r"(?=[.,;:]|$)"
)

_WORDS: dict[Any, str] = {str: "text", float: "number", int: "whole number", bool: "true or false", Any: "any value"}

_BOUNDS = (
    (annotated_types.Gt, "gt", ">"),
    (annotated_types.Ge, "ge", ">="),
    (annotated_types.Lt, "lt", "<"),
    (annotated_types.Le, "le", "<="),
)


@dataclass(frozen=True)
class Key:
    """One key of a table.

    Attributes:
        name: as it stands in the file.
        takes: kind of value, in words.
        default: as it stands in the file; empty where leaving the key out is a choice of its own.
        required: whether the table must have it.
        meaning: from the docstring.
        tables: models of the tables that can be its value.
    """

    name: str
    takes: str
    default: str
    required: bool
    meaning: str
    tables: tuple[type[Table], ...] = ()

    @property
    def short(self) -> str:
        """The first clause of the meaning."""
        return re.split(r"[;.](?: |$)|: ", self.meaning, maxsplit=1)[0]


def summary_of(thing: Any) -> str:
    """The first paragraph of the docstring of a model or function."""
    return inspect.cleandoc(thing.__doc__ or "").split("\n\n")[0].replace("\n", " ")


def without_si(text: str) -> str:
    """Text without the SI units of values inside the program."""
    return _SI.sub("", text).lstrip(" .,;")


def drawing_of(model: type) -> str:
    """The drawing in a model's docstring, without indentation."""
    found = re.search(r"::\n\n(.*?)\n(?=\n\S)", inspect.cleandoc(model.__doc__ or ""), flags=re.S)
    return inspect.cleandoc("\n" + found[1]) if found else ""


def meanings(model: type) -> dict[str, str]:
    """Meaning of each key, by the section "Attributes" of the docstrings of a model and its bases."""
    found: dict[str, str] = {}
    for part in reversed(model.__mro__):
        text = inspect.cleandoc(part.__dict__.get("__doc__") or "")
        section = re.search(r"^Attributes:\n((?:    .*\n?|\n)*)", text, flags=re.M)
        for name, meaning in re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", section[1] if section else "", flags=re.M):
            found[name] = " ".join(meaning.split())
    return found


def keys_of(model: type[Table]) -> list[Key]:
    """All keys of a table, in their order: those of its short form, then its own."""
    meaning, short = meanings(model), SHORT_FORMS.get(model)
    own = [_key(model, name, field, meaning.get(name, "")) for name, field in model.model_fields.items()]
    return [*(keys_of(short) if short is not None else ()), *own]


def _key(model: type[Table], name: str, field: FieldInfo, meaning: str) -> Key:
    metadata = tuple(field.metadata)
    if next(_quantities(field.annotation, metadata), None) is not None:
        meaning = without_si(meaning)
    default = LATE.get(model, {}).get(name, None if field.is_required() else field.default)
    return Key(
        name=name,
        takes=_takes(_written(model, name, field.annotation), metadata),
        default=_as_toml(default, next(_quantities(field.annotation, metadata), None)),
        required=field.is_required(),
        meaning=meaning,
        tables=tuple(dict.fromkeys(_tables(field.annotation))),
    )


def _written(model: type[Table], name: str, annotation: Any) -> Any:
    """The type of what stands in the file, where a validator takes more than the type of the field."""
    for validator in model.__pydantic_decorators__.field_validators.values():
        wider = getattr(validator.info, "json_schema_input_type", PydanticUndefined)
        if name in validator.info.fields and wider is not PydanticUndefined:
            return wider
    return annotation


def _parts(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """Type without its annotation, and the metadata of the annotation."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        flat = [m for entry in metadata for m in (entry.metadata if isinstance(entry, FieldInfo) else [entry])]
        deeper, more = _parts(inner)
        return deeper, (*more, *flat)
    return annotation, ()


def _quantities(annotation: Any, metadata: tuple[Any, ...] = ()) -> Iterator[Quantity]:
    """All quantities in a type."""
    inner, more = _parts(annotation)
    for entry in (*metadata, *more):
        if isinstance(entry, StrengthOf):
            yield from entry.quantities
        elif isinstance(entry, Quantity):
            yield entry
    for part in get_args(inner) if get_origin(inner) is not Literal else ():
        yield from _quantities(part)


def _tables(annotation: Any) -> Iterator[type[Table]]:
    """All models in a type."""
    inner, _ = _parts(annotation)
    if isinstance(inner, type) and issubclass(inner, Table):
        yield inner
    for part in get_args(inner) if get_origin(inner) is not Literal else ():
        yield from _tables(part)


def _takes(annotation: Any, metadata: tuple[Any, ...] = ()) -> str:
    """Description of the values of a type, in words."""
    inner, more = _parts(annotation)
    metadata, origin, arguments = (*metadata, *more), get_origin(inner), get_args(inner)
    quantity = next((entry for entry in metadata if isinstance(entry, Quantity)), None)
    if quantity is not None:
        sign = {"positive": " > 0", "non_negative": " >= 0"}.get(quantity.sign, "")
        return f'{quantity.kind.name}{sign} ("{quantity.kind.example}")'
    strength = next((entry for entry in metadata if isinstance(entry, StrengthOf)), None)
    if strength is not None:
        return strength.words
    if origin is Literal:
        return " or ".join(json.dumps(value) for value in arguments)
    if origin in (Union, types.UnionType):
        words = [_takes(part, metadata) for part in arguments if part is not type(None)]
        return " or ".join(dict.fromkeys(words))
    if origin is tuple:
        of = _takes(arguments[0])
        if arguments[-1] is Ellipsis:
            return "list of " + of.replace("table", "tables")
        return f"list of {len(arguments)}: {of}"
    if origin is dict:
        return "table by name: " + _takes(arguments[1])
    if isinstance(inner, type) and issubclass(inner, Table):
        return "table"
    return _WORDS.get(inner, "value") + _bounds(metadata)


def _bounds(metadata: tuple[Any, ...]) -> str:
    found = [f"{sign} {getattr(entry, name):g}" for kind, name, sign in _BOUNDS for entry in metadata
             if isinstance(entry, kind)]  # fmt: skip
    return (" " + ", ".join(found)) if found else ""


def _as_toml(value: Any, quantity: Quantity | None) -> str:
    """A default as it would stand in a file; empty for what leaving out means and for tables."""
    if isinstance(value, float) and quantity is not None:
        return json.dumps(format_quantity(value, quantity.kind))
    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value) if isinstance(value, str | int | bool) and value != "" else ""


def walk(model: type[Table], path: str = "") -> Iterator[tuple[str, type[Table]]]:
    """All tables below a model with the path at which each stands; one that comes twice is given once.

    A name that the user chooses is NAME.
    """
    seen: set[type[Table]] = set()

    def below(table: type[Table], at: str) -> Iterator[tuple[str, type[Table]]]:
        if table in seen:
            return
        seen.add(table)
        yield at, table
        for key in keys_of(table):
            named = ".NAME" if key.takes.startswith("table by name") else ""
            for inner in key.tables:
                yield from below(inner, f"{at}.{key.name}{named}".lstrip("."))

    yield from below(model, path)
