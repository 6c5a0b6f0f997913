"""Validation of plain data as pydantic tables, with errors of one line in the words of the case file."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from spinepnp.errors import CaseError

#: Types of values that an error line shows.
SHOWN = (str, int, float, bool)


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
        if (isinstance(table, dict) and part in table) or (
            isinstance(table, list | tuple) and isinstance(part, int) and part < len(table)
        ):
            keys.append(str(part))
            table = table[part]
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
