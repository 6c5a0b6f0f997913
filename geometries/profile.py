"""Radius profiles of tubes: an expression in z with quantities, or a table; parsed, never executed."""

from __future__ import annotations

import ast
import functools
import operator
import os
import re
import warnings
from collections.abc import Callable

import numpy as np

from spinepnp.csv_files import rows_of
from spinepnp.errors import nearest, reason_of
from spinepnp.units import LENGTH, parse_quantity

#: Function from heights in m to radii in m.
Profile = Callable[[np.ndarray], np.ndarray]

#: Functions of one argument that an expression may call.
FUNCTIONS = {name: getattr(np, name) for name in ("sin", "cos", "tan", "exp", "log", "sqrt", "tanh", "abs")}
#: Operators of an expression.
OPERATORS: dict[type, Callable[..., np.ndarray]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_LENGTH = re.compile(r"(?<![\w.])(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)\s*(nm|um|µm|μm|mm|cm|m)\b")

#: Distance of a height from the end of a table, over the table's length, within which it is in the table: rounding.
END_TOLERANCE = 1e-9

#: Characters of the longest expression: a longer one is no formula that a person wrote.
MAX_LENGTH = 500

#: Deepest nesting of an expression: evaluation is recursive.
MAX_DEPTH = 40

#: Largest magnitude of an exponent, to bound powers.
MAX_EXPONENT = 100


class Dimensional:
    """A number or array with its power of length, so that "60 nm + 3" is refused.

    Args:
        value: value in SI units.
        power: power of length: 0 for a plain number, 1 for a length.
    """

    def __init__(self, value: np.ndarray | float, power: float = 0.0) -> None:
        self.value, self.power = np.asarray(value, dtype=float), power


def _combine(kind: type, left: Dimensional, right: Dimensional) -> Dimensional:
    if kind in (ast.Add, ast.Sub):
        if left.power != right.power:
            raise ValueError("a length is added to something that is none")
        return Dimensional(OPERATORS[kind](left.value, right.value), left.power)
    if kind is ast.Pow:
        if right.power != 0 or right.value.ndim:
            raise ValueError("an exponent must be a plain number")
        exponent = float(right.value)
        if abs(exponent) > MAX_EXPONENT:
            raise ValueError("an exponent is too large")
        return Dimensional(left.value**exponent, left.power * exponent)
    power = left.power + right.power if kind is ast.Mult else left.power - right.power
    return Dimensional(OPERATORS[kind](left.value, right.value), power)


def _evaluate(node: ast.AST, names: dict[str, Dimensional], depth: int = 0) -> Dimensional:
    if depth > MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return Dimensional(float(node.value))
    if isinstance(node, ast.Name):
        if node.id not in names:
            raise ValueError(f'"{node.id}" is not known; {nearest(node.id, [*("z", "pi"), *FUNCTIONS])}')
        return names[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        left, right = (_evaluate(side, names, depth + 1) for side in (node.left, node.right))
        return _combine(type(node.op), left, right)
    if isinstance(node, ast.UnaryOp) and type(node.op) in OPERATORS:
        inner = _evaluate(node.operand, names, depth + 1)
        return Dimensional(OPERATORS[type(node.op)](inner.value), inner.power)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1 and not node.keywords:
        if node.func.id not in FUNCTIONS:
            raise ValueError(f'the function "{node.func.id}" is not known; {nearest(node.func.id, FUNCTIONS)}')
        inner = _evaluate(node.args[0], names, depth + 1)
        if node.func.id == "sqrt":
            return Dimensional(np.sqrt(inner.value), inner.power / 2.0)
        if node.func.id != "abs" and inner.power != 0:
            raise ValueError(f"the argument of {node.func.id} must be a plain number, not a length")
        return Dimensional(FUNCTIONS[node.func.id](inner.value), inner.power)
    raise ValueError("only numbers, lengths, z, pi, + - * / ** and functions of one argument can stand in it")


@functools.lru_cache(maxsize=64)
def _expression(text: str) -> Profile:
    lengths: dict[str, Dimensional] = {}

    def remember(match: re.Match[str]) -> str:
        name = f"_length{len(lengths)}"
        lengths[name] = Dimensional(parse_quantity(match[0], LENGTH, tiny=True), 1.0)
        return name

    try:
        with warnings.catch_warnings(action="ignore"):  # SyntaxWarning of Python on odd numbers
            tree = ast.parse(_LENGTH.sub(remember, text).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError('it cannot be read; write a formula such as "60 nm + 30 nm*cos(2*pi*z/(500 nm))"') from None

    def profile(z: np.ndarray) -> np.ndarray:
        z = np.asarray(z, dtype=float)
        with np.errstate(all="ignore"):
            radius = _evaluate(tree, {**lengths, "z": Dimensional(z, 1.0), "pi": Dimensional(np.pi)})
        if radius.power != 1.0:
            raise ValueError("its value is not a length")
        return np.broadcast_to(radius.value, z.shape)

    profile(np.zeros(1))
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
    if len(text) > MAX_LENGTH:
        raise ValueError("it is too long")
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
