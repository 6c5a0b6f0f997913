"""Data of a problem: boundary conditions, species and amounts; their continuation; and what is compiled for them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Any

from spinepnp.errors import CaseError
from spinepnp.geometries import Geometry
from spinepnp.solvers.model.boundaries import Boundaries, check_boundaries, is_grounded, undetermined_species
from spinepnp.solvers.model.closed import Closed, check_amounts, check_determined
from spinepnp.solvers.model.compartments import Compartment, check_compartments, check_rest
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.initial import Initial
from spinepnp.solvers.model.profiles import UNIFORM, Profile, check_parts
from spinepnp.solvers.model.terms import TERM_KEYS
from spinepnp.solvers.model.totals import Total


@dataclass(frozen=True)
class ProblemSignature:
    """Structure of a problem: equations and solvers are made for it once, while values may change between solves.

    Attributes:
        names: names of the species.
        dirichlet: Dirichlet boundaries: name, whether the potential is prescribed, and the prescribed species.
        floating: boundaries at one unknown potential (open circuit).
        amount_constrained: species whose amount no boundary determines in a steady state; it is prescribed. Where
            species react, one stands for each total that reactions conserve.
        totals: weights of the species in these totals, shape (amounts, N); none where each is one species alone.
        immobile: species that do not move.
        grounded: whether some boundary fixes the level of the potential.
        membranes: boundaries with a capacitance.
        field_matched: field-matched injectors and the index of their species.
        loaded: boundaries at one unknown potential, with an electrical load.
        channel_means: boundaries and components whose means are unknowns, because channels depend on them; the
            potential comes after the species.
        terms: what all other terms say of their structure, by name.
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
    loaded: tuple[str, ...] = ()
    channel_means: tuple[tuple[str, int], ...] = ()
    terms: tuple[tuple[str, Hashable], ...] = ()
    diffusivity: tuple[Profile, ...] = ()
    permittivity: Profile = UNIFORM
    totals: tuple[tuple[float, ...], ...] = ()
    immobile: tuple[str, ...] = ()

    @property
    def has_chemistry(self) -> bool:
        """Whether species react, or one does not move."""
        return bool(self.immobile) or any(name == "reaction" for name, _ in self.terms)

    @property
    def unknown_potentials(self) -> tuple[str, ...]:
        """Boundaries at one unknown potential, in the order of their constants."""
        return (*self.floating, *self.loaded)


@dataclass(frozen=True)
class ProblemData:
    """Data of one solve.

    Attributes:
        electrolyte: species and medium.
        boundaries: boundary conditions by name.
        closed: prescribed amounts of species that no boundary determines.
        debye_scaling: factor of the squared Debye length; it differs from one only during continuation.
        transient: whether the problem is transient, so that amounts follow from the initial state.
        initial: concentrations at the start of a transient, where they are not those of the bulk.
        time: time of the values, s.
        determined: species whose amount in a steady state terms of the user determine.
        custom: number of terms of the user.
        compartments: well-stirred solutions beyond boundaries, by name.
    """

    electrolyte: Electrolyte
    boundaries: Boundaries
    closed: Closed | None = None
    debye_scaling: float = 1.0
    transient: bool = False
    initial: Initial | None = None
    time: float = 0.0
    determined: frozenset[str] = frozenset()
    custom: int = 0
    compartments: dict[str, Compartment] = field(default_factory=dict)

    @property
    def signature(self) -> ProblemSignature:
        """Structure of the problem, for which equations and solvers are made."""
        electrolyte = self.electrolyte
        profiles = tuple(electrolyte.diffusivity_profile(s) for s in electrolyte.species)
        amounts_are_data = self.closed is not None and not self.transient
        of_terms: dict[str, Any] = {term.name: term.signature(self) for term in TERM_KEYS}
        totals = self.undetermined_totals if amounts_are_data else ()
        return ProblemSignature(
            names=electrolyte.names,
            dirichlet=of_terms.pop("dirichlet"),
            floating=of_terms.pop("floating"),
            amount_constrained=tuple(electrolyte.names[total.pivot] for total in totals),
            grounded=self.is_grounded,
            membranes=of_terms.pop("capacitance"),
            field_matched=of_terms.pop("field_matched"),
            loaded=of_terms.pop("load"),
            channel_means=of_terms.pop("channel"),
            terms=tuple((name, found) for name, found in of_terms.items() if found),
            diffusivity=profiles if any(profile.planes for profile in profiles) else (),
            permittivity=electrolyte.permittivity_profile,
            totals=tuple(total.weights for total in totals) if electrolyte.reactions else (),
            immobile=electrolyte.immobile,
        )

    @property
    def is_grounded(self) -> bool:
        """Whether some boundary fixes the level of the potential."""
        return is_grounded(self.boundaries)

    @property
    def undetermined_species(self) -> tuple[str, ...]:
        """Mobile species whose amount neither a boundary nor a term of the user determines in a steady state.

        Where species react, they are those of totals that nothing determines.
        """
        electrolyte, weights = self.electrolyte, [total.weights for total in self.undetermined_totals]
        free = {name for total in weights for name, weight in zip(electrolyte.names, total, strict=True) if weight}
        return tuple(name for name in electrolyte.mobile if name in free)

    @property
    def undetermined_totals(self) -> tuple[Total, ...]:
        """Totals that reactions conserve, of which nothing determines the amount in a steady state."""
        return self.electrolyte.network.open_totals(self._held)

    @property
    def loose_species(self) -> tuple[str, ...]:
        """Mobile species that no boundary and no term of the user determines; reactions may."""
        return tuple(name for name in self.electrolyte.mobile if name not in self._held)

    @property
    def _held(self) -> set[str]:
        """Species whose amount a boundary or a term of the user determines in a steady state."""
        free = undetermined_species(self.electrolyte, self.boundaries)
        return {*self.electrolyte.names} - {*free} | self.determined

    def outside_concentrations(self, name: str) -> dict[str, float]:
        """Concentrations beyond a boundary, mol/m^3, by species: those of a compartment at its start."""
        outside = self.boundaries[name].outside if name in self.boundaries else None
        if outside is None:
            return {}
        if outside.compartment is not None:
            return self.compartments[outside.compartment].concentrations
        return outside.concentrations or {}

    @property
    def _levels(self) -> list[float]:
        return [V for term in TERM_KEYS for b in self.boundaries.values() for V in term.levels(b)]

    @property
    def reference_potential(self) -> float:
        """Potential to which unknowns are relative, V: a prescribed one, so that a common offset costs no digits."""
        return (*self._levels, 0.0)[0]

    @property
    def bulk_is_neutral(self) -> bool:
        """Whether the bulk is neutral: a solution without field, from which continuation can start."""
        charge = self.electrolyte.net_charge(self.electrolyte.bulk)
        return abs(charge) <= 1e-9 * max(self.electrolyte.ionic_strength(), 1e-300)

    @property
    def can_flow(self) -> tuple[bool, ...]:
        """Whether the current of each species can differ from zero: it has two ways in or out, or storage."""
        ways = dict.fromkeys(self.electrolyte.names, 0)
        places = [boundary.carries(self.electrolyte) for boundary in self.boundaries.values()]
        for name in (
            species for place in (*places, *(t.produces(self.electrolyte) for t in TERM_KEYS)) for species in place
        ):
            ways[name] += 1
        always = self.transient or self.custom > 0
        return tuple(always or ways[name] > 1 for name in self.electrolyte.names)

    def check(self, geometry: Geometry, formulation: str) -> None:
        """Refuse data that contradict each other or leave no unique solution.

        Args:
            geometry: shape with its named boundaries.
            formulation: value of `solver.formulation`.

        Raises:
            CaseError: names the key and what to do.
        """
        self.electrolyte.check()
        for key, coefficient in self.electrolyte.coefficients().items():
            check_parts(key, coefficient, geometry)
        check_boundaries(self.boundaries, geometry, self.electrolyte)
        volume = geometry.exact_measures()["volume"] if self.compartments else 0.0
        check_compartments(self.compartments, self.electrolyte, self.boundaries, self.closed, volume)
        if not self.transient:
            check_rest(self.compartments, self.electrolyte, self.boundaries)
        free, known = self.undetermined_species, ", ".join(geometry.boundaries)
        loose = self.loose_species
        check_amounts(
            self.closed, self.electrolyte, loose if self.transient else free, known,
            grounded=self.is_grounded, held=loose != self.electrolyte.mobile,
        )  # fmt: skip
        for term in TERM_KEYS:
            term.check(self, geometry)
        check_determined(self.closed, self.electrolyte, self.boundaries, free, transient=self.transient)
        if self.initial is not None:
            if not self.transient:
                raise CaseError("initial", 'is the start of a transient; set study.kind = "transient", or drop it')
            self.initial.check(geometry, self.electrolyte, self.closed)
        if formulation in ("log", "nodal"):
            self.check_positive()

    def check_positive(self) -> None:
        """Refuse concentrations and amounts of zero, which have no logarithm.

        Raises:
            CaseError: names the one that is zero.
        """
        way_out = 'has no logarithm; use solver.formulation = "density"'
        for name, boundary in self.boundaries.items():
            for term in TERM_KEYS:
                term.check_positive(f"boundaries.{name}", boundary, self.electrolyte)
        for ion in self.electrolyte.species:
            if ion.concentration == 0.0:
                key = f"electrolyte.species.{ion.name}.concentration"
                raise CaseError(key, f"a bulk without it {way_out}, or a small one")
        for name, amount in (self.closed.amounts if self.closed is not None else {}).items():
            if amount == 0.0:
                raise CaseError(f"closed.amounts.{name}", f"zero {way_out}")
        if self.initial is not None:
            self.initial.check_logarithms()

    def equilibrium_bounds(self) -> tuple[float, float] | None:
        """Bounds of the potential in equilibrium, V; ``None`` where something flows, or with fixed charge.

        Without fixed charge the potential has its extremes where it is prescribed (maximum principle of the
        Poisson-Boltzmann equation, with a neutral bulk).
        """
        if self.closed is not None or self.transient or self.custom or not self.bulk_is_neutral:
            return None
        if not all(term.bounds_potential(self.electrolyte, self.boundaries) for term in TERM_KEYS):
            return None
        return min(self._levels), max(self._levels)

    def at(self, time: float, inside: float) -> ProblemData:
        """Data with the values of a time; at a discontinuity the limit from the side of ``inside``.

        Args:
            time: time of the values, s.
            inside: time within the same smooth interval of the waveforms, s.
        """
        boundaries = {n: b.at(time, inside) for n, b in self.boundaries.items()}
        return replace(self, boundaries=boundaries, time=time)

    def initial_steady_state(self) -> ProblemData:
        """Data of the steady state before any waveform begins."""
        return replace(self.at(-1.0, -1.0), transient=False)

    def scaled_from_bulk(self, fraction: float, amounts: dict[str, float]) -> ProblemData:
        """Data of continuation: between those of the bulk state and these.

        Args:
            fraction: 0 (the bulk state) to 1 (these data).
            amounts: amounts in the bulk state of species whose amount is prescribed, mol.
        """
        closed = self.closed
        if closed is not None and closed.amounts:
            moved = {n: amounts[n] + fraction * (a - amounts[n]) for n, a in closed.amounts.items()}
            closed = closed.model_copy(update={"amounts": moved})
        scaled = (term.scaled_electrolyte(self.electrolyte, fraction) for term in TERM_KEYS)
        electrolyte = self.electrolyte.model_copy(update={k: v for update in scaled for k, v in update.items()})
        zero = self.reference_potential
        boundaries = {n: b.scaled(fraction, self.electrolyte, zero) for n, b in self.boundaries.items()}
        return replace(self, electrolyte=electrolyte, boundaries=boundaries, closed=closed)

    def excited(self, fraction: float) -> ProblemData | None:
        """Data with what can have several steady states at a fraction of its strength; ``None`` without any."""
        found = {
            name: update
            for name, boundary in self.boundaries.items()
            for term in TERM_KEYS
            if (update := term.excited(boundary, fraction)) is not None
        }
        if not found:
            return None
        raised = {name: b.model_copy(update=found.get(name, {})) for name, b in self.boundaries.items()}
        return replace(self, boundaries=raised)

    def with_debye_scaling(self, fraction: float, decades: float = 6.0) -> ProblemData:
        """Data of continuation in the squared Debye length: ``10^decades`` times its value at 0, its value at 1."""
        return replace(self, debye_scaling=10.0 ** (decades * (1.0 - fraction)))
