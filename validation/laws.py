"""Which analytic law a case is held against: from the tables of a case to the numbers of `analytic`.

To add a law: its formulas in `analytic`, and a function here that checks that the case meets its assumptions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from spinepnp.errors import CaseError
from spinepnp.geometries import Cylinder, Geometry
from spinepnp.solvers.boundaries import Boundaries
from spinepnp.solvers.electrolyte import Electrolyte
from spinepnp.units import VACUUM_PERMITTIVITY
from spinepnp.validation.analytic import CylinderLaw


@dataclass(frozen=True)
class LawValue:
    """What a law says of a case.

    Attributes:
        injector: name of the boundary where the current enters.
        ground: name of the grounded boundary.
        current: A.
        potential: electroneutral V(injector) - V(ground), V.
        resistance: potential over current, Ohm (the Ohmic limit at zero current).
        ohmic_potential: what Ohm's law says, V.
        layer_drop: what an unscreened zero-field injector adds to the potential in full PNP, V.
        concentration: electroneutral concentrations at the injector by species, mol/m^3.
    """

    injector: str
    ground: str
    current: float
    potential: float
    resistance: float
    ohmic_potential: float
    layer_drop: float
    concentration: dict[str, float]


def _refuse(problem: str) -> CaseError:
    return CaseError("compare.law", f"the cylinder law needs {problem}; change the case or drop [compare]", "cylinder")


def cylinder_law_of(
    geometry: Geometry, electrolyte: Electrolyte, boundaries: Boundaries
) -> tuple[CylinderLaw, str, str]:
    """The cylinder law of a case, with its injector and its ground.

    Raises:
        CaseError: the case does not meet the assumptions of the law; says which.
    """
    if not isinstance(geometry, Cylinder):
        raise _refuse(f'shape = "cylinder", not "{geometry.shape}"')
    if any(b.surface_charge or b.capacitance is not None for b in boundaries.values()):
        raise _refuse("walls without surface charge and capacitance")
    if any(abs(s.valence) != 1 for s in electrolyte.species) or electrolyte.fixed_charge != 0.0:
        raise _refuse("monovalent ions and no fixed charge")
    if any(s.source for s in electrolyte.species):
        raise _refuse("species without a source")
    if any(b.channels for b in boundaries.values()):
        raise _refuse("a current that is given, and no channels")
    if abs(electrolyte.net_charge(electrolyte.bulk)) > 1e-9 * electrolyte.ionic_strength() or not any(
        s.valence < 0 and s.concentration > 0.0 for s in electrolyte.species
    ):
        raise _refuse("a neutral bulk with anions")
    injecting = [(name, i) for name, b in boundaries.items() for i in b.injections]
    if len(injecting) != 1 or injecting[0][0] not in ("base", "top"):
        raise _refuse("one current, at base or top")
    injector, injection = injecting[0]
    ground = "base" if injector == "top" else "top"
    held = {name for name, b in boundaries.items() if b.potential is not None or b.concentrations is not None}
    if held != {ground} or not boundaries[ground].holds_potential or boundaries[ground].concentrations != "bulk":
        raise _refuse(f'potential and concentrations = "bulk" on {ground}, and on no other boundary')
    species = electrolyte.species[electrolyte.index(injection.species)]
    if species.valence != 1:
        raise _refuse("an injected cation")
    law = CylinderLaw(
        length=geometry.length,
        radius=geometry.radius,
        diffusivity=electrolyte.effective_diffusivity(species),
        injected=species.concentration,
        anions=sum(s.concentration for s in electrolyte.species if s.valence == -1),
        thermal_voltage=electrolyte.V_T,
        permittivity=electrolyte.permittivity * VACUUM_PERMITTIVITY,
    )
    return law, injector, ground


def cylinder(geometry: Geometry, electrolyte: Electrolyte, boundaries: Boundaries) -> LawValue:
    """Paper 001, eqs. (5)-(7), (12)-(14), for a case.

    Raises:
        CaseError: the case does not meet the assumptions of the law.
    """
    law, injector, ground = cylinder_law_of(geometry, electrolyte, boundaries)
    injection = boundaries[injector].injections[0]
    current = injection.total(geometry.exact_measures()[injector])
    potential = float(law.voltage(current))
    factor = float(law.concentrations(current)[2]) / law.anions
    concentration = {s.name: s.concentration * factor**-s.valence for s in electrolyte.species}
    concentration[injection.species] = sum(
        -s.valence * concentration[s.name] for s in electrolyte.species if s.name != injection.species
    )
    return LawValue(
        injector=injector,
        ground=ground,
        current=current,
        potential=potential,
        resistance=float(law.resistance(current)),
        ohmic_potential=current * law.ohmic_resistance(),
        layer_drop=0.0 if boundaries[injector].field_matched else float(law.layer_drop(current)),
        concentration=concentration,
    )


#: Every law by the name it has in a case file.
LAWS: dict[str, Callable[[Geometry, Electrolyte, Boundaries], LawValue]] = {"cylinder": cylinder}
