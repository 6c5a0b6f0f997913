"""One-dimensional Poisson-Nernst-Planck problem: geometry, ions, ends and charges, all in SI units."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spinepnp.units import FARADAY
from spinepnp.validation.reference.onedimensional.checks import check_number, refuse
from spinepnp.validation.reference.onedimensional.reactions import Reaction

Values = NDArray[np.float64]

#: Electric current at an end, A: a number, or a function (see `End`).
Current = float | Callable[..., float]

#: Gauges of a floating potential: its mean is zero, or its value at the left end (a ball's centre).
GAUGES = ("mean", "left")


@functools.lru_cache(maxsize=256)
def _required(f: Callable[..., Any]) -> int:
    """Number of arguments of a function that have no default (``lambda t, I=5e-11: ...`` has one)."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):  # some builtins have no signature: a function of time
        return 1
    fixed = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in fixed and p.default is inspect.Parameter.empty for p in parameters)


def _amperes(current: Current, *arguments: Any) -> float:
    """Current at a time (s), a potential (V), ...; not a number where its function fails."""
    if not callable(current):
        return float(current)
    try:
        return float(current(*arguments[: _required(current)]))
    except ArithmeticError:  # an exponential overflows at an iterate of Newton's method far from the solution
        return math.nan


@dataclass(frozen=True)
class Geometry:
    """Interval with the cross-section for the fluxes; made by `line`, `ball` or `shell`.

    Attributes:
        start: x or r of the left end, m.
        stop: x or r of the right end, m.
        area: cross-section at places x (m, any shape), m^2, smooth; it may vanish at the left end of a ball only.
        closed_left: whether nothing passes the left end because it is a centre.
    """

    start: float
    stop: float
    area: Callable[[Values], Values]
    closed_left: bool = False


def line(length: float, area: float | Callable[[Values], Values]) -> Geometry:
    """Line from 0 to ``length`` (m) of cross-section ``area`` (m^2; of x in m where it varies)."""
    check_number("length", length, positive=True)
    if callable(area):
        return Geometry(0.0, float(length), area)
    check_number("area", area, positive=True)
    constant = float(area)
    return Geometry(0.0, float(length), lambda x: np.full_like(x, constant))


def _sphere(r: Values) -> Values:
    return 4.0 * math.pi * r**2


def ball(radius: float) -> Geometry:
    """Geometry of a ball; x is the distance from its centre, the left end."""
    check_number("radius", radius, positive=True)
    return Geometry(0.0, float(radius), _sphere, closed_left=True)


def shell(inner: float, outer: float) -> Geometry:
    """Geometry of a spherical shell between two radii, m."""
    check_number("inner", inner, positive=True)
    check_number("outer", outer, positive=True)
    if outer <= inner:
        refuse("outer", outer, f"must be larger than inner = {inner!r}")
    return Geometry(float(inner), float(outer), _sphere)


@dataclass(frozen=True)
class Ion:
    """Species of an electrolyte.

    Examples:
        >>> from spinepnp.validation.onedimensional import Ion
        >>> sodium = Ion("Na", 1, 1.33e-9)
        >>> sodium.valence, sodium.diffusivity  # m^2/s
        (1, 1.33e-09)

    Attributes:
        name: name of the species.
        valence: valence z; 0 for a neutral species.
        diffusivity: diffusivity D, m^2/s; 0 for a species that stays where it is.
        in_field: whether the field moves it and it is part of the charge; otherwise it is neutral but for currents,
            which are counted with its valence.
    """

    name: str
    valence: int
    diffusivity: float
    in_field: bool = True

    def __post_init__(self) -> None:
        check_number(f"{self.name}.valence", self.valence)
        check_number(f"{self.name}.diffusivity", self.diffusivity)
        if self.diffusivity < 0.0:
            refuse(f"{self.name}.diffusivity", self.diffusivity, "cannot be negative")


@dataclass(frozen=True)
class Gate:
    """Variable m at an end that follows the potential there with a delay, as a channel's gate does.

    Examples:
        >>> import math
        >>> from spinepnp.validation.onedimensional import Gate
        >>> gate = Gate(settled=lambda V: 1.0 / (1.0 + math.exp(-(V + 0.04) / 0.005)), time=2e-3)
        >>> gate.settled(-0.04)
        0.5

    Attributes:
        settled: steady-state value as a function of the potential in V.
        time: time constant of dm/dt = (settled(V) - m) / time, s.
    """

    settled: Callable[[float], float]
    time: float

    def __post_init__(self) -> None:
        check_number("gates.time", self.time, positive=True)


@dataclass(frozen=True)
class End:
    """Conditions at an end; by default there is neither flux nor field.

    Examples:
        >>> from spinepnp.validation.onedimensional import End
        >>> ground = End(potential=0.0, concentrations=(167.0, 167.0))
        >>> ground.responsive, End(currents=(lambda t: 50e-12 * t, 0.0)).varying
        (False, True)

    Attributes:
        potential: prescribed potential, V; ``None`` where the field is given instead.
        concentrations: prescribed concentrations, mol/m^3, one for each species, all positive, or ``None`` for one that
            does not pass; ``None`` where currents are given instead.
        currents: electric current that enters with each species, A; where it varies a function of the time in s, or of
            that and of the potential at this end in V (a channel), of these and of the concentration of the species
            here in mol/m^3, or of these and of the gates, as an array; empty for none.
        rates: molar rates at which species enter beside the currents, mol/s, also those without charge; empty for none.
        gates: gates on which those currents may depend; in a steady state they have their steady-state values.
        normal_field: dV/dn, outward, V/m; ``None`` for the value that Gauss' law requires in a closed problem.
        capacitance: capacitance of a membrane that is grounded outside, F/m^2; the condition at the end is then
            eps dV/dn = eps normal_field - capacitance V.
        field_matched: whether dV/dn is the electroneutral slope of the currents at this end, so that no layer arises:
            du/dn = sum_i z_i j_i/D_i / sum_i z_i^2 c_i with j_i the molar flux that enters. Assumes that the fixed
            charge does not vary there.
        open_circuit: whether the potential is an unknown at which the total current is zero: of ions in a steady state,
            of ions and displacement in time. Needs concentrations here, and a potential at the other end.
    """

    potential: float | None = None
    concentrations: tuple[float | None, ...] | None = None
    currents: tuple[Current, ...] = ()
    normal_field: float | None = 0.0
    capacitance: float = 0.0
    field_matched: bool = False
    gates: tuple[Gate, ...] = ()
    rates: tuple[float, ...] = ()
    open_circuit: bool = False

    @cached_property
    def responsive(self) -> bool:
        """Whether a current depends on the potential here."""
        return any(callable(I) and _required(I) > 1 for I in self.currents)

    @cached_property
    def sensitive(self) -> bool:
        """Whether a current depends on the concentration of its species here."""
        return any(callable(I) and _required(I) > 2 for I in self.currents)

    @cached_property
    def varying(self) -> bool:
        """Whether a current is a function."""
        return any(callable(I) for I in self.currents)

    def check(self, key: str, species: tuple[Ion, ...]) -> None:
        """Raise a ValueError that names ``key`` for conditions that are invalid or contradict each other."""
        for name in ("potential", "normal_field", "capacitance"):
            if getattr(self, name) is not None:
                check_number(f"{key}.{name}", getattr(self, name))
        if self.capacitance < 0:
            refuse(f"{key}.capacitance", self.capacitance, "cannot be negative")
        if self.potential is not None and (self.normal_field or self.capacitance or self.field_matched):
            refuse(f"{key}.potential", self.potential, "held, so that field, capacitance and field_matched must go")
        if self.open_circuit and (self.potential is not None or self.normal_field != 0.0 or self.capacitance):
            refuse(f"{key}.open_circuit", True, "decides the potential; potential, field and capacitance must go")
        if self.open_circuit and (self.concentrations is None or self.field_matched):
            refuse(f"{key}.open_circuit", True, "needs concentrations here, and no matched field")
        for name in ("concentrations", "currents", "rates"):
            given = getattr(self, name)
            if given and len(given) != len(species):
                refuse(f"{key}.{name}", given, f"needs one value for each of the {len(species)} species")
        for ion, value in zip(species, self.concentrations or (), strict=False):
            if value is not None:
                check_number(f"{key}.concentrations[{ion.name}]", value, positive=True)
                if ion.diffusivity == 0.0:
                    refuse(f"{key}.concentrations[{ion.name}]", value, "an immobile species takes None")
        if self.field_matched and self.sensitive:
            refuse(f"{key}.field_matched", True, "takes no currents that depend on concentrations")
        for name in ("currents", "rates"):
            if self.concentrations is not None and getattr(self, name):
                refuse(f"{key}.{name}", getattr(self, name), "concentrations are held here; give one or the other")
        for ion, rate in zip(species, self.rates, strict=False):
            check_number(f"{key}.rates[{ion.name}]", rate)
            if ion.diffusivity == 0.0 and rate != 0.0:
                refuse(f"{key}.rates[{ion.name}]", rate, "an immobile species does not enter")
        for ion, current in zip(species, self.currents, strict=False):
            if not callable(current):
                check_number(f"{key}.currents[{ion.name}]", current)
            elif _required(current) not in (1, 2, 3, 4):
                ways = "(time), or of (time, potential), with the concentration and the gates behind them if wanted"
                refuse(f"{key}.currents[{ion.name}]", current, f"must be a function of {ways}")
            if ion.valence == 0 and current != 0:
                refuse(f"{key}.currents[{ion.name}]", current, "a neutral species carries no current")
            if ion.diffusivity == 0.0 and current != 0:
                refuse(f"{key}.currents[{ion.name}]", current, "an immobile species carries no current")

    def held(self, otherwise: Values) -> Values:
        """Prescribed concentrations, mol/m^3, (species,), with other values where none is prescribed."""
        given = self.concentrations or (None,) * len(otherwise)
        return np.array([other if c is None else c for c, other in zip(given, otherwise, strict=True)], dtype=float)

    def rest(self, potential: float) -> Values:
        """Steady-state values of the gates at a potential (V)."""
        return np.array([gate.settled(potential) for gate in self.gates])

    def inflow(
        self,
        species: tuple[Ion, ...],
        time: float,
        potential: float = 0.0,
        concentrations: Values | None = None,
        gates: Values | None = None,
    ) -> Values:
        """Molar rate at which each species enters, mol/s, shape (species,).

        Args:
            species: the ions.
            time: time, s.
            potential: potential at this end, V.
            concentrations: concentrations at this end, mol/m^3, (species,); zero by default.
            gates: values of the gates; steady-state values by default.
        """
        rates = np.array(self.rates) if self.rates else np.zeros(len(species))
        if not self.currents:
            return rates
        m = self.rest(potential) if gates is None else gates
        c = np.zeros(len(species)) if concentrations is None else concentrations
        triples = zip(species, self.currents, c, strict=True)
        amperes = [(ion, _amperes(I, time, potential, float(here), m)) for ion, I, here in triples]
        return rates + np.array([I / (ion.valence * FARADAY) if I else 0.0 for ion, I in amperes])


@dataclass(frozen=True)
class Problem:
    """Problem dc_i/dt + div J_i = R_i, J_i = -D_i (grad c_i + z_i c_i grad u), div(eps grad V) + F (z.c + rho) = 0.

    Examples:
        >>> from spinepnp.units import VACUUM_PERMITTIVITY
        >>> from spinepnp.validation.onedimensional import End, Ion, Problem, line
        >>> salt = (Ion("Na", 1, 2e-10), Ion("A", -1, 2e-10))
        >>> geometry = line(1e-6, 7.854e-15)
        >>> ends = {"left": End(potential=0.0, concentrations=(167.0, 167.0)), "right": End(currents=(50e-12, 0.0))}
        >>> problem = Problem(geometry, salt, 80 * VACUUM_PERMITTIVITY, 25.26e-3, **ends)
        >>> problem.floating
        False

    Attributes:
        geometry: geometry by `line`, `ball` or `shell`.
        species: the ions.
        permittivity: absolute permittivity, F/m.
        thermal_voltage: V_T = kT/e, V; u = V/V_T.
        left: conditions at x = 0 or the inner radius (a ball's centre has none).
        right: conditions at the other end.
        fixed_charge: rho, mol/m^3 of elementary charges; a function of x (m, any shape) where it varies.
        amounts: amount of each species, mol, in a closed problem (no end prescribes concentrations): of the steady
            state, or of the uniform state at the start of a transient.
        gauge: gauge of a floating potential, "mean" or "left".
        reactions: reactions, which give R_i.
        start: uniform concentrations, mol/m^3, one for each species, all positive: the start of a transient, and of the
            search for a steady state, whose totals of immobile species, and of what neither ends nor amounts tell, are
            these; ``None`` where ends or amounts tell them all.
    """

    geometry: Geometry
    species: tuple[Ion, ...]
    permittivity: float
    thermal_voltage: float
    left: End = End()
    right: End = End()
    fixed_charge: float | Callable[[Values], Values] = 0.0
    amounts: tuple[float, ...] | None = None
    gauge: str = "mean"
    reactions: tuple[Reaction, ...] = ()
    start: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        check_number("permittivity", self.permittivity, positive=True)
        check_number("thermal_voltage", self.thermal_voltage, positive=True)
        if not self.species:
            refuse("species", self.species, "at least one ion is needed")
        if not callable(self.fixed_charge):
            check_number("fixed_charge", self.fixed_charge)
        if self.gauge not in GAUGES:
            refuse("gauge", self.gauge, f"known: {', '.join(GAUGES)}")
        self.left.check("left", self.species)
        self.right.check("right", self.species)
        for key, end, other in (("left", self.left, self.right), ("right", self.right, self.left)):
            if end.open_circuit and other.potential is None:
                refuse(f"{key}.open_circuit", True, "needs a potential that the other end holds")
        if self.geometry.closed_left and self.left != End():
            refuse("left", self.left, "the centre of a ball takes no end")
        immobile = [ion.diffusivity == 0.0 for ion in self.species]
        if all(immobile):
            refuse("species", self.species, "at least one that diffuses is needed")
        for k, reaction in enumerate(self.reactions):
            reaction.check(f"reactions[{k}]", list(self.valences), immobile)
        self._check_amounts()

    def _check_amounts(self) -> None:
        """Refuse amounts that do not fit the problem."""
        for ion, value in zip(self.species, self.start or (), strict=self.start is not None):
            check_number(f"start[{ion.name}]", value, positive=True)
        if self.amounts is None:
            return
        if not self.closed:
            refuse("amounts", self.amounts, "concentrations are held at an end; give one or the other")
        if len(self.amounts) != len(self.species):
            refuse("amounts", self.amounts, f"needs one value for each of the {len(self.species)} species")
        for ion, value in zip(self.species, self.amounts, strict=True):
            check_number(f"amounts[{ion.name}]", value, positive=True)

    @property
    def ends(self) -> tuple[End, End]:
        """Left and right end."""
        return self.left, self.right

    @property
    def closed(self) -> bool:
        """Whether no end prescribes concentrations."""
        return self.left.concentrations is None and self.right.concentrations is None

    @property
    def floating(self) -> bool:
        """Whether no end ties the potential to ground, so that it needs the gauge."""
        return all(end.potential is None and end.capacitance == 0.0 for end in self.ends)

    @property
    def valences(self) -> Values:
        """Valences z in the field, shape (species,)."""
        return np.array([ion.valence if ion.in_field else 0.0 for ion in self.species], dtype=float)

    def charge(self, x: Values) -> Values:
        """Fixed charge at places, mol/m^3."""
        if callable(self.fixed_charge):
            return np.asarray(self.fixed_charge(x), dtype=float)
        return np.full_like(x, self.fixed_charge)
