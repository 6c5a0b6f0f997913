"""Exact sizes of a body in words and in columns, for what is printed and written about it."""

from __future__ import annotations

from spinepnp.geometries.base import Geometry
from spinepnp.units import LENGTH, VOLUME, to_unit

#: Kind of each quantity of `Geometry.anatomy`, by the last word of its name.
KINDS = {"volume": VOLUME, "length": LENGTH}


def anatomy_of(geometry: Geometry) -> dict[str, float]:
    """Exact volumes and lengths of the parts of a spine (`Geometry.anatomy`), with units in the names."""
    found = {name: (value, KINDS[name.rpartition("_")[2]]) for name, value in geometry.anatomy().items()}
    return {f"{name}_{kind.suffix}": to_unit(value, kind) for name, (value, kind) in found.items()}


def body_line(geometry: Geometry, volume: float | None) -> str:
    """Line on a body: its volume, then the exact volumes and lengths of the parts of a spine; empty without any.

    Args:
        geometry: shape of the body.
        volume: volume of the body or of its mesh, m^3; ``None`` where it is not known.
    """
    total = {} if volume is None else {"volume": volume}
    sizes = (
        f"{name.replace('_', ' ')} {to_unit(value, kind):.4g} {kind.unit}"
        for name, value in (total | geometry.anatomy()).items()
        for kind in [KINDS[name.rpartition("_")[2]]]
    )
    text = ", ".join(sizes)
    return f"body: {text}" if text else ""
