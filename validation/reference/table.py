"""Reference numbers of the papers and of independent calculations, with source and uncertainty: one data file."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from typing import Any


@functools.cache
def load(section: str) -> dict[str, Any]:
    """A section of ``references.toml``.

    Args:
        section: name of a table, with dots for one in another.

    Returns:
        The table as plain data.

    Raises:
        KeyError: no such section.
    """
    text = resources.files("spinepnp.validation.reference").joinpath("references.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    for name in section.split("."):
        table = table[name]
    return table


def rows(section: str) -> list[dict[str, float]]:
    """The table ``rows`` of a section as dictionaries by its ``columns``."""
    table = load(section)
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
