"""Data of a problem: boundary conditions, species and amounts; their continuation; and what is compiled for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from spinepnp.errors import CaseError
from spinepnp.geometries import Geometry
from spinepnp.solvers.model.boundaries import Boundaries, Boundary, Membrane, check_boundaries
from spinepnp.solvers.model.closed import Closed, check_closed, is_grounded, species_without_dirichlet
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.profiles import UNIFORM, Profile
from spinepnp.solvers.model.waveforms import Injection
from spinepnp.units import POTENTIAL, format_quantity

#: Largest z V/V_T between a bath and a wall with a prescribed potential that blocks all species: beyond it the
#: concentrations at the wall leave no digits for the others.
LARGEST_BLOCKED = 22.0


@dataclass(frozen=True)
class ProblemSignature:
    """Structure of a problem: equations and solvers are made for it once, while values may change between solves.

    Attributes:
        names: names of the species.
        dirichlet: Dirichlet boundaries: name, whether the potential is prescribed, and the prescribed species.
        floating: boundaries at one unknown potential (open circuit).
        amount_constrained: species without a Dirichlet boundary in a steady state; their amounts are prescribed.
        grounded: whether some boundary fixes the level of the potential.
        membranes: boundaries with a capacitance.
        field_matched: field-matched injectors and the index of their species.
        channel_means: boundaries and components whose means are unknowns, because channels depend on them; the
            potential comes after the species.
        diffusivity: diffusivity of each species along z, over its largest one; none where all are uniform.
        permittivity: permittivity along z, over the largest one.
    """

    names: tuple[str, ...]
    dirichlet: tuple[tuple[str, bool, tuple[str, ...]], ...]
    floating: tuple[str, ...]
    amount_constrained: tuple[str, ...]
    grounded: bool
    membranes: tuple[str, ...]
    field_matched: tuple[tuple[str, int], ...]
    channel_means: tuple[tuple[str, int], ...] = ()
    diffusivity: tuple[Profile, ...] = ()
    permittivity: Profile = UNIFORM


@dataclass(frozen=True)
class ProblemData:
    """Data of one solve.

    Attributes:
        electrolyte: species and medium.
        boundaries: boundary conditions by name.
        closed: prescribed amounts of species without a Dirichlet boundary.
        debye_scaling: factor of the squared Debye length; it differs from one only during continuation.
        transient: whether the problem is transient, so that amounts follow from the initial state.
    """

    electrolyte: Electrolyte
    boundaries: Boundaries
    closed: Closed | None = None
    debye_scaling: float = 1.0
    transient: bool = False

    @property
    def signature(self) -> ProblemSignature:
        """Structure of the problem, for which equations and solvers are made."""
        electrolyte, boundaries = self.electrolyte, self.boundaries
        dirichlet = (
            (name, b.prescribes_potential, tuple(b.prescribed(electrolyte)))
            for name, b in boundaries.items()
            if b.prescribes_potential or b.concentrations is not None
        )
        matched = ((n, electrolyte.index(b.injections[0].species)) for n, b in boundaries.items() if b.field_matched)
        profiles = tuple(electrolyte.diffusivity_profile(s) for s in electrolyte.species)
        amounts_are_data = self.closed is not None and not self.transient
        return ProblemSignature(
            names=electrolyte.names,
            dirichlet=tuple(dirichlet),
            floating=tuple(n for n, b in boundaries.items() if b.floating),
            amount_constrained=species_without_dirichlet(electrolyte, boundaries) if amounts_are_data else (),
            grounded=is_grounded(boundaries),
            membranes=tuple(n for n, b in boundaries.items() if b.capacitance is not None),
            field_matched=tuple(matched),
            channel_means=self._channel_means(),
            diffusivity=profiles if any(profile.planes for profile in profiles) else (),
            permittivity=electrolyte.permittivity_profile,
        )

    def _channel_means(self) -> tuple[tuple[str, int], ...]:
        """Boundaries and components whose means channels depend on: a concentration, then the potential (last)."""
        means: dict[tuple[str, int], None] = {}
        for name, boundary in self.boundaries.items():
            for channel in boundary.channels:
                if channel.needs_concentration:
                    means[name, self.electrolyte.index(channel.species)] = None
                means[name, len(self.electrolyte.names)] = None
        return tuple(means)

    @property
    def reference_potential(self) -> float:
        """Potential to which unknowns are relative, V: a prescribed one, so that a common offset costs no digits."""
        prescribed = [b.prescribed_potential for b in self.boundaries.values() if b.prescribed_potential is not None]
        outside = [b.capacitance.outside for b in self.boundaries.values() if b.capacitance is not None]
        return (prescribed + outside + [0.0])[0]

    @property
    def bulk_is_neutral(self) -> bool:
        """Whether the bulk is neutral: a solution without field, from which continuation can start."""
        charge = self.electrolyte.net_charge(self.electrolyte.bulk)
        return abs(charge) <= 1e-9 * max(self.electrolyte.ionic_strength(), 1e-300)

    @property
    def can_flow(self) -> tuple[bool, ...]:
        """Whether the current of each species can differ from zero: it has two ways in or out, or storage."""
        ways = dict.fromkeys(self.electrolyte.names, 0)
        for boundary in self.boundaries.values():
            driven = {i.species for i in boundary.injections if i.flows} | {c.species for c in boundary.channels}
            for name in driven | set(boundary.prescribed(self.electrolyte)):
                ways[name] += 1
        return tuple(self.transient or ways[s.name] + bool(s.source) > 1 for s in self.electrolyte.species)

    def check(self, geometry: Geometry, formulation: str) -> None:
        """Refuse data that contradict each other or leave no unique solution.

        Args:
            geometry: shape with its named boundaries.
            formulation: value of `solver.formulation`.

        Raises:
            CaseError: names the key and what to do.
        """
        self.electrolyte.check()
        self.electrolyte.check_regions(geometry)
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
        """Bounds of the potential in equilibrium, V; ``None`` where something flows, or with fixed charge.

        Without fixed charge the potential has its extremes where it is prescribed (maximum principle of the
        Poisson-Boltzmann equation, with a neutral bulk).
        """
        electrolyte = self.electrolyte
        fixed = electrolyte.charged_regions or electrolyte.uniform_charge or self.closed is not None
        if fixed or self.transient or not self.bulk_is_neutral or any(s.source for s in electrolyte.species):
            return None
        levels: list[tuple[float, bool]] = []  # potential, and whether a bath has it
        for boundary in self.boundaries.values():
            prescribed = boundary.prescribed(electrolyte)
            driven = boundary.injections or boundary.channels or boundary.surface_charge or boundary.floating
            if driven or (prescribed and (prescribed != electrolyte.bulk or boundary.prescribed_potential is None)):
                return None
            if boundary.prescribed_potential is not None:
                levels.append((boundary.prescribed_potential, bool(prescribed)))
            if boundary.capacitance is not None:
                levels.append((boundary.capacitance.outside, False))
        if len({V for V, is_bath in levels if is_bath}) != 1:
            return None
        return min(V for V, _ in levels), max(V for V, _ in levels)

    def _check_blocking(self) -> None:
        """Refuse walls that attract so many ions that double precision loses the others."""
        baths = [b.prescribed_potential for b in self.boundaries.values() if b.prescribed(self.electrolyte)]
        ground = next((V for V in baths if V is not None), None)
        valence = max(abs(s.valence) for s in self.electrolyte.species)
        for name, boundary in self.boundaries.items():
            potential = boundary.prescribed_potential
            if ground is None or potential is None or boundary.prescribed(self.electrolyte):
                continue
            steps = valence * abs(potential - ground) / self.electrolyte.V_T
            if steps > LARGEST_BLOCKED:
                raise CaseError(
                    f"boundaries.{name}.potential",
                    f"lets point ions crowd exp({steps:.3g}) times beside a wall that blocks all species; at most "
                    f"{LARGEST_BLOCKED:g} kT/e over the valence from the bath can be solved for",
                    format_quantity(potential, POTENTIAL),
                )

    def at(self, time: float, inside: float) -> ProblemData:
        """Data with the currents of a time; at a discontinuity the limit from the side of ``inside``.

        Args:
            time: time of the currents, s.
            inside: time within the same smooth interval of the waveforms, s.
        """
        return replace(self, boundaries={n: _boundary_at(b, time, inside) for n, b in self.boundaries.items()})

    def initial_steady_state(self) -> ProblemData:
        """Data of the steady state before any waveform begins."""
        return replace(self.at(-1.0, -1.0), transient=False)

    def scaled_from_bulk(self, fraction: float, amounts: dict[str, float]) -> ProblemData:
        """Data of continuation: between those of the bulk state and these.

        Args:
            fraction: 0 (the bulk state) to 1 (these data).
            amounts: amounts in the bulk state of species without a Dirichlet boundary, mol.
        """
        closed = self.closed
        if closed is not None and closed.amounts:
            moved = {n: amounts[n] + fraction * (a - amounts[n]) for n, a in closed.amounts.items()}
            closed = closed.model_copy(update={"amounts": moved})
        species = tuple(s.model_copy(update={"source": fraction * s.source}) for s in self.electrolyte.species)
        regions = tuple(r.model_copy(update={"value": fraction * r.value}) for r in self.electrolyte.charged_regions)
        update: dict[str, Any] = {"species": species} | ({"fixed_charge": regions} if regions else {})
        boundaries = {
            n: _boundary_scaled_from_bulk(b, fraction, self.electrolyte, self.reference_potential)
            for n, b in self.boundaries.items()
        }
        electrolyte = self.electrolyte.model_copy(update=update)
        return replace(self, electrolyte=electrolyte, boundaries=boundaries, closed=closed)

    def with_debye_scaling(self, fraction: float, decades: float = 6.0) -> ProblemData:
        """Data of continuation in the squared Debye length: ``10^decades`` times its value at 0, its value at 1."""
        return replace(self, debye_scaling=10.0 ** (decades * (1.0 - fraction)))


def _boundary_at(boundary: Boundary, time: float, inside: float) -> Boundary:
    if not any(i.waveform != "constant" for i in boundary.injections):
        return boundary
    # One current for each species, as in a steady state.
    sums: dict[tuple[str, str], float] = {}
    for injection in (i.at(time, inside) for i in boundary.injections):
        kind = "value" if injection.density is None else "density"
        key = injection.species, kind
        sums[key] = sums.get(key, 0.0) + (getattr(injection, kind) or 0.0)
    merged = tuple(
        Injection.model_construct(
            species=species, value=total if kind == "value" else None, density=total if kind == "density" else None
        )
        for (species, kind), total in sums.items()
    )
    return boundary.model_copy(update={"current": merged})


def _boundary_scaled_from_bulk(boundary: Boundary, fraction: float, electrolyte: Electrolyte, zero: float) -> Boundary:
    update: dict[str, Any] = {}
    if boundary.prescribed_potential is not None:
        update["potential"] = zero + fraction * (boundary.prescribed_potential - zero)
    if boundary.surface_charge is not None:
        update["surface_charge"] = fraction * boundary.surface_charge
    if boundary.capacitance is not None:
        outside = zero + fraction * (boundary.capacitance.outside - zero)
        update["capacitance"] = Membrane.model_construct(value=boundary.capacitance.value, outside=outside)
    if boundary.current is not None:
        update["current"] = tuple(
            i.model_copy(update={k: fraction * v for k in ("value", "density") if (v := getattr(i, k)) is not None})
            for i in boundary.current
        )
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


def check_positive(electrolyte: Electrolyte, boundaries: Boundaries) -> None:
    """Refuse concentrations of zero, which have no logarithm.

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
