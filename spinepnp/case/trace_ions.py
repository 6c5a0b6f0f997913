"""Species whose concentrations a user wants to see: traces that are driven, such as calcium, and what binds them."""

from __future__ import annotations

from spinepnp.case.case import Case

#: Concentration over the ionic strength of the bulk below which a species is a trace.
TRACE = 1e-3


def traces(case: Case) -> list[str]:
    """Species that currents or mechanisms drive and that are traces in the bulk; without any those that react."""
    electrolyte = case.electrolyte
    driven = {species for boundary in case.boundaries.values() for species in boundary.driven}
    limit = TRACE * electrolyte.ionic_strength()
    found = [s.name for s in electrolyte.species if s.name in driven and s.concentration < limit]
    reacting = zip(electrolyte.names, electrolyte.network.reacts, strict=True)
    return found or [name for name, reacts in reacting if reacts]


def bound_forms(case: Case) -> list[str]:
    """Products of reactions in which a trace is bound, such as the complex of calcium and an indicator."""
    known, found = traces(case), dict[str, None]()
    for reaction in case.electrolyte.network.reactions:
        if set(reaction.parsed.left) & set(known):
            found |= dict.fromkeys(reaction.parsed.right)
    return [name for name in found if name not in known]


def followed(case: Case) -> list[str]:
    """Traces, then their bound forms."""
    return [*traces(case), *bound_forms(case)]
