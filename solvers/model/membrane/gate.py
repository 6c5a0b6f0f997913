"""Gates of membrane mechanisms: the entries of `gates` in [[boundaries.NAME.mechanism]]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, field_validator, model_validator

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
from spinepnp.units import BOLTZMANN, ELEMENTARY_CHARGE, Duration, Number, Potential, Table, Whole

if TYPE_CHECKING:
    from spinepnp.solvers.model.electrolyte import Electrolyte

#: Keys that say how fast a gate opens and closes; a gate has those of one of these lines.
KINETICS = (("kinetics",), ("half", "slope", "time"), ("alpha", "beta"))


class MechanismGate(Table):
    """One kind of gate of a mechanism, at every point of the boundary.

    Examples:
        >>> from spinepnp.solvers import MechanismGate
        >>> gate = MechanismGate(alpha="0.07/ms * exp(-(V + 65 mV)/(20 mV))", beta="1/ms")
        >>> gate.power
        1

    Attributes:
        kinetics: name of kinetics of the literature: rtm_m, rtm_h, rtm_n (paper 002, eqs 32 to 35), or hh_m, hh_h, hh_n
            (squid axon, 6.3 degrees Celsius).
        half: potential V - V_outside at which half of the gates are open, V.
        slope: potential over which the gates open, V; negative where they close with rising potential.
        time: time constant of the relaxation, s.
        alpha: rate of opening as a formula in V - V_outside, written V, such as "0.07/ms * exp(-(V + 65 mV)/(20 mV))".
        beta: rate of closing, in the same way.
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
    power: Annotated[Whole, Field(ge=1, le=8)] = 1
    q10: Annotated[Number, Field(gt=0.0, le=100.0)] | None = None
    celsius: Annotated[Number, Field(ge=-50.0, le=100.0)] | None = None

    @field_validator("kinetics")
    @classmethod
    def _is_known(cls, name: str | None) -> str | None:
        if name is not None and name not in known_kinetics():
            raise ValueError(f"no kinetics have this name; {nearest(name, known_kinetics())}")
        return name

    @field_validator("alpha", "beta")
    @classmethod
    def _is_rate(cls, text: str | None) -> str | None:
        if text is not None:
            read_rate(text)
        return text

    @model_validator(mode="after")
    def _whole(self) -> MechanismGate:
        given = [keys for keys in KINETICS if any(getattr(self, key) is not None for key in keys)]
        if len(given) != 1:
            ways = 'kinetics = "hh_n", or half, slope and time, or alpha and beta'
            raise ValueError(f"a gate needs {ways}" + ("; give one of these only" if given else ""))
        for key in given[0]:
            if getattr(self, key) is None:
                raise ValueError(f"a gate with {', '.join(k for k in given[0] if k != key)} needs {key}; add it")
        if self.q10 is None and self.celsius is not None:
            raise ValueError("celsius is for q10; give both, or drop it")
        if self.q10 is not None and self._reference is None:
            raise ValueError("q10 needs celsius, the temperature at which the rates are given; add it")
        self._kinetics(1.0)  # formulas are compared
        return self

    @property
    def _reference(self) -> float | None:
        """Temperature at which the rates are given, degrees Celsius."""
        if self.celsius is not None or self.kinetics is None:
            return self.celsius
        return known_kinetics()[self.kinetics].get("celsius")

    def kinetics_object(self, electrolyte: Electrolyte) -> GateKinetics:
        """Rates of the gate as functions of the potential.

        Args:
            electrolyte: solution, to whose temperature q10 brings the rates.
        """
        if self.q10 is None or self._reference is None:
            return self._kinetics(1.0)
        kelvin = electrolyte.V_T * ELEMENTARY_CHARGE / BOLTZMANN
        return self._kinetics(temperature_factor(self.q10, self._reference, kelvin))

    def _kinetics(self, factor: float) -> GateKinetics:
        if self.kinetics is not None:
            return named_gate(self.kinetics, power=self.power, factor=factor)
        if self.alpha is not None and self.beta is not None:
            return ExpressionGate(alpha=self.alpha, beta=self.beta, power=self.power, factor=factor)
        half, slope, time = (value or 0.0 for value in (self.half, self.slope, self.time))  # none is None: `_whole`
        return SigmoidGate(half=half, slope=slope, time=time, power=self.power, factor=factor)
