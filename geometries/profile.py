"""Radius profiles of tubes: an expression in z with quantities, or a table; parsed, never executed."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable

import numpy as np

from spinepnp.csv_files import rows_of
from spinepnp.errors import reason_of
from spinepnp.expressions import Grammar, read_formula
from spinepnp.units import LENGTH

#: Function from heights in m to radii in m.
Profile = Callable[[np.ndarray], np.ndarray]

#: Words of a profile.
GRAMMAR = Grammar(
    variable="z",
    kind=LENGTH,
    units=dict.fromkeys(("nm", "um", "µm", "μm", "mm", "cm", "m"), LENGTH),
    functions={name: getattr(np, name) for name in ("sin", "cos", "tan", "exp", "log", "sqrt", "tanh", "abs")},
    example="60 nm + 30 nm*cos(2*pi*z/(500 nm))",
)

#: Distance of a height from the end of a table, over the table's length, within which it is in the table: rounding.
END_TOLERANCE = 1e-9


@functools.lru_cache(maxsize=64)
def _expression(text: str) -> Profile:
    function = read_formula(text, GRAMMAR, {LENGTH.name: 1.0}).function

    def profile(z: np.ndarray) -> np.ndarray:
        z = np.asarray(z, dtype=float)
        with np.errstate(all="ignore"):
            return np.broadcast_to(function(z), z.shape)

    return profile


@functools.lru_cache(maxsize=64)
def _table(path: str, _changed: int) -> tuple[Profile, tuple[float, float]]:
    """Monotone cubic interpolation of a CSV file (``z_nm`` and ``radius_nm``, or ``_um``), and its ends, m."""
    from scipy.interpolate import PchipInterpolator

    rows = list(rows_of(path))
    columns = {}
    for name in ("z", "radius"):
        header = next((h for h in (rows[0] if rows else {}) if h in (f"{name}_nm", f"{name}_um")), None)
        try:
            unit = 1e-9 if str(header).endswith("_nm") else 1e-6
            columns[name] = np.array([float(row[str(header)]) for row in rows]) * unit
        except (KeyError, ValueError):
            needed = "the table needs the columns z_nm and radius_nm (or z_um, radius_um) with numbers"
            raise ValueError(needed) from None
    if len(columns["z"]) < 2 or not np.all(np.diff(columns["z"]) > 0.0) or not np.all(np.isfinite(columns["radius"])):
        raise ValueError("the table needs at least two rows with rising z and finite radii")
    interpolator = PchipInterpolator(columns["z"], columns["radius"], extrapolate=False)
    first, last = float(columns["z"][0]), float(columns["z"][-1])
    margin = END_TOLERANCE * (last - first)

    def profile(z: np.ndarray) -> np.ndarray:
        near = (z > first - margin) & (z < last + margin)
        return np.asarray(interpolator(np.where(near, np.clip(z, first, last), z)))

    return profile, (first, last)


def is_table(text: str) -> bool:
    """Whether a profile is the path of a table."""
    return text.strip().lower().endswith(".csv")


def read_profile(text: str) -> Profile:
    """A radius profile from its text in a case file.

    Args:
        text: an expression in z ("60 nm + 30 nm*cos(2*pi*z/(500 nm))"), or the path of a CSV table.

    Returns:
        Function from heights to radii, both in m; not a number outside a table.

    Raises:
        ValueError: the text is neither; says why.
    """
    return _table_of(text)[0] if is_table(text) else _expression(text)


def table_range(text: str) -> tuple[float, float]:
    """First and last height of a table, m.

    Raises:
        ValueError: the table cannot be read.
    """
    return _table_of(text)[1]


def _table_of(text: str) -> tuple[Profile, tuple[float, float]]:
    try:
        changed = os.stat(text).st_mtime_ns
    except OSError as error:
        raise ValueError(f"the table cannot be read ({reason_of(error)}); give the path of a CSV file") from None
    return _table(text, changed)
