"""From the text of a file to plain tables that nobody has checked: TOML, overrides, and which kind of file it is.

Nothing in a file is ever executed.
"""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spinepnp.case.key_paths import find_files, set_value
from spinepnp.errors import CaseError, reason_of

#: A case file larger than this is not one.
LARGEST_FILE = 4_000_000


def read_text(path: Path) -> str:
    """The text of a case file.

    Raises:
        CaseError: it cannot be read, or is no text.
    """
    try:
        status = path.stat()
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)) or status.st_size > LARGEST_FILE:
            raise CaseError(str(path), "is no file, or too large for a case; give the path of a case file")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CaseError(str(path), f"cannot be read ({reason_of(error)}); give the path of a case file") from None
    except UnicodeDecodeError:
        raise CaseError(str(path), "is not a text file in UTF-8; give the path of a case file (TOML)") from None


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """The tables of TOML text.

    Raises:
        CaseError: it is malformed; ``name`` is how the error calls it.
    """
    text = text.removeprefix("\ufeff")  # some editors begin with it
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and a number of thousands of digits
        raise CaseError(name, f"is not valid TOML: {_toml_problem(str(error), text)}") from None
    except RecursionError:
        raise CaseError(name, "is not valid TOML: nested too deeply") from None


#: What Python's parser says of a name that stands twice, and of a table in braces that another line adds to.
_TWICE = re.compile(r"Cannot (?:overwrite a value|declare)|Duplicate inline table key '(.*)'")
_IN_BRACES = re.compile(r"Cannot mutate immutable namespace \('(.*)',?\)")

#: What it says where quotes are missing, most often.
_UNQUOTED = ("Invalid value", "Expected newline or end of document after a statement")


def _toml_problem(message: str, text: str) -> str:
    """What is wrong with TOML text, from what Python's parser says."""
    at = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    lines = text.splitlines()
    number = int(at[1]) if at and at[1] else len(lines)
    twice = _TWICE.match(message)
    if twice:
        key, line = twice[1], number
        # The parser has come to the end of a value: its key may stand some lines above.
        for line in range(number, 0, -1) if key is None else ():
            found = re.match(r"\s*(?:\[+\s*([A-Za-z_\"'][\w.\"'\- ]*?)\s*\]+|([^=#\[\]{},]+?)\s*=)", lines[line - 1])
            if found:
                key = found[1] or found[2]
                break
        return f'"{key or "a key"}" stands twice, the second time in line {line}; keep one of them'
    closed = _IN_BRACES.match(message)
    if closed:
        name = closed[1].replace("', '", ".")
        return (
            f'"{name}" stands in braces or brackets above, so that line {number} can add nothing; write it in one place'
        )
    if message.startswith(_UNQUOTED):
        return f'{message}; text, and numbers with a unit, stand in quotes: "100 nm"'
    return message


def read_tables(
    text: str, name: str, overrides: Iterable[tuple[str, object]] = (), folder: Path = Path()
) -> dict[str, Any]:
    """The tables of TOML text, unchecked.

    Args:
        text: the file's content.
        name: how errors call it.
        overrides: keys to set, in order.
        folder: to which paths in the case are relative; those that are not found there stay as they are.

    Raises:
        CaseError: malformed TOML, or a path that leads nowhere.
    """
    data = parse_toml(text, name)
    for path, value in overrides:
        set_value(data, path, value)
    find_files(data, folder)
    return data


#: Keys by which a file of each kind is known, and what is done with it.
_KINDS = {
    "case": (("geometry",), "is a case file", "./spine run solves it"),
    "sweep": (("axes",), "is a sweep file", "./spine batch solves it"),
    "validation": (
        ("checks", "neurons"),
        "is a validation case",
        "./spine validate takes its name, without folder and .toml",
    ),
}


#: Keys by which a sweep file without axes is known.
_OF_SWEEPS = {"base", "combine", "ranks_per_case"}


def check_kind(data: dict[str, Any], name: str, kind: str) -> None:
    """A file is of the kind that is wanted.

    Args:
        data: its tables.
        name: how errors call it.
        kind: "case", "sweep" or "validation".

    Raises:
        CaseError: it is of another kind.
    """
    if set(_KINDS[kind][0]) & set(data):
        return
    for keys, what, instead in _KINDS.values():
        if set(keys) & set(data):
            raise CaseError(name, f"{what}; {instead}")
    if kind != "sweep" and _OF_SWEEPS & set(data):
        raise CaseError(name, "is a sweep file, without axes; ./spine batch solves it")


def parse_override(text: str) -> tuple[str, object]:
    """``key=value`` of the command line; the value is TOML, or plain text where it is not.

    Raises:
        CaseError: no equals sign or no key.
    """
    path, separator, value = text.partition("=")
    if not separator or not path.strip():
        raise CaseError("--set", 'write key=value, for example --set geometry.radius="75 nm"', text)
    return path.strip(), value_of(value)


def value_of(text: str) -> object:
    """A value outside of a TOML file: what TOML would read of it, all of it; plain text where that is nothing."""
    try:
        read = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text.strip()
    # Further lines can hold further keys, and a comment swallows what follows.
    return read["value"] if set(read) == {"value"} and not _ends_in_comment(text) else text.strip()


def _ends_in_comment(text: str) -> bool:
    try:
        tomllib.loads(f"value = {text} =")
    except ValueError:
        return False
    return True
