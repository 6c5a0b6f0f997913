"""Arguments of the solvers in Python: tables, or plain dictionaries with the keys of a case, checked in its words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from spinepnp.errors import CaseError
from spinepnp.messages import validated
from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.model.closed import Closed
from spinepnp.solvers.model.compartments import Compartment
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.initial import Initial
from spinepnp.solvers.model.options import SolverOptions
from spinepnp.solvers.model.regions import Region
from spinepnp.solvers.model.terms import TERM_KEYS
from spinepnp.units import Coordinate, Table, number_as_si

#: A table, or its keys.
ElectrolyteLike = Electrolyte | dict[str, Any]

#: Boundary conditions by name, as tables or their keys.
BoundariesLike = Mapping[str, Boundary | dict[str, Any]]

#: A table, or its keys.
ClosedLike = Closed | dict[str, Any]

#: A table, or its keys.
OptionsLike = SolverOptions | dict[str, Any]

#: A table, or its keys.
InitialLike = Initial | dict[str, Any]

#: Compartments by name, as tables or their keys.
CompartmentsLike = Mapping[str, Compartment | dict[str, Any]]

#: Coordinate of a probe; plain numbers are in SI, as they have always been in Python.
_Coordinate = Annotated[Coordinate, BeforeValidator(number_as_si)]


class Arguments(Table):
    """Arguments of a problem, by the names of their tables in a case.

    Attributes:
        electrolyte: species and medium.
        boundaries: boundary conditions by name.
        closed: amounts of species that no boundary prescribes.
        solver: options of the solvers.
        probes: points at which solutions are evaluated, m, or places of the shape, by name.
        regions: parts of the volume by name.
        initial: concentrations at the start of a transient, where they are not those of the bulk.
        compartments: well-stirred solutions beyond boundaries, by name.
    """

    electrolyte: Electrolyte
    boundaries: dict[str, Boundary]
    closed: Closed | None = None
    solver: SolverOptions = SolverOptions()
    probes: dict[str, tuple[_Coordinate, _Coordinate, _Coordinate] | str] = Field(default_factory=dict)
    regions: dict[str, Region] = Field(default_factory=dict)
    initial: Initial | None = None
    compartments: dict[str, Compartment] | None = None


def checked_arguments(
    electrolyte: ElectrolyteLike,
    boundaries: BoundariesLike,
    closed: ClosedLike | None = None,
    options: OptionsLike | None = None,
    probes: Mapping[str, Any] | None = None,
    regions: Mapping[str, Any] | None = None,
    initial: InitialLike | None = None,
    compartments: CompartmentsLike | None = None,
) -> Arguments:
    """Arguments of a problem as tables; ``None`` stands for the default.

    Args:
        electrolyte: electrolyte, or a dictionary of its keys.
        boundaries: boundary conditions by name, or dictionaries of their keys.
        closed: table [closed], or a dictionary of its keys; ``None`` without one.
        options: options of the solvers, or a dictionary of them; ``None`` for the default ones.
        probes: positions of points, or places of the shape, by name; ``None`` without points.
        regions: regions by name, or dictionaries of their keys; ``None`` without regions.
        initial: table [initial], or a dictionary of its keys; ``None`` without one.
        compartments: compartments by name, or dictionaries of their keys; ``None`` without compartments.

    Raises:
        CaseError: the first thing that is wrong with one of them, with its key in a case file.
    """
    given = {
        "electrolyte": electrolyte,
        "boundaries": boundaries,
        "closed": closed,
        "solver": options,
        "probes": probes,
        "regions": regions,
        "initial": initial,
        "compartments": compartments,
    }
    return validated({key: value for key, value in given.items() if value is not None}, Arguments)


def check_kind(boundaries: Mapping[str, Boundary], *, transient: bool) -> None:
    """Refuse what belongs to the other kind of problem, steady or transient.

    Raises:
        CaseError: a waveform in a steady problem, or a condition of steady states in a transient.
    """
    for name, boundary in boundaries.items():
        for term in TERM_KEYS:
            for key, table in term.waveforms_by_path(f"boundaries.{name}", boundary).items():
                if table.waveform != "constant" and not transient:
                    problem = "goes in time, and a steady problem does not; use a TransientProblem, or drop it"
                    raise CaseError(f"{key}.waveform", problem, table.waveform)
            if transient and term.steady_only and term.at_boundary(boundary):
                raise CaseError(f"boundaries.{name}.{term.key}", "belongs to a steady state; drop it")
