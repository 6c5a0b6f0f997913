"""Keys of mechanisms of a membrane, by their laws: what stands in [[boundaries.NAME.mechanism]] before its waveform."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, field_validator

from spinepnp.solvers.model.membrane.gate import MechanismGate
from spinepnp.solvers.model.membrane.strength import (
    ConductanceStrength,
    CurrentStrength,
    PermeabilityStrength,
    PumpStrength,
    StrengthWaveform,
)
from spinepnp.units import Concentration, Number, Potential, Table

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

#: Solution of which a mechanism sees concentrations and potential: the neutral one beside the Debye layer of the
#: boundary, or that at the boundary itself.
Traces = Literal["neutral", "local"]

#: Traces where neither a mechanism nor its boundary says which.
TRACES: Traces = "neutral"

#: Potential of an outside that is that of each point inside, as of a store whose membrane other ions pass easily.
INSIDE = "inside"

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
