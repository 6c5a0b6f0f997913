"""Catalogue of the analytic laws that a case can name: from the tables of a case to the numbers of a law.

To add a law, put its formulas into a file of this folder, a function here that checks the assumptions (with
`assumptions`) and evaluates the law, and its name into `LAWS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from numpy.typing import ArrayLike

from spinepnp.geometries import Cylinder, Geometry, Hyperboloid
from spinepnp.solvers.model.boundaries import Boundaries
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.terms.injection import Injection
from spinepnp.solvers.model.terms.mechanism import without_mechanisms
from spinepnp.units import FARADAY
from spinepnp.validation.laws import debye_layer
from spinepnp.validation.laws.assumptions import (
    Setting,
    conductance_of,
    electroneutral_of,
    refusal,
    refuse_other_than_monovalent,
    setting_of,
)
from spinepnp.validation.laws.cylinder import CylinderLaw
from spinepnp.validation.laws.electroneutral import ElectroneutralLaw
from spinepnp.validation.laws.geometric_factors import confocal_G, geometric_factor, throat_of
from spinepnp.validation.laws.synapse import LeakyNeckLaw, SynapseLaw


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
        species: name of the injected species.
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
    species: str
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
        species=setting.species,
        current=current,
        potential=float(law.voltage(current)),
        resistance=float(law.resistance(current)),
        ohmic_potential=current * law.ohmic_resistance(),
        layer_drop=0.0 if setting.field_matched else float(law.layer_drop(current)),
        concentration=concentration,
    )


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
    G = confocal_G("hyperboloid", geometry)
    return _value(setting, electrolyte, G, printed_G=float(throat_of(geometry).G_printed()))


def electroneutral(geometry: Geometry, electrolyte: Electrolyte, boundaries: Boundaries) -> LawValue:
    """Cylinder, shell, cone, slowly opening tube or throat; any valences, one injected species, uniform fixed charge.

    Args:
        geometry: shape of the case.
        electrolyte: ions and medium of the case.
        boundaries: boundary conditions by name.

    Raises:
        CaseError: the case violates an assumption of the law.
    """
    G, error, ends = geometric_factor("electroneutral", geometry)
    setting = setting_of("electroneutral", geometry, electrolyte, boundaries, ends)
    return _value(setting, electrolyte, G, leading_error=error or None)


def _layer_drop(
    setting: Setting, electrolyte: Electrolyte, law: ElectroneutralLaw, u: float, slope: ArrayLike
) -> float:
    """Potential that the Debye layer at the injector adds, V, at u there and a slope du/dn, 1/m."""
    length = debye_layer.screening_length(law.strength(u), electrolyte.absolute_permittivity, law.thermal_voltage)
    return 0.0 if setting.field_matched else float(debye_layer.injector_drop(slope, length, law.thermal_voltage))


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
    return LawValue(
        injector=setting.injector,
        ground=setting.ground,
        species=setting.species,
        current=current,
        potential=potential,
        resistance=potential / current if current else ohmic,
        ohmic_potential=current * ohmic,
        layer_drop=_layer_drop(setting, electrolyte, law, u, law.injector_slope(current, G, setting.area)),
        concentration=dict(zip(electrolyte.names, map(float, law.concentrations_at(u)), strict=True)),
        printed_potential=None if printed_G is None else float(law.voltage(current, printed_G)),
        leading_error=leading_error,
    )


def synapse(geometry: Geometry, electrolyte: Electrolyte, boundaries: Boundaries) -> LawValue:
    """One mechanism g (E - V) of one species at an end of a shape of known G; the other end is grounded or has a load.

    Args:
        geometry: shape of the case.
        electrolyte: ions and medium of the case.
        boundaries: boundary conditions by name.

    Raises:
        CaseError: the case violates an assumption of the law.
    """
    G, error, ends = geometric_factor("synapse", geometry)
    injector, mechanism = conductance_of("synapse", boundaries, ends)
    if any(i.flows for b in boundaries.values() for i in b.injections):
        raise refusal("synapse", "no current but that of its mechanism")
    current = Injection.model_construct(species=mechanism.moved[0], value=0.0)
    driven = boundaries | {injector: without_mechanisms(boundaries[injector], (current,))}
    setting = setting_of("synapse", geometry, electrolyte, driven, ends)
    ground = boundaries[setting.ground]
    law = SynapseLaw(
        ions=electroneutral_of(electrolyte, setting.species),
        G=G,
        conductance=mechanism.conductance_density(setting.area) * setting.area,
        reversal=boundaries[injector].outside_potential + mechanism.reversal,
        load_resistance=0.0 if ground.load is None else 1.0 / ground.load.model.conductance,
        rest=ground.ground_potential(),
    )
    value = _value(replace(setting, current=law.current()), electrolyte, G, leading_error=error or None)
    return replace(value, ohmic_potential=law.ohmic_current() * law.ions.ohmic_resistance(G))


def leaky_neck_of(geometry: Geometry, electrolyte: Electrolyte, boundaries: Boundaries) -> tuple[LeakyNeckLaw, Setting]:
    """Law and setting of a straight neck with a leaky wall.

    Args:
        geometry: shape of the case.
        electrolyte: ions and medium of the case.
        boundaries: boundary conditions by name.

    Raises:
        CaseError: the case violates an assumption of the law.
    """
    if not isinstance(geometry, Cylinder):
        raise refusal("leaky_neck", f'shape = "cylinder", not "{geometry.shape}"')
    name, mechanism = conductance_of("leaky_neck", boundaries, ("wall",))
    closed = boundaries | {name: without_mechanisms(boundaries[name], boundaries[name].current)}
    setting = setting_of("leaky_neck", geometry, electrolyte, closed, ("base", "top"))
    if mechanism.moved != (setting.species,) or boundaries[setting.ground].load is not None:
        raise refusal("leaky_neck", f"{setting.species} in the wall's mechanism, and a potential on {setting.ground}")
    law = LeakyNeckLaw(
        ions=electroneutral_of(electrolyte, setting.species),
        length=geometry.length,
        radius=geometry.radius,
        conductance=mechanism.conductance_density(geometry.exact_area("wall")),
        reversal=boundaries["wall"].outside_potential
        + mechanism.reversal
        - boundaries[setting.ground].ground_potential(),
    )
    return law, setting


def leaky_neck(geometry: Geometry, electrolyte: Electrolyte, boundaries: Boundaries) -> LawValue:
    """Straight neck with a current at one end and a wall through which the same species leaves by g (V - E).

    Args:
        geometry: shape of the case.
        electrolyte: ions and medium of the case.
        boundaries: boundary conditions by name.

    Raises:
        CaseError: the case violates an assumption of the law.
    """
    law, setting = leaky_neck_of(geometry, electrolyte, boundaries)
    ions = law.ions
    potential = float(law.voltage(setting.current))
    u = potential / ions.thermal_voltage
    slope = setting.current / (FARADAY * ions.diffusivity * setting.area * ions.strength(u))
    input_resistance = law.ohmic_voltage(1.0) - law.ohmic_voltage(0.0)
    return LawValue(
        injector=setting.injector,
        ground=setting.ground,
        species=setting.species,
        current=setting.current,
        potential=potential,
        resistance=potential / setting.current if setting.current else input_resistance,
        ohmic_potential=law.ohmic_voltage(setting.current),
        layer_drop=_layer_drop(setting, electrolyte, ions, u, slope),
        concentration=dict(zip(electrolyte.names, map(float, ions.concentrations_at(u)), strict=True)),
    )


#: Every law by its name in a case file.
LAWS: dict[str, Callable[[Geometry, Electrolyte, Boundaries], LawValue]] = {
    "cylinder": cylinder,
    "hyperboloid": hyperboloid,
    "electroneutral": electroneutral,
    "synapse": synapse,
    "leaky_neck": leaky_neck,
}
