"""Boundary conditions: the [boundaries.NAME] tables, made of the keys of all terms, and their checks.

A boundary that is not listed is reflecting: no ion flux and no displacement field (the natural conditions of the weak
forms). Each condition is a term, in `model/terms` and `pnp/terms`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from spinepnp.errors import CaseError, nearest
from spinepnp.geometries import Geometry
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.terms import TERM_KEYS, keys_of_terms
from spinepnp.solvers.model.waveforms import WaveformFunction
from spinepnp.units import Table

#: Problem of a condition that the side of a line cannot have.
NOT_ON_SIDE = (
    "has no place on the wall of a line, beside which every point of the line lies; give it to an end, or set another "
    "geometry.dimension"
)

if TYPE_CHECKING:

    class _KeysOfTerms(Table):
        """Keys of the terms of a boundary, which are found when the program starts."""

        def __getattr__(self, name: str) -> Any: ...

else:
    _KeysOfTerms = keys_of_terms("boundary")


class Boundary(_KeysOfTerms):
    """Conditions on one boundary; keys that are left out stand for reflecting ones.

    Examples:
        >>> from spinepnp.solvers import Boundary
        >>> ground = Boundary(potential="0 mV", concentrations="bulk")
        >>> ground.potential, ground.grounds  # V
        (0.0, True)
        >>> injector = Boundary(current={"species": "Na", "value": "50 pA"})
        >>> injector.current[0].value, injector.driven  # A
        (5e-11, ['Na'])
    """

    if TYPE_CHECKING:

        def __init__(self, **keys: Any) -> None: ...

    @property
    def waveforms(self) -> list[WaveformFunction]:
        """Courses in time of all values, constant ones included."""
        return [table.time_profile for term in TERM_KEYS for table in term.waveforms(self)]

    @property
    def files(self) -> list[str]:
        """Paths of the tables that its conditions read."""
        return [path for term in TERM_KEYS for key in term.file_keys for path in _values_at(self, key.split("."))]

    @property
    def driven(self) -> list[str]:
        """Species that flow by its data, not by concentrations that are prescribed: by currents, channels and so on."""
        return [species for term in TERM_KEYS for species in term.driven(self)]

    @property
    def grounds(self) -> bool:
        """Whether it fixes the level of the potential."""
        return any(term.grounds(self) for term in TERM_KEYS)

    @property
    def limited(self) -> bool:
        """Whether a species may be used up by what it asks for."""
        return any(term.limited(self) for term in TERM_KEYS)

    @property
    def charges_wall(self) -> bool:
        """Whether it charges the wall."""
        return any(term.charges_wall(self) for term in TERM_KEYS)

    @property
    def wall_charge(self) -> float:
        """Surface charge that is given, C/m^2."""
        return sum(term.wall_charge(self) for term in TERM_KEYS)

    def carries(self, electrolyte: Electrolyte) -> set[str]:
        """Species that can pass."""
        return set().union(*(term.carries(self, electrolyte) for term in TERM_KEYS))

    def determines(self, electrolyte: Electrolyte) -> set[str]:
        """Species whose amount it determines in a steady state."""
        return set().union(*(term.determines(self, electrolyte) for term in TERM_KEYS))

    def forms_layer(self, electrolyte: Electrolyte, fixed: tuple[float, ...]) -> bool:
        """Whether a Debye layer can form here, which fixed charges (mol/m^3) reach."""
        return any(term.forms_layer(self, electrolyte, fixed) for term in TERM_KEYS)

    def at(self, time: float, inside: float) -> Boundary:
        """Boundary with the values of a time, s; at a discontinuity the limit from the side of ``inside``, s."""
        update = {key: value for term in TERM_KEYS for key, value in term.at(self, time, inside).items()}
        return self.model_copy(update=update) if update else self

    def scaled(self, fraction: float, electrolyte: Electrolyte, zero: float) -> Boundary:
        """Boundary between the bulk state and this one, for continuation.

        Args:
            fraction: fraction of the way: 0 for the bulk state, 1 for this boundary.
            electrolyte: species with the bulk.
            zero: potential of the bulk state, V.
        """
        scaled = (term.scaled(self, fraction, electrolyte, zero) for term in TERM_KEYS)
        return self.model_copy(update={key: value for update in scaled for key, value in update.items()})


Boundaries = dict[str, Boundary]


def _values_at(value: Any, keys: list[str]) -> Iterator[str]:
    """Values that are given at a path of keys; lists are entered."""
    if isinstance(value, tuple):
        for entry in value:
            yield from _values_at(entry, keys)
    elif not keys:
        yield from () if value is None else (value,)
    elif isinstance(value, Table):
        yield from _values_at(getattr(value, keys[0]), keys[1:])


def is_grounded(boundaries: Boundaries) -> bool:
    """Whether some boundary fixes the level of the potential: by its value, or across a membrane."""
    return any(boundary.grounds for boundary in boundaries.values())


def undetermined_species(electrolyte: Electrolyte, boundaries: Boundaries) -> tuple[str, ...]:
    """Species whose amount no boundary determines in a steady state, as a prescribed concentration does."""
    determined = set().union(*(boundary.determines(electrolyte) for boundary in boundaries.values()))
    return tuple(name for name in electrolyte.names if name not in determined)


def check_boundaries(boundaries: Boundaries, geometry: Geometry, electrolyte: Electrolyte) -> None:
    """Refuse boundary data that the shape or the species do not know, or that contradict each other.

    Args:
        boundaries: tables by name.
        geometry: shape with its named boundaries.
        electrolyte: species of the case.

    Raises:
        CaseError: names the key and what is missing or in excess.
    """
    known = geometry.boundaries_of(geometry.sides)
    for name, boundary in boundaries.items():
        if name not in known:
            raise CaseError(f"boundaries.{name}", f"no such boundary; {nearest(name, known)}")
        first, *others = [found for term in TERM_KEYS if (found := term.field_condition(boundary))] or [""]
        if others:
            problem = f"excludes {first}: both say what the field does here; drop one"
            raise CaseError(f"boundaries.{name}.{others[0]}", problem)
        for term in TERM_KEYS:
            if name in geometry.sides and not term.on_side and (given := term.given_keys(boundary)):
                raise CaseError(f"boundaries.{name}.{given[0]}", NOT_ON_SIDE)
            term.check_boundary(f"boundaries.{name}", boundary, electrolyte, geometry)
