"""What a compiled problem depends on, as against the values that can change between its solves."""

from __future__ import annotations

from dataclasses import dataclass

from spinepnp.solvers.model.boundaries import Boundaries
from spinepnp.solvers.model.closed import Closed, free_species, is_grounded
from spinepnp.solvers.model.electrolyte import Electrolyte


@dataclass(frozen=True)
class ProblemSignature:
    """What the compiled problem depends on.

    Attributes:
        names: of the species.
        dirichlet: boundaries that prescribe the potential (or not) and some species.
        floating: boundaries with one unknown potential.
        free: species that no boundary prescribes, so that their amount is.
        grounded: whether some boundary says what the potential is relative to.
        membranes: boundaries with a capacitance.
        matched: matched injectors and the position of their species.
        means: boundaries and components whose means are unknowns, because channels depend on them.
    """

    names: tuple[str, ...]
    dirichlet: tuple[tuple[str, bool, tuple[str, ...]], ...]
    floating: tuple[str, ...]
    free: tuple[str, ...]
    grounded: bool
    membranes: tuple[str, ...]
    matched: tuple[tuple[str, int], ...]
    means: tuple[tuple[str, int], ...] = ()


def signature_of(
    electrolyte: Electrolyte, boundaries: Boundaries, closed: Closed | None = None, *, transient: bool = False
) -> ProblemSignature:
    """The structure of a case; in time, what no boundary holds is known from before instead of by its amount."""
    dirichlet = (
        (name, b.prescribes_potential, tuple(b.prescribed(electrolyte)))
        for name, b in boundaries.items()
        if b.prescribes_potential or b.concentrations is not None
    )
    matched = ((n, electrolyte.index(b.injections[0].species)) for n, b in boundaries.items() if b.field_matched)
    return ProblemSignature(
        names=electrolyte.names,
        dirichlet=tuple(dirichlet),
        floating=tuple(n for n, b in boundaries.items() if b.floating),
        free=free_species(electrolyte, boundaries) if closed is not None and not transient else (),
        grounded=is_grounded(boundaries),
        membranes=tuple(n for n, b in boundaries.items() if b.capacitance is not None),
        matched=tuple(matched),
        means=_means(electrolyte, boundaries),
    )


def _means(electrolyte: Electrolyte, boundaries: Boundaries) -> tuple[tuple[str, int], ...]:
    """What channels depend on: the potential at their patch, and the concentration of some species."""
    means: dict[tuple[str, int], None] = {}
    for name, boundary in boundaries.items():
        for channel in boundary.channels:
            if channel.needs_concentration:
                means[name, electrolyte.index(channel.species)] = None
            means[name, len(electrolyte.names)] = None
    return tuple(means)
