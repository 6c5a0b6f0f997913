"""Remarks on a case: what is allowed, and probably not meant."""

from __future__ import annotations

from collections.abc import Iterator

from spinepnp.case.case import Case
from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.model.electrolyte import Electrolyte

#: Units of concentrations in words, with their number in one mol/m^3; the first one that gives less than a thousand.
UNITS = (("nM", 1e6), ("uM", 1e3), ("mM", 1.0))

#: Relative change of a bulk concentration up to which it is the same.
SAME_BULK = 1e-6


def remarks_of(case: Case) -> list[str]:
    """Lines on keys of a checked case that change nothing."""
    lines = [line for name, boundary in case.boundaries.items() for line in _unused(f"boundaries.{name}", boundary)]
    used = {b.compartment_of(m) for b in case.boundaries.values() for m in b.mechanisms}
    lines += [
        f"compartments.{name} is used by no mechanism, so that nothing changes it; add one beside it, or drop it"
        for name in case.compartments or ()
        if name not in used
    ]
    reacting = case.study.kind == "transient" and case.electrolyte.has_chemistry
    if reacting and case.mesh.element_degree == 2:
        lines.append(
            "mesh.element_degree = 2: fronts of species that react undershoot with quadratic elements, and steps can "
            "fail there; drop it, or write 1"
        )
    membranes = any(b.mechanisms or b.channels for b in case.boundaries.values())
    lines += [line for name, boundary in case.boundaries.items() for line in _locked(case, name, boundary)]
    lines += _fast_calcium(case)
    if case.study.initial == "rest" and not membranes:
        lines.append(
            'study.initial = "rest": there is no mechanism or channel, so that rest is the steady state of what else '
            'flows before any waveform, or the bulk where nothing does; add a mechanism, or write "steady" or "bulk"'
        )
    return lines


def _locked(case: Case, name: str, boundary: Boundary) -> Iterator[str]:
    """Mobile species that a boundary blocks beside what it holds and what reacts with them."""
    electrolyte = case.electrolyte
    passing = {*boundary.prescribed(electrolyte), *boundary.driven}
    for species in boundary.prescribed(electrolyte):
        partners = {n for r in electrolyte.reactions if species in r.parsed.names for n in r.parsed.names}
        blocked = [n for n in electrolyte.mobile if n in partners - passing]
        if blocked:
            which, they = ("which reacts", "it") if len(blocked) == 1 else ("which react", "they")
            yield (
                f"boundaries.{name} holds {species} but not {', '.join(blocked)}, {which} with it: {they} cannot pass "
                f'there; add them to boundaries.{name}.concentrations, or write "bulk" there'
            ).replace("add them", "add it" if len(blocked) == 1 else "add them")


def _fast_calcium(case: Case) -> Iterator[str]:
    """Calcium with the diffusivity of water beside buffers of a cytosol."""
    origins = case.presets or {}
    for path, origin in origins.items():
        if origin.startswith("Ca in water") and any(key.startswith("electrolyte.buffers.") for key in origins):
            yield (
                f'{path} has the diffusivity of water beside buffers of the cytosol; write medium = "cytosol" there, '
                "for a third of it"
            )


def equilibrated(electrolyte: Electrolyte) -> str:
    """Line on the bulk concentrations that `equilibrate` has changed; empty without any."""
    changed = [
        f"{given.name} from {amount(given.concentration)} to {amount(electrolyte.bulk[given.name])}"
        for given in electrolyte.given
        if abs(electrolyte.bulk[given.name] - given.concentration) > SAME_BULK * given.concentration
    ]
    return f"electrolyte.equilibrate changed the bulk: {', '.join(changed)}" if changed else ""


def amount(concentration: float) -> str:
    """Concentration (mol/m^3) in words, with a unit of its size."""
    unit, factor = next(((unit, factor) for unit, factor in UNITS if concentration * factor < 1e3), UNITS[-1])
    return f"{concentration * factor:.4g} {unit}"


def _unused(key: str, boundary: Boundary) -> Iterator[str]:
    """Keys of the solution outside of a boundary that neither its mechanisms nor its capacitance use."""
    outside = boundary.outside
    if not boundary.mechanisms and boundary.traces is not None:
        yield f"{key}.traces is used by nothing: there is no mechanism; drop it"
    if outside is None:
        return
    if not boundary.mechanisms and boundary.capacitance is None:
        yield f"{key}.outside is used by nothing: there is no mechanism and no capacitance; add one, or drop it"
    elif outside.concentrations is not None and not any(m.reads_outside for m in boundary.mechanisms):
        yield f"{key}.outside.concentrations is used by nothing: no mechanism there depends on it; drop it"
