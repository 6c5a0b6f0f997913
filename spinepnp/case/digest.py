"""Digests by which a case is known: of everything that its answer depends on, and of nothing else."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from spinepnp.case.case import Case
from spinepnp.geometries.base import digest_of

#: Keys of [study] that say when checkpoints are written, on which no number depends.
CHECKPOINT_KEYS = ("checkpoint_steps", "checkpoint_minutes")

#: Hexadecimal digits of a key; ten thousand cases collide once in 10^16.
DIGITS = 20


def table_digests(case: Case) -> dict[str, str]:
    """Digest of each table that a boundary condition reads, by its path."""
    return {path: digest_of(path) for boundary in case.boundaries.values() for path in boundary.files}


def digest(data: object) -> str:
    """Short digest of plain data, which does not depend on the order of keys."""
    text = json.dumps(data, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def case_digest(case: Case, tables: dict[str, Any] | None = None) -> str:
    """Digest of a resolved case, without title and origins of presets, and with the content of the files that it names.

    Args:
        case: resolved case.
        tables: its tables, if they are at hand.
    """
    contents = table_digests(case)
    if case.initial is not None and case.initial.file is not None:
        case.initial.check_file()
        contents[case.initial.file] = digest_of(case.initial.file)
    files = case.geometry.files()

    def with_contents(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: with_contents(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [with_contents(inner) for inner in value]
        return contents.get(value, value) if isinstance(value, str) else value

    tables = case.to_dict() if tables is None else tables
    data = with_contents(tables) if contents else dict(tables)
    data.pop("title", None)
    data.pop("presets", None)
    data["geometry"] = {**data["geometry"], **files}
    data["study"] = {name: value for name, value in data["study"].items() if name not in CHECKPOINT_KEYS}
    return digest(data)
