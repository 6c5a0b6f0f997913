"""Checks of arguments, whose errors name the argument and its value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def refuse(key: str, value: object, problem: str) -> None:
    """Raise the ValueError of a bad value, with its key, the value and the problem.

    Args:
        key: name of the argument.
        value: its value.
        problem: description of the problem.

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{key} = {value!r}: {problem}")


def check_number(key: str, value: Any, *, positive: bool = False) -> None:
    """Refuse a value that is no finite number, or not positive where it must be.

    Args:
        key: name of the argument.
        value: its value.
        positive: whether it must be greater than zero.

    Raises:
        ValueError: it is not.
    """
    real = isinstance(value, int | float | np.floating | np.integer) and not isinstance(value, bool)
    if not real or not math.isfinite(value) or (positive and value <= 0):
        refuse(key, value, "a finite number greater than zero is needed" if positive else "a finite number is needed")
