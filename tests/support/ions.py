"""Ions and electrolytes that tests share: diffusivities in um^2/s, concentrations in mM."""

from spinepnp.solvers import Electrolyte


def ion(name, valence, concentration, diffusivity=200, **keys):
    return {
        "name": name, "valence": valence, "diffusivity": f"{diffusivity} um^2/s",
        "concentration": f"{concentration} mM", **keys,
    }  # fmt: skip


def salt(c=167, D=200, names="CA", z=(1, -1), **keys):
    """Electrolyte of as many ions as there are valences; one concentration or diffusivity is that of all."""
    c, D = (value if isinstance(value, tuple) else (value,) * len(z) for value in (c, D))
    return Electrolyte(species=[ion(*row) for row in zip(names, z, c, D, strict=True)], **keys)


SALT = salt()

THREE = salt((12, 155, 167), (120, 200, 150), "NKA", (1, 1, -1))
