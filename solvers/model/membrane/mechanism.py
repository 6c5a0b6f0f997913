"""Mechanisms of a membrane: the tables [[boundaries.NAME.mechanism]], with their checks.

Their currents at a point are those of `membrane/currents.py`, the kinetics of their gates those of
`membrane/kinetics.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag, field_validator, model_validator
from pydantic_core import PydanticCustomError

from spinepnp.messages import problem_of_choice
from spinepnp.solvers.model.membrane.calcium import CounteredCurrent, HillPump, SodiumCalciumExchanger
from spinepnp.solvers.model.membrane.currents import GhkCurrent, MembraneCurrent, NakPump, OhmicCurrent, ghk_scale
from spinepnp.solvers.model.membrane.gate import MechanismGate
from spinepnp.solvers.model.membrane.strength import (
    ConductanceStrength,
    CurrentStrength,
    PermeabilityStrength,
    PumpStrength,
    Strength,
    StrengthWaveform,
)
from spinepnp.solvers.model.tables import check_keys
from spinepnp.solvers.model.waveforms import WaveformFunction
from spinepnp.units import CURRENT, CURRENT_DENSITY, FLUX, MOLAR_RATE, Concentration, Number, Potential, Table

if TYPE_CHECKING:
    from spinepnp.solvers.model.electrolyte import Electrolyte

#: Keys that each law needs, and keys that it may have.
KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ohmic": (("conductance",), ("species", "reversal", "carriers", "magnesium", "gates", "counter")),
    "ghk": (("permeability",), ("conductance", "magnesium", "gates", "counter")),
    "pump": (("kind",), ("maximum", "rate")),
    "exchanger": (("kind", "maximum"), ()),
    "hill": (("species", "maximum", "half"), ("power", "into", "counter")),
}

#: Kind of each law that has one, with the species that it moves, out and in.
KINDS = {"pump": ("nak", ("Na", "K")), "exchanger": ("ncx", ("Na", "Ca"))}

#: Valences of the species of these kinds.
VALENCES = {"Na": 1, "K": 1, "Ca": 2}

#: Keys that every law may have.
COMMON_KEYS = ("traces", *StrengthWaveform.model_fields)

#: Keys of which an ohmic mechanism needs one, with examples.
CARRIERS = {"species": 'species = "K"', "carriers": "carriers = { Na = 1.2, K = -0.2 }"}

#: Keys of which a pump needs one, with examples.
PUMP_CURRENTS = {
    "maximum": 'maximum = "1.15782 uA/cm^2"',
    "rate": 'rate = "1 uA/cm^2" (a constant current)',
}

#: Sum of the shares of carriers that differs from one by less is that of rounded shares.
ROUNDING_OF_SHARES = 1e-9

#: Solution of which a mechanism sees concentrations and potential: the neutral one beside the Debye layer of the
#: boundary, or that at the boundary itself.
Traces = Literal["neutral", "local"]

#: Traces where neither a mechanism nor its boundary says which.
TRACES: Traces = "neutral"

#: Reversal potential: that of Nernst, or a value.
Reversal = Annotated[
    Annotated[Literal["nernst"], Tag("word")] | Annotated[Potential, Tag("quantity")],
    Discriminator(lambda value: "word" if value == "nernst" else "quantity"),
]


class LawKeys(Table):
    """Name and law of a mechanism, which stand before its waveform in the table.

    Attributes:
        name: name in paths and results: a letter, then letters, digits or `_`.
        law: "ohmic", "ghk" (Goldman, Hodgkin and Katz), "pump", "exchanger", or "hill" (a pump of one species).
        species: species that carries an ohmic current alone, or that a "hill" pump takes out, charged or not.
        conductance: conductance with all gates open, per area, or in total and spread evenly over the boundary; with
            "ghk" the slope conductance between the bulk and the solution outside, at the potential without current.
        reversal: potential V - V_outside without current, V; or "nernst", that of the concentrations of its one species
            on both sides at each point, which is the default where there is one species.
        carriers: share of an ohmic current that each species carries, by name, in place of `species`; shares sum to one
            and may be negative.
        permeability: permeability of each species, m/s, by name; with `conductance` the ratios of them, plain numbers.
        magnesium: magnesium outside that blocks the channels: a factor 1/(1 + [Mg]/(3.57 mM) exp(-0.062 V_m/mV)).
        gates: open fractions that multiply the current.
        kind: kind of the pump: "nak" takes three sodium ions (Na) out and two potassium ions (K) in; or of the
            exchanger: "ncx" takes one calcium ion (Ca) out and three sodium ions (Na) in.
        maximum: largest net outward current of a pump, per area, or in total and spread evenly, which depends on Na
            inside and K outside; factor k_NaCa of the net current of an exchanger, in the same way; largest outward
            flux of a "hill" pump, mol/(m^2 s), or in total, mol/s.
        half: concentration inside at which a "hill" pump has half of its maximum, mol/m^3.
        power: Hill coefficient of a "hill" pump, 1 by default.
        into: compartment that receives what a "hill" pump takes out, where it is not the one beyond the boundary.
        counter: ion that carries the charge of the others back, so that the mechanism has no net current.
        rate: net outward current of a pump that is constant, per area or in total, in place of the maximum.
        traces: what it sees of the domain, where that differs from the boundary's `traces`.
    """

    name: str = Field(json_schema_extra={"pattern": "^[A-Za-z][A-Za-z0-9_]*$"})
    law: Literal["ohmic", "ghk", "pump", "exchanger", "hill"]
    species: str | None = None
    conductance: ConductanceStrength | None = None
    reversal: Reversal | None = None
    carriers: Annotated[dict[str, Number], Field(min_length=1)] | None = None
    permeability: Annotated[dict[str, PermeabilityStrength], Field(min_length=1)] | None = None
    magnesium: Concentration | None = None
    gates: tuple[MechanismGate, ...] = ()
    kind: Literal["nak", "ncx"] | None = None
    maximum: PumpStrength | None = None
    half: Annotated[Concentration, Field(gt=0.0)] | None = None
    power: Annotated[Number, Field(ge=1.0, le=16.0)] | None = None
    into: str | None = None
    counter: str | None = None
    rate: CurrentStrength | None = None
    traces: Traces | None = None

    @field_validator("gates", mode="before", json_schema_input_type=MechanismGate | tuple[MechanismGate, ...])
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError(f'write a table such as {{ kinetics = "{value}", power = 1 }}, or several')
        return (value,) if isinstance(value, dict | MechanismGate) else value


class Mechanism(StrengthWaveform, LawKeys):
    """Mechanism at every point of a boundary: its current depends on the potential, concentrations and gates there.

    Examples:
        >>> from spinepnp.solvers import Boundary, Mechanism
        >>> leak = Mechanism(name="leak", law="ohmic", species="K", conductance="1 mS/cm^2", reversal="-80 mV")
        >>> membrane = Boundary(capacitance={"value": "1 uF/cm^2"}, mechanism=leak)
        >>> membrane.mechanisms[0].conductance.per_area(1e-12)  # S/m^2
        10.0
    """

    @model_validator(mode="after")
    def _whole(self) -> Mechanism:
        check_keys(self, "law", KEYS, ("name", *COMMON_KEYS))
        self.check_waveform(tuple(LawKeys.model_fields))
        checks = {"ohmic": self._check_ohmic, "ghk": self._check_ghk, "pump": self._check_pump}
        checks.get(self.law, lambda: None)()
        self._check_maximum()
        if self.counter in self._own:
            raise PydanticCustomError(
                "wrong_key", "the counter-ion {species} must not be what it moves; name another ion, as K",
                {"species": self.counter},
            )  # fmt: skip
        labels = self.gate_labels
        if len(set(labels)) < len(labels):
            raise ValueError("a kind of gate is listed twice; raise its power instead")
        return self

    def _check_ohmic(self) -> None:
        if problem := problem_of_choice(self, CARRIERS):
            raise ValueError(problem)
        if self.carriers is None:
            return
        if not isinstance(self.reversal, float):
            raise ValueError('carriers have no Nernst potential in common; give reversal = "0 mV"')
        total = sum(self.carriers.values())
        if abs(total - 1.0) > ROUNDING_OF_SHARES:
            raise ValueError(f"the shares of carriers must sum to one, not to {total:.12g}; change one")

    def _check_ghk(self) -> None:
        ratios = self.conductance is not None
        for species, strength in (self.permeability or {}).items():
            if (strength.kind is None) != ratios:
                problem = (
                    "beside a conductance this is a ratio, a plain number; drop the unit, or the conductance"
                    if ratios
                    else 'needs a unit, for example "2e-8 m/s"; plain numbers are ratios, which need a conductance'
                )
                raise PydanticCustomError("wrong_key", "permeability of {species} {problem}",
                                          {"species": species, "problem": problem})  # fmt: skip
        if ratios and not any(strength.value for strength in (self.permeability or {}).values()):
            raise ValueError("one of the ratios of permeabilities must be larger than zero")

    def _check_pump(self) -> None:
        if problem := problem_of_choice(self, PUMP_CURRENTS):
            raise ValueError(f"a pump {problem}")

    def _check_maximum(self) -> None:
        """Refuse a kind of another law, and a maximum with the unit of another law."""
        if self.kind not in (None, KINDS.get(self.law, (None,))[0]):
            raise ValueError(f'kind = "{self.kind}" is of another law; write kind = "{KINDS[self.law][0]}"')
        if self.maximum is None:
            return
        kinds = (FLUX, MOLAR_RATE) if self.law == "hill" else (CURRENT_DENSITY, CURRENT)
        if self.maximum.kind not in kinds:
            examples = " or ".join(f'{kind.name} ("{kind.example}")' for kind in kinds)
            raise ValueError(f'maximum of law = "{self.law}" is a {examples}; change its unit')

    @property
    def time_profile(self) -> WaveformFunction:
        """Waveform as a function of time: the factor of the strengths.

        Raises:
            ValueError: the table cannot be read.
        """
        keys = {name: getattr(self, name) for name in StrengthWaveform.model_fields}
        return StrengthWaveform.model_construct(**keys).time_profile

    @property
    def gate_labels(self) -> tuple[str, ...]:
        """Names of the gates in results: their named kinetics, or their numbers from 0."""
        return tuple(gate.kinetics or str(number) for number, gate in enumerate(self.gates))

    @property
    def is_nernst(self) -> bool:
        """Whether its reversal potential is that of Nernst."""
        return self.law == "ohmic" and self.carriers is None and self.reversal in (None, "nernst")

    @property
    def is_conductance(self) -> bool:
        """Whether its current is g (E - V) of one species, of constant g and E: neither gates nor a block."""
        constant = not self.gates and self.magnesium is None
        return self.law == "ohmic" and isinstance(self.reversal, float) and len(self.moved) == 1 and constant

    @property
    def _own(self) -> tuple[str, ...]:
        """Species that it moves, without a counter-ion."""
        if self.law in KINDS:
            return KINDS[self.law][1]
        return tuple(self.permeability or self.carriers or (self.species or "",))

    @property
    def moved(self) -> tuple[str, ...]:
        """Species that it moves, in the order of `MembraneCurrent.moved`."""
        return (*self._own, *([self.counter] if self.counter is not None else ()))

    @property
    def reads_outside(self) -> tuple[str, ...]:
        """Species whose concentrations outside it depends on."""
        if self.law == "pump":
            return ("K",) if self.rate is None else ()
        return self._own if self.law in ("ghk", "exchanger") or self.is_nernst else ()

    @property
    def reads_inside(self) -> tuple[str, ...]:
        """Species whose concentrations inside it depends on, with its gates."""
        if self.law == "pump":
            return ("Na",) if self.rate is None else ()
        own = self._own if self.law == "hill" else self.reads_outside
        return tuple(dict.fromkeys((*own, *(species for gate in self.gates for species in gate.reads))))

    @property
    def reads_potential(self) -> bool:
        """Whether it depends on the membrane potential: not a pump."""
        return self.law not in ("pump", "hill")

    @property
    def determines(self) -> tuple[str, ...]:
        """Species whose amount it determines in a steady state: those that come to rest at a concentration."""
        if self.law not in ("ohmic", "ghk") or not self.is_active:
            return ()
        permeability = self.permeability or {}
        return tuple(name for name in self.reads_outside if name not in permeability or permeability[name].value)

    @property
    def _strengths(self) -> dict[str, Strength | dict[str, Strength]]:
        """Keys that say how strong it is, with their values: currents are proportional to them."""
        names = ("conductance",) if self.conductance is not None else ("permeability", "maximum", "rate")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    @property
    def is_active(self) -> bool:
        """Whether any of its strengths is not zero."""
        values = [
            s
            for found in self._strengths.values()
            for s in ([found] if isinstance(found, Strength) else found.values())
        ]
        return any(strength.value for strength in values)

    def with_strength(self, factor: float) -> Mechanism:
        """Mechanism with all strengths times a factor."""
        update: dict[str, Any] = {
            name: found.times(factor) if isinstance(found, Strength) else {s: p.times(factor) for s, p in found.items()}
            for name, found in self._strengths.items()
        }
        return self.model_copy(update=update)

    def at(self, time: float, inside: float) -> Mechanism:
        """Mechanism with the strengths of a time, constant; ``inside`` lies in the same smooth interval, s."""
        if self.waveform == "constant":
            return self
        return self.with_strength(self.time_profile.factor(time, inside)).constant()

    def constant(self) -> Mechanism:
        """Mechanism without its waveform: the strengths are those at its height."""
        constant = StrengthWaveform.model_construct()
        return self.model_copy(update={name: getattr(constant, name) for name in StrengthWaveform.model_fields})

    def conductance_density(self, area: float) -> float:
        """Conductance per area of a boundary of an area (m^2), with all gates open, S/m^2; zero without one."""
        return 0.0 if self.conductance is None else self.conductance.per_area(area)

    def membrane_current(self, electrolyte: Electrolyte, outside: Mapping[str, float], area: float) -> MembraneCurrent:
        """Current of the mechanism with all gates open, as a function of potential and concentrations.

        Args:
            electrolyte: species of the case, and the bulk at which ratios of permeabilities are scaled.
            outside: concentrations outside, mol/m^3, by species; those on which it depends.
            area: area of the boundary, m^2, over which totals are spread.

        Raises:
            ValueError: ratios of permeabilities between concentrations of which one is zero for all ions, so that no
                potential has no current.
        """
        of_all: dict[str, Any] = {
            "valences": tuple(float(s.valence) for s in electrolyte.species),
            "thermal_voltage": electrolyte.V_T,
        }
        found = self._law(electrolyte, outside, area, of_all)
        if self.counter is None:
            return found
        return CounteredCurrent(current=found, counter=electrolyte.index(self.counter), **of_all)

    def _law(
        self, electrolyte: Electrolyte, outside: Mapping[str, float], area: float, of_all: dict[str, Any]
    ) -> MembraneCurrent:
        """Current without a counter-ion; see `membrane_current`."""
        index = electrolyte.index
        maximum, rate = (None if s is None else s.per_area(area) for s in (self.maximum, self.rate))
        if self.law == "pump":
            return NakPump(sodium=index("Na"), potassium=index("K"), maximum=maximum or 0.0, rate=rate, **of_all)
        if self.law == "exchanger":
            return SodiumCalciumExchanger(sodium=index("Na"), calcium=index("Ca"), maximum=maximum or 0.0, **of_all)
        if self.law == "hill":
            species, half = index(self.species or ""), self.half or 0.0  # none is None: `_whole`
            return HillPump(species=species, maximum=maximum or 0.0, half=half, power=self.power or 1.0, **of_all)
        if self.law == "ohmic":
            return OhmicCurrent(
                conductance=self.conductance_density(area),
                shares={index(name): share for name, share in (self.carriers or {self.species or "": 1.0}).items()},
                reversal=self.reversal if isinstance(self.reversal, float) else None,
                magnesium=self.magnesium,
                **of_all,
            )
        return self._ghk(electrolyte, outside, area, of_all)

    def _ghk(
        self, electrolyte: Electrolyte, outside: Mapping[str, float], area: float, of_all: dict[str, Any]
    ) -> GhkCurrent:
        """Current by Goldman, Hodgkin and Katz, with ratios scaled by the conductance."""
        index = electrolyte.index
        scale = 1.0
        permeability = {name: strength.value for name, strength in (self.permeability or {}).items()}
        if self.conductance is not None:
            ions = [electrolyte.species[index(name)] for name in permeability]
            largest = max(permeability.values())
            permeability = {name: ratio / largest for name, ratio in permeability.items()}
            scale = self.conductance.per_area(area) * _scale_of_ratios(
                tuple(permeability.values()),
                tuple(float(ion.valence) for ion in ions),
                tuple(ion.concentration for ion in ions),
                tuple(outside[ion.name] for ion in ions),
                electrolyte.V_T,
            )
        permeabilities = {index(name): scale * value for name, value in permeability.items()}
        return GhkCurrent(permeabilities=permeabilities, magnesium=self.magnesium, **of_all)


@functools.lru_cache(maxsize=256)  # a waveform asks in each stage of a step
def _scale_of_ratios(
    ratios: tuple[float, ...],
    valences: tuple[float, ...],
    inside: tuple[float, ...],
    outside: tuple[float, ...],
    thermal_voltage: float,
) -> float:
    """Factor that makes ratios permeabilities with a slope conductance of 1 S/m^2, see `ghk_scale`."""
    given = dict(enumerate(ratios))
    return ghk_scale(given, 1.0, valences, np.array(inside), np.array(outside), thermal_voltage)
