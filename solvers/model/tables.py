"""Helpers of the tables of a case: keys that depend on another key, and columns of CSV files with units."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping

import numpy as np
from pydantic import BaseModel

from spinepnp.csv_files import rows_of
from spinepnp.errors import reason_of
from spinepnp.units import Kind, parse_quantity


def check_keys(
    table: BaseModel,
    kind: str,
    keys: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]],
    always: Iterable[str] = (),
) -> None:
    """Refuse keys that are missing, or that belong to another kind of the table.

    Args:
        table: table whose single keys are validated.
        kind: key that says of which kind the table is.
        keys: needed and allowed keys, by the value of that key.
        always: keys that every kind allows.

    Raises:
        ValueError: names the key.
    """
    value = getattr(table, kind)
    needed, allowed = keys[value]
    present = {name for name in type(table).model_fields if getattr(table, name) not in (None, ())} - {kind, *always}
    for name in needed:
        if name not in present:
            raise ValueError(f'{kind} = "{value}" needs {name}; add it')
    for name in sorted(present - {*needed, *allowed}):
        known = ", ".join((*needed, *allowed)) or "no further key"
        raise ValueError(f'{name} is no key of {kind} = "{value}", which takes {known}; drop it')


def read_columns(path: str, rising: Kind, other: Kind) -> tuple[np.ndarray, np.ndarray]:
    """Two columns of a CSV table, by the names of their quantities.

    Args:
        path: path of the file, whose header names quantities with units, such as ``time_ms,current_pA``.
        rising: kind of the column that rises from row to row.
        other: kind of the other column.

    Returns:
        Both columns in SI units, shape (rows,).

    Raises:
        ValueError: the file cannot be read, a column is missing, a value is no number, or the first does not rise.
    """
    try:
        changed = os.stat(path).st_mtime_ns
    except (OSError, ValueError) as error:
        why = reason_of(error) if isinstance(error, OSError) else "not a path"
        raise ValueError(f"the table cannot be read ({why})") from None
    return _cached_columns(path, changed, rising, other)


@functools.lru_cache(maxsize=64)
def _cached_columns(path: str, _changed: int, rising: Kind, other: Kind) -> tuple[np.ndarray, np.ndarray]:
    expected = f"{rising.column},{other.column}"
    rows = list(rows_of(path))
    columns = [_column(rows, kind, expected) for kind in (rising, other)]
    if len(rows) < 2 or not np.all(np.diff(columns[0]) > 0.0):
        raise ValueError(f"the table needs at least two rows in which the {rising.name} rises; sort it")
    return columns[0], columns[1]


def _column(rows: list[dict[str, str]], kind: Kind, expected: str) -> np.ndarray:
    headers = rows[0] if rows else {}
    header = next((h for h in headers if h == kind.column or (kind.unit and h.partition("_")[0] == kind.name)), None)
    if header is None:
        unit = " with its unit" if kind.unit else ""
        raise ValueError(f"the table needs a column of the {kind.name}{unit}; write the header {expected}")
    try:
        scale = parse_quantity(f"1 {header.partition('_')[2]}", kind) if kind.unit else 1.0
        values = np.array([float(row[header]) for row in rows]) * scale
    except (ValueError, TypeError):
        unit = f", or its unit is none of {kind.one}" if kind.unit else ""
        raise ValueError(f"a value of {header} is no number{unit}") from None
    if not np.all(np.isfinite(values)):
        raise ValueError(f"a value of {header} is not finite")
    largest = int(np.argmax(np.abs(values)))
    if abs(values[largest]) > kind.largest:
        raise ValueError(f"{rows[largest][header].strip()} in the column {header} is too large {kind.one} to be meant")
    return values
