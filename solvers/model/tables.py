"""Columns of numbers with units from CSV files: ``time_ms``, ``current_pA``, ``potential_mV``."""

from __future__ import annotations

import functools
import os

import numpy as np

from spinepnp.csv_files import rows_of
from spinepnp.errors import reason_of
from spinepnp.units import Kind, parse_quantity


def read_columns(path: str, rising: Kind, other: Kind) -> tuple[np.ndarray, np.ndarray]:
    """Two columns of a table, found by the names of their quantities.

    Args:
        path: of a CSV file whose header names quantities with units, such as ``time_ms,current_pA``.
        rising: kind of the column that rises from row to row.
        other: kind of the other one.

    Returns:
        Both in SI units, shape (rows,).

    Raises:
        ValueError: it cannot be read, a column is missing, a value is no number, or the first does not rise.
    """
    try:
        changed = os.stat(path).st_mtime_ns
    except (OSError, ValueError) as error:
        why = reason_of(error) if isinstance(error, OSError) else "not a path"
        raise ValueError(f"the table cannot be read ({why})") from None
    return _kept(path, changed, rising, other)


@functools.lru_cache(maxsize=64)
def _kept(path: str, _changed: int, rising: Kind, other: Kind) -> tuple[np.ndarray, np.ndarray]:
    wanted = f"{rising.name}_{rising.suffix},{other.name}_{other.suffix}"
    rows = list(rows_of(path))
    columns = [_column(rows, kind, wanted) for kind in (rising, other)]
    if len(rows) < 2 or not np.all(np.diff(columns[0]) > 0.0):
        raise ValueError(f"the table needs at least two rows in which the {rising.name} rises; sort it")
    return columns[0], columns[1]


def _column(rows: list[dict[str, str]], kind: Kind, wanted: str) -> np.ndarray:
    header = next((h for h in (rows[0] if rows else {}) if h.partition("_")[0] == kind.name), None)
    if header is None:
        raise ValueError(f"the table needs a column of the {kind.name} with its unit; write the header {wanted}")
    unit = header.partition("_")[2]
    try:
        values = np.array([float(row[header]) for row in rows]) * parse_quantity(f"1 {unit}", kind)
    except (ValueError, TypeError):
        raise ValueError(f"a value of {header} is no number, or its unit is none of {kind.one}") from None
    if not np.all(np.isfinite(values)):
        raise ValueError(f"a value of {header} is not finite")
    largest = int(np.argmax(np.abs(values)))
    if abs(values[largest]) > kind.largest:
        raise ValueError(f"{rows[largest][header].strip()} in the column {header} is too large {kind.one} to be meant")
    return values
