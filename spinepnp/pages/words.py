"""Names of quantities in words, from the names of columns of tables of results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from spinepnp.case.case import VARIED
from spinepnp.solvers.problem.columns import Column

#: Words for quantities of a law, by their names without unit.
OF_LAW = {
    "potential": "potential of the law",
    "computed_potential": "computed potential",
    "ohmic_potential": "potential of Ohm's law",
    "full_pnp_potential": "potential of the law with its Debye layer",
    "printed_potential": "potential of the printed formula",
    "resistance": "resistance of the law",
    "relative_error": "deviation from the law",
    "full_pnp_relative_error": "deviation from the law with its Debye layer",
}

#: Parts of a quantity that are no species.
TOTAL, DISPLACEMENT = "total", "displacement"


@dataclass(frozen=True)
class Quantity:
    """A quantity of a table.

    Attributes:
        column: name of its column.
        kind: what it is, such as "potential", "concentration", "current" or "gate".
        place: boundary, probe, region or compartment; empty for others.
        mechanism: mechanism at a boundary; empty for others.
        part: species, "total", "displacement" or a gate; empty for others.
        unit: unit; empty for numbers without one.
        words: name in words, without unit.
        short: the same without what the quantities of one chart share: of a current the ion, else the place.
    """

    column: str
    kind: str
    place: str = ""
    mechanism: str = ""
    part: str = ""
    unit: str = ""
    words: str = ""
    short: str = ""

    @property
    def label(self) -> str:
        """Name in words, with the unit in brackets."""
        return f"{self.words} ({self.unit})" if self.unit else self.words


@dataclass(frozen=True)
class Words:
    """Words for the columns of one table, by which a boundary, a probe and a region are told apart.

    Attributes:
        columns: names of its columns.
    """

    columns: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, columns: Iterable[str]) -> Words:
        """Words for a table with these columns."""
        return cls(frozenset(columns))

    def place(self, name: str) -> str:
        """A place in words: "at the top" of a boundary, "in the head" of others."""
        article = "the " if name.isalpha() and name.islower() else ""
        return f"{'at' if f'{name}.area_um2' in self.columns else 'in'} {article}{name}"

    def of_column(self, column: str) -> Quantity:
        """Quantity of a column."""
        parts = column.split(".")
        if parts[0] == "peak" and len(parts) > 1:
            found = self.of_column(column.removeprefix("peak."))
            return Quantity(
                column, f"peak {found.kind}", found.place, found.mechanism, found.part, found.unit,
                f"peak {found.words}", found.short,
            )  # fmt: skip
        if parts[0] == "compartments" and len(parts) > 3 and _without_unit(parts[2])[1]:
            parts = parts[1:]
        elif parts[0] in VARIED and len(parts) > 1:
            return self._of_key(column)
        if parts[0] == "volume" and len(parts) > 1:
            return self._at("in the volume", "volume", "", parts[1:], column)
        if parts[0] == "law" and len(parts) > 1:
            name, unit = _without_unit(parts[1])
            words = OF_LAW.get(name, f"{_spaced(name)} of the law")
            part = parts[2] if len(parts) > 2 else ""
            words = f"{part} of the law" if part else words
            return Quantity(column, name, "law", "", part, unit, words, words.removeprefix("potential of "))
        if len(parts) == 1:
            name, unit = _without_unit(column)
            return Quantity(column, name, unit=unit, words=_spaced(name), short=_spaced(name))
        place, rest = parts[0], parts[1:]
        mechanism = ""
        if len(rest) > 2 or (len(rest) == 2 and rest[0] == "load"):
            mechanism, rest = rest[0], rest[1:]
        return self._at(self.place(place), place, mechanism, rest, column)

    def _at(self, where: str, place: str, mechanism: str, rest: list[str], column: str) -> Quantity:
        """Quantity at a place."""
        name, unit = _without_unit(rest[0])
        part = ".".join(rest[1:])
        kind, short = name, place
        through = f"through {where.removeprefix('at ').removeprefix('in ')}"
        by = f"{mechanism} {where}"
        if mechanism == "load":
            words, short = (
                f"current into the load {where}" if name == "current" else f"{name} of the load {where}",
                "load",
            )
        elif name == "gate":
            words = f"open fraction {part} of {by}" if mechanism else f"open fraction {part} {where}"
            short = f"{mechanism} {part}" if mechanism else f"gate {part}"
        elif name == "current" and part == DISPLACEMENT:
            words, short = f"displacement current {through}", f"{place}, displacement"
        elif name == "current":
            of = "" if part == TOTAL else f" of {part}"
            words = f"current{of} by {by}" if mechanism else f"current{of} {through}"
            short = f"{f'{mechanism}, ' if mechanism else ''}{'all ions' if part == TOTAL else part}"
        elif name == "concentration":
            words = f"{part} {where}"
        else:
            words = f"{_spaced(name)}{f' of {part}' if part else ''} {where}"
        return Quantity(column, kind, place, mechanism, part, unit, words, short)

    def _of_key(self, column: str) -> Quantity:
        """Quantity of the path of a key of the case."""
        path, unit = _without_unit(column)
        root, *rest = path.split(".")
        rest = rest[:-1] if len(rest) > 1 and rest[-1] == "value" else rest
        if root == "boundaries" and len(rest) > 1:
            words = f"{_spaced(' '.join(rest[1:]))} {self.place(rest[0]).replace('in ', 'at ', 1)}"
        else:
            words = _spaced(" ".join(rest if root == "geometry" else [root, *rest]))
        return Quantity(column, path, unit=unit, words=words, short=words)


def _without_unit(name: str) -> tuple[str, str]:
    """Name without the unit at its end, and the unit as it is written."""
    kind = Column(name, "").kind
    return (name.removesuffix(f"_{kind.suffix}"), kind.unit) if kind else (name, "")


def _spaced(name: str) -> str:
    return name.replace("_", " ")
