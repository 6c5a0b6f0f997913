"""Remarks on a case: what is allowed, and probably not meant."""

from __future__ import annotations

from collections.abc import Iterator

from spinepnp.case.case import Case
from spinepnp.solvers.model.boundaries import Boundary


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
    if case.study.initial == "rest" and not membranes:
        lines.append(
            'study.initial = "rest": there is no mechanism or channel, so that rest is the steady state of what else '
            'flows before any waveform, or the bulk where nothing does; add a mechanism, or write "steady" or "bulk"'
        )
    return lines


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
