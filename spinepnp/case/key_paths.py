"""Dotted paths of keys in the plain tables of a case file, and the keys that hold paths of files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from spinepnp.errors import CaseError, nearest

#: Keys that can hold the path of a file; an asterisk stands for any key, and lists are entered.
FILES = ("geometry.file", "geometry.profile", "boundaries.*.current.file", "boundaries.*.channel.file")


def _item(table: Any, key: str, path: str) -> Any:
    """The key or index by which ``key`` is found in a table or list (a list by number, or by its items' name)."""
    if isinstance(table, dict):
        return key
    if isinstance(table, list):
        if key.isdecimal() and int(key) < len(table):
            return int(key)
        for position, item in enumerate(table):
            if isinstance(item, dict) and key in (item.get("name"), item.get("species")):
                return position
        known = [str(i.get("name") or i.get("species") or n) for n, i in enumerate(table) if isinstance(i, dict)]
        raise CaseError(path, f"no such entry; {nearest(key, known)}")
    raise CaseError(path, f'"{key}" cannot stand below a plain value')


def set_value(data: dict[str, Any], path: str, value: object) -> None:
    """Set the key at a dotted path, making tables on the way; a list is entered by number or by an entry's name.

    Raises:
        CaseError: the path is malformed or leads through a plain value.
    """
    keys = path.split(".")
    if not all(keys):
        raise CaseError(path or "study.vary", "is not a path of keys such as boundaries.top.current.value")
    table: Any = data
    for key in keys[:-1]:
        table = _only(table, key)
        if _is_itself(table, key):
            continue
        item = _item(table, key, path)
        if isinstance(table, dict) and item not in table:
            table[item] = {}
        table = table[item]
    table = _only(table, keys[-1])
    table[_item(table, keys[-1], path)] = value


def _only(table: Any, key: str) -> Any:
    """The only table of a list, where the key is one of its keys: one current or channel may stand with or without."""
    alone = isinstance(table, list) and len(table) == 1 and isinstance(table[0], dict) and key in table[0]
    return table[0] if alone else table


def _is_itself(table: Any, key: str) -> bool:
    """Whether the key names the table at hand, as it would in a list: by its number or species."""
    return isinstance(table, dict) and "species" in table and key not in table and key in ("0", table["species"])


def find_files(data: dict[str, Any], folder: Path) -> None:
    """Let paths that are relative to the case file be so: they become absolute if that file exists."""

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
