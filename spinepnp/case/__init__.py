"""Case files: tables, studies, points of a sweep, digests."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spinepnp.case.case import Case, MeshCase, load_case

#: Modules of the public names.
_PLACES = {
    "Case": "case",
    "MeshCase": "case",
    "load_case": "case",
}

__all__ = ["Case", "MeshCase", "load_case"]


def __getattr__(name: str) -> Any:
    """Public names come when they are asked for: some bring DOLFINx."""
    if name in _PLACES:
        return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
