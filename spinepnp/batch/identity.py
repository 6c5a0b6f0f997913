"""The version of the code that solved a case: its number, and a digest of everything that its answer depends on."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from spinepnp import __version__

#: Rooms whose code makes the numbers.
ROOMS = ("geometries", "meshes", "solvers", "validation/analytic")


@functools.cache
def code_version() -> str:
    """For example ``0.1.0+3f9a21c07b64``; changes with any file of the rooms that make the numbers."""
    package, digest = Path(__file__).resolve().parents[1], hashlib.sha256()
    for room in ROOMS:
        for path in sorted((package / room).glob("*.py")):
            digest.update(path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:12]}"
