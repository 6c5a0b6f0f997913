"""Access to references.toml: numbers of the papers and of independent calculations, with source and uncertainty."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from typing import Any


@functools.cache
def load(section: str) -> dict[str, Any]:
    """Section of ``references.toml`` as plain data; a table within another one has a dotted name.

    Raises:
        KeyError: the file has no such section.
    """
    text = resources.files("spinepnp.validation.reference").joinpath("references.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    for name in section.split("."):
        table = table[name]
    return table


def rows(section: str) -> list[dict[str, float]]:
    """Rows of a section, each as a dictionary by its ``columns``."""
    table = load(section)
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
