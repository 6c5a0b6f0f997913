"""Case files: reading, checking, overriding, resolving.

A case is TOML; quantities are text with units; nothing in it is ever executed. `load_case` gives a checked `Case`, in
which every default is filled in and every quantity is SI.
"""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import Field, ValidationError

from spinepnp.errors import CaseError, nearest, reason_of
from spinepnp.geometries import SHAPES, AnyGeometry
from spinepnp.geometries.names import check_name
from spinepnp.key_paths import find_files, set_value
from spinepnp.meshes.options import MeshOptions
from spinepnp.solvers.boundaries import Boundary
from spinepnp.solvers.closed import Closed
from spinepnp.solvers.electrolyte import Electrolyte
from spinepnp.solvers.imposed import Imposed
from spinepnp.solvers.options import SolverOptions
from spinepnp.solvers.regions import Region
from spinepnp.solvers.stimuli import STEPS_A_PERIOD
from spinepnp.study import MOST_STEPS, SHORTEST_PULSE, Study
from spinepnp.units import Coordinate, Table
from spinepnp.validation.laws import LAWS, LawValue

#: A case file larger than this is not one.
LARGEST_FILE = 4_000_000


class Compare(Table):
    """Which analytic law to hold the result against.

    Attributes:
        law: its name; `spinepnp list laws` says what each wants of the case.
    """

    law: str


class MeshCase(Table):
    """The part of a case file that makes its mesh, and is enough for the verb `mesh`."""

    title: str = ""
    geometry: AnyGeometry
    mesh: MeshOptions = MeshOptions()
    electrolyte: Electrolyte | None = None

    def check(self) -> None:
        """What the tables must agree on.

        Raises:
            CaseError: names the key and what to do.
        """
        if self.electrolyte is not None:
            self.electrolyte.check()
        self.mesh.sizes(self.geometry)

    def resolved(self) -> MeshCase:
        """The same with its defaults filled in."""
        return self.model_copy(update={"mesh": self.mesh.resolved(self.geometry)})


class Case(Table):
    """A whole case file.

    Attributes:
        title: in one line, for tables and pictures.
        geometry: the body.
        mesh: how it is meshed.
        electrolyte: ions and medium.
        boundaries: what is imposed, by the name of the boundary; one that is not listed is reflecting.
        closed: amounts of species that no boundary holds; an empty table is enough.
        study: what is done with it.
        probes: points x, y, z by a name of yours, at which the solution is given as `probes.NAME`, m.
        regions: parts of the volume by a name of yours, whose means and extremes are given as `regions.NAME`.
        compare: the law that the result is held against.
        solver: how it is solved.
    """

    title: str = ""
    geometry: AnyGeometry
    mesh: MeshOptions = MeshOptions()
    electrolyte: Electrolyte
    boundaries: dict[str, Boundary] = Field(default_factory=dict)
    closed: Closed | None = None
    study: Study = Study()
    probes: dict[str, tuple[Coordinate, Coordinate, Coordinate]] = Field(default_factory=dict)
    regions: dict[str, Region] = Field(default_factory=dict)
    compare: Compare | None = None
    solver: SolverOptions = SolverOptions()

    def check(self) -> None:
        """What the tables must agree on.

        Raises:
            CaseError: names the key and what to do.
        """
        self.imposed.check(self.geometry.boundaries, self.solver.formulation)
        self._check_time()
        self.mesh.sizes(self.geometry)
        seen = {"volume", "law", *self.geometry.boundaries}
        for name in self.probes:
            check_name("probes", name, seen)
        for name, region in self.regions.items():
            check_name("regions", name, seen)
            for excluded in region.exclude:
                if excluded not in self.geometry.boundaries:
                    raise CaseError(
                        f"regions.{name}.exclude",
                        f"no such boundary; {nearest(excluded, self.geometry.boundaries)}",
                        excluded,
                    )
        if self.compare is not None:
            if self.compare.law not in LAWS:
                raise CaseError("compare.law", f"no such law; {nearest(self.compare.law, LAWS)}", self.compare.law)
            self.law()

    @property
    def imposed(self) -> Imposed:
        """What a solve takes from it."""
        return Imposed(self.electrolyte, self.boundaries, self.closed, transient=self.study.kind == "transient")

    @property
    def model_key(self) -> tuple[Any, ...]:
        """What its mesh and compiled equations depend on: cases that share it differ in values only."""
        named = (*self.probes.items(), *self.regions.items())
        return (self.geometry, self.mesh, self.solver, self.imposed.structure, *named)

    def _check_time(self) -> None:
        """What goes in time belongs to a transient, and what does not does not.

        Raises:
            CaseError: names the key and what to do.
        """
        transient = self.study.kind == "transient"
        for name, boundary in self.boundaries.items():
            waveforms = [i.waveform for i in boundary.injections if i.waveform != "constant"]
            if waveforms and not transient:
                raise CaseError(
                    f"boundaries.{name}.current.waveform",
                    'goes in time, and the study does not; set study.kind = "transient", or drop it',
                    waveforms[0],
                )
            if transient:
                self._check_pace(name, boundary)
            if boundary.field_matched and transient:
                raise CaseError(f"boundaries.{name}.field_matched", "belongs to a steady state; drop it")
            if self.compare is not None and set(waveforms) - {"step"}:
                raise CaseError(
                    "compare.law",
                    "holds for currents that stay; drop it, or make the waveform a step",
                    self.compare.law,
                )
        empty = [s.name for s in self.electrolyte.species if s.concentration == 0.0]
        if transient and empty and self.solver.formulation == "log":
            raise CaseError(
                "solver.formulation", f'the bulk has no {empty[0]}, and zero no logarithm; use "density"', "log"
            )

    def _check_pace(self, name: str, boundary: Boundary) -> None:
        """Waveforms that steps in time can follow.

        Raises:
            CaseError: names the key.
        """
        key, duration = f"boundaries.{name}.current", self.study.duration or 0.0
        for i in boundary.injections:
            steps = STEPS_A_PERIOD * (i.frequency or 0.0) * min(duration, i.duration or duration)
            if i.waveform == "sine" and steps > MOST_STEPS:
                raise CaseError(
                    f"{key}.frequency",
                    f"would take more than {MOST_STEPS:g} steps; make it lower, or the study shorter",
                )
            if i.waveform == "pulse" and (i.duration or 0.0) < SHORTEST_PULSE * duration:
                raise CaseError(
                    f"{key}.duration", "is less than 1e-9 of the study, too short to be hit; make the study shorter"
                )

    def resolved(self) -> Case:
        """The same with its defaults filled in; those that depend on what a sweep varies are left to each value."""
        vary = self.study.vary or ""
        update: dict[str, Any] = {}
        if not vary.startswith("geometry."):
            update["mesh"] = self.mesh.resolved(self.geometry)
        if vary != "electrolyte.temperature":
            update["electrolyte"] = self.electrolyte.resolved()
        if self.study.kind == "transient":
            update["study"] = self.study.resolved()
        return self.model_copy(update=update)

    def law(self) -> LawValue | None:
        """What the law of [compare] says of the case, if there is one.

        Raises:
            CaseError: the case does not meet the assumptions of the law.
        """
        if self.compare is None:
            return None
        return LAWS[self.compare.law](self.geometry, self.electrolyte, self.boundaries)

    @property
    def shown_boundaries(self) -> list[str]:
        """Boundaries whose potential a user wants to see: where current enters, else all with data, else all."""
        injecting = [n for n, b in self.boundaries.items() if b.injections or b.channels]
        return injecting or list(self.boundaries) or list(self.geometry.boundaries)

    def to_dict(self) -> dict[str, Any]:
        """The case as it stands in a TOML file: quantities as text, nothing that is unset."""
        return self.model_dump(mode="json", exclude_none=True)

    def to_toml(self) -> str:
        """The resolved case as TOML; reading it again gives the same case."""
        return tomli_w.dumps(self.to_dict())

    def with_value(self, path: str, value: object) -> Case:
        """The same case with one key changed, checked.

        Raises:
            CaseError: no such key, or a value that it cannot take.
        """
        data = self.to_dict()
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
        if root not in ("geometry", "mesh", "electrolyte", "boundaries", "closed", "solver"):
            choices = ("geometry", "mesh", "electrolyte", "boundaries", "closed", "solver")
            raise CaseError("study.vary", f"cannot be varied; {nearest(root, choices)}", self.study.vary)
        return [self.with_value(self.study.vary, value) for value in self.study.values]


def parse_override(text: str) -> tuple[str, object]:
    """``key=value`` of the command line; the value is TOML, or plain text where it is not.

    Raises:
        CaseError: no equals sign or no key.
    """
    path, separator, value = text.partition("=")
    if not separator or not path.strip():
        raise CaseError("--set", 'write key=value, for example --set geometry.radius="75 nm"', text)
    return path.strip(), value_of(value)


def value_of(text: str) -> object:
    """A value outside of a TOML file: what TOML would read, or plain text where that is nothing."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError, KeyError):
        return text.strip()


def _key_of(error: Any, data: Any) -> tuple[str, object]:
    """Dotted key and offending value of a pydantic error, in the words of the case file.

    Pydantic's location also names branches of unions; what is not in the file is left out.
    """
    keys: list[str] = []
    table = data
    location = list(error["loc"])
    for position, part in enumerate(location):
        if (isinstance(table, dict) and part in table) or (
            isinstance(table, list) and isinstance(part, int) and part < len(table)
        ):
            keys.append(str(part))
            table = table[part]
        elif position == len(location) - 1 and error["type"] == "missing":
            keys.append(str(part))
    if error["type"] == "unknown_key":
        keys.append(error["ctx"]["key"])
        table = None
    shown = table if isinstance(table, str | int | float | bool) else None
    return ".".join(keys) or "case", shown


def _problem_of(error: Any) -> str:
    """What is wrong, in plain words."""
    if error["type"] == "missing":
        return "is missing; add it"
    message = str(error["msg"])
    for prefix, plain in (
        ("Value error, ", ""),
        ("Input should be a valid ", "must be a "),
        ("Input should ", "must "),
    ):
        if message.startswith(prefix):
            message = plain + message[len(prefix) :]
    message = message.replace("must be a integer", "must be an integer")
    if error["type"] == "too_short":
        message = "must have at least one entry"
    if error["type"] in ("dict_type", "model_type", "model_attributes_type"):
        message = "must be a table"
    return " ".join(message.split())


def make_case(data: dict[str, Any]) -> Case:
    """A checked case from plain data.

    Raises:
        CaseError: the first thing that is wrong with it.
    """
    return _made(data, Case)


def validated[Kind: Table](data: dict[str, Any], kind: type[Kind]) -> Kind:
    """Plain data as tables of a kind.

    Raises:
        CaseError: the first thing that is wrong with it, in the words of the file.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        # An unknown key explains a missing one beside it, so it goes first.
        first = next((e for e in errors if e["type"] == "unknown_key"), errors[0])
        key, value = _key_of(first, data)
        raise CaseError(key, _problem_of(first), value) from None


def _made[Kind: (Case, MeshCase)](data: dict[str, Any], kind: type[Kind]) -> Kind:
    """A checked case, or what only makes a mesh, from plain data.

    Raises:
        CaseError: the first thing that is wrong with it.
    """
    if isinstance(data.get("geometry"), dict):
        shape = data["geometry"].get("shape")
        if shape is None:
            raise CaseError("geometry.shape", f"is missing; {nearest('', SHAPES)}")
        if not isinstance(shape, str) or shape not in SHAPES:
            raise CaseError("geometry.shape", f"no such shape in this version; {nearest(str(shape), SHAPES)}", shape)
    case = validated(data, kind)
    case.geometry.check()
    case = case.resolved()
    case.check()
    return case


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """The tables of TOML text.

    Raises:
        CaseError: it is malformed; ``name`` is how the error calls it.
    """
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and a number of thousands of digits
        raise CaseError(name, f"is not valid TOML: {error}") from None
    except RecursionError:
        raise CaseError(name, "is not valid TOML: nested too deeply") from None


def read_tables(
    text: str, name: str, overrides: Iterable[tuple[str, object]] = (), folder: Path = Path()
) -> dict[str, Any]:
    """The tables of TOML text, unchecked.

    Args:
        text: the file's content.
        name: how errors call it.
        overrides: keys to set, in order.
        folder: to which paths in the case are relative; those that are not found there stay as they are.

    Raises:
        CaseError: malformed TOML, or a path that leads nowhere.
    """
    data = parse_toml(text, name)
    for path, value in overrides:
        set_value(data, path, value)
    find_files(data, folder)
    return data


#: Keys by which a file of each kind is known, and what is done with it.
_KINDS = {
    "case": (("geometry",), "is a case file", "./spine run solves it"),
    "sweep": (("axes",), "is a sweep file", "./spine batch solves it"),
    "validation": (
        ("checks", "neurons"),
        "is a validation case",
        "./spine validate takes its name, without folder and .toml",
    ),
}


def check_kind(data: dict[str, Any], name: str, kind: str) -> None:
    """A file is of the kind that is wanted.

    Args:
        data: its tables.
        name: how errors call it.
        kind: "case", "sweep" or "validation".

    Raises:
        CaseError: it is of another kind.
    """
    if set(_KINDS[kind][0]) & set(data):
        return
    for keys, what, instead in _KINDS.values():
        if set(keys) & set(data):
            raise CaseError(name, f"{what}; {instead}")


def read_case(text: str, name: str, overrides: Iterable[tuple[str, object]] = ()) -> Case:
    """A checked case from TOML text; see `read_tables`.

    Raises:
        CaseError: malformed TOML, or the first thing that is wrong with the case.
    """
    return make_case(read_tables(text, name, overrides))


def read_text(path: Path) -> str:
    """The text of a case file.

    Raises:
        CaseError: it cannot be read, or is no text.
    """
    try:
        status = path.stat()
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)) or status.st_size > LARGEST_FILE:
            raise CaseError(str(path), "is no file, or too large for a case; give the path of a case file")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CaseError(str(path), f"cannot be read ({reason_of(error)}); give the path of a case file") from None
    except UnicodeDecodeError:
        raise CaseError(str(path), "is not a text file; give the path of a case file (TOML)") from None


def _load(path: Path, overrides: Iterable[str]) -> dict[str, Any]:
    data = read_tables(read_text(path), str(path), [parse_override(o) for o in overrides], path.parent)
    check_kind(data, str(path), "case")
    return data


def load_case(path: Path, overrides: Iterable[str] = ()) -> Case:
    """Read and check a case file.

    Args:
        path: of a TOML file.
        overrides: ``key=value`` texts.

    Raises:
        CaseError: anything that is wrong with it.
    """
    return make_case(_load(path, overrides))


def load_mesh_case(path: Path, overrides: Iterable[str] = ()) -> Case | MeshCase:
    """Read and check a case file of which only the mesh is wanted; without boundaries it may be no more than that.

    Raises:
        CaseError: anything that is wrong with it.
    """
    data = _load(path, overrides)
    return make_case(data) if {"boundaries", "closed"} & set(data) else _made(data, MeshCase)
