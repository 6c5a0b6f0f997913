"""Mechanisms of a membrane at every point of a boundary: channels, leaks, synapses, pumps.

Their tables are in `model/membrane/mechanism.py`, their currents in `model/membrane/currents.py`. The currents depend
on the potential, the concentrations and the gates of the point, and on the solution outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, override

from pydantic import Discriminator, Field, Tag, field_validator

from spinepnp.errors import CaseError
from spinepnp.geometries.names import check_part_name
from spinepnp.solvers.model.membrane.checks import check_beyond, check_outside, check_species, needs_ground
from spinepnp.solvers.model.membrane.law_keys import INSIDE, TRACES, Traces
from spinepnp.solvers.model.membrane.mechanism import Mechanism
from spinepnp.solvers.model.term_keys import TermKeys
from spinepnp.solvers.model.terms.injection import Injection
from spinepnp.solvers.model.waveforms import WaveformKeys
from spinepnp.units import Concentration, Potential, Table

if TYPE_CHECKING:
    from spinepnp.geometries import Geometry
    from spinepnp.solvers.model.boundaries import Boundaries, Boundary
    from spinepnp.solvers.model.electrolyte import Electrolyte
    from spinepnp.solvers.model.problem_data import ProblemData

#: Potential outside: a value, or that inside.
OutsidePotential = Annotated[
    Annotated[Literal["inside"], Tag("word")] | Annotated[Potential, Tag("quantity")],
    Discriminator(lambda value: "word" if value == INSIDE else "quantity"),
]


class Outside(Table):
    """Solution beyond a boundary, for its capacitance and its mechanisms.

    Attributes:
        potential: its potential, V; the same as `capacitance.outside`. "inside": that of each point inside, so that the
            membrane potential is zero, as of a store whose membrane other ions pass easily; then without a capacitance.
        concentrations: its constant concentrations, mol/m^3, by species: of those on which mechanisms depend.
        compartment: name of the compartment that it is, in place of concentrations.
    """

    potential: OutsidePotential | None = None
    concentrations: dict[str, Concentration] | None = Field(default=None, min_length=1)
    compartment: str | None = None


class MechanismKeys(Table):
    """Mechanisms of a membrane and the solution beyond it.

    Attributes:
        mechanism: currents through the membrane at every point, from the potential, the concentrations and the gates
            there.
        outside: solution beyond the boundary.
        traces: solution of which mechanisms see concentrations and potential: "neutral", the one beside the Debye layer
            at the boundary, for which laws of physiology are written; or "local", that at the boundary.
    """

    mechanism: tuple[Mechanism, ...] | None = None
    outside: Outside | None = None
    traces: Traces | None = None

    @field_validator("mechanism", mode="before", json_schema_input_type=Mechanism | tuple[Mechanism, ...])
    @classmethod
    def _one_mechanism_or_several(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError('write a table such as { name = "leak", law = "ghk", permeability = { ... } }, or several')
        if isinstance(value, dict | Mechanism):
            return (value,)
        return None if value in ((), []) else value

    @property
    def mechanisms(self) -> tuple[Mechanism, ...]:
        """Mechanisms, none or several."""
        return self.mechanism or ()

    @property
    def is_equipotential(self) -> bool:
        """Whether the potential beyond the boundary is that inside."""
        return self.outside is not None and self.outside.potential == INSIDE

    @property
    def outside_potential(self) -> float:
        """Potential beyond the boundary, V; of no use where it is that inside."""
        given = (getattr(table, key, None) for table, key in (
            (getattr(self, "capacitance", None), "outside"), (self.outside, "potential"),
        ))  # fmt: skip
        return float(next((V for V in given if isinstance(V, float)), 0.0))

    def compartment_of(self, mechanism: Mechanism) -> str | None:
        """Compartment with which a mechanism exchanges; ``None`` for a bath."""
        return mechanism.into or (self.outside.compartment if self.outside is not None else None)

    @property
    def compartments(self) -> dict[str, str]:
        """Compartments that lie beyond the boundary or receive what a mechanism takes out, by the key that says so."""
        beyond = self.outside.compartment if self.outside is not None else None
        into = {f"mechanism.{m.name}.into": m.into for m in self.mechanisms if m.into is not None}
        return ({} if beyond is None else {"outside.compartment": beyond}) | into

    def traces_of(self, mechanism: Mechanism) -> Traces:
        """Solution of which a mechanism sees the concentrations and the potential."""
        return mechanism.traces or self.traces or TRACES


class MechanismStructure(NamedTuple):
    """Structure of one mechanism, on which compiled equations depend.

    Attributes:
        boundary: name of its boundary.
        name: name of the mechanism.
        law: its law.
        moved: species that it moves.
        reads_inside: species whose concentrations inside it depends on.
        reads_outside: species whose concentrations outside it depends on.
        gates: names of its gates in results.
        traces: solution of which it sees concentrations and potential, "neutral" or "local".
        compartment: compartment with which it exchanges; ``None`` where the concentrations beyond are constant.
        is_equipotential: whether the potential beyond the boundary is that inside.
    """

    boundary: str
    name: str
    law: str
    moved: tuple[str, ...]
    reads_inside: tuple[str, ...]
    reads_outside: tuple[str, ...]
    gates: tuple[str, ...]
    traces: str
    compartment: str | None
    is_equipotential: bool


class Mechanisms(TermKeys):
    """Mechanisms."""

    order = 62
    on_side = True
    boundary = MechanismKeys
    file_keys = ("mechanism.file",)

    @override
    def at_boundary(self, boundary: Boundary) -> bool:
        return bool(boundary.mechanisms)

    @override
    def check_boundary(self, key: str, boundary: Boundary, electrolyte: Electrolyte, geometry: Geometry) -> None:
        check_outside(key, boundary, electrolyte)
        seen: set[str] = set()
        for number, mechanism in enumerate(boundary.mechanisms):
            check_part_name(f"{key}.mechanism.{number}.name", mechanism.name, seen)
            check_species(f"{key}.mechanism.{mechanism.name}", mechanism, key, boundary, electrolyte)
            mechanism.check_file(f"{key}.mechanism.{mechanism.name}")
        if boundary.floating and boundary.mechanisms:
            raise CaseError(
                f"{key}.mechanism", "has no place in the net current of a floating potential; drop one of them"
            )

    @override
    def check(self, data: ProblemData, geometry: Geometry) -> None:
        for name, boundary in data.boundaries.items():
            if needs_ground(boundary, data.electrolyte) and not data.is_grounded:
                raise CaseError(
                    f"boundaries.{name}.mechanism",
                    "depends on a potential that nothing here is relative to; ground a boundary, or give it a membrane",
                )
            for mechanism in boundary.mechanisms:
                check_beyond(name, boundary, mechanism, data)
            self._check_rest(name, boundary, data)

    def _check_rest(self, name: str, boundary: Boundary, data: ProblemData) -> None:
        """Refuse species whose amount in a steady state only their zero current would tell."""
        if data.transient or data.closed is None:
            return
        for mechanism in boundary.mechanisms:
            for species in sorted({*mechanism.moved} & {*data.undetermined_species}) if mechanism.is_active else ():
                raise CaseError(
                    f"boundaries.{name}.mechanism.{mechanism.name}",
                    f"lets {species} pass, which nothing else holds: in a steady state its amount follows from that, "
                    "and is not given; prescribe its concentration on a boundary, or begin a transient from the bulk",
                )

    @override
    def signature(self, data: ProblemData) -> tuple[MechanismStructure, ...]:
        return tuple(
            MechanismStructure(
                name, m.name, m.law, m.moved, m.reads_inside, m.reads_outside, m.gate_labels, b.traces_of(m),
                b.compartment_of(m), b.is_equipotential,
            )
            for name, b in data.boundaries.items()
            for m in b.mechanisms
        )  # fmt: skip

    @override
    def waveforms(self, boundary: Boundary) -> tuple[WaveformKeys, ...]:
        return tuple(boundary.mechanisms)

    @override
    def at(self, boundary: Boundary, time: float, inside: float) -> dict[str, Any]:
        if all(mechanism.waveform == "constant" for mechanism in boundary.mechanisms):
            return {}
        return {"mechanism": tuple(mechanism.at(time, inside) for mechanism in boundary.mechanisms)}

    @override
    def scaled(self, boundary: Boundary, fraction: float, electrolyte: Electrolyte, zero: float) -> dict[str, Any]:
        """Strengths in proportion; the potential outside goes with that of a capacitance from the bulk state."""
        if not boundary.mechanisms:
            return {}
        outside = boundary.outside or Outside()
        level = zero + fraction * (boundary.outside_potential - zero)
        potential = INSIDE if boundary.is_equipotential else level
        return {
            "mechanism": tuple(mechanism.with_strength(fraction) for mechanism in boundary.mechanisms),
            "outside": outside.model_copy(update={"potential": potential}),
        }

    @override
    def excited(self, boundary: Boundary, fraction: float) -> dict[str, Any] | None:
        """Mechanisms with gates at a fraction of their strength, beside others that have none."""
        gated = [bool(mechanism.gates) for mechanism in boundary.mechanisms]
        if not any(gated) or all(gated):
            return None
        raised = zip(boundary.mechanisms, gated, strict=True)
        return {"mechanism": tuple(m.with_strength(fraction) if has_gates else m for m, has_gates in raised)}

    @override
    def carries(self, boundary: Boundary, electrolyte: Electrolyte) -> set[str]:
        return {species for m in boundary.mechanisms if m.is_active for species in m.moved}

    @override
    def driven(self, boundary: Boundary) -> tuple[str, ...]:
        return tuple(dict.fromkeys(species for m in boundary.mechanisms for species in m.moved))

    @override
    def determines(self, boundary: Boundary, electrolyte: Electrolyte) -> set[str]:
        """Species with a law that comes to rest at a concentration: that of the outside, or of a given total."""
        return {species for mechanism in boundary.mechanisms for species in mechanism.determines}

    @override
    def limited(self, boundary: Boundary) -> bool:
        """Whether a current does not fall as its species is used up."""
        return any(m.is_active and not {*m.moved} <= {*m.reads_inside} for m in boundary.mechanisms)

    @override
    def levels(self, boundary: Boundary) -> tuple[float, ...]:
        return (boundary.outside_potential,) if boundary.mechanisms and not boundary.is_equipotential else ()

    @override
    def forms_layer(self, boundary: Boundary, electrolyte: Electrolyte, fixed: tuple[float, ...]) -> bool:
        """Whether a current flows through a wall that has not the field of the current."""
        return bool(boundary.mechanisms)

    @override
    def why_not_electroneutral(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        """A reason unless the only driver is one conductance, whose current follows from the law itself."""
        if not self.is_present(electrolyte, boundaries) or the_conductance(boundaries) is not None:
            return ""
        return "mechanisms other than one ohmic conductance without gates, which alone drives the current"

    @override
    def law_needs(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        return "a current that is given, and no mechanisms" if self.is_present(electrolyte, boundaries) else ""


def the_conductance(boundaries: Boundaries) -> tuple[str, Mechanism] | None:
    """The one mechanism of a case with its boundary, where it is the only driver and a constant conductance."""
    found = [(name, m) for name, boundary in boundaries.items() for m in boundary.mechanisms]
    alone = len(found) == 1 and not any(i.flows for b in boundaries.values() for i in b.injections)
    return found[0] if alone and found[0][1].is_conductance else None


def without_mechanisms(boundary: Boundary, current: tuple[Injection, ...] | None = None) -> Boundary:
    """Boundary with a current, or nothing, in place of its mechanisms."""
    return boundary.model_copy(update={"mechanism": None, "outside": None, "current": current})
