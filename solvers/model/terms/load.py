"""Electrical load: the rest of the cell beyond a boundary, with one unknown potential of the boundary.

The current that leaves the domain through the boundary flows into a resistor with a capacitor in parallel, or into a
cable; the networks are in `model/cable.py`.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Annotated, Any, Literal, override

from pydantic import Discriminator, Tag, model_validator

from spinepnp.errors import CaseError
from spinepnp.messages import problem_of_choice
from spinepnp.solvers.model.cable import LoadModel, PassiveCable, resistor
from spinepnp.solvers.model.term_keys import TermKeys
from spinepnp.units import (
    AreaResistance,
    Capacitance,
    Length,
    Potential,
    Resistance,
    Resistivity,
    Table,
    TotalCapacitance,
)

if TYPE_CHECKING:
    from spinepnp.geometries import Geometry
    from spinepnp.solvers.model.boundaries import Boundaries, Boundary
    from spinepnp.solvers.model.electrolyte import Electrolyte
    from spinepnp.solvers.model.problem_data import ProblemData

#: Keys of a boundary that a load excludes beside those of other conditions of the field.
EXCLUDED = ("current", "channel", "mechanism")

#: Keys of which a load needs one, with examples.
KINDS = {"resistance": 'resistance = "200 MOhm"', "cable": 'cable = { diameter = "1 um", ... }'}

LengthOrInf = Annotated[
    Annotated[Literal["inf"], Tag("word")] | Annotated[Length, Tag("quantity")],
    Discriminator(lambda value: "word" if value in ("inf", float("inf")) else "quantity"),
]


class Cable(Table):
    """A passive cable of one or two equal arms, which begin at the boundary and have sealed ends.

    Examples:
        >>> from spinepnp.solvers import Cable, Load
        >>> dendrite = Cable(diameter="1 um", length="inf", axial_resistivity="1 Ohm m",
        ...                  membrane_resistance="2 Ohm m^2", membrane_capacitance="1 uF/cm^2")
        >>> round(Load(cable=dendrite).potential_at(10e-12) * 1e3, 3)  # mV, at 10 pA
        4.502

    Attributes:
        diameter: diameter of the cable, m.
        length: length of an arm, m; or "inf".
        axial_resistivity: resistivity of the inside.
        membrane_resistance: resistance of a unit area of its membrane.
        membrane_capacitance: capacitance per area of its membrane, F/m^2.
        rest: potential of the cable without current, V.
        arms: number of arms: 2 where the spine sits in the middle, 1 where it sits at an end.
    """

    diameter: Length
    length: LengthOrInf
    axial_resistivity: Resistivity
    membrane_resistance: AreaResistance
    membrane_capacitance: Capacitance
    rest: Potential = 0.0
    arms: Literal[1, 2] = 2


class Load(Table):
    """The rest of the cell: C dV/dt + (V - rest)/R = I with the current I out of the domain, or a cable.

    Examples:
        >>> from spinepnp.solvers import Boundary, Load
        >>> dendrite = Boundary(load=Load(resistance="200 MOhm", capacitance="20 pF"), concentrations="bulk")
        >>> dendrite.load.potential_at(50e-12)  # V, in a steady state
        0.01

    Attributes:
        resistance: input resistance R of the rest of the cell.
        capacitance: its capacitance C; none by default.
        rest: its potential without current, V; 0 mV by default. That of a cable stands in the cable.
        cable: a passive cable in place of resistance and capacitance.
    """

    resistance: Resistance | None = None
    capacitance: TotalCapacitance | None = None
    rest: Potential | None = None
    cable: Cable | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Load:
        if problem := problem_of_choice(self, KINDS):
            raise ValueError(problem)
        if self.cable is not None and self.capacitance is not None:
            raise ValueError("capacitance is no key beside cable, whose membrane has one; drop it")
        if self.cable is not None and self.rest is not None:
            raise ValueError("rest is no key beside cable; write cable.rest")
        return self

    @property
    def resting_potential(self) -> float:
        """Potential without current, V."""
        return self.cable.rest if self.cable is not None else self.rest or 0.0

    @property
    def model(self) -> LoadModel:
        """The load as a linear network."""
        return _model(self)

    def potential_at(self, current: float) -> float:
        """Potential of the boundary in a steady state, V, by the current out of the domain, A."""
        return self.resting_potential + current / self.model.conductance

    def scaled(self, fraction: float, zero: float) -> Load:
        """Load with a resting potential between another one (fraction 0), V, and its own (1)."""
        rest = {"rest": zero + fraction * (self.resting_potential - zero)}
        return self.model_copy(update=rest if self.cable is None else {"cable": self.cable.model_copy(update=rest)})


@functools.lru_cache(maxsize=64)
def _model(load: Load) -> LoadModel:
    rest, cable = load.resting_potential, load.cable
    if cable is None:
        return resistor(resistance=load.resistance or 0.0, capacitance=load.capacitance or 0.0, rest=rest)
    return PassiveCable(
        diameter=cable.diameter,
        length=float(cable.length),
        axial_resistivity=cable.axial_resistivity,
        membrane_resistance=cable.membrane_resistance,
        membrane_capacitance=cable.membrane_capacitance,
        arms=cable.arms,
    ).model(rest)


class LoadKeys(Table):
    """Electrical load of a boundary.

    Attributes:
        load: the rest of the cell in place of a potential: one unknown potential of the boundary, at which the current
            that leaves the domain is that into the load; needs `concentrations`.
    """

    load: Load | None = None

    def ground_potential(self, current: float = 0.0) -> float | None:
        """Potential of a boundary that fixes its level, V: the prescribed one, or that of a load; ``None`` without one.

        Args:
            current: steady current out of the domain into the load, A.
        """
        if self.load is None:
            return getattr(self, "prescribed_potential", None)
        return self.load.potential_at(current) if current else self.load.resting_potential


class Loads(TermKeys):
    """Electrical loads."""

    order = 25
    boundary = LoadKeys

    @override
    def check_boundary(self, key: str, boundary: Boundary, electrolyte: Electrolyte, geometry: Geometry) -> None:
        if boundary.load is None:
            return
        for excluded in EXCLUDED:
            if getattr(boundary, excluded, None):
                raise CaseError(f"{key}.{excluded}", "excludes load: the load takes the current here; drop one")
        prescribed = boundary.prescribed(electrolyte)
        if not any(s.valence != 0 and s.name in prescribed for s in electrolyte.species):
            problem = "needs the concentration of a charged species here, which carries the current; add concentrations"
            raise CaseError(f"{key}.load", problem)

    @override
    def field_condition(self, boundary: Boundary) -> str:
        return "" if boundary.load is None else "load"

    @override
    def signature(self, data: ProblemData) -> tuple[str, ...]:
        """Boundaries with a load."""
        return tuple(name for name, b in data.boundaries.items() if b.load is not None)

    @override
    def scaled(self, boundary: Boundary, fraction: float, electrolyte: Electrolyte, zero: float) -> dict[str, Any]:
        return {} if boundary.load is None else {"load": boundary.load.scaled(fraction, zero)}

    @override
    def grounds(self, boundary: Boundary) -> bool:
        return boundary.load is not None

    @override
    def levels(self, boundary: Boundary) -> tuple[float, ...]:
        return () if boundary.load is None else (boundary.load.resting_potential,)

    @override
    def why_not_electroneutral(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        """A reason where the current has another way out: its share is not known before the solve."""
        loaded = self.is_present(electrolyte, boundaries)
        holding = [b for b in boundaries.values() if b.ground_potential() is not None or b.concentrations is not None]
        return "a load beside another boundary that holds something" if loaded and len(holding) > 1 else ""

    @override
    def law_needs(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        return ""  # it moves the potential of the ground, to which that of the injector is relative
