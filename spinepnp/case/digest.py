"""By what a case is known: everything that its answer depends on, and nothing else."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from spinepnp.case.case import Case
from spinepnp.geometries.base import digest_of

#: Keys that say how a run is kept, not what comes out of it.
OF_KEEPING = ("checkpoint_steps", "checkpoint_minutes")

#: Hexadecimal digits of a key; ten thousand cases collide once in 10^16.
DIGITS = 20


def table_digests(case: Case) -> dict[str, str]:
    """Digest of each table that a waveform or a channel reads, by its path."""
    currents = (injection.file for b in case.boundaries.values() for injection in b.injections)
    channels = (channel.file for b in case.boundaries.values() for channel in b.channels)
    return {path: digest_of(path) for path in (*currents, *channels) if path is not None}


def digest(data: object) -> str:
    """A short digest of plain data, the same whatever the order of its keys."""
    text = json.dumps(data, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def case_digest(case: Case) -> str:
    """The key of a resolved case: its title does not count, and of the files that it names their content does.

    Args:
        case: checked, with its defaults.

    Returns:
        Hexadecimal digits, fit for the name of a folder.
    """
    contents = table_digests(case)
    files = case.geometry.files()

    def known(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: known(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [known(inner) for inner in value]
        return contents.get(value, value) if isinstance(value, str) else value

    data = known(case.to_dict())
    data.pop("title", None)
    data["geometry"].update(files)
    for name in OF_KEEPING:
        data["study"].pop(name, None)
    return digest(data)
