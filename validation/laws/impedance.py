"""Small alternating currents between a bath and an electrode that blocks all ions: impedance of the PNP equations.

Linear response about the uniform salt (Macdonald, Phys. Rev. 92 (1953) 4; Bazant, Thornton and Ajdari, Phys. Rev. E 70
(2004) 021506), here for ions of any valences with one diffusivity D. The charge density obeys rho'' = k^2 rho with

    k^2 = kappa^2 + i omega/D,    kappa^2 = F sum_i z_i^2 c_i / (eps V_T),

and V = -rho/(eps k^2) + E x, with rho = V = 0 in the bath at x = 0 and no flux of ions, rho' + eps kappa^2 V' = 0, at
the electrode at x = L. The current is the displacement current at the electrode, eps dV'/dt, so that

    Z = (L + kappa^2 D tanh(k L)/(i omega k)) / (A eps D k^2).

At low frequencies this is the layer's capacitance A eps kappa in series with the resistance of the salt, at high ones
the capacitance A eps/L of the gap. Two electrodes at a distance 2 L have 2 Z.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class BlockingElectrode:
    """A straight neck of salt from a bath to a blocking electrode, for potentials far below V_T.

    Examples:
        >>> from spinepnp.validation.laws import BlockingElectrode
        >>> law = BlockingElectrode(25e-9, 3.14e-16, 200e-12, debye_length=0.96e-9, permittivity=7.1e-10)
        >>> f"{law.impedance(1e6):.3g}"  # Ohm: the salt, and a layer of a quarter of a femtofarad
        '4.87e+08-6.99e+08j'

    Attributes:
        length: distance L of the electrode from the bath, m.
        area: area A of the electrode, m^2.
        diffusivity: diffusivity D of all ions, m^2/s.
        debye_length: Debye length 1/kappa, m.
        permittivity: absolute permittivity eps, F/m.
    """

    length: float
    area: float
    diffusivity: float
    debye_length: float
    permittivity: float

    def impedance(self, frequency: float) -> complex:
        """Impedance Z at a frequency (1/s), Ohm: V = Z I for V and I in proportion to exp(2 pi i f t)."""
        i_omega = 2j * math.pi * frequency
        kappa_squared = self.debye_length**-2
        k = cmath.sqrt(kappa_squared + i_omega / self.diffusivity)
        drop = self.length + kappa_squared * self.diffusivity * cmath.tanh(k * self.length) / (i_omega * k)
        return drop / (self.area * self.permittivity * self.diffusivity * k**2)

    def current(self, amplitude: float, frequency: float, time: float) -> float:
        """Current into the electrode after many periods of V = amplitude sin(2 pi f t), A; positive inward.

        Args:
            amplitude: amplitude of the potential of the electrode relative to the bath, V; far below V_T.
            frequency: frequency f, 1/s.
            time: time t, s.
        """
        turning = cmath.exp(2j * math.pi * frequency * time)
        return (amplitude / self.impedance(frequency) * turning).imag
