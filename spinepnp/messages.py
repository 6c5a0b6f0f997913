"""Validation of plain data as pydantic tables, with errors of one line in the words of the case file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from spinepnp.errors import CaseError

#: Types of values that an error line shows.
SHOWN = (str, int, float, bool)

#: Keys by which an entry of a list is found, beside its number; a name goes before a species, which several may have,
#: and before a preset.
NAMES = ("name", "species", "kinetics", "use")


def entry_number(entries: Sequence[Any], key: str) -> int | None:
    """Number of the entry of a list that a key of a path names, by its number or by its name; ``None`` without one."""
    if key.isdecimal() and int(key) < len(entries):
        return int(key)
    found = (i for word in NAMES for i, entry in enumerate(entries) if _word_of(entry, word) == key)
    return next(found, None)


def entry_key(entries: Sequence[Any], number: int, *, beside: str = "") -> str:
    """Key of an entry of a list in a path: its name where that finds it, else its number.

    Args:
        entries: tables of the list, as plain data or checked.
        number: number of the entry.
        beside: key below the entry that the path goes on with: a wrong name is not named by itself.
    """
    words = (_word_of(entries[number], word) for word in NAMES if word != beside)
    names = [word for word in words if isinstance(word, str) and "." not in word]
    return next((name for name in names if entry_number(entries, name) == number), str(number))


def entry_path(key: str, entries: Sequence[Any], number: int, *, beside: str = "") -> str:
    """Path of an entry of a checked list, of which a single table without a name may stand without brackets.

    Args:
        key: path of the list.
        entries: its tables.
        number: number of the entry.
        beside: key below the entry; see `entry_key`.
    """
    alone = len(entries) == 1 and _word_of(entries[0], "name") is None
    return key if alone else f"{key}.{entry_key(entries, number, beside=beside)}"


def problem_of_choice(table: BaseModel, ways: Mapping[str, str]) -> str:
    """Problem of a table that needs exactly one of several keys; empty where it has one.

    Args:
        table: checked table.
        ways: what to write for each of the keys.
    """
    given = [key for key in ways if getattr(table, key) is not None]
    if not given:
        *most, last = ways.values()
        return f"needs either {', '.join(most)} or {last}; add one"
    return "" if len(given) == 1 else f"has {' and '.join(given)}, which exclude each other; keep one of them"


def _word_of(entry: Any, word: str) -> Any:
    return entry.get(word) if isinstance(entry, dict) else getattr(entry, word, None)


def validated[Kind: BaseModel](data: Any, kind: type[Kind], key: str = "") -> Kind:
    """Table of a kind from plain data; a table of this kind is returned as it is.

    Args:
        data: values by key, as in a case file.
        kind: class of the table.
        key: key of the table itself, for the message.

    Raises:
        CaseError: the first thing that is wrong with it, in the words of the case file.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise refusal(error, data, key) from None


def refusal(error: ValidationError, data: Any, key: str = "") -> CaseError:
    """Error of one line for the first thing that is wrong with the data of a table.

    Args:
        error: error of pydantic.
        data: data that it refuses.
        key: key of the table in a case; empty for a whole case.
    """
    errors = error.errors(include_url=False)
    # An unknown key explains a missing one beside it, so it goes first.
    first = next((e for e in errors if e["type"] == "unknown_key"), errors[0])
    path, value = _key_of(first, data)
    return CaseError(".".join(filter(None, [key, path])) or "case", _problem_of(first), value)


def _key_of(error: Any, data: Any) -> tuple[str, object]:
    """Dotted key and offending value of a pydantic error, in the words of the case file.

    Pydantic's location also names branches of unions; what is not in the file is left out.
    """
    keys: list[str] = []
    table = data
    location = list(error["loc"])
    for position, part in enumerate(location):
        beside = str(location[position + 1]) if position + 1 < len(location) else ""
        if isinstance(table, dict) and part in table:
            keys.append(str(part))
            table = table[part]
        elif isinstance(table, list | tuple) and isinstance(part, int) and part < len(table):
            keys.append(entry_key(table, part, beside=beside))
            table = table[part]
        elif isinstance(table, dict) and part == 0 and "name" in table and beside != "name":
            keys.append(entry_key([table], 0))  # a single table in place of a list
        elif position == len(location) - 1 and error["type"] == "missing":
            keys.append(str(part))
    if error["type"] == "unknown_key":
        keys.append(error["ctx"]["key"])
        table = None
    elif error["type"] == "wrong_entry" and isinstance(table, dict):
        keys.append(error["ctx"]["key"])
        table = table.get(keys[-1])
    shown = table if isinstance(table, SHOWN) or hasattr(table, "magnitude") else None
    return ".".join(keys), shown


#: Descriptions by pydantic's names of errors, whose own messages speak of Python's types.
PLAIN = {
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be an integer",
    "int_parsing_size": "is too large a number to be meant",
}


def _problem_of(error: Any) -> str:
    """Description of a pydantic error in plain words."""
    if error["type"] == "missing":
        return "is missing; add it"
    message = str(error["msg"])
    for prefix, plain in (
        ("Value error, ", ""),
        ("Input should be a valid ", "must be a "),
        ("Input should ", "must "),
        ("String should ", "must "),
    ):
        if message.startswith(prefix):
            message = plain + message[len(prefix) :]
    if error["type"] == "too_short":
        least = error["ctx"]["min_length"]
        message = "must have at least one entry" if least == 1 else f"must have at least {least} entries"
    if error["type"] == "too_long":
        message = f"must have at most {error['ctx']['max_length']} entries, not {error['ctx']['actual_length']}"
    message = PLAIN.get(error["type"], message)
    if error["type"] in ("tuple_type", "list_type"):
        value = error["input"]
        example = f'["{value}"]' if isinstance(value, str) and len(value) < 40 else "[1, 2]"
        message = f"must be a list in square brackets, such as {example}"
    return " ".join(message.split())
