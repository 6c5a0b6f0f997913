"""Pumps and exchangers of calcium at points of a membrane, and counter-ions, with exact derivatives.

    ncx:  j = maximum (e^(-(1-eta) x) Na_out^3 Ca_in - e^(eta x) Na_in^3 Ca_out)
          / [(87.5^3 mM^3 + Na_out^3) (1.38 mM + Ca_out) (1 + 0.1 e^(-(1-eta) x))],  x = V_m/V_T,  eta = 0.35;
          Na carries 3 j, Ca -2 j  (Luo and Rudy 1994)
    hill: the flux maximum c_in^n / (half^n + c_in^n) of one species leaves

V_m is the potential inside minus that outside. Currents are per area and positive into the domain; see
`membrane/currents.py`. Source of the exchanger: Luo and Rudy, Circ. Res. 74, 1071 (1994), I_NaCa.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import override

import numpy as np

from spinepnp.solvers.model.membrane.currents import MembraneCurrent, OpenCurrent
from spinepnp.solvers.model.membrane.functions import hill
from spinepnp.units import FARADAY

#: Sodium outside at which the exchanger binds half of it, mol/m^3 (Luo and Rudy 1994, K_m,Na).
EXCHANGER_SODIUM = 87.5

#: Calcium outside at which the exchanger binds half of it, mol/m^3 (Luo and Rudy 1994, K_m,Ca).
EXCHANGER_CALCIUM = 1.38

#: Saturation of the exchanger at very negative potentials (Luo and Rudy 1994, k_sat).
EXCHANGER_SATURATION = 0.1

#: Part of the potential at the barrier of the exchanger that calcium extrusion has to pass (Luo and Rudy 1994, eta).
EXCHANGER_PARTITION = 0.35

#: Largest exponent of the exchanger: beyond it, at 3.5 V, its current stays as it is.
EXCHANGER_EXPONENT = 140.0

#: Current of each ion over the net current of the exchanger: sodium, calcium.
EXCHANGER_SHARES = np.array([3.0, -2.0])


@dataclass(frozen=True, kw_only=True)
class SodiumCalciumExchanger(MembraneCurrent):
    """Exchanger that takes one calcium ion out for three sodium ions in (Luo and Rudy 1994, I_NaCa).

    Its net current is zero at 3 E_Na - 2 E_Ca, beyond which it works in reverse.

    Attributes:
        sodium: index of sodium.
        calcium: index of calcium.
        maximum: factor k_NaCa of its net current per area, A/m^2 (there 2000 uA/uF, 2000 uA/cm^2 at 1 uF/cm^2).
    """

    sodium: int
    calcium: int
    maximum: float

    @property
    @override
    def moved(self) -> tuple[int, ...]:
        return self.sodium, self.calcium

    @override
    def open_current(self, V: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> OpenCurrent:
        result, unit = self._zeros(len(V)), self.thermal_voltage
        Na, Ca, Na_out, Ca_out = inside[:, self.sodium], inside[:, self.calcium], *outside[[self.sodium, self.calcium]]
        x = np.clip(V / unit, -EXCHANGER_EXPONENT, EXCHANGER_EXPONENT)
        moves = (x == V / unit) / unit  # dx/dV
        entry, exit_ = np.exp(EXCHANGER_PARTITION * x), np.exp((EXCHANGER_PARTITION - 1.0) * x)
        sodium, calcium = EXCHANGER_SODIUM**3 + Na_out**3, EXCHANGER_CALCIUM + Ca_out
        scale = self.maximum / (sodium * calcium) / (1.0 + EXCHANGER_SATURATION * exit_)
        net = scale * (exit_ * Na_out**3 * Ca - entry * Na**3 * Ca_out)
        saturation = (1.0 - EXCHANGER_PARTITION) * EXCHANGER_SATURATION * exit_ / (1.0 + EXCHANGER_SATURATION * exit_)
        by_x = saturation * net - scale * (
            (1.0 - EXCHANGER_PARTITION) * exit_ * Na_out**3 * Ca + EXCHANGER_PARTITION * entry * Na**3 * Ca_out
        )
        slopes = (
            (result.by_inside, self.sodium, -3.0 * scale * entry * Na**2 * Ca_out),
            (result.by_inside, self.calcium, scale * exit_ * Na_out**3),
            (result.by_outside, self.sodium, 3.0 * Na_out**2 * (scale * exit_ * Ca - net / sodium)),
            (result.by_outside, self.calcium, -scale * entry * Na**3 - net / calcium),
        )
        result.current[:] = np.multiply.outer(net, EXCHANGER_SHARES)
        result.by_potential[:] = np.multiply.outer(by_x * moves, EXCHANGER_SHARES)
        for array, species, slope in slopes:
            array[:, :, species] = np.multiply.outer(slope, EXCHANGER_SHARES)
        return result


@dataclass(frozen=True, kw_only=True)
class HillPump(MembraneCurrent):
    """Pump whose outward flux of one species saturates with its concentration inside, whatever the potential.

    Attributes:
        species: index of the species.
        maximum: largest outward flux, mol/(m^2 s).
        half: concentration inside at half of that flux, mol/m^3.
        power: Hill coefficient.
    """

    species: int
    maximum: float
    half: float
    power: float = 1.0

    @property
    @override
    def moved(self) -> tuple[int, ...]:
        return (self.species,)

    @override
    def open_current(self, V: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> OpenCurrent:
        result = self._zeros(len(V))
        fraction, slope = hill(inside[:, self.species] / self.half, self.power)
        largest = -self.maximum * FARADAY * float(self.charge_numbers[0])
        result.current[:, 0] = largest * fraction
        result.by_inside[:, 0, self.species] = largest * slope / self.half
        return result


@dataclass(frozen=True, kw_only=True)
class CounteredCurrent(MembraneCurrent):
    """Current of a mechanism whose charge another ion carries back, so that its net current is zero.

    Attributes:
        current: current without the counter-ion.
        counter: index of the counter-ion, which `current` does not move.
    """

    current: MembraneCurrent
    counter: int

    @property
    @override
    def moved(self) -> tuple[int, ...]:
        return (*self.current.moved, self.counter)

    @override
    def open_current(self, V: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> OpenCurrent:
        found, charged = self.current.open_current(V, inside, outside), self.current.is_charged
        parts = (found.current, found.by_potential, found.by_inside, found.by_outside)
        return OpenCurrent(
            *(np.concatenate([p, -np.tensordot(p, charged, ([1], [0]))[:, None]], axis=1) for p in parts)
        )
