"""The neck of paper 001 for the one-dimensional reference."""

import math

from spinepnp.units import FARADAY, VACUUM_PERMITTIVITY
from spinepnp.validation.reference.onedimensional import End, Ion, Problem, line

PERMITTIVITY, V_T, D, LENGTH, BULK = 80.0 * VACUUM_PERMITTIVITY, 25.26e-3, 2e-10, 1e-6, 167.0

#: The table was made with F = 96485 C/mol; so much current makes the same flux.
FLUX = FARADAY / 96485.0


def neck(radius_nm, picoampere, *, sodium=BULK, matched=False):
    """The neck of paper 001 with two species, or with Na among K and anions."""
    area = math.pi * (radius_nm * 1e-9) ** 2
    ions = [("Na", 1, sodium), ("K", 1, BULK - sodium), ("A", -1, BULK)]
    ions = [ion for ion in ions if ion[2] > 0.0]
    return Problem(
        line(LENGTH, area),
        tuple(Ion(name, z, D) for name, z, _ in ions),
        PERMITTIVITY,
        V_T,
        left=End(potential=0.0, concentrations=tuple(c for *_, c in ions)),
        right=End(currents=(picoampere * 1e-12, *[0.0] * (len(ions) - 1)), field_matched=matched),
    )
