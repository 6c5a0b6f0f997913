"""Gates of membrane mechanisms: the entries of `gates` in [[boundaries.NAME.mechanism]]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from spinepnp.errors import nearest
from spinepnp.solvers.model.channels import Slope
from spinepnp.solvers.model.membrane.expression import read_rate
from spinepnp.solvers.model.membrane.kinetics import (
    ExpressionGate,
    GateKinetics,
    SigmoidGate,
    known_kinetics,
    named_gate,
    temperature_factor,
)
from spinepnp.units import BOLTZMANN, ELEMENTARY_CHARGE, Concentration, Duration, Number, Potential, Table, Whole

if TYPE_CHECKING:
    from spinepnp.solvers.model.electrolyte import Electrolyte

#: Keys that say how fast a gate opens and closes; a gate has those of one of these lines.
KINETICS = (("kinetics",), ("half", "slope", "time"), ("alpha", "beta"), ("steady", "tau"))

#: Power of the time in the unit of each formula.
POWERS_OF_TIME = {"alpha": -1.0, "beta": -1.0, "steady": 0.0, "tau": 1.0}

#: Keys of these that a gate need not have.
OPTIONAL = ("tau",)


class MechanismGate(Table):
    """One kind of gate of a mechanism, at every point of the boundary.

    Examples:
        >>> from spinepnp.solvers import MechanismGate
        >>> gate = MechanismGate(alpha="0.07/ms * exp(-(V + 65 mV)/(20 mV))", beta="1/ms")
        >>> gate.power
        1

    Attributes:
        kinetics: name of kinetics of the literature: rtm_m, rtm_h, rtm_n (paper 002, eqs 32 to 35), hh_m, hh_h, hh_n
            (squid axon, 6.3 degrees Celsius), those of calcium channels and of the receptors of a calcium store; all of
            them with their sources: `list kinetics`.
        half: potential V - V_outside at which half of the gates are open, V.
        slope: potential over which the gates open, V; negative where they close with rising potential.
        time: time constant of the relaxation, s.
        alpha: rate of opening as a formula in V - V_outside, written V, such as "0.07/ms * exp(-(V + 65 mV)/(20 mV))",
            and in concentrations inside, written as names in brackets, such as "0.2/(uM*s) * [Ca]".
        beta: rate of closing, in the same way.
        steady: steady open fraction as such a formula, such as "[Ca] / ([Ca] + 0.08 uM)", in place of the rates.
        tau: time constant as such a formula, beside `steady`; without it the gate is at its steady value at all times.
        constants: concentrations, mol/m^3, of what stands in the formulas or kinetics and is no species of the case,
            such as { IP3 = "0.5 uM" }.
        power: number of these gates in a channel.
        q10: factor of all rates for ten kelvin: q10^((T - celsius)/10), with T the temperature of the electrolyte.
        celsius: temperature at which the rates were measured, degrees Celsius, not that of the run; known of hh_m, hh_h
            and hh_n.
    """

    kinetics: str | None = None
    half: Potential | None = None
    slope: Slope | None = None
    time: Duration | None = None
    alpha: str | None = None
    beta: str | None = None
    steady: str | None = None
    tau: str | None = None
    constants: Annotated[dict[str, Concentration], Field(min_length=1)] | None = None
    power: Annotated[Whole, Field(ge=1, le=8)] = 1
    q10: Annotated[Number, Field(gt=0.0, le=100.0)] | None = None
    celsius: Annotated[Number, Field(ge=-50.0, le=100.0)] | None = None

    @field_validator("kinetics")
    @classmethod
    def _is_known(cls, name: str | None) -> str | None:
        if name is not None and name not in known_kinetics():
            raise ValueError(f"no kinetics have this name; {nearest(name, known_kinetics())}")
        return name

    @field_validator("alpha", "beta", "steady", "tau")
    @classmethod
    def _is_formula(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is not None:
            read_rate(text, POWERS_OF_TIME[info.field_name or ""])
        return text

    @model_validator(mode="after")
    def _whole(self) -> MechanismGate:
        given = [keys for keys in KINETICS if any(getattr(self, key) is not None for key in keys)]
        if len(given) != 1:
            ways = 'kinetics = "hh_n", or half, slope and time, or alpha and beta, or steady and tau'
            raise ValueError(f"a gate needs {ways}" + ("; give one of these only" if given else ""))
        for key in given[0]:
            if getattr(self, key) is None and key not in OPTIONAL:
                raise ValueError(f"a gate with {', '.join(k for k in given[0] if k != key)} needs {key}; add it")
        if self.q10 is None and self.celsius is not None:
            raise ValueError("celsius is for q10; give both, or drop it")
        if self.q10 is not None and self._reference is None:
            raise ValueError("q10 needs celsius, the temperature at which the rates are given; add it")
        species = self._species
        for name in self.constants or ():
            if name not in species:
                raise ValueError(f"constants.{name} stands in no formula of the gate; drop it, or write [{name}]")
        return self

    @property
    def _reference(self) -> float | None:
        """Temperature at which the rates are given, degrees Celsius."""
        if self.celsius is not None or self.kinetics is None:
            return self.celsius
        return known_kinetics()[self.kinetics].get("celsius")

    @property
    def _species(self) -> tuple[str, ...]:
        """Names in brackets of its formulas; with them the formulas are compared."""
        gate = self._kinetics(1.0, {})
        return gate.species if isinstance(gate, ExpressionGate) else ()

    @property
    def reads(self) -> tuple[str, ...]:
        """Species whose concentrations inside its rates depend on."""
        return tuple(name for name in self._species if name not in (self.constants or {}))

    def kinetics_object(self, electrolyte: Electrolyte) -> GateKinetics:
        """Rates of the gate as functions of the potential and of concentrations.

        Args:
            electrolyte: solution, to whose temperature q10 brings the rates.
        """
        places = {name: electrolyte.index(name) for name in self.reads}
        if self.q10 is None or self._reference is None:
            return self._kinetics(1.0, places)
        kelvin = electrolyte.V_T * ELEMENTARY_CHARGE / BOLTZMANN
        return self._kinetics(temperature_factor(self.q10, self._reference, kelvin), places)

    def _kinetics(self, factor: float, places: dict[str, int]) -> GateKinetics:
        common: dict[str, Any] = {"power": self.power, "factor": factor}
        of_formulas: dict[str, Any] = {"places": places, "constants": self.constants or {}} | common
        if self.kinetics is not None:
            return named_gate(self.kinetics, **of_formulas)
        formulas = {key: text for key in POWERS_OF_TIME if (text := getattr(self, key)) is not None}
        if formulas:
            return ExpressionGate(**formulas, **of_formulas)
        half, slope, time = (value or 0.0 for value in (self.half, self.slope, self.time))  # none is None: `_whole`
        return SigmoidGate(half=half, slope=slope, time=time, **common)
