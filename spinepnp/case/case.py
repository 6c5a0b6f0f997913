"""Cases: the tables of a case file together, the checks between them, and the data of a solve.

`load_case` gives a checked `Case`, in which every default is filled in and every quantity is SI.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import Field, PrivateAttr

from spinepnp.case.presets import ShortForm, expand_presets
from spinepnp.case.study import Study
from spinepnp.case.time_checks import check_time
from spinepnp.case.toml import check_kind, missing_part, parse_override, read_tables, read_text, set_value
from spinepnp.errors import CaseError, nearest
from spinepnp.geometries import SHAPES, AnyGeometry
from spinepnp.geometries.base import Position
from spinepnp.geometries.names import check_name
from spinepnp.meshes.options import MeshOptions
from spinepnp.messages import validated
from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.model.closed import Closed
from spinepnp.solvers.model.compartments import Compartment
from spinepnp.solvers.model.default_grading import grade_layers
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.initial import STEADY_START, STEADY_STARTS, Initial
from spinepnp.solvers.model.options import SolverOptions
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.regions import Region
from spinepnp.solvers.model.terms import TERM_KEYS
from spinepnp.solvers.model.zero_dimensions import initial_rest
from spinepnp.units import Coordinate, Line, Table
from spinepnp.validation.laws.catalogue import LAWS, LawValue
from spinepnp.validation.laws.profiles import LawProfile, law_profile

#: Tables whose keys a sweep can vary.
VARIED = ("geometry", "mesh", "electrolyte", "boundaries", "closed", "compartments", "initial", "solver")


class Compare(Table):
    """Analytic law that the result is compared with.

    Attributes:
        law: its name; `spinepnp list laws` says what each wants of the case.
    """

    law: str


class MeshCase(Table):
    """The part of a case file that makes its mesh, and is enough for the verb `mesh`.

    Examples:
        >>> from spinepnp.case import MeshCase
        >>> case = MeshCase(geometry={"shape": "cylinder", "length": "1 um", "radius": "100 nm"})
        >>> case.resolved().mesh.size  # m
        2.5e-08

    Attributes:
        title: title in one line, for tables and pictures.
        geometry: shape of the domain.
        mesh: options of its mesh.
        electrolyte: ions and medium; where they are given, regions of fixed charge grade the mesh.
    """

    title: Line = ""
    geometry: AnyGeometry
    mesh: MeshOptions = MeshOptions()
    electrolyte: Electrolyte | None = None

    def check(self) -> None:
        """Check that the tables agree with each other.

        Raises:
            CaseError: names the key and what to do.
        """
        if self.electrolyte is not None:
            self.electrolyte.check()
        self.mesh.sizes(self.geometry)

    def resolved(self) -> MeshCase:
        """Case with its defaults filled in."""
        return self.model_copy(update={"mesh": self.mesh.resolved(self.geometry)})

    def graded(self) -> MeshCase:
        """Case with the default grading of its mesh; nothing is known of its boundaries."""
        if self.electrolyte is None:
            return self
        return self.model_copy(update={"mesh": grade_layers(self.mesh, self.geometry, self.electrolyte)})


#: Size of linear elements over the default size of the shape, where quadratic ones are the default, by dimension: about
#: as many unknowns.
LINEAR_SIZE = {"axisymmetric": 0.5, "3d": 1.0, "1d": 1.0}


class Case(Table):
    """A whole case file.

    Examples:
        >>> from spinepnp.case import Case
        >>> ions = [
        ...     {"name": name, "valence": z, "diffusivity": "200 um^2/s", "concentration": "150 mM"}
        ...     for name, z in (("Na", 1), ("Cl", -1))
        ... ]
        >>> case = Case(
        ...     geometry={"shape": "cylinder", "length": "1 um", "radius": "100 nm"},
        ...     electrolyte={"species": ions},
        ...     boundaries={
        ...         "base": {"potential": "0 mV", "concentrations": "bulk"},
        ...         "top": {"current": {"species": "Na", "value": "50 pA"}},
        ...     },
        ...     study={"kind": "sweep", "vary": "geometry.radius", "values": ["75 nm", "100 nm"]},
        ... )
        >>> case.check()
        >>> [point.geometry.radius for point in case.points()]  # m
        [7.5e-08, 1e-07]

    Attributes:
        title: in one line, for tables and pictures.
        geometry: the body.
        mesh: how it is meshed.
        electrolyte: ions and medium.
        boundaries: what is imposed, by the name of the boundary; one that is not listed is reflecting.
        closed: amounts of species that no boundary holds; an empty table is enough.
        compartments: well-stirred solutions beyond boundaries, by a name of yours.
        initial: concentrations at the start of a transient, where they are not those of the bulk.
        study: what is done with it.
        probes: points x, y, z by a name of yours, at which the solution is given as `probes.NAME`, m; or places of the
            shape, which move with its lengths: "head" and "neck" of a ball_neck, "middle" of necks and pores, "centre"
            of balls.
        regions: parts of the volume by a name of yours, whose means and extremes are given as `regions.NAME`.
        compare: the law with which the result is compared.
        solver: how it is solved.
        presets: origin of tables that presets gave, by their path; written by the program.
    """

    title: Line = ""
    geometry: AnyGeometry
    mesh: MeshOptions = MeshOptions()
    electrolyte: Electrolyte
    boundaries: dict[str, Boundary] = Field(default_factory=dict)
    closed: Closed | None = None
    compartments: dict[str, Compartment] | None = None
    initial: Initial | None = None
    study: Study = Study()
    probes: dict[str, tuple[Coordinate, Coordinate, Coordinate] | str] = Field(default_factory=dict)
    regions: dict[str, Region] = Field(default_factory=dict)
    compare: Compare | None = None
    solver: SolverOptions = SolverOptions()
    presets: dict[str, Line] | None = None
    _short: ShortForm = PrivateAttr(default_factory=ShortForm)

    def check(self) -> None:
        """Check that the tables agree with each other.

        Raises:
            CaseError: names the key and what to do.
        """
        self.problem_data.check(self.geometry, self.solver.formulation)
        check_time(
            self.study, self.electrolyte, self.boundaries, self.compare.law if self.compare else None,
            self.solver.formulation,
        )  # fmt: skip
        if self.initial is not None and self.study.initial in STEADY_STARTS:
            raise CaseError("initial", STEADY_START.format(self.study.initial))
        if self.study.initial in STEADY_STARTS:
            initial_rest(self.problem_data).check(self.geometry, self.solver.formulation)
        self.mesh.sizes(self.geometry)
        self._check_names()
        if self.compare is not None:
            if self.compare.law not in LAWS:
                raise CaseError("compare.law", f"no such law; {nearest(self.compare.law, LAWS)}", self.compare.law)
            self.law()

    def _check_names(self) -> None:
        """Check the names of probes and regions, and the boundaries that regions exclude."""
        seen = {"volume", "law", *self.geometry.boundaries_of(self.boundaries)}
        for name in self.probes:
            check_name("probes", name, seen)
            self.probe_position(name)
        for name, region in self.regions.items():
            check_name("regions", name, seen)
            for excluded in region.exclude:
                if excluded not in self.geometry.boundaries:
                    raise CaseError(
                        f"regions.{name}.exclude",
                        f"no such boundary; {nearest(excluded, self.geometry.boundaries)}",
                        excluded,
                    )

    def probe_position(self, name: str) -> Position:
        """Position (x, y, z) of a probe, m, also of one that is given by a place of the shape.

        Raises:
            CaseError: the shape has no such place.
        """
        return self.geometry.position(self.probes[name], f"probes.{name}")

    @property
    def problem_data(self) -> ProblemData:
        """Data of a solve."""
        transient = self.study.kind == "transient"
        return ProblemData(
            self.electrolyte, self.boundaries, self.closed, transient=transient, initial=self.initial,
            compartments=self.compartments or {},
        )  # fmt: skip

    @property
    def model_key(self) -> tuple[Any, ...]:
        """Key of mesh and compiled equations: cases that share it differ in values only."""
        named = (*self.probes.items(), *self.regions.items())
        sides = [name for name in self.geometry.sides if name in self.boundaries]
        return (self.geometry, self.mesh, self.solver, self.problem_data.signature, *named, *sides)

    def resolved(self) -> Case:
        """Case with its defaults filled in; those that depend on what a sweep varies are left to each value."""
        vary = self.study.vary or ""
        update: dict[str, Any] = {}
        if not vary.startswith("geometry."):
            update["mesh"] = self._mesh_of_time.resolved(self.geometry)
        if vary != "electrolyte.temperature":
            update["electrolyte"] = self.electrolyte.resolved()
        if self.study.kind == "transient":
            update["study"] = self.study.resolved()
        return self.model_copy(update=update)

    @property
    def _mesh_of_time(self) -> MeshOptions:
        """Mesh options with linear elements for fronts of species that react: quadratic ones undershoot there."""
        in_time = self.study.kind == "transient" and self.electrolyte.has_chemistry
        if not in_time or self.mesh.element_degree is not None:
            return self.mesh
        update: dict[str, Any] = {"element_degree": 1}
        if self.mesh.size is None and self.geometry.default_degree() == 2:
            update["size"] = LINEAR_SIZE[self.geometry.dimension] * self.geometry.default_size()
        return self.mesh.model_copy(update=update)

    def graded(self) -> Case:
        """Checked case with the default grading of its mesh."""
        planes = self.initial.planes if self.initial is not None else ()
        mesh = grade_layers(self.mesh, self.geometry, self.electrolyte, self.boundaries, self.closed, planes)
        return self.model_copy(update={"mesh": mesh})

    @property
    def grading_varies(self) -> bool:
        """Whether a sweep varies what the default grading depends on: it is then left to each value."""
        if self.study.vary is None:
            return False
        keys = self.study.vary.split(".")
        of_boundaries = {key for term in TERM_KEYS for key in term.grading_keys}
        return keys[0] not in ("boundaries", "solver") or not of_boundaries.isdisjoint(keys)

    def law(self) -> LawValue | None:
        """Answer of the law of [compare] to the case, if there is one.

        Raises:
            CaseError: the case does not meet the assumptions of the law.
        """
        if self.compare is None:
            return None
        return LAWS[self.compare.law](self.geometry, self.electrolyte, self.boundaries)

    def law_profile(self) -> LawProfile | None:
        """Profile along the axis of the law of [compare], if there is one that has profiles; none of a transient."""
        value = self.law() if self.study.kind != "transient" else None
        if value is None or self.compare is None:
            return None
        return law_profile(self.compare.law, value, self.geometry, self.electrolyte, self.boundaries)

    @property
    def shown_boundaries(self) -> list[str]:
        """Boundaries whose potential a user wants to see: with a driven flow or a load, else with data, else all."""
        moving = [n for n, b in self.boundaries.items() if b.driven or b.load is not None]
        return moving or list(self.boundaries) or list(self.geometry.boundaries)

    def to_dict(self) -> dict[str, Any]:
        """The case as it stands in a TOML file: quantities as text, nothing that is unset.

        Buffers of a preset stand there as species and reactions, unless the case itself varies its electrolyte.
        """
        tables = self.model_dump(mode="json", exclude_none=True)
        return self._short.restored(tables) if _is_of_electrolyte(self.study.vary or "") else tables

    def to_toml(self) -> str:
        """The resolved case as TOML; reading it again gives the same case."""
        return tomli_w.dumps(self.to_dict())

    def with_value(self, path: str, value: object) -> Case:
        """Checked case with one key changed.

        Raises:
            CaseError: no such key, or a value that it cannot take.
        """
        data = self.to_dict()
        if _is_of_electrolyte(path):  # buffers are in equilibrium with what is changed
            data = copy.deepcopy(self._short.restored(data))
        set_value(data, path, value)
        return make_case(data)

    def points(self) -> list[Case]:
        """The cases to solve: one a sweep value, or just this one; each of them checked.

        Raises:
            CaseError: a value that the varied key cannot take.
        """
        if self.study.vary is None or self.study.values is None:
            return [self]
        root = self.study.vary.split(".")[0]
        if root not in VARIED:
            raise CaseError("study.vary", f"cannot be varied; {nearest(root, VARIED)}", self.study.vary)
        try:
            return [self.with_value(self.study.vary, value).graded() for value in self.study.values]
        except CaseError as error:
            missing = missing_part(self.to_dict(), self.study.vary)
            if not missing or error.problem.startswith("unknown key; did you mean"):
                raise
        raise CaseError(
            "study.vary",
            f"leads through {missing}, which is not there; add it, vary another key, or remove study.vary "
            "and study.values",
            self.study.vary,
        )


def _is_of_electrolyte(path: str) -> bool:
    return path.split(".")[0] == "electrolyte"


def make_case(data: dict[str, Any]) -> Case:
    """A checked case from plain data.

    Raises:
        CaseError: the first thing that is wrong with it.
    """
    return _made(data, Case)


def _made[Kind: (Case, MeshCase)](data: dict[str, Any], kind: type[Kind]) -> Kind:
    """A checked case, or what only makes a mesh, from plain data."""
    if isinstance(data.get("geometry"), dict):
        shape = data["geometry"].get("shape")
        if shape is None:
            raise CaseError("geometry.shape", f"is missing; {nearest('', SHAPES)}")
        if not isinstance(shape, str) or shape not in SHAPES:
            raise CaseError("geometry.shape", f"no such shape in this version; {nearest(str(shape), SHAPES)}", shape)
    data, origins, short = expand_presets(data)
    if origins and kind is Case:
        before = data.get("presets")
        data["presets"] = {**(before if isinstance(before, dict) else {}), **origins}
    case = validated(data, kind)
    if isinstance(case, Case):
        case._short = short
    case.geometry.check()
    case = case.resolved()
    case.check()
    return case if isinstance(case, Case) and case.grading_varies else case.graded()


def make_mesh_case(data: dict[str, Any]) -> MeshCase:
    """A checked shape with its mesh options from plain data.

    Raises:
        CaseError: the first thing that is wrong with it.
    """
    return _made(data, MeshCase)


def read_case(text: str, name: str, overrides: Iterable[tuple[str, object]] = ()) -> Case:
    """A checked case from TOML text; see `read_tables`.

    Args:
        text: text of a case file.
        name: name of the text in errors.
        overrides: dotted paths of keys that are changed, with their values.

    Raises:
        CaseError: malformed TOML, or the first thing that is wrong with the case.
    """
    return make_case(read_tables(text, name, overrides))


def _load(path: Path, overrides: Iterable[str], removals: Iterable[str]) -> dict[str, Any]:
    data = read_tables(read_text(path), str(path), [parse_override(o) for o in overrides], path.parent, removals)
    check_kind(data, str(path), "case")
    return data


def load_case(path: Path, overrides: Iterable[str] = (), removals: Iterable[str] = ()) -> Case:
    """Read and check a case file (TOML).

    Args:
        path: path of the file.
        overrides: ``key=value`` texts that change keys.
        removals: dotted paths of keys that are removed before.

    Raises:
        CaseError: anything that is wrong with it.
    """
    return make_case(_load(path, overrides, removals))


def load_mesh_case(path: Path, overrides: Iterable[str] = (), removals: Iterable[str] = ()) -> Case | MeshCase:
    """Read and check a case file for its mesh alone; without boundaries it needs no more than the tables of a mesh.

    Args:
        path: path of the file.
        overrides: ``key=value`` texts that change keys.
        removals: dotted paths of keys that are removed before.

    Raises:
        CaseError: anything that is wrong with it.
    """
    data = _load(path, overrides, removals)
    return make_case(data) if {"boundaries", "closed"} & set(data) else make_mesh_case(data)
