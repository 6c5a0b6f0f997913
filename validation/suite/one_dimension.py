"""References from the independent solver in one dimension, which solves the same case with two orders."""

from __future__ import annotations

import itertools
import math
import re
from functools import partial
from typing import Any

from spinepnp.case.case import Case
from spinepnp.errors import CaseError
from spinepnp.geometries import Ball, Cylinder, Shell
from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.model.closed import amounts_of
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.terms import TERM_KEYS
from spinepnp.solvers.model.terms.dirichlet import PotentialWaveform
from spinepnp.units import CONCENTRATION, CURRENT, POTENTIAL, to_unit
from spinepnp.validation.reference import onedimensional
from spinepnp.validation.reference.onedimensional import End, Gate, Ion, Problem, Reaction
from spinepnp.validation.reference.onedimensional.problem import Current
from spinepnp.validation.suite.stimuli import breaks, current, gated, opening

#: Order of the polynomials of the reference.
ORDER = 16

#: Order of the coarser solve, whose difference to the reference is its uncertainty.
COARSER = 12

#: Tolerance of time steps by order: errors are far below those of the results that are compared with them.
RTOL = {ORDER: 1e-6, COARSER: 1e-5}

#: Terms whose equations it has.
KNOWN_TERMS = {"dirichlet", "floating", "injection", "surface_charge", "capacitance", "channel", "field_matched",
               "fixed_charge", "flux", "reaction"}  # fmt: skip

#: Results by column of observables.csv.
Row = dict[str, float]


def _refusal(problem: str) -> CaseError:
    """Error of a case that the solver in one dimension cannot solve."""
    return CaseError("checks.reference.one_dimension", f"the solver in one dimension needs {problem}; take another")


def _line(case: Case) -> tuple[onedimensional.problem.Geometry, tuple[str, str]]:
    """Interval of a case, and the names of its ends; the centre of a ball has no name."""
    match case.geometry:
        case Cylinder() as shape:
            return onedimensional.line(shape.length, math.pi * shape.radius**2), ("base", "top")
        case Shell() as shape:
            return onedimensional.shell(shape.inner_radius, shape.outer_radius), ("inner", "outer")
        case Ball() as shape:
            return onedimensional.ball(shape.radius), ("", "wall")
    raise _refusal("a cylinder, a shell or a ball")


def _end(name: str, boundary: Boundary, electrolyte: Electrolyte, area: float) -> End:
    """Conditions at an end."""
    if isinstance(boundary.potential, PotentialWaveform):
        raise _refusal("potentials without a waveform")
    if boundary.field_matched and any(c.gates or c.needs_concentration for c in boundary.channels):
        raise _refusal("no gates and no constant field where field_matched is true")
    prescribed = boundary.prescribed(electrolyte)
    moving = {s.name for s in electrolyte.species if s.diffusivity}
    if prescribed and set(prescribed) & moving != moving:
        raise _refusal("ends that hold the concentrations of all species that move, or none")
    carriers = {i.species for i in boundary.injections} | {c.species for c in boundary.channels}
    currents = tuple(_current(n, boundary, electrolyte, area) if n in carriers else 0.0 for n in electrolyte.names)
    field: dict[str, Any] = {}
    if boundary.surface_charge is not None:
        field["normal_field"] = boundary.surface_charge / electrolyte.absolute_permittivity
    if boundary.capacitance is not None:
        field["capacitance"] = boundary.capacitance.value
        field["normal_field"] = boundary.capacitance.value * boundary.outside_potential
        field["normal_field"] /= electrolyte.absolute_permittivity
    rates = [sum(area * f.value for f in boundary.flux or () if f.species == n) for n in electrolyte.names]
    return End(
        potential=boundary.prescribed_potential,
        open_circuit=boundary.floating,
        concentrations=tuple(prescribed[n] if n in moving else None for n in electrolyte.names) if prescribed else None,
        currents=currents if carriers else (),
        rates=tuple(rates) if boundary.flux else (),
        field_matched=boundary.field_matched,
        gates=tuple(Gate(partial(opening, gate), gate.time) for c in boundary.channels for gate in c.gates),
        **field,
    )


def _current(species: str, boundary: Boundary, electrolyte: Electrolyte, area: float) -> Current:
    """Current that enters with a species, A: a number, or a function of its variables; see `End`."""
    injections = [i for i in boundary.injections if i.species == species]
    firsts = itertools.accumulate((len(c.gates) for c in boundary.channels), initial=0)
    channels = [
        (c, slice(first, first + len(c.gates)))
        for c, first in zip(boundary.channels, firsts, strict=False)
        if c.species == species
    ]
    valence = electrolyte.species[electrolyte.index(species)].valence
    let_in = partial(gated, area=area, valence=valence, thermal_voltage=electrolyte.V_T)

    def given(time: float) -> float:
        return sum(current(i, area, time) for i in injections)

    def of_potential(time: float, V: float) -> float:
        return given(time) + sum(gated(c, V) for c, _ in channels)

    def of_all(time: float, V: float, concentration: float, gates: Any) -> float:
        return given(time) + sum(let_in(c, V, concentration, gates[part]) for c, part in channels)

    if any(c.gates or c.needs_concentration for c, _ in channels):
        return of_all
    if channels:
        return of_potential
    return given(0.0) if all(i.waveform == "constant" for i in injections) else given


def reactions_of(electrolyte: Any) -> tuple[Reaction, ...]:
    """Reactions of an electrolyte; their equations are read here, so that an error of the other reader shows."""
    found = []
    for reaction in getattr(electrolyte, "reactions", ()):
        left, right = (_molecules(side, electrolyte.names) for side in re.split("<?->", reaction.equation))
        forward, backward = (0.0 if k is None else k.value for k in (reaction.forward, reaction.backward))
        found.append(Reaction(left, right, forward, backward, reaction.region))
    return tuple(found)


def _molecules(side: str, names: list[str]) -> tuple[int, ...]:
    """Number of molecules of each species on a side of an equation, such as "2 Ca + B"."""
    parts = [re.fullmatch(r"(\d*)\s*(.*)", part.strip()) for part in re.split(r"\s\+\s", side.strip()) if part]
    found = [(int(part[1] or 1), part[2]) for part in parts if part]
    return tuple(sum(number for number, written in found if written == name) for name in names)


def problem_of(case: Case) -> Problem:
    """Problem in one dimension that is equivalent to a case.

    Raises:
        CaseError: the case varies in more than one direction, or has a feature that the solver lacks.
    """
    electrolyte, (interval, names) = case.electrolyte, _line(case)
    for term in TERM_KEYS:
        if term.name not in KNOWN_TERMS and term.is_present(electrolyte, case.boundaries):
            raise _refusal(f"no {term.key}")
    if case.geometry.obstacle is not None or electrolyte.charged_regions:
        raise _refusal("no obstacle and an even fixed charge")
    if electrolyte.has_profiles:
        raise _refusal("a uniform permittivity and uniform diffusivities")
    if set(case.boundaries) - set(names):
        raise _refusal(f"nothing on other boundaries than {' and '.join(filter(None, names))}")
    measures = case.geometry.exact_measures()
    left, right = (
        _end(name, case.boundaries[name], electrolyte, measures[name]) if name in case.boundaries else End()
        for name in names
    )
    amounts = None
    if case.closed is not None:
        given = amounts_of(case.closed, electrolyte, case.problem_data.undetermined_species, measures["volume"])
        amounts = tuple(given[n] for n in electrolyte.names)
        if left == right == End():
            right = End(normal_field=None)
    reactions = reactions_of(electrolyte)
    if reactions and not all(electrolyte.bulk.values()):
        raise _refusal("some of each species in the bulk, whose logarithm it solves for, where they react")
    return Problem(
        interval,
        tuple(Ion(s.name, s.valence, electrolyte.effective_diffusivity(s)) for s in electrolyte.species),
        electrolyte.absolute_permittivity,
        electrolyte.V_T,
        left,
        right,
        fixed_charge=electrolyte.uniform_charge,
        amounts=amounts,
        reactions=reactions,
        start=tuple(electrolyte.bulk.values()) if reactions and amounts is None else None,
    )


def _states(case: Case, order: int) -> list[Any]:
    """States of a case at its points or times."""
    study = case.study
    if study.kind == "transient":
        if study.initial != "bulk":
            raise _refusal('initial = "bulk"')
        bends = sorted({t for b in case.boundaries.values() for i in b.injections for t in breaks(i) if t >= 0.0})
        problem, rtol = problem_of(case), RTOL[order]
        bulk = "bulk" if problem.closed else tuple(case.electrolyte.bulk.values())
        return [
            *onedimensional.solve_transient(
                problem, study.times or (), initial=bulk, order=order, rtol=rtol, breaks=bends
            )
        ]
    return [onedimensional.solve_steady(problem_of(point), order) for point in case.points()]


def _row(case: Case, state: Any) -> Row:
    """Results of a state by column of observables.csv, for ends and probes."""
    interval, names = _line(case)
    places = {name: x for name, x in zip(names, (interval.start, interval.stop), strict=True) if name}
    for name in case.probes:
        x, y, z = case.probe_position(name)
        places[name] = z if isinstance(case.geometry, Cylinder) else math.sqrt(x**2 + y**2 + z**2)
    row: Row = {}
    for name, place in places.items():
        concentrations, potential = state.evaluate(place)
        row[f"{name}.potential_{POTENTIAL.suffix}"] = to_unit(float(potential[0]), POTENTIAL)
        for ion, value in zip(case.electrolyte.names, concentrations[:, 0], strict=True):
            row[f"{name}.concentration_{CONCENTRATION.suffix}.{ion}"] = to_unit(float(value), CONCENTRATION)
    for end, name in enumerate(names):
        if name:
            for ion, value in zip(case.electrolyte.names, state.entering[end], strict=True):
                row[f"{name}.current_{CURRENT.suffix}.{ion}"] = to_unit(float(value), CURRENT)
            row[f"{name}.current_{CURRENT.suffix}.total"] = to_unit(float(state.entering[end].sum()), CURRENT)
            row[f"{name}.current_{CURRENT.suffix}.displacement"] = to_unit(float(state.displacement[end]), CURRENT)
    return row


def solved(case: Case) -> list[tuple[Row, Row]]:
    """Results of the solver in one dimension at every point of a case, each with those of a coarser solve.

    Raises:
        CaseError: the solver cannot solve this case.
    """
    good, coarser = (_states(case, order) for order in (ORDER, COARSER))
    points = [case] * len(good) if case.study.kind == "transient" else case.points()
    return [(_row(p, a), _row(p, b)) for p, a, b in zip(points, good, coarser, strict=True)]
