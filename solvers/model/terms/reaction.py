"""Reactions in the volume by mass action; their key is `electrolyte.reactions`."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, override

import numpy as np
from pydantic import Field

from spinepnp.errors import CaseError, nearest
from spinepnp.messages import entry_key
from spinepnp.solvers.model.equilibrium import refuse_imbalance
from spinepnp.solvers.model.profiles import check_region
from spinepnp.solvers.model.reactions import Reaction
from spinepnp.solvers.model.term_keys import TermKeys
from spinepnp.units import Flag, Table

if TYPE_CHECKING:
    from collections.abc import Hashable

    from spinepnp.geometries import Geometry
    from spinepnp.solvers.model.boundaries import Boundaries
    from spinepnp.solvers.model.electrolyte import Electrolyte
    from spinepnp.solvers.model.problem_data import ProblemData


class ReactionKeys(Table):
    """Reactions of species.

    Attributes:
        reactions: reactions by mass action.
        equilibrate: true to bring the bulk concentrations to the equilibrium of the reactions, with all conserved
            totals and the charge.
    """

    # Left out where they change nothing: cases without reactions keep their digests.
    reactions: tuple[Reaction, ...] = Field(default=(), exclude_if=operator.not_)
    equilibrate: Flag = Field(default=False, exclude_if=operator.not_)


class Reactions(TermKeys):
    """Reactions by mass action."""

    order = 26
    electrolyte = ReactionKeys

    @override
    def in_volume(self, electrolyte: Electrolyte) -> bool:
        return bool(electrolyte.reactions)

    @override
    def check_electrolyte(self, electrolyte: Electrolyte) -> None:
        names = [reaction.name for reaction in electrolyte.reactions if reaction.name is not None]
        for number, reaction in enumerate(electrolyte.reactions):
            key = f"electrolyte.reactions.{entry_key(electrolyte.reactions, number)}.equation"
            if names.count(reaction.name or "") > 1:
                message = "two reactions have this name; choose another one"
                raise CaseError(f"electrolyte.reactions.{number}.name", message, reaction.name)
            for name in reaction.parsed.names:
                if name not in electrolyte.names:
                    raise CaseError(key, f"no such species: {name}; {nearest(name, electrolyte.names)}")
            valence = {s.name: s.valence for s in electrolyte.species}
            left, right = (
                sum(valence[name] * count for name, count in side.items())
                for side in (reaction.parsed.left, reaction.parsed.right)
            )
            if left != right:
                raise CaseError(
                    key,
                    f"does not conserve charge: {left:+d} becomes {right:+d}; add the product that carries it, of the "
                    "valence that is missing",
                    reaction.equation,
                )
        if electrolyte.equilibrate and not electrolyte.reactions:
            raise CaseError("electrolyte.equilibrate", "there are no reactions; drop it, or add electrolyte.reactions")

    @override
    def check(self, data: ProblemData, geometry: Geometry) -> None:
        electrolyte, network = data.electrolyte, data.electrolyte.network
        _refuse_flows_of_immobile(data)
        for number, reaction in enumerate(electrolyte.reactions):
            if reaction.region is not None:
                key = f"electrolyte.reactions.{entry_key(electrolyte.reactions, number)}.region"
                check_region(key, reaction.region, geometry)
        if not electrolyte.reactions:
            return
        at_bulk = [name for name, b in data.boundaries.items() if b.concentrations == "bulk"]
        bulk = np.array([*electrolyte.bulk.values()])
        if at_bulk:
            refuse_imbalance(network, bulk, f"boundaries.{at_bulk[0]}.concentrations holds it")
        elif not data.transient:
            refuse_imbalance(network, bulk, "a steady state begins from it")
        if not data.transient:
            _refuse_accumulation(data)

    @override
    def bounds_potential(self, electrolyte: Electrolyte, boundaries: Boundaries) -> bool:
        """Whether no charge is fixed, and none is made where the solution rests."""
        fixed = any(s.valence for s in electrolyte.species if not s.moves)
        return not fixed and not self._changing_ions(electrolyte)

    @override
    def signature(self, data: ProblemData) -> Hashable:
        """Equations and regions of the reactions."""
        return tuple((reaction.equation, reaction.region) for reaction in data.electrolyte.reactions)

    @override
    def produces(self, electrolyte: Electrolyte) -> set[str]:
        return {name for name, reacts in zip(electrolyte.names, electrolyte.network.reacts, strict=True) if reacts}

    def _changing_ions(self, electrolyte: Electrolyte) -> list[str]:
        """Ions that reactions change."""
        changed = self.produces(electrolyte)
        return [s.name for s in electrolyte.species if s.valence and s.name in changed]

    @override
    def why_not_electroneutral(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        """Reason why the law does not hold with the reactions.

        Where all species but the injected one rest, each is a constant times e^(-z u), and a reaction without the
        injected one stays in equilibrium at every point, because it conserves charge.
        """
        if not electrolyte.reactions:
            return ""
        changed = self.produces(electrolyte)
        for boundary in boundaries.values():
            for species in boundary.driven:
                if species in changed:
                    return f"a reaction of {species}, which flows"
        for number, reaction in enumerate(electrolyte.reactions):
            one_way = reaction.backward is None or reaction.region is not None
            ions = [name for name in reaction.parsed.names if name in self._changing_ions(electrolyte)]
            if one_way and ions:
                return f"reaction {reaction.name or number} of ions, which comes to no equilibrium"
        fixed = [n for n in self._changing_ions(electrolyte) if n in electrolyte.immobile]
        return f"the immobile {fixed[0]}, whose charge a reaction changes" if fixed else ""

    @override
    def law_needs(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        reason = self.why_not_electroneutral(electrolyte, boundaries)
        return f"no {reason}" if reason else ""


def _refuse_flows_of_immobile(data: ProblemData) -> None:
    """Refuse currents, fluxes and mechanisms of immobile species, and in a steady state their sources.

    Raises:
        CaseError: names the boundary or the species.
    """
    fixed = data.electrolyte.immobile
    for name, boundary in data.boundaries.items():
        for species in boundary.driven:
            if species in fixed:
                message = f"{species} does not move, so none of it can pass; drop it here, or give it a diffusivity"
                raise CaseError(f"boundaries.{name}", message)
    for ion in data.electrolyte.species:
        if ion.source and ion.name in fixed and not data.transient:
            message = "does not move, so in a steady state its source leads nowhere; write its reactions, or drop it"
            raise CaseError(f"electrolyte.species.{ion.name}.source", message)


def _refuse_accumulation(data: ProblemData) -> None:
    """Refuse a species that is only made, and leaves nowhere: it has no steady state.

    Raises:
        CaseError: names the species.
    """
    electrolyte, network = data.electrolyte, data.electrolyte.network
    determined: set[str] = set(data.determined).union(*(b.determines(electrolyte) for b in data.boundaries.values()))
    bulk = np.array([*electrolyte.bulk.values()])
    for i, name in enumerate(electrolyte.names):
        reversible = np.array([r.backward is not None for r in electrolyte.reactions])
        made = (network.net[:, i] > 0) & ~reversible
        used = (network.net[:, i] < 0) | ((network.net[:, i] > 0) & reversible)
        if name not in determined and made.any() and not used.any():
            driven = {species for b in data.boundaries.values() for species in b.driven}
            makers = [
                k
                for k in np.flatnonzero(made)
                if not np.any(network.left[k][bulk == 0.0]) or driven & {*electrolyte.reactions[k].parsed.left}
            ]
            if makers:
                raise CaseError(
                    f"electrolyte.species.{name}",
                    "is made by a reaction and leaves nowhere, so there is no steady state; let it react on, prescribe "
                    "its concentration on a boundary, or make the study transient",
                )
