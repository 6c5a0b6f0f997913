"""A neck in which a buffer binds calcium, without a field: data that all programs of the suite `chemistry` share.

Calcium enters at the end (x = L) of a neck whose base is held at the bulk: 100 nM of calcium, and a buffer of 100 uM
that is in equilibrium with it, half of it bound. The buffer diffuses, or stays where it is. NumPy only.
"""

from __future__ import annotations

#: Length and radius, m.
LENGTH, RADIUS = 1e-6, 100e-9

#: Diffusivity of calcium, and of a buffer that diffuses, m^2/s.
CALCIUM, BUFFER = 220e-12, 50e-12

#: Rate constants of Ca + B <-> CaB, m^3/(mol s) and 1/s.
FORWARD, BACKWARD = 1e5, 10.0

#: Bulk of Ca, B and CaB, mol/m^3.
BULK = (1e-4, 0.05, 0.05)

#: Currents of calcium, fA.
CURRENTS = (1.0, 10.0, 100.0)

#: Times after the current is switched on, ms.
TIMES = (0.1, 0.5, 1.0, 5.0)

#: Faraday constant, C/mol, and elementary charge, C.
FARADAY, ELEMENTARY_CHARGE = 96485.33212331001, 1.602176634e-19


def steady(mobile: bool) -> float:
    """Time at which the state is steady, ms: the slowest mode has 8 ms, or 460 ms where the buffer does not diffuse."""
    return 3e2 if mobile else 1.2e4


def end_by_cells(values: list[float]) -> float:
    """Value at the end of a line of equal cells from those at the centres of the last three, by a parabola."""
    third, second, last = values[-3:]
    return 1.875 * last - 1.25 * second + 0.375 * third
