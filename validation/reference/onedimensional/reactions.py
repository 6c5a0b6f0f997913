"""Data of reactions by mass action in the reference solver.

The rate of a reaction with whole numbers n_i that it consumes and m_i that it produces is

    r = k_f prod c_i^n_i - k_b prod c_i^m_i,    dc_i/dt + div J_i = sum (m_i - n_i) r.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spinepnp.validation.reference.onedimensional.checks import check_number, refuse

#: Largest number of particles that meet in a reaction.
ORDER = 3


@dataclass(frozen=True)
class Reaction:
    """Reaction by mass action.

    Examples:
        >>> from spinepnp.validation.onedimensional import Reaction
        >>> binding = Reaction(consumed=(1, 1, 0), produced=(0, 0, 1), forward=1e5, backward=10.0)
        >>> binding.change
        (-1, -1, 1)

    Attributes:
        consumed: whole numbers n_i of particles of each species that the forward reaction consumes; none for a supply.
        produced: whole numbers m_i that it produces; none for a removal.
        forward: rate constant k_f, (mol/m^3)^(1 - order)/s.
        backward: rate constant k_b, likewise; zero for a reaction of one direction.
        region: places between which it happens, m; ``None`` for everywhere.
    """

    consumed: tuple[int, ...]
    produced: tuple[int, ...]
    forward: float
    backward: float = 0.0
    region: tuple[float, float] | None = None

    @property
    def change(self) -> tuple[int, ...]:
        """Particles of each species that are produced, less those that are consumed."""
        return tuple(m - n for n, m in zip(self.consumed, self.produced, strict=True))

    def check(self, key: str, valences: Sequence[float], immobile: Sequence[bool]) -> None:
        """Refuse a reaction that does not fit the species.

        Args:
            key: name of the reaction in messages.
            valences: valences of the species.
            immobile: whether each species stays where it is.

        Raises:
            ValueError: numbers, rates or region are invalid, or charge is not conserved.
        """
        for name, numbers in (("consumed", self.consumed), ("produced", self.produced)):
            whole = all(isinstance(n, int | np.integer) and n >= 0 for n in numbers)
            if len(numbers) != len(valences) or not whole or sum(numbers) > ORDER:
                problem = f"needs a whole number for each of the {len(valences)} species, together at most {ORDER}"
                refuse(f"{key}.{name}", numbers, problem)
        if not any(self.change):
            refuse(f"{key}.produced", self.produced, "is what it consumes")
        for name in ("forward", "backward"):
            check_number(f"{key}.{name}", getattr(self, name))
            if getattr(self, name) < 0.0:
                refuse(f"{key}.{name}", getattr(self, name), "cannot be negative")
        charge = float(np.dot(self.change, valences))
        if charge != 0.0:
            refuse(f"{key}.produced", self.produced, f"makes {charge:g} elementary charges out of nothing")
        if self.region is None:
            return
        if not self.region[0] < self.region[1]:
            refuse(f"{key}.region", self.region, "needs two rising places, m")
        if any(still and moved for still, moved in zip(immobile, self.change, strict=True)):
            # A species that stays where it is would jump at the border, and polynomials across elements cannot.
            refuse(f"{key}.region", self.region, "takes no immobile species")
