"""Channels: currents that depend on the mean potential of a boundary; their laws are in `model/channels.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, override

from pydantic import field_validator

from spinepnp.errors import CaseError
from spinepnp.messages import entry_path
from spinepnp.solvers.model.channels import Channel
from spinepnp.solvers.model.term_keys import TermKeys, check_passing
from spinepnp.units import Table

if TYPE_CHECKING:
    from spinepnp.geometries import Geometry
    from spinepnp.solvers.model.boundaries import Boundaries, Boundary
    from spinepnp.solvers.model.electrolyte import Electrolyte
    from spinepnp.solvers.model.problem_data import ProblemData

#: Keys that set how strong a channel is.
STRENGTHS = ("maximum", "conductance", "permeability")


class ChannelKeys(Table):
    """Channels of a boundary.

    Attributes:
        channel: channels whose current depends on the mean potential here.
    """

    channel: tuple[Channel, ...] | None = None

    @field_validator("channel", mode="before", json_schema_input_type=Channel | tuple[Channel, ...])
    @classmethod
    def _one_kind_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, dict | Channel) else value

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Kinds of channels, none or several."""
        return self.channel or ()


class Channels(TermKeys):
    """Channels."""

    order = 60
    on_side = True
    boundary = ChannelKeys
    file_keys = ("channel.file",)

    @override
    def check_boundary(self, key: str, boundary: Boundary, electrolyte: Electrolyte, geometry: Geometry) -> None:
        for number, channel in enumerate(boundary.channels):
            where = entry_path(f"{key}.channel", boundary.channels, number, beside="species")
            check_passing(f"{where}.species", channel.species, key, boundary, electrolyte, charged=True)
            if boundary.potential is not None:
                raise CaseError(
                    f"{key}.channel", "depends on a potential that is held here; drop the potential, or give a current"
                )
            try:
                channel.check()
            except ValueError as error:
                where = entry_path(f"{key}.channel", boundary.channels, number)
                raise CaseError(f"{where}.file", str(error), channel.file) from None

    @override
    def check(self, data: ProblemData, geometry: Geometry) -> None:
        with_channels = {name: b for name, b in data.boundaries.items() if b.channels}
        for name, boundary in with_channels.items():
            if not data.is_grounded:
                raise CaseError(
                    f"boundaries.{name}.channel",
                    "depends on a potential that nothing here is relative to; ground a boundary, or give it a membrane",
                )
            if data.transient or data.closed is None:
                continue
            for species in {channel.species for channel in boundary.channels} & set(data.undetermined_species):
                raise CaseError(
                    f"boundaries.{name}.channel",
                    f"lets {species} pass, which no other boundary holds: in a steady state its amount follows from "
                    "that, and is not given; prescribe its concentration on a boundary, or begin a transient from the "
                    "bulk",
                )

    @override
    def signature(self, data: ProblemData) -> tuple[tuple[str, int], ...]:
        """Boundaries and components whose means channels depend on: a concentration, then the potential (last)."""
        means: dict[tuple[str, int], None] = {}
        for name, boundary in data.boundaries.items():
            for channel in boundary.channels:
                if channel.needs_concentration:
                    means[name, data.electrolyte.index(channel.species)] = None
                means[name, len(data.electrolyte.names)] = None
        return tuple(means)

    @override
    def scaled(self, boundary: Boundary, fraction: float, electrolyte: Electrolyte, zero: float) -> dict[str, Any]:
        if not boundary.channels:
            return {}
        return {
            "channel": tuple(
                c.model_copy(update={k: fraction * v for k in STRENGTHS if (v := getattr(c, k)) is not None})
                for c in boundary.channels
            )
        }

    @override
    def carries(self, boundary: Boundary, electrolyte: Electrolyte) -> set[str]:
        return {channel.species for channel in boundary.channels}

    @override
    def driven(self, boundary: Boundary) -> tuple[str, ...]:
        return tuple(channel.species for channel in boundary.channels)

    @override
    def forms_layer(self, boundary: Boundary, electrolyte: Electrolyte, fixed: tuple[float, ...]) -> bool:
        """Whether a current flows through a wall that has not the field of the current."""
        return bool(boundary.channels) and not boundary.field_matched

    @override
    def why_not_electroneutral(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        return "channels" if self.is_present(electrolyte, boundaries) else ""

    @override
    def law_needs(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        return "a current that is given, and no channels" if self.is_present(electrolyte, boundaries) else ""
