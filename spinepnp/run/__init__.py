"""Runs of cases and their result directories."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spinepnp.run.steady import run_case, solve_case

__all__ = ["run_case", "solve_case"]


def __getattr__(name: str) -> Any:
    """Public names come when they are asked for: some bring DOLFINx."""
    if name in __all__:
        return getattr(importlib.import_module("spinepnp.run.steady"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
