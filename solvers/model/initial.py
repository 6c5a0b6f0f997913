"""Initial concentrations of a transient, by region or from a file of fields: the [initial] table."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from spinepnp.errors import CaseError, nearest, reason_of
from spinepnp.geometries import Geometry
from spinepnp.messages import problem_of_choice
from spinepnp.solvers.model.closed import Closed
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.profiles import ROUNDING_OF_HEIGHTS, Planes, refuse_overlap
from spinepnp.units import CONCENTRATION, LENGTH, Concentration, Table, format_quantity

#: Endings of files of fields: those of VTK's formats.
ENDINGS = (".vtu", ".pvtu", ".vtk", ".vtp", ".vti", ".vtr", ".vts")

#: Keys of which [initial] needs one, with examples.
SOURCES = {"region": "region (a list of tables)", "file": 'file = "runs/earlier/fields.vtu"'}

#: Key of the case with the file of fields.
FILE = "initial.file"

#: Values of study.initial that are steady states.
STEADY_STARTS = ("steady", "rest")

#: Reason why a case with [initial] cannot start from a steady state.
STEADY_START = 'gives the concentrations at the start, and so does study.initial = "{}"; drop one of the two'


def array_name(species: str) -> str:
    """Name of the array with the concentration of a species in files of fields."""
    return f"concentration_{CONCENTRATION.suffix}.{species}"


class InitialRegion(Table):
    """Initial concentrations between two planes z = const.

    Attributes:
        z: heights of the lower and of the upper plane, m.
        concentrations: concentrations between them, mol/m^3, by species; one that is not listed has its bulk.
    """

    z: Planes
    concentrations: dict[str, Concentration] = Field(min_length=1)


class Initial(Table):
    """Concentrations at the start of a transient, where they are not those of the bulk.

    Examples:
        >>> from spinepnp.solvers import Initial
        >>> initial = Initial(region=[{"z": ["0.2 um", "0.4 um"], "concentrations": {"T": "2 mM"}}])
        >>> initial.planes  # m
        (2e-07, 4e-07)

    Attributes:
        region: concentrations between planes z = const; outside of all regions they are those of the bulk.
        file: VTK file (in um) with the concentration of each species at its points (in mM), as arrays
            `concentration_mM.NAME` or `NAME`: `fields.vtu` of an earlier run, for example.
    """

    region: Annotated[tuple[InitialRegion, ...], Field(min_length=1)] | None = None
    file: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Initial:
        if problem := problem_of_choice(self, SOURCES):
            raise ValueError(problem)
        return self

    @field_validator("file")
    @classmethod
    def _is_of_vtk(cls, file: str | None) -> str | None:
        if file is not None and Path(file).suffix.lower() not in ENDINGS:
            raise ValueError(f"is no file of VTK; its name must end in one of {', '.join(ENDINGS)}")
        return file

    @property
    def regions(self) -> tuple[InitialRegion, ...]:
        """Regions in the order of their heights; none where a file gives the concentrations."""
        return tuple(sorted(self.region or (), key=lambda r: r.z))

    @property
    def planes(self) -> tuple[float, ...]:
        """Heights at which the concentrations jump, m, rising."""
        return tuple(sorted({z for region in self.regions for z in region.z}))

    def outside(self, planes: tuple[float, float]) -> list[tuple[float, float]]:
        """Parts of the slab between two planes (m) that no region covers, rising."""
        (low, high), parts = planes, []
        for region in self.regions:
            if region.z[0] > low + _rounding(planes):
                parts.append((low, min(region.z[0], high)))
            low = max(low, region.z[1])
        parts.append((low, high))
        return [(bottom, top) for bottom, top in parts if top - bottom > _rounding(planes)]

    def check(self, geometry: Geometry, electrolyte: Electrolyte, closed: Closed | None) -> None:
        """Refuse regions that do not fit the body or the species, and amounts beside them.

        Args:
            geometry: shape of the domain.
            electrolyte: species of the case.
            closed: table [closed], if there is one.

        Raises:
            CaseError: names the key and what to do.
        """
        for name in closed.amounts if closed is not None else ():
            raise CaseError(
                f"closed.amounts.{name}", "follows from the concentrations of [initial]; drop one of the two"
            )
        if self.regions and geometry.dimension == "1d" and geometry.radial:
            raise CaseError("initial.region", "a line along the radius has no planes z = const; use another dimension")
        for number, region in enumerate(self.region or ()):
            _check_place(f"initial.region.{number}.z", region, geometry)
            for name in region.concentrations:
                if name not in electrolyte.names:
                    key = f"initial.region.{number}.concentrations.{name}"
                    raise CaseError(key, f"no such species; {nearest(name, electrolyte.names)}")
            _check_neutral(f"initial.region.{number}.concentrations", region, electrolyte)
        refuse_overlap("initial.region", (region.z for region in self.regions))

    def check_file(self) -> None:
        """Refuse a file that is not there: it is needed at the start only, and not to resume.

        Raises:
            CaseError: it cannot be opened.
        """
        if self.file is None:
            return
        try:
            with Path(self.file).open("rb"):
                pass
        except (OSError, ValueError) as error:
            why = reason_of(error) if isinstance(error, OSError) else "not a path"
            raise CaseError(FILE, f"cannot be read ({why}); give the path of a file of fields", self.file) from None

    def check_logarithms(self) -> None:
        """Refuse concentrations of zero, which have no logarithm.

        Raises:
            CaseError: names the concentration that is zero.
        """
        for number, region in enumerate(self.region or ()):
            for name, value in region.concentrations.items():
                if value == 0.0:
                    raise CaseError(
                        f"initial.region.{number}.concentrations",
                        f'{name} = 0 has no logarithm; use solver.formulation = "density", or a small concentration',
                    )


def _rounding(z: tuple[float, float]) -> float:
    return ROUNDING_OF_HEIGHTS * max(map(abs, z))


def _check_place(key: str, region: InitialRegion, geometry: Geometry) -> None:
    """Refuse planes beyond the ends of the body."""
    heights = [geometry.heights(name) for name in geometry.boundaries]
    low, high = min(bottom for bottom, _ in heights), max(top for _, top in heights)
    rounding = ROUNDING_OF_HEIGHTS * (high - low)
    if region.z[0] < low - rounding or region.z[1] > high + rounding:
        shown = f"[{', '.join(format_quantity(z, LENGTH) for z in region.z)}]"
        ends = f"{format_quantity(low, LENGTH)} and {format_quantity(high, LENGTH)}"
        raise CaseError(key, f"must lie between the ends of the body, {ends}; move the planes inside", shown)


def _check_neutral(key: str, region: InitialRegion, electrolyte: Electrolyte) -> None:
    """Refuse concentrations that are not neutral with the fixed charge anywhere between the planes."""
    (low, high), charged = region.z, electrolyte.charged_regions
    cuts = sorted({low, high, *(z for part in charged for z in part.region if low < z < high)})
    concentrations = electrolyte.bulk | region.concentrations
    for bottom, top in itertools.pairwise(cuts):
        if top - bottom <= _rounding(region.z):
            continue
        middle = 0.5 * (bottom + top)
        by_region = sum(part.value for part in charged if part.region[0] < middle < part.region[1])
        fixed = electrolyte.uniform_charge + by_region
        if electrolyte.neutral and not electrolyte.is_neutral(concentrations, fixed):
            charge = electrolyte.net_charge(concentrations) + by_region
            net = format_quantity(float(f"{charge:.9g}"), CONCENTRATION)
            where = " to ".join(format_quantity(z, LENGTH) for z in (bottom, top))
            raise CaseError(
                key,
                f"the charges sum z c + fixed_charge leave {net} from {where}; change a concentration, cut the region "
                "where the fixed charge changes, or set electrolyte.neutral = false if it is meant",
            )
