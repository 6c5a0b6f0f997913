"""All that a solve takes from a case, and the way to it from a state that is easy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from spinepnp.errors import CaseError
from spinepnp.geometries import Geometry
from spinepnp.solvers.model.boundaries import Boundaries, Boundary, Membrane, check_boundaries
from spinepnp.solvers.model.closed import Closed, check_closed
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.signature import ProblemSignature, signature_of
from spinepnp.solvers.model.waveforms import Injection
from spinepnp.units import POTENTIAL, format_quantity

#: Largest z V/V_T between a bath and a wall that holds its potential and blocks all species: beyond it the densities at
#: the wall leave no digits for the others.
LARGEST_BLOCKED = 22.0


@dataclass(frozen=True)
class ProblemData:
    """What a solve takes from a case.

    Attributes:
        electrolyte: the species.
        boundaries: conditions by name.
        closed: amounts of species that no boundary holds.
        debye_scaling: factor of the square of the Debye length (one, but on the way to a solution).
        transient: whether it goes in time, so that what no boundary holds is known from before.
    """

    electrolyte: Electrolyte
    boundaries: Boundaries
    closed: Closed | None = None
    debye_scaling: float = 1.0
    transient: bool = False

    @property
    def signature(self) -> ProblemSignature:
        """What a compiled problem depends on."""
        return signature_of(self.electrolyte, self.boundaries, self.closed, transient=self.transient)

    @property
    def zero(self) -> float:
        """Potential that counts as zero, V: one that is prescribed, so that a common offset costs no digits."""
        held = [b.prescribed_potential for b in self.boundaries.values() if b.prescribed_potential is not None]
        outside = [b.capacitance.outside for b in self.boundaries.values() if b.capacitance is not None]
        return (held + outside + [0.0])[0]

    @property
    def bulk_is_neutral(self) -> bool:
        """Whether the bulk state is one without field, from which data can be raised."""
        charge = self.electrolyte.net_charge(self.electrolyte.bulk)
        return abs(charge) <= 1e-9 * max(self.electrolyte.ionic_strength(), 1e-300)

    @property
    def can_flow(self) -> tuple[bool, ...]:
        """Whether each species has a way in and a way out, or time: else its current is zero, but for rounding."""
        ways = dict.fromkeys(self.electrolyte.names, 0)
        for boundary in self.boundaries.values():
            driven = {i.species for i in boundary.injections if i.flows} | {c.species for c in boundary.channels}
            for name in driven | set(boundary.prescribed(self.electrolyte)):
                ways[name] += 1
        return tuple(self.transient or ways[s.name] + bool(s.source) > 1 for s in self.electrolyte.species)

    def check(self, geometry: Geometry, formulation: str) -> None:
        """Refuse what contradicts itself or leaves no unique answer.

        Args:
            geometry: the shape, with its boundaries.
            formulation: of `solver.formulation`.

        Raises:
            CaseError: names the key and what to do.
        """
        self.electrolyte.check()
        check_boundaries(self.boundaries, geometry, self.electrolyte)
        known = ", ".join(geometry.boundaries)
        check_closed(self.closed, self.electrolyte, self.boundaries, known, transient=self.transient)
        self._check_blocking()
        if formulation in ("log", "nodal"):
            check_positive(self.electrolyte, self.boundaries)
            for name, amount in (self.closed.amounts if self.closed is not None else {}).items():
                if amount == 0.0:
                    raise CaseError(
                        f"closed.amounts.{name}", 'zero has no logarithm; use solver.formulation = "density"'
                    )

    def equilibrium_bounds(self) -> tuple[float, float] | None:
        """Between which potentials an equilibrium lies, V; ``None`` where something flows, or charge is fixed.

        Without charges that are fixed the potential has its extremes where it is held (maximum principle of the
        equation of Poisson and Boltzmann, with a neutral bulk).
        """
        electrolyte = self.electrolyte
        fixed = electrolyte.charged_regions or electrolyte.uniform_charge or self.closed is not None
        if fixed or self.transient or not self.bulk_is_neutral or any(s.source for s in electrolyte.species):
            return None
        held = []
        for boundary in self.boundaries.values():
            prescribed = boundary.prescribed(electrolyte)
            driven = boundary.injections or boundary.channels or boundary.surface_charge or boundary.floating
            if driven or (prescribed and (prescribed != electrolyte.bulk or boundary.prescribed_potential is None)):
                return None
            if boundary.prescribed_potential is not None:
                held.append((boundary.prescribed_potential, bool(prescribed)))
            if boundary.capacitance is not None:
                held.append((boundary.capacitance.outside, False))
        if len({V for V, is_bath in held if is_bath}) != 1:
            return None
        return min(V for V, _ in held), max(V for V, _ in held)

    def _check_blocking(self) -> None:
        """Refuse walls that attract more ions than numbers can hold beside those of the solution.

        Raises:
            CaseError: names the potential.
        """
        baths = [b.prescribed_potential for b in self.boundaries.values() if b.prescribed(self.electrolyte)]
        ground = next((V for V in baths if V is not None), None)
        valence = max(abs(s.valence) for s in self.electrolyte.species)
        for name, boundary in self.boundaries.items():
            held = boundary.prescribed_potential
            if ground is None or held is None or boundary.prescribed(self.electrolyte):
                continue
            steps = valence * abs(held - ground) / self.electrolyte.V_T
            if steps > LARGEST_BLOCKED:
                raise CaseError(
                    f"boundaries.{name}.potential",
                    f"lets point ions crowd exp({steps:.3g}) times beside a wall that blocks all species; at most "
                    f"{LARGEST_BLOCKED:g} kT/e over the valence from the bath can be solved for",
                    format_quantity(held, POTENTIAL),
                )

    def at(self, time: float, inside: float) -> ProblemData:
        """The same with the currents of a time, on the side of another one of the same smooth piece, s."""
        return replace(self, boundaries={n: _at(b, time, inside) for n, b in self.boundaries.items()})

    def before(self) -> ProblemData:
        """The steady state before any waveform begins."""
        return replace(self.at(-1.0, -1.0), transient=False)

    def raised(self, fraction: float, amounts: dict[str, float]) -> ProblemData:
        """The same with all data moved from the bulk state to a fraction of what they are.

        Args:
            fraction: from 0 (the bulk state) to 1.
            amounts: of the free species in the bulk state, mol.
        """
        closed = self.closed
        if closed is not None and closed.amounts:
            moved = {n: amounts[n] + fraction * (a - amounts[n]) for n, a in closed.amounts.items()}
            closed = closed.model_copy(update={"amounts": moved})
        species = tuple(s.model_copy(update={"source": fraction * s.source}) for s in self.electrolyte.species)
        regions = tuple(r.model_copy(update={"value": fraction * r.value}) for r in self.electrolyte.charged_regions)
        update: dict[str, Any] = {"species": species} | ({"fixed_charge": regions} if regions else {})
        boundaries = {n: _raised(b, fraction, self.electrolyte, self.zero) for n, b in self.boundaries.items()}
        electrolyte = self.electrolyte.model_copy(update=update)
        return replace(self, electrolyte=electrolyte, boundaries=boundaries, closed=closed)

    def with_debye_scaling(self, fraction: float, decades: float = 6.0) -> ProblemData:
        """The same with a square of the Debye length that falls from ``10^decades`` times its value to its value."""
        return replace(self, debye_scaling=10.0 ** (decades * (1.0 - fraction)))


def _at(boundary: Boundary, time: float, inside: float) -> Boundary:
    if not any(i.waveform != "constant" for i in boundary.injections):
        return boundary
    # One current for each species, as a steady state wants them.
    sums: dict[tuple[str, str], float] = {}
    for injection in (i.at(time, inside) for i in boundary.injections):
        of = "value" if injection.density is None else "density"
        key = injection.species, of
        sums[key] = sums.get(key, 0.0) + (getattr(injection, of) or 0.0)
    merged = tuple(
        Injection.model_construct(
            species=species, value=total if of == "value" else None, density=total if of == "density" else None
        )
        for (species, of), total in sums.items()
    )
    return boundary.model_copy(update={"current": merged})


def _raised(boundary: Boundary, fraction: float, electrolyte: Electrolyte, zero: float) -> Boundary:
    update: dict[str, Any] = {}
    if boundary.prescribed_potential is not None:
        update["potential"] = zero + fraction * (boundary.prescribed_potential - zero)
    if boundary.surface_charge is not None:
        update["surface_charge"] = fraction * boundary.surface_charge
    if boundary.capacitance is not None:
        outside = zero + fraction * (boundary.capacitance.outside - zero)
        update["capacitance"] = Membrane.model_construct(value=boundary.capacitance.value, outside=outside)
    if boundary.current is not None:
        update["current"] = tuple(_scaled(i, fraction) for i in boundary.current)
    if boundary.channels:
        strength = ("maximum", "conductance", "permeability")
        update["channel"] = tuple(
            c.model_copy(update={k: fraction * v for k in strength if (v := getattr(c, k)) is not None})
            for c in boundary.channels
        )
    if boundary.concentrations is not None:
        bulk = electrolyte.bulk
        prescribed = boundary.prescribed(electrolyte)
        update["concentrations"] = {n: bulk[n] + fraction * (c - bulk[n]) for n, c in prescribed.items()}
    return boundary.model_copy(update=update)


def _scaled(injection: Injection, fraction: float) -> Injection:
    given = {"value": injection.value, "density": injection.density}
    return injection.model_copy(update={k: fraction * v for k, v in given.items() if v is not None})


def check_positive(electrolyte: Electrolyte, boundaries: Boundaries) -> None:
    """Refuse what has no logarithm.

    Raises:
        CaseError: names the concentration that is zero.
    """
    way_out = 'has no logarithm; use solver.formulation = "density"'
    for name, boundary in boundaries.items():
        for species, value in boundary.prescribed(electrolyte).items():
            if value == 0.0:
                what = "absorbing" if boundary.concentrations == "absorbing" else f"{species} = 0"
                raise CaseError(f"boundaries.{name}.concentrations", f"{what} {way_out}, or a small concentration")
    for ion in electrolyte.species:
        if ion.concentration == 0.0:
            raise CaseError(
                f"electrolyte.species.{ion.name}.concentration", f"a bulk without it {way_out}, or a small one"
            )
