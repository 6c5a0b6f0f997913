"""Formulas of initial concentrations by region that spread in a closed neck."""

from __future__ import annotations

from spinepnp.errors import CaseError
from spinepnp.geometries import Cylinder
from spinepnp.solvers.model.electrolyte import Species
from spinepnp.units import TIME
from spinepnp.validation.laws import SpreadingLaw, ambipolar_diffusivity, binary_junction
from spinepnp.validation.suite.context import FormulaContext


def _salt(context: FormulaContext) -> tuple[Species, Species]:
    """The one cation and the one anion of the case, in this order."""
    ions = sorted((s for s in context.case.electrolyte.species if s.valence), key=lambda s: -s.valence)
    if len(ions) != 2 or not ions[0].valence > 0 > ions[1].valence:
        raise CaseError("checks.reference.formula", "needs one salt, or a species without charge; take another formula")
    return ions[0], ions[1]


def _concentration(context: FormulaContext, species: Species, z: float) -> float:
    """Concentration of a species at a height (m) and at the time of the results, mol/m^3."""
    case, geometry = context.case, context.geometry(Cylinder)
    if case.boundaries or case.initial is None or case.electrolyte.has_fixed_charge:
        raise CaseError("checks.reference.formula", "needs a closed neck with initial.region; take another formula")
    diffusivity = case.electrolyte.effective_diffusivity(species)
    if species.valence:
        cation, anion = _salt(context)
        both = tuple(case.electrolyte.effective_diffusivity(s) for s in (cation, anion))
        diffusivity = ambipolar_diffusivity((cation.valence, anion.valence), (both[0], both[1]))
    steps = tuple((*r.z, r.concentrations.get(species.name, species.concentration)) for r in case.initial.regions)
    time = float(context.row[f"{TIME.name}_{TIME.suffix}"]) * TIME.si
    return float(SpreadingLaw(geometry.length, diffusivity, species.concentration, steps).concentration(z, time)[0])


def spreading(context: FormulaContext) -> float:
    """Concentration of an uncharged species, or of an ion of the one salt, at a probe."""
    return _concentration(context, context.species, context.case.probe_position(context.place)[2])


def spreading_junction(context: FormulaContext) -> float:
    """V at a probe relative to the lower end of the neck, z = 0, by the law of the junction of one salt."""
    cation, anion = _salt(context)
    below, above = (_concentration(context, cation, z) for z in (0.0, context.case.probe_position(context.place)[2]))
    electrolyte = context.case.electrolyte
    diffusivities = electrolyte.effective_diffusivity(cation), electrolyte.effective_diffusivity(anion)
    return binary_junction(below, above, (cation.valence, anion.valence), diffusivities, electrolyte.V_T)
