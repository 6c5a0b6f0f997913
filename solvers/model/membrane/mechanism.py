"""Mechanisms of a membrane: the tables [[boundaries.NAME.mechanism]], with their checks.

Their currents at a point are those of `membrane/currents.py`, the kinetics of their gates those of
`membrane/kinetics.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import model_validator
from pydantic_core import PydanticCustomError

from spinepnp.messages import problem_of_choice
from spinepnp.solvers.model.membrane.calcium import CounteredCurrent, HillPump, SodiumCalciumExchanger
from spinepnp.solvers.model.membrane.currents import GhkCurrent, MembraneCurrent, NakPump, OhmicCurrent, ghk_scale
from spinepnp.solvers.model.membrane.law_keys import COMMON_KEYS, KEYS, KINDS, LawKeys
from spinepnp.solvers.model.membrane.strength import Strength, StrengthWaveform
from spinepnp.solvers.model.tables import check_keys
from spinepnp.solvers.model.waveforms import WaveformFunction
from spinepnp.units import CURRENT, CURRENT_DENSITY, FLUX, MOLAR_RATE

if TYPE_CHECKING:
    from spinepnp.solvers.model.electrolyte import Electrolyte

#: Keys of which an ohmic mechanism needs one, with examples.
CARRIERS = {"species": 'species = "K"', "carriers": "carriers = { Na = 1.2, K = -0.2 }"}

#: Keys of which a pump needs one, with examples.
PUMP_CURRENTS = {
    "maximum": 'maximum = "1.15782 uA/cm^2"',
    "rate": 'rate = "1 uA/cm^2" (a constant current)',
}

#: Sum of the shares of carriers that differs from one by less is that of rounded shares.
ROUNDING_OF_SHARES = 1e-9


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
