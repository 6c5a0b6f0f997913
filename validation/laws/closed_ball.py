"""Law of Box 2 of paper 000: one species of ions in a closed ball, no flux anywhere, exact (facts pnp A2, C).

With c = c(0) exp(-u), lengths in units of the radius R and the charge number Lambda = N z^2 l_B / R,

    Lap u = -lambda exp(-u) / int exp(-u) dV,   du/dn = -Lambda on the wall,   lambda = 4 pi Lambda.

(The papers' lambda; check which is meant before comparing.) For a radial u the homology variables p = -r u' and
q = r^2 exp(-u) over the centre's scale obey dp/ds = q - p, dq/ds = q (2 + p), s = ln r: one equation of first order in
w = q/p, integrated here from the centre (w = 3 + 3p/5) to the wall, p = Lambda, in ln p, where it is stable and not
stiff. Assumes point ions in mean field, and no field at the wall but that of the enclosed charge; u is a potential in
units of V_T/z, largest at the centre, fixed up to a constant.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spinepnp.units import ELEMENTARY_CHARGE

Values = NDArray[np.float64]

#: Charge number at which the integration starts; the error of the series there is of its square.
START = 1e-6

#: Charge number that stands for infinity; the error is of order 1/FAR^2.
FAR = 1e8


def charge_number(ions: float, radius: float, permittivity: float, thermal_voltage: float, valence: int = 1) -> float:
    """Charge number Lambda = N z^2 e / (4 pi eps V_T R), that is N z^2 l_B / R with the Bjerrum length l_B.

    Args:
        ions: number N of ions.
        radius: radius R, m.
        permittivity: absolute permittivity, F/m.
        thermal_voltage: kT/e, V.
        valence: valence z.
    """
    return ions * valence**2 * ELEMENTARY_CHARGE / (4.0 * math.pi * permittivity * thermal_voltage * radius)


@functools.lru_cache(maxsize=64)
def _integrate(charge: float) -> tuple[Values, Any]:
    """Values (ln w, u(0) - u, ln xi) at p = ``charge``, and the dense solution as a function of ln p.

    xi is the radius in the scaling Lap u = -exp(-u), u(0) = 0.
    """
    from scipy.integrate import solve_ivp

    def rates(log_p: float, state: Values) -> list[float]:
        w, p = math.exp(state[0]), math.exp(log_p)
        return [(2.0 + p) / (w - 1.0) - 1.0, p / (w - 1.0), 1.0 / (w - 1.0)]

    p = START * min(1.0, charge)
    start = [math.log(3.0 + 0.6 * p), 0.5 * p - 0.075 * p**2, 0.5 * math.log(3.0 * p) - 0.15 * p]
    solution = solve_ivp(
        rates,
        (math.log(p), math.log(charge)),
        start,
        method="DOP853",
        rtol=1e-13,
        atol=[1e-14, 1e-14 * min(1.0, charge), 1e-14],
        dense_output=True,
    )
    return solution.y[:, -1], solution.sol


@functools.cache
def critical_radius() -> float:
    """Radius xi* at which exp(-u) of Lap u = -exp(-u), u(0) = 0, diverges: the ball of infinite charge."""
    # s* - s(p) = 2/p + O(ln p / p^2), from w ~ p/2 + 4
    return math.exp(float(_integrate(FAR)[0][2]) + 2.0 / FAR)


def large_charge_constant() -> float:
    """Constant K = ln(2 xi*^2) of the law u(0) - u(R) = 2 ln Lambda - K + 12/Lambda."""
    return math.log(2.0 * critical_radius() ** 2)


@dataclass(frozen=True)
class ClosedBallLaw:
    """Ions of one sign in a closed ball.

    Examples:
        >>> from spinepnp.validation.laws import ClosedBallLaw
        >>> law = ClosedBallLaw(charge=1.0)
        >>> round(law.drop(), 6), round(law.wall_concentration(), 6)
        (0.438105, 1.1953)

    Attributes:
        charge: charge number Lambda = lambda/(4 pi), positive (`charge_number`).
    """

    charge: float

    @classmethod
    def of_lambda(cls, value: float) -> ClosedBallLaw:
        """Law for the lambda of the papers, 4 pi Lambda."""
        return cls(value / (4.0 * math.pi))

    def drop(self) -> float:
        """Drop u(0) - u(R), with a relative error of about 1e-12."""
        return float(_integrate(self.charge)[0][1])

    def wall_concentration(self) -> float:
        """Concentration c(R) at the wall over the mean: q/(3 Lambda)."""
        return math.exp(float(_integrate(self.charge)[0][0])) / 3.0

    def centre_concentration(self) -> float:
        """Concentration c(0) at the centre over the mean."""
        return self.wall_concentration() * math.exp(-self.drop())

    def potential(self, r: ArrayLike) -> Values:
        """Potential u(r) - u(0), negative, at r from 0 to 1 (over R), any shape, by Newton on the integrated curve."""
        end, curve = _integrate(self.charge)
        r = np.asarray(r, dtype=float)
        first = math.log(START * min(1.0, self.charge))
        with np.errstate(divide="ignore"):
            target = np.log(r) + end[2]
        grid = np.linspace(first, math.log(self.charge), 4001)
        x = np.interp(target, curve(grid)[2], grid)
        for _ in range(4):
            state = curve(x.ravel()).reshape(3, *x.shape)
            x = np.clip(x - (state[2] - target) * np.expm1(state[0]), first, grid[-1])
        below = target <= float(curve(first)[2])
        near_centre = -np.exp(2.0 * np.minimum(target, 0.0)) / 6.0
        return np.asarray(np.where(below, near_centre, -curve(x.ravel())[1].reshape(x.shape)), dtype=float)

    def concentration(self, r: ArrayLike) -> Values:
        """Concentration c(r) over the mean."""
        return self.centre_concentration() * np.exp(-self.potential(r))

    def layer_thickness(self) -> float:
        """Thickness b/R = 2/Lambda of the layer at the wall: u - u(R) = 2 ln(1 + s/b), half of its charge within b.

        Valid for b well below R and s well below R.
        """
        return 2.0 / self.charge

    def layer_potential(self, s: ArrayLike) -> Values:
        """Potential u - u(R) at a distance s (over R) from the wall, in the limit of a plane wall: 2 ln(1 + s/b)."""
        return 2.0 * np.log1p(np.asarray(s, dtype=float) / self.layer_thickness())

    def small_charge_drop(self) -> float:
        """Drop Lambda/2 = lambda/(8 pi) of evenly distributed ions; relative error 3 Lambda/20."""
        return 0.5 * self.charge

    def large_charge_drop(self) -> float:
        """Drop 2 ln Lambda - K + 12/Lambda of large charge; relative error below 1 % from Lambda = 80 on."""
        return 2.0 * math.log(self.charge) - large_charge_constant() + 12.0 / self.charge

    def large_charge_contact(self) -> float:
        """Concentration c(R) at the wall over the mean in the limit of large charge: (Lambda/2 + 4)/3.

        The leading term is the contact theorem, osmotic pressure c kT = eps E^2/2; neglects terms of ln(Lambda)/Lambda.
        """
        return (0.5 * self.charge + 4.0) / 3.0
