"""Catalogue of the analytic laws that a case can name: from the tables of a case to the numbers of a law.

To add a law, put its formulas into a file of this folder, a function here that checks the assumptions (with
`assumptions`) and evaluates the law, and its name into `LAWS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spinepnp.geometries import Cone, Cylinder, Geometry, Hyperboloid, Shell, Tube
from spinepnp.solvers.model.boundaries import Boundaries
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.validation.laws import debye_layer, tube
from spinepnp.validation.laws.assumptions import (
    Setting,
    electroneutral_of,
    refusal,
    refuse_other_than_monovalent,
    setting_of,
)
from spinepnp.validation.laws.cylinder import CylinderLaw
from spinepnp.validation.laws.hyperboloid import HyperboloidLaw

#: Largest relative gap between the bounds of G of a tube that counts as slowly varying.
SLENDER = 0.02

#: Largest relative variation of the flux over a confocal end for which an even injection is equivalent.
EVEN = 0.02


@dataclass(frozen=True)
class LawValue:
    """Result of a law for a case.

    Examples:
        >>> from spinepnp.solvers import Boundary, Electrolyte
        >>> salt = Electrolyte(species=[
        ...     {"name": "Na", "valence": 1, "diffusivity": "200 um^2/s", "concentration": "150 mM"},
        ...     {"name": "Cl", "valence": -1, "diffusivity": "200 um^2/s", "concentration": "150 mM"},
        ... ])
        >>> from spinepnp.geometries import Cylinder
        >>> from spinepnp.validation.laws import LAWS
        >>> ends = {
        ...     "base": Boundary(potential="0 mV", concentrations="bulk"),
        ...     "top": Boundary(current={"species": "Na", "value": "50 pA"}),
        ... }
        >>> value = LAWS["cylinder"](Cylinder(length="1 um", radius="100 nm"), salt, ends)
        >>> round(value.potential * 1e3, 3), round(value.ohmic_potential * 1e3, 3)  # mV
        (6.135, 6.944)

    Attributes:
        injector: name of the boundary where the current enters.
        ground: name of the grounded boundary.
        current: injected current, A.
        potential: electroneutral V(injector) - V(ground), V; not a number beyond the limiting current.
        resistance: potential over current, Ohm (the Ohmic limit at zero current).
        ohmic_potential: potential by Ohm's law, V.
        layer_drop: potential that the Debye layer of a zero-field injector adds in full PNP, V.
        concentration: electroneutral concentrations at the injector by species, mol/m^3.
        printed_potential: V as a paper prints it, where that is an approximation of `potential`.
        leading_error: upper bound of the relative error of G, where only bounds of G are known.
    """

    injector: str
    ground: str
    current: float
    potential: float
    resistance: float
    ohmic_potential: float
    layer_drop: float
    concentration: dict[str, float]
    printed_potential: float | None = None
    leading_error: float | None = None


def _cylinder(geometry: Geometry, electrolyte: Electrolyte, boundaries: Boundaries) -> tuple[CylinderLaw, Setting]:
    """Law and setting of a straight neck."""
    if not isinstance(geometry, Cylinder):
        raise refusal("cylinder", f'shape = "cylinder", not "{geometry.shape}"')
    setting = setting_of("cylinder", geometry, electrolyte, boundaries, ("base", "top"))
    refuse_other_than_monovalent("cylinder", electrolyte, setting.species)
    species = electrolyte.species[electrolyte.index(setting.species)]
    law = CylinderLaw(
        length=geometry.length,
        radius=geometry.radius,
        diffusivity=electrolyte.effective_diffusivity(species),
        injected=species.concentration,
        anions=sum(s.concentration for s in electrolyte.species if s.valence == -1),
        thermal_voltage=electrolyte.V_T,
        permittivity=electrolyte.absolute_permittivity,
    )
    return law, setting


def cylinder(geometry: Geometry, electrolyte: Electrolyte, boundaries: Boundaries) -> LawValue:
    """Law of a straight neck, monovalent ions, injected cation, no fixed charge: paper 001, eqs. (5)-(7), (12)-(14).

    Args:
        geometry: shape of the case.
        electrolyte: ions and medium of the case.
        boundaries: boundary conditions by name.

    Raises:
        CaseError: the case violates an assumption of the law.
    """
    law, setting = _cylinder(geometry, electrolyte, boundaries)
    current = setting.current
    factor = float(law.concentrations(current)[2]) / law.anions
    concentration = {s.name: s.concentration * factor**-s.valence for s in electrolyte.species}
    concentration[setting.species] = sum(
        -s.valence * concentration[s.name] for s in electrolyte.species if s.name != setting.species
    )
    return LawValue(
        injector=setting.injector,
        ground=setting.ground,
        current=current,
        potential=float(law.voltage(current)),
        resistance=float(law.resistance(current)),
        ohmic_potential=current * law.ohmic_resistance(),
        layer_drop=0.0 if setting.field_matched else float(law.layer_drop(current)),
        concentration=concentration,
    )


def throat_of(geometry: Hyperboloid) -> HyperboloidLaw:
    """Law of a throat in closed form."""
    return HyperboloidLaw(a=geometry.a, b=geometry.along_x, c=geometry.c, half_length=geometry.half_length)


def _confocal_G(law: str, geometry: Hyperboloid) -> float:
    """Exact G of a throat between confocal ends; refuses one so short that an even injection differs from the law's."""
    throat = throat_of(geometry)
    if throat.unevenness() > EVEN:
        raise refusal(law, f"half_length so large that the flux varies by less than {EVEN:.0%} over the ends")
    return throat.G()


def hyperboloid(geometry: Geometry, electrolyte: Electrolyte, boundaries: Boundaries) -> LawValue:
    """Law of a throat with confocal ends and monovalent ions: exact, with paper 001's eq. (18) beside it.

    Args:
        geometry: shape of the case.
        electrolyte: ions and medium of the case.
        boundaries: boundary conditions by name.

    Raises:
        CaseError: the case violates an assumption of the law.
    """
    if not isinstance(geometry, Hyperboloid):
        raise refusal("hyperboloid", f'shape = "hyperboloid", not "{geometry.shape}"')
    if geometry.ends != "confocal":
        raise refusal("hyperboloid", 'ends = "confocal" (or law = "electroneutral", if it opens slowly)')
    setting = setting_of("hyperboloid", geometry, electrolyte, boundaries, ("base", "top"))
    refuse_other_than_monovalent("hyperboloid", electrolyte, setting.species)
    G = _confocal_G("hyperboloid", geometry)
    return _value(setting, electrolyte, G, printed_G=float(throat_of(geometry).G_printed()))


def _slender_G(geometry: Geometry, bounds: tube.Bounds) -> tuple[float, float]:
    """G of a slowly varying tube and a bound of its relative error; on a line the lower bound is exact."""
    if geometry.dimension == "1d":
        return bounds.lower, 0.0
    if not bounds.valid(SLENDER):
        raise refusal(
            "electroneutral",
            f"a radius that varies slowly: the bounds of this shape are {bounds.leading_error:.2g} apart, "
            f'of at most {SLENDER:g} (or dimension = "1d")',
        )
    return bounds.upper, bounds.leading_error


def geometric_factor(geometry: Geometry) -> tuple[float, float, tuple[str, str]]:
    """G of a shape, 1/m, a bound of its relative error, and the boundaries between which it holds.

    Raises:
        CaseError: G of the shape is not known, or the shape is outside the range of its formula.
    """
    ends = ("base", "top")
    match geometry:
        case Cylinder():
            return tube.cylinder(geometry.length, geometry.radius), 0.0, ends
        case Cone():
            bounds = tube.cone(geometry.length, geometry.base_radius, geometry.top_radius)
            return *_slender_G(geometry, bounds), ends
        case Tube():
            return *_slender_G(geometry, tube.tube(geometry.radius, 0.0, geometry.length, pieces=400)), ends
        case Shell():
            return tube.shell(geometry.inner_radius, geometry.outer_radius), 0.0, ("inner", "outer")
        case Hyperboloid(ends="confocal"):
            return _confocal_G("electroneutral", geometry), 0.0, ends
        case Hyperboloid():
            return *_slender_G(geometry, _flat_throat(geometry)), ends
    raise refusal(
        "electroneutral", f'a cylinder, cone, tube, hyperboloid or shell, whose G is known, not "{geometry.shape}"'
    )


def _flat_throat(geometry: Hyperboloid) -> tube.Bounds:
    """Bounds of G of a throat with flat ends; for an elliptic one from its cross-sections."""
    throat = throat_of(geometry)
    lower = float(throat.G_printed())
    # Flux density 1/S along z and in proportion to x and y: (b^2 + a^2)/4 in place of r^2/2.
    mean = np.sqrt(0.5 * (throat.a**2 + throat.b**2))
    circular = tube.tube(
        lambda z: mean * np.sqrt(1.0 + (z / throat.c) ** 2), -throat.half_length, throat.half_length, pieces=400
    )
    return tube.Bounds(lower, lower * circular.upper / circular.lower)


def electroneutral(geometry: Geometry, electrolyte: Electrolyte, boundaries: Boundaries) -> LawValue:
    """Cylinder, shell, cone, slowly opening tube or throat; any valences, one injected species, uniform fixed charge.

    Args:
        geometry: shape of the case.
        electrolyte: ions and medium of the case.
        boundaries: boundary conditions by name.

    Raises:
        CaseError: the case violates an assumption of the law.
    """
    G, error, ends = geometric_factor(geometry)
    setting = setting_of("electroneutral", geometry, electrolyte, boundaries, ends)
    return _value(setting, electrolyte, G, leading_error=error or None)


def _value(
    setting: Setting,
    electrolyte: Electrolyte,
    G: float,
    printed_G: float | None = None,
    leading_error: float | None = None,
) -> LawValue:
    """Result of the general electroneutral law for a G."""
    law = electroneutral_of(electrolyte, setting.species)
    current = setting.current
    potential, ohmic = float(law.voltage(current, G)), law.ohmic_resistance(G)
    u = potential / law.thermal_voltage
    length = debye_layer.screening_length(law.strength(u), electrolyte.absolute_permittivity, law.thermal_voltage)
    drop = debye_layer.injector_drop(law.injector_slope(current, G, setting.area), length, law.thermal_voltage)
    return LawValue(
        injector=setting.injector,
        ground=setting.ground,
        current=current,
        potential=potential,
        resistance=potential / current if current else ohmic,
        ohmic_potential=current * ohmic,
        layer_drop=0.0 if setting.field_matched else float(drop),
        concentration=dict(zip(electrolyte.names, map(float, law.concentrations_at(u)), strict=True)),
        printed_potential=None if printed_G is None else float(law.voltage(current, printed_G)),
        leading_error=leading_error,
    )


#: Every law by its name in a case file.
LAWS: dict[str, Callable[[Geometry, Electrolyte, Boundaries], LawValue]] = {
    "cylinder": cylinder,
    "hyperboloid": hyperboloid,
    "electroneutral": electroneutral,
}
