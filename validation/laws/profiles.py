"""Profiles of the analytic laws along the axis of a neck: potential and concentrations from the base to the top."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinepnp.geometries import Geometry
from spinepnp.solvers.model.boundaries import Boundaries
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.units import FARADAY
from spinepnp.validation.laws.assumptions import electroneutral_of
from spinepnp.validation.laws.catalogue import LawValue, leaky_neck_of
from spinepnp.validation.laws.debye_layer import Values
from spinepnp.validation.laws.geometric_factors import factor_along


@dataclass(frozen=True)
class LawProfile:
    """Potential and concentrations of a law along the axis; not numbers beyond the limiting current.

    Examples:
        >>> from spinepnp.case.case import load_case
        >>> profile = load_case("cases/cylinder_iv.toml", ['study = {kind = "steady"}']).law_profile()
        >>> (profile.potential[[0, 50, -1]] * 1e3).round(3)  # mV, at the base, in the middle and at the top
        array([0.   , 1.18 , 2.292])

    Attributes:
        z: rising heights along the axis, m, shape (n,).
        potential: electroneutral potential, V, shape (n,).
        concentration: electroneutral concentrations by species, mol/m^3, each of shape (n,).
    """

    z: Values
    potential: Values
    concentration: dict[str, Values]


def law_profile(
    law: str, value: LawValue, geometry: Geometry, electrolyte: Electrolyte, boundaries: Boundaries
) -> LawProfile | None:
    """Profile of a law along the axis of a neck: a cylinder, cone, tube or hyperboloid; ``None`` of other shapes.

    Phi of `ElectroneutralLaw` is proportional to G between the ground and each height (facts pnp B6).

    Args:
        law: name of the law.
        value: its result for the case.
        geometry: shape of the case.
        electrolyte: ions and medium of the case.
        boundaries: boundary conditions by name.
    """
    found = factor_along(law, geometry)
    if found is None:
        return None
    z, G = found
    ions = electroneutral_of(electrolyte, value.species)
    upwards = value.ground == "base"
    if law == "leaky_neck":
        neck = leaky_neck_of(geometry, electrolyte, boundaries)[0]
        u = neck.voltage(value.current, z if upwards else z[-1] - z) / ions.thermal_voltage
    else:
        from_ground = G if upwards else G[-1] - G
        valence = electrolyte.species[electrolyte.index(value.species)].valence
        u = ions.scaled_potential(value.current * from_ground / (valence * FARADAY * ions.diffusivity))
    ground = boundaries[value.ground].ground_potential(value.current) or 0.0
    concentrations = np.where(np.isfinite(u), ions.concentrations_at(u), np.nan)
    return LawProfile(z, ground + ions.thermal_voltage * u, dict(zip(electrolyte.names, concentrations, strict=True)))
