"""Case files: tables, studies, points of a sweep, digests."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spinepnp.case.case import Case, MeshCase, load_case
    from spinepnp.case.presets import expand_presets

__all__ = ["Case", "MeshCase", "expand_presets", "load_case"]


def __getattr__(name: str) -> Any:
    """Public names come when they are asked for: some bring DOLFINx."""
    if name in __all__:
        module = "presets" if name == "expand_presets" else "case"
        return getattr(importlib.import_module(f"spinepnp.case.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
