"""Library of presets: data of the literature with their sources, by kind and name."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Any

from spinepnp.errors import CaseError, nearest

#: Kinds of presets, and where each is used.
KINDS = {
    "species": "[[electrolyte.species]]",
    "buffers": "[[electrolyte.buffers]]",
    "mechanisms": "[[boundaries.NAME.mechanism]]",
}


@functools.cache
def library() -> dict[str, dict[str, dict[str, Any]]]:
    """All presets by kind and name; they are shared, and must not be changed."""
    return tomllib.loads(Path(__file__).with_name("presets.toml").read_text(encoding="utf-8"))


def preset(kind: str, name: object, key: str) -> dict[str, Any]:
    """Preset of a kind.

    Args:
        kind: one of `KINDS`.
        name: name as the case gives it.
        key: key of the case that gives it, for the message.

    Raises:
        CaseError: there is none of this name; it names the nearest one.
    """
    known = library()[kind]
    if isinstance(name, str) and name in known:
        return known[name]
    if not isinstance(name, str):
        raise CaseError(key, f'takes the name of a preset, such as "{next(iter(known))}"', name)
    for other, presets in library().items():
        if name in presets:
            raise CaseError(key, f"is a preset of {KINDS[other]}; write it there", name)
    raise CaseError(key, f"no such preset; {nearest(name, known)}", name)


def source_of(entry: dict[str, Any]) -> str:
    """Source of a preset, with those of its values and what could not be verified, on one line."""
    parts = [entry["source"], *(f"{key}: {source}" for key, source in entry.get("sources", {}).items())]
    if "unverified" in entry:
        parts.append(f"unverified: {', '.join(entry['unverified'])}")
    return "; ".join(parts)
