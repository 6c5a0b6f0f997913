"""Electrolytes that tests share."""

from __future__ import annotations

from spinepnp.solvers import Electrolyte


def salt(D=(200, 200), names="CA", z=(1, -1), c=(167, 167), **keys):
    table = [
        {"name": n, "valence": v, "diffusivity": f"{d} um^2/s", "concentration": f"{k} mM"}
        for n, v, d, k in zip(names, z, D, c, strict=True)
    ]
    return Electrolyte(species=table, **keys)


SALT = salt()

THREE = salt((120, 200, 150), "NKA", (1, 1, -1), (12, 155, 167))
