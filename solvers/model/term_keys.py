"""Base class of the physical terms of a case, and checks that several of them share.

A term is a boundary condition or a contribution of the volume. Its file in `model/terms` holds its keys and all that
they mean before anything is solved; the file of the same name in `pnp/terms` holds its equations. `Boundary` and
`Electrolyte` are made of the keys of all terms, so that terms import them for types only, and are given them here.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from spinepnp.errors import CaseError, nearest
from spinepnp.messages import entry_path
from spinepnp.solvers.model.waveforms import WaveformKeys
from spinepnp.units import Table


class TermKeys:
    """Keys of one physical term in a case, and what they mean before anything is solved.

    Other code does not name terms: it asks all of them (`model.terms.TERM_KEYS`). A term overrides the answers that
    differ from the default. Defaults are those of a term that moves no ions and no charge; where a term that is given
    could spoil an assumption (`why_not_electroneutral`, `law_needs`, `bounds_potential`), they are on the safe side.

    Arguments named `boundary`, `electrolyte`, `boundaries` and `data` are a `Boundary`, an `Electrolyte`, a dictionary
    of boundaries by name, and a `ProblemData`.

    Attributes:
        order: position of its keys in their table, and of its answers in sums and messages.
        boundary: keys that it adds to [boundaries.NAME]; validators of all terms need different names.
        electrolyte: keys that it adds to [electrolyte].
        file_keys: keys below [boundaries.NAME] that hold paths of files, such as "current.file".
        grading_keys: keys below [boundaries.NAME] on which the default grading of the mesh depends.
        steady_only: whether it has a meaning in steady states only.
        on_side: whether the side of a line can have it: an integral over the wall, spread along the line.
    """

    order: ClassVar[int]
    boundary: ClassVar[type[Table] | None] = None
    electrolyte: ClassVar[type[Table] | None] = None
    file_keys: ClassVar[tuple[str, ...]] = ()
    grading_keys: ClassVar[tuple[str, ...]] = ()
    steady_only: ClassVar[bool] = False
    on_side: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """Name of the term: that of its file."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def key(self) -> str:
        """First of its keys, for messages; the name of the term where it has none of its own."""
        return next(
            (name for keys in (self.boundary, self.electrolyte) if keys for name in keys.model_fields), self.name
        )

    # --- presence and checks

    def given_keys(self, boundary: Any) -> list[str]:
        """Keys of the term that a boundary has, with another value than their default."""
        return _given(boundary, self.boundary)

    def at_boundary(self, boundary: Any) -> bool:
        """Whether a boundary has data of the term."""
        return bool(self.given_keys(boundary))

    def in_volume(self, electrolyte: Any) -> bool:
        """Whether the electrolyte has data of the term."""
        return bool(_given(electrolyte, self.electrolyte))

    def is_present(self, electrolyte: Any, boundaries: Any) -> bool:
        """Whether a case has data of the term."""
        return self.in_volume(electrolyte) or any(self.at_boundary(b) for b in boundaries.values())

    def check_electrolyte(self, electrolyte: Any) -> None:
        """Refuse keys of [electrolyte] that contradict each other.

        Raises:
            CaseError: names the key.
        """

    def check_boundary(self, key: str, boundary: Any, electrolyte: Any, geometry: Any) -> None:
        """Refuse keys of one boundary that contradict each other, the species or the shape.

        Args:
            key: key of the boundary, "boundaries.NAME".
            boundary: its table.
            electrolyte: species of the case.
            geometry: shape of the domain.

        Raises:
            CaseError: names the key.
        """

    def check(self, data: Any, geometry: Any) -> None:
        """Refuse data of the whole case with which the term has no unique solution.

        Raises:
            CaseError: names the key.
        """

    def check_positive(self, key: str, boundary: Any, electrolyte: Any) -> None:
        """Refuse concentrations of zero at a boundary, which have no logarithm.

        Args:
            key: key of the boundary, "boundaries.NAME".
            boundary: its table.
            electrolyte: species of the case.

        Raises:
            CaseError: names the concentration.
        """

    def field_condition(self, boundary: Any) -> str:
        """Key by which the term says what the field does at a boundary, as only one term may; empty without one."""
        return ""

    # --- structure, time and continuation

    def signature(self, data: Any) -> Hashable:
        """Structure on which compiled equations depend; empty where the term is not there."""
        return ()

    def waveforms(self, boundary: Any) -> tuple[WaveformKeys, ...]:
        """Tables whose values may go in time."""
        return ()

    def waveforms_by_path(self, key: str, boundary: Any) -> dict[str, WaveformKeys]:
        """Tables of `waveforms` by their paths in a case; the key is that of the boundary."""
        tables = self.waveforms(boundary)
        return {entry_path(f"{key}.{self.key}", tables, number): table for number, table in enumerate(tables)}

    def at(self, boundary: Any, time: float, inside: float) -> dict[str, Any]:
        """Keys that change when the boundary is taken at a time, with their values there.

        Args:
            boundary: boundary with waveforms.
            time: time, s.
            inside: time within the same smooth interval of the waveforms, s: the side of a jump.
        """
        return {}

    def scaled(self, boundary: Any, fraction: float, electrolyte: Any, zero: float) -> dict[str, Any]:
        """Keys between those of the bulk state (fraction 0) and these (1), for continuation.

        Args:
            boundary: boundary with the full values.
            fraction: fraction of the way.
            electrolyte: species with the bulk.
            zero: potential of the bulk state, V.
        """
        return {}

    def excited(self, boundary: Any, fraction: float) -> dict[str, Any] | None:
        """Keys with what can have several steady states at a fraction of its strength; ``None`` without any.

        Raising the fraction from zero leads to the state that belongs to all the rest.
        """
        return None

    def scaled_electrolyte(self, electrolyte: Any, fraction: float) -> dict[str, Any]:
        """Keys of [electrolyte] between those of the bulk state (fraction 0) and these (1)."""
        return {}

    # --- ions

    def carries(self, boundary: Any, electrolyte: Any) -> set[str]:
        """Species that it lets pass through a boundary at a rate that is not zero by its data."""
        return set()

    def driven(self, boundary: Any) -> tuple[str, ...]:
        """Species that it makes flow through a boundary, in their order: whose potential a user wants to see."""
        return ()

    def produces(self, electrolyte: Any) -> set[str]:
        """Species that it produces or uses up in the volume."""
        return set()

    def determines(self, boundary: Any, electrolyte: Any) -> set[str]:
        """Species whose amount it determines in a steady state."""
        return set()

    def currents(self, boundary: Any, electrolyte: Any, area: float, time: float, inside: float) -> tuple[float, ...]:
        """Prescribed currents into a boundary at a time, A, for the balance of charge; those that never flow are left.

        Args:
            boundary: boundary with waveforms.
            electrolyte: species of the case.
            area: area of the boundary, m^2; not a number where it is not known, as are then currents that need it.
            time: time, s.
            inside: time within the same smooth interval, s.
        """
        return ()

    def limited(self, boundary: Any) -> bool:
        """Whether a species may be used up by what the data of a boundary ask for, as by a current beyond its limit."""
        return False

    # --- potential and Debye layers

    def grounds(self, boundary: Any) -> bool:
        """Whether it fixes the level of the potential."""
        return False

    def levels(self, boundary: Any) -> tuple[float, ...]:
        """Potentials to which it relates that of the domain, V; unknowns are relative to the first of all terms."""
        return ()

    def wall_charge(self, boundary: Any) -> float:
        """Surface charge that it gives a wall, C/m^2: part of the charge of a closed domain; it grades the mesh."""
        return 0.0

    def charges_wall(self, boundary: Any) -> bool:
        """Whether it charges a wall, by a given charge or with the potential there."""
        return bool(self.wall_charge(boundary))

    def charge_at(self, boundary: Any, potential: float, scales: Any) -> float:
        """Charge per area of a wall at its mean potential, scaled.

        Args:
            boundary: table of the boundary.
            potential: mean potential of the wall, scaled.
            scales: units of the scaled quantities, a `Scales`.
        """
        return self.wall_charge(boundary) / float(scales.surface_charge)

    def forms_layer(self, boundary: Any, electrolyte: Any, fixed: tuple[float, ...]) -> bool:
        """Whether a Debye layer can form at a boundary because of it.

        Args:
            boundary: table of the boundary.
            electrolyte: species of the case.
            fixed: every fixed charge that reaches the boundary, mol/m^3.
        """
        return self.charges_wall(boundary)

    def source_of_layer(self, name: str, boundary: Any, data: Any, height: float, element_degree: int) -> str:
        """Source of a layer that is too steep for concentrations as unknowns at any current; empty without one.

        Args:
            name: name of the boundary.
            boundary: its table.
            data: data of the case.
            height: height of the cells at the boundary, m.
            element_degree: degree of the elements.
        """
        return ""

    def source_of_inner_layer(self, electrolyte: Any) -> str:
        """Source of such a layer within the volume; empty without one."""
        return ""

    # --- assumptions of laws

    def bounds_potential(self, electrolyte: Any, boundaries: Any) -> bool:
        """Whether the potential in equilibrium stays between the levels of all terms (maximum principle)."""
        return not self.is_present(electrolyte, boundaries)

    def why_not_electroneutral(self, electrolyte: Any, boundaries: Any) -> str:
        """Reason why the electroneutral law does not hold; empty where the term leaves it."""
        return self.key if self.is_present(electrolyte, boundaries) else ""

    def law_needs(self, electrolyte: Any, boundaries: Any) -> str:
        """Condition of the analytic laws of one current that the term breaks; empty where it keeps them."""
        return f"no {self.key}" if self.is_present(electrolyte, boundaries) else ""


def _given(table: Any, keys: type[Table] | None) -> list[str]:
    """Those of the keys that stand in a table with another value than their default."""
    fields = keys.model_fields if keys is not None else {}
    return [name for name, field in fields.items() if getattr(table, name) not in (None, (), field.default)]


def check_passing(
    where: str, species: str, key: str, boundary: Any, electrolyte: Any, *, charged: bool = False
) -> None:
    """Refuse the flux of a species that is unknown or prescribed at the same boundary.

    Args:
        where: key that names the species.
        species: its name.
        key: key of the boundary, "boundaries.NAME".
        boundary: its table.
        electrolyte: species of the case.
        charged: whether the flux is a current, which only an ion carries.

    Raises:
        CaseError: names the key and what to do.
    """
    if species not in electrolyte.names:
        raise CaseError(where, f"no such species; {nearest(species, electrolyte.names)}", species)
    if charged and electrolyte.species[electrolyte.index(species)].valence == 0:
        raise CaseError(where, "carries no charge, so no current; name a charged one", species)
    if species in boundary.prescribed(electrolyte):
        raise CaseError(where, f"its concentration is prescribed here too ({key}.concentrations); drop one", species)


def check_each_passing(word: str, entries: Sequence[Any], key: str, boundary: Any, electrolyte: Any) -> None:
    """Refuse species as `check_passing` does, and those that are listed twice.

    Args:
        word: key of the list below the boundary.
        entries: tables of the list, each with a species.
        key: key of the boundary, "boundaries.NAME".
        boundary: its table.
        electrolyte: species of the case.

    Raises:
        CaseError: names the key and what to do.
    """
    seen: set[str] = set()
    for number, name in enumerate(entry.species for entry in entries):
        where = f"{entry_path(f'{key}.{word}', entries, number, beside='species')}.species"
        check_passing(where, name, key, boundary, electrolyte)
        if name in seen:
            raise CaseError(where, "is listed twice; give each species once", name)
        seen.add(name)
