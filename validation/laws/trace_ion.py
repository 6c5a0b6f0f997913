"""A trace ion in a neck through which a current makes salt: how the field of the salt moves it. Steady states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spinepnp.units import FARADAY

Values = NDArray[np.float64]


@dataclass(frozen=True)
class TraceLaw:
    """Straight neck with a current of a monovalent cation at x = L, and a trace ion that enters there as well.

    In an electroneutral salt of monovalent ions of concentration C at x = 0 the current makes e^u = 1 + a x with
    a = I/(2 D F C S), u = V/V_T (paper 001, eq. (12)). A trace, which does not change it, has the flux
    J = -D_t e^(-z u) (c e^(z u))' and so

        c = (c_0 + (J/D_t) ((1 + a x)^(z + 1) - 1)/((z + 1) a))/(1 + a x)^z.

    Exact in the limit of thin Debye layers; an injector without a matched field adds their drop to u at its nodes.

    Examples:
        >>> import math
        >>> from spinepnp.validation.laws import TraceLaw
        >>> law = TraceLaw(1e-6, math.pi * 1e-14, 50e-12, 200e-12, 150.0, valence=2, trace_diffusivity=220e-12)
        >>> f"{float(law.concentration(1e-6, 1e-4)) * 1e6:.3f} nM of 100 nM"
        '61.522 nM of 100 nM'
        >>> round(float(law.share()), 6)
        0.799862

    Attributes:
        length: length L, m.
        area: cross-section S, m^2.
        current: current I of the cation, A.
        diffusivity: diffusivity D of the cation, m^2/s.
        salt: concentration C of the cations at x = 0, mol/m^3.
        valence: valence z of the trace, positive.
        trace_diffusivity: diffusivity D_t of the trace, m^2/s.
    """

    length: float
    area: float
    current: float
    diffusivity: float
    salt: float
    valence: int
    trace_diffusivity: float

    def growth(self, x: ArrayLike) -> Values:
        """Salt over that at x = 0 at places x (m), 1 + a x."""
        slope = self.current / (2.0 * self.diffusivity * FARADAY * self.salt * self.area)
        return np.asarray(1.0 + slope * np.asarray(x, dtype=float))

    def concentration(self, x: ArrayLike, base: float, current: float = 0.0) -> Values:
        """Concentrations of the trace, mol/m^3.

        Args:
            x: places, m.
            base: concentration c_0 at x = 0, mol/m^3.
            current: current z F S J of the trace at x = L, A.
        """
        places, z = np.asarray(x, dtype=float), self.valence
        grown = self.growth(places)
        # ((1 + a x)^(z + 1) - 1)/(a x) as a sum of powers, without cancellation.
        parts = np.sum([grown**k for k in range(z + 1)], axis=0)
        through = current / (z * FARADAY * self.area * self.trace_diffusivity) * places * parts / (z + 1.0)
        return np.asarray((base + through) / grown**z)

    def share(self) -> float:
        """Rise of the trace at x = L by its own current, over the rise without the field."""
        free = self.length / (self.valence * FARADAY * self.area * self.trace_diffusivity)
        return float(self.concentration(self.length, 0.0, 1.0) / free)
