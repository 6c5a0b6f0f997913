"""Gates of membrane mechanisms: the entries of `gates` in [[boundaries.NAME.mechanism]]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from spinepnp.solvers.model.channels import Slope
from spinepnp.solvers.model.membrane.kinetics import GateKinetics, SigmoidGate
from spinepnp.units import Duration, Potential, Table, Whole

if TYPE_CHECKING:
    from spinepnp.solvers.model.electrolyte import Electrolyte


class MechanismGate(Table):
    """One kind of gate of a mechanism, at every point of the boundary.

    Attributes:
        kinetics: name of its kinetics.
        half: potential V - V_outside at which half of the gates are open, V.
        slope: potential over which the gates open, V; negative where they close with rising potential.
        time: time constant of the relaxation, s.
        power: number of these gates in a channel.
    """

    kinetics: str | None = None
    half: Potential | None = None
    slope: Slope | None = None
    time: Duration | None = None
    power: Annotated[Whole, Field(ge=1, le=8)] = 1

    @model_validator(mode="after")
    def _whole(self) -> MechanismGate:
        if None in (self.half, self.slope, self.time):
            raise ValueError('a gate needs half = "-40 mV", slope = "5 mV" and time = "2 ms"')
        return self

    def kinetics_object(self, electrolyte: Electrolyte) -> GateKinetics:
        """Rates of the gate as functions of the potential.

        Args:
            electrolyte: solution, whose temperature is that of the rates.
        """
        return SigmoidGate(half=self.half or 0.0, slope=self.slope or 0.0, time=self.time or 0.0, power=self.power)
