"""Reading of TOML files into plain, unchecked tables: overrides by dotted paths, paths of files, kind of the file.

Nothing in a file is ever executed.
"""

from __future__ import annotations

import re
import stat
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from spinepnp.errors import CaseError, nearest, reason_of
from spinepnp.messages import NAMES, entry_key, entry_number
from spinepnp.solvers.model.terms import TERM_KEYS

#: Largest size of a case file, bytes: a larger file is something else.
LARGEST_FILE = 4_000_000

#: Keys that can hold the path of a file; an asterisk stands for any key, and lists are entered.
FILES = (
    "geometry.file", "geometry.profile", "initial.file",
    *(f"boundaries.*.{key}" for term in TERM_KEYS for key in term.file_keys),
)  # fmt: skip


def read_text(path: Path) -> str:
    """Text of a case file.

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
    """Tables of TOML text.

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


#: Message of Python's parser about a name that stands twice.
_TWICE = re.compile(r"Cannot (?:overwrite a value|declare)|Duplicate inline table key '(.*)'")

#: Its message about a table in braces that another line adds to.
_IN_BRACES = re.compile(r"Cannot mutate immutable namespace \('(.*)',?\)")

#: Beginnings of its messages where quotes are missing, most often.
_UNQUOTED = ("Invalid value", "Expected newline or end of document after a statement")


def _toml_problem(message: str, text: str) -> str:
    """Description of an error in TOML text, from the message of Python's parser."""
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
    text: str,
    name: str,
    overrides: Iterable[tuple[str, object]] = (),
    folder: Path = Path(),
    removals: Iterable[str] = (),
) -> dict[str, Any]:
    """Unchecked tables of TOML text, with overrides and paths of files.

    Args:
        text: text of a file.
        name: name of the text in errors.
        overrides: dotted paths of keys that are changed, with their values.
        folder: folder to which paths in the case are relative; those that are not found there stay as they are.
        removals: dotted paths of keys that are removed, before others are changed.

    Raises:
        CaseError: malformed TOML, or a path that leads nowhere.
    """
    data = parse_toml(text, name)
    for path in removals:
        unset_value(data, path)
    for path, value in overrides:
        set_value(data, path, value)
    find_files(data, folder)
    return data


#: Keys by which a file of each kind is known, its name, and the command for it.
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


def kind_of(data: dict[str, Any]) -> str | None:
    """Kind of a file by its tables: "case", "sweep" or "validation"; ``None`` where they do not tell."""
    found = next((kind for kind, (keys, *_) in _KINDS.items() if set(keys) & set(data)), None)
    return found or ("sweep" if _OF_SWEEPS & set(data) else None)


def check_kind(data: dict[str, Any], name: str, kind: str) -> None:
    """Refuse a file that is not of a kind.

    Args:
        data: tables of the file.
        name: name of the file in the error.
        kind: kind that the file must have: "case", "sweep" or "validation".

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
    """Key and value of ``key=value`` on the command line; the value is TOML, or plain text where it is not.

    Raises:
        CaseError: no equals sign or no key.
    """
    path, separator, value = text.partition("=")
    if not separator or not path.strip():
        raise CaseError("--set", 'write key=value, for example --set geometry.radius="75 nm"', text)
    return path.strip(), value_of(value)


def value_of(text: str) -> object:
    """Value outside of a TOML file, read as TOML, or plain text where the whole of it is no TOML."""
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


def _item(table: Any, key: str, path: str, of_buffers: str = "") -> Any:
    """Key or number by which ``key`` is found in a table or list (a list by number, or by its items' name)."""
    if isinstance(table, dict):
        return key
    if isinstance(table, list):
        number = entry_number(table, key)
        if number is None:
            hint = _nearest_entry(table, key)
            before, names = path.partition(f".{key}")[0], [] if _is_near(hint) else _names(table)
            of_entry = f"; write {before}.{names[0]}.{key} for a key of an entry" if names else ""
            raise CaseError(path, f"no such entry; {hint}{of_buffers or of_entry}")
        return number
    raise CaseError(path, f'"{key}" cannot stand below a plain value')


def _nearest_entry(entries: list[Any], key: str) -> str:
    """Hint at the entries of a list."""
    return nearest(key, _names(entries))


def _names(entries: list[Any]) -> list[str]:
    return [entry_key(entries, i) for i, entry in enumerate(entries) if isinstance(entry, dict)]


def _is_near(hint: str) -> bool:
    return hint.startswith("did you mean")


def set_value(data: dict[str, Any], path: str, value: object) -> None:
    """Set the key at a dotted path, making tables on the way; a list is entered by number or by an entry's name.

    The only table of a list needs neither: what is not near its name is a key of it.

    Args:
        data: tables, which are changed in place.
        path: dotted path of the key, such as ``boundaries.top.current.value``.
        value: value as it stands in a file: text with a unit, a number, a list or a table.

    Raises:
        CaseError: the path is malformed or leads through a plain value.
    """
    table, item = _place(data, path)
    table[item] = value


def unset_value(data: dict[str, Any], path: str) -> None:
    """Remove the key at a dotted path, or an entry of a list; see `set_value`.

    Args:
        data: tables, which are changed in place.
        path: dotted path of the key, such as ``boundaries.top.current``.

    Raises:
        CaseError: there is no such key.
    """
    table, item = _place(data, path, new=False)
    if isinstance(table, dict) and item not in table:
        raise CaseError(path, f"cannot be removed, as it is not there; {nearest(str(item), table)}")
    del table[item]


def get_value(data: dict[str, Any], path: str) -> Any:
    """Value at a dotted path, see `set_value`; ``None`` where there is none, with tables made on the way.

    Raises:
        CaseError: the path is malformed or leads through a plain value.
    """
    table, item = _place(data, path)
    return table.get(item) if isinstance(table, dict) else table[item]


def missing_part(data: dict[str, Any], path: str) -> str:
    """Beginning of a path that leads to no table or list, without its last key; empty where all of it is there."""
    keys = path.split(".")
    table: Any = data
    for number, key in enumerate(keys[:-1], 1):
        table = _only(table, key, new=False)
        if _is_itself(table, key):
            continue
        try:
            table = table[_item(table, key, path)]
        except (CaseError, KeyError):
            return ".".join(keys[:number])
    return ""


def _place(data: dict[str, Any], path: str, *, new: bool = True) -> tuple[Any, Any]:
    """Table or list that holds the key at a dotted path, and that key or number; makes tables on the way.

    Args:
        data: tables.
        path: dotted path of the key.
        new: whether the key may be one that is not there yet.
    """
    keys = path.split(".")
    if not all(keys):
        raise CaseError(path or "study.vary", "is not a path of keys such as boundaries.top.current.value")
    table: Any = data
    for key in keys[:-1]:
        table = _only(table, key, new=new)
        if _is_itself(table, key):
            continue
        item = _item(table, key, path, _buffers_hint(data, keys))
        if isinstance(table, dict) and item not in table:
            table[item] = {}
        table = table[item]
    table = _only(table, keys[-1], new=new)
    return table, _item(table, keys[-1], path, _buffers_hint(data, keys))


def _buffers_hint(data: dict[str, Any], keys: list[str]) -> str:
    """Hint at the short forms of buffers, for a path of a species or reaction that the file may not have."""
    electrolyte = data.get("electrolyte")
    if keys[0] != "electrolyte" or keys[1:2] not in (["species"], ["reactions"]) or not isinstance(electrolyte, dict):
        return ""
    buffers = electrolyte.get("buffers")
    names = _names(buffers) if isinstance(buffers, list) else []
    if not names:
        return ""
    return f"; what a buffer becomes is changed by its own keys: electrolyte.buffers.{names[0]}.concentration"


def _only(table: Any, key: str, *, new: bool) -> Any:
    """Only table of a list, where the key is one of its keys: a single current may stand with or without brackets.

    Args:
        table: list or another value, which is returned as it is.
        key: key of a path.
        new: whether the key may be one that the table has not yet: any that names no entry, and is near none.
    """
    if not (isinstance(table, list) and len(table) == 1 and isinstance(table[0], dict)):
        return table
    names_entry = key.isdecimal() or entry_number(table, key) is not None or _is_near(_nearest_entry(table, key))
    return table[0] if key in table[0] or (new and not names_entry) else table


def _is_itself(table: Any, key: str) -> bool:
    """Whether the key names the table at hand, as it would in a list: by its number, name or species."""
    names = [table[word] for word in NAMES if word in table] if isinstance(table, dict) else []
    return bool(names) and key not in table and key in ("0", *names)


def find_files(data: dict[str, Any], folder: Path) -> None:
    """Make paths that are relative to the case file absolute, where that file exists."""

    def found(text: object) -> object:
        with suppress(OSError, ValueError):
            if isinstance(text, str) and (folder / text).is_file():
                return str((folder / text).resolve())
        return text

    for path in FILES:
        *names, key = path.split(".")
        for table in tables_at(data, names):
            if key in table:
                table[key] = found(table[key])
    study = data.get("study")
    if isinstance(study, dict) and study.get("vary") in FILES and isinstance(study.get("values"), list):
        study["values"] = [found(value) for value in study["values"]]


def tables_at(data: Any, names: list[str]) -> list[dict[str, Any]]:
    """All tables at a path of keys; an asterisk is any key, and lists are entered."""
    if isinstance(data, list):
        return [table for item in data for table in tables_at(item, names)]
    if not isinstance(data, dict):
        return []
    if not names:
        return [data]
    first, *rest = names
    inner = data.values() if first == "*" else [data[first]] if first in data else []
    return [table for item in inner for table in tables_at(item, rest)]
