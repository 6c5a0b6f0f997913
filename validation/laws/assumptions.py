"""Assumptions of the analytic laws: checks of a case, and the values that the laws take from it."""

from __future__ import annotations

from dataclasses import dataclass

from spinepnp.errors import CaseError
from spinepnp.geometries import Geometry
from spinepnp.solvers.model.boundaries import Boundaries
from spinepnp.solvers.model.electrolyte import NEUTRALITY_TOLERANCE, Electrolyte
from spinepnp.solvers.model.membrane.mechanism import Mechanism
from spinepnp.solvers.model.terms import TERM_KEYS
from spinepnp.validation.laws.electroneutral import ElectroneutralLaw


def refusal(law: str, problem: str) -> CaseError:
    """Error of a case that lacks what a law needs."""
    return CaseError("compare.law", f"the {law} law needs {problem}; change the case or drop [compare]", law)


@dataclass(frozen=True)
class Setting:
    """One current that enters at one boundary and leaves at another.

    Attributes:
        injector: name of the boundary where the current enters.
        ground: name of the grounded boundary.
        species: name of the injected species.
        current: injected current, A.
        area: area of the injector, m^2; of the cross-section where the case is a line.
        field_matched: whether the field is matched at the injector, so that no layer forms.
    """

    injector: str
    ground: str
    species: str
    current: float
    area: float
    field_matched: bool


def setting_of(
    law: str, geometry: Geometry, electrolyte: Electrolyte, boundaries: Boundaries, ends: tuple[str, str]
) -> Setting:
    """Setting of a case with one current, whose other boundaries are reflecting.

    Args:
        law: name of the law, for messages.
        geometry: geometry of the case.
        electrolyte: electrolyte of the case.
        boundaries: boundary conditions by name.
        ends: the two boundaries between which the law holds.

    Raises:
        CaseError: the case violates an assumption of the electroneutral laws, which the message names.
    """
    if geometry.obstacle is not None:
        raise refusal(law, "a body without an obstacle")
    if electrolyte.has_profiles:
        raise refusal(law, "a uniform permittivity and uniform diffusivities")
    for term in TERM_KEYS:
        if needed := term.law_needs(electrolyte, boundaries):
            raise refusal(law, needed)
    strength = electrolyte.ionic_strength()
    if abs(electrolyte.net_charge(electrolyte.bulk)) > NEUTRALITY_TOLERANCE * strength or strength == 0.0:
        raise refusal(law, "a neutral bulk with ions")
    injecting = [(name, i) for name, b in boundaries.items() for i in b.injections]
    if len(injecting) != 1 or injecting[0][0] not in ends:
        raise refusal(law, f"one current, at {ends[0]} or {ends[1]}")
    injector, injection = injecting[0]
    ground = ends[0] if injector == ends[1] else ends[1]
    fixed = {name for name, b in boundaries.items() if b.potential is not None or b.concentrations is not None}
    held = boundaries[ground].ground_potential() is not None and boundaries[ground].concentrations == "bulk"
    if fixed != {ground} or not held:
        raise refusal(law, f'potential and concentrations = "bulk" on {ground}, and on no other boundary')
    area = geometry.exact_area(injector)
    matched = boundaries[injector].field_matched
    return Setting(injector, ground, injection.species, injection.total(area), area, matched)


def conductance_of(law: str, boundaries: Boundaries, places: tuple[str, ...]) -> tuple[str, Mechanism]:
    """Boundary and table of the one mechanism of a case, which is a constant conductance.

    Args:
        law: name of the law, for the message.
        boundaries: boundary conditions by name.
        places: boundaries where it may be.

    Raises:
        CaseError: there is none or another, also elsewhere.
    """
    found = [(name, m) for name, b in boundaries.items() for m in b.mechanisms]
    if len(found) != 1 or found[0][0] not in places or not found[0][1].is_conductance:
        needed = f'at {" or ".join(places)} one mechanism, "ohmic" of one species with a reversal potential, without '
        raise refusal(law, needed + "gates and magnesium, and no other")
    return found[0]


def refuse_other_than_monovalent(law: str, electrolyte: Electrolyte, injected: str) -> None:
    """Check the assumptions of paper 001 on the ions.

    Args:
        law: name of the law, for the message.
        electrolyte: ions of the case.
        injected: name of the injected species.

    Raises:
        CaseError: the case has other valences, fixed charge, no anions, or an injected anion.
    """
    if any(abs(s.valence) != 1 for s in electrolyte.species) or electrolyte.has_fixed_charge:
        raise refusal(law, "monovalent ions and no fixed charge")
    if not any(s.valence < 0 and s.concentration > 0.0 for s in electrolyte.species):
        raise refusal(law, "a neutral bulk with anions")
    if electrolyte.species[electrolyte.index(injected)].valence != 1:
        raise refusal(law, "an injected cation")


def electroneutral_of(electrolyte: Electrolyte, injected: str) -> ElectroneutralLaw:
    """General electroneutral law of an electrolyte with one injected species."""
    k = electrolyte.index(injected)
    return ElectroneutralLaw(
        valences=tuple(s.valence for s in electrolyte.species),
        concentrations=tuple(s.concentration for s in electrolyte.species),
        injected=k,
        diffusivity=electrolyte.effective_diffusivity(electrolyte.species[k]),
        thermal_voltage=electrolyte.V_T,
        fixed_charge=electrolyte.uniform_charge,
    )
