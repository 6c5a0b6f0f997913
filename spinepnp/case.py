"""Case files: reading, checking, overriding, resolving.

A case is TOML; quantities are text with units; nothing in it is ever executed. `load_case` gives a checked `Case`, in
which every default is filled in and every quantity is SI.
"""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import Field, ValidationError, model_validator

from spinepnp.errors import CaseError, nearest, reason_of
from spinepnp.geometries import SHAPES, AnyGeometry
from spinepnp.geometries.names import check_name
from spinepnp.meshes.options import MeshOptions
from spinepnp.solvers.boundaries import Boundary
from spinepnp.solvers.closed import Closed
from spinepnp.solvers.electrolyte import Electrolyte
from spinepnp.solvers.imposed import Imposed
from spinepnp.solvers.options import SolverOptions
from spinepnp.units import Coordinate, Kind, Table, kind_of_quantity
from spinepnp.validation.laws import LAWS, LawValue

#: Keys that can hold the path of a file.
FILES = ("geometry.file", "geometry.profile")

#: A case file larger than this is not one.
LARGEST_FILE = 4_000_000


class Study(Table):
    """What to do with the model.

    Attributes:
        kind: "steady" solves once, "sweep" once for each value.
        vary: dotted path of the key that a sweep varies, for example "boundaries.top.current.value".
        values: the values that it takes, as they would stand in the case file.
    """

    kind: Literal["steady", "sweep"] = "steady"
    vary: str | None = None
    values: tuple[str | int | float | bool, ...] | None = None

    @property
    def kind_of_values(self) -> Kind | None:
        """Kind of quantity that is varied; ``None`` for plain numbers and words, and where some values are words."""
        kinds = {kind_of_quantity(value) for value in self.values or ()}
        return kinds.pop() if len(kinds) == 1 else None

    @property
    def column(self) -> str:
        """Name of the column with the varied values: the path with its unit."""
        kind = self.kind_of_values
        return str(self.vary) if kind is None else f"{self.vary}_{kind.suffix}"

    @model_validator(mode="after")
    def _sweep_is_whole(self) -> Study:
        if self.kind == "sweep" and (self.vary is None or not self.values):
            raise ValueError('a sweep needs both vary = "path.of.a.key" and values = [...]')
        if self.kind == "steady" and (self.vary is not None or self.values is not None):
            raise ValueError('vary and values belong to a sweep; set kind = "sweep" or drop them')
        return self


class Compare(Table):
    """Which analytic law to hold the result against."""

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
    """A whole case file."""

    title: str = ""
    geometry: AnyGeometry
    mesh: MeshOptions = MeshOptions()
    electrolyte: Electrolyte
    boundaries: dict[str, Boundary] = Field(default_factory=dict)
    closed: Closed | None = None
    study: Study = Study()
    probes: dict[str, tuple[Coordinate, Coordinate, Coordinate]] = Field(default_factory=dict)
    regions: dict[str, tuple[Coordinate, Coordinate]] = Field(default_factory=dict)
    compare: Compare | None = None
    solver: SolverOptions = SolverOptions()

    def check(self) -> None:
        """What the tables must agree on.

        Raises:
            CaseError: names the key and what to do.
        """
        imposed = Imposed(self.electrolyte, self.boundaries, self.closed)
        imposed.check(self.geometry.boundaries, self.solver.formulation)
        self.mesh.sizes(self.geometry)
        seen = {"volume", "law", *self.geometry.boundaries}
        for name in self.probes:
            check_name("probes", name, seen)
        for name, (lower, upper) in self.regions.items():
            check_name("regions", name, seen)
            if lower >= upper:
                raise CaseError(f"regions.{name}", 'the lower end comes first, for example ["1 um", "2 um"]')
        if self.compare is not None:
            if self.compare.law not in LAWS:
                raise CaseError("compare.law", f"no such law; {nearest(self.compare.law, LAWS)}", self.compare.law)
            self.law()

    def resolved(self) -> Case:
        """The same with its defaults filled in; those that depend on what a sweep varies are left to each value."""
        vary = self.study.vary or ""
        update: dict[str, Any] = {}
        if not vary.startswith("geometry."):
            update["mesh"] = self.mesh.resolved(self.geometry)
        if vary != "electrolyte.temperature":
            update["electrolyte"] = self.electrolyte.resolved()
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
        injecting = [n for n, b in self.boundaries.items() if b.injections]
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
        if self.study.kind == "steady":
            return [self]
        assert self.study.vary is not None
        assert self.study.values is not None
        root = self.study.vary.split(".")[0]
        if root not in ("geometry", "mesh", "electrolyte", "boundaries", "closed", "solver"):
            choices = ("geometry", "mesh", "electrolyte", "boundaries", "closed", "solver")
            raise CaseError("study.vary", f"cannot be varied; {nearest(root, choices)}", self.study.vary)
        return [self.with_value(self.study.vary, value) for value in self.study.values]


def _item(table: Any, key: str, path: str) -> Any:
    """The key or index by which ``key`` is found in a table or list (a list by number, or by its items' name)."""
    if isinstance(table, dict):
        return key
    if isinstance(table, list):
        if key.isdecimal() and int(key) < len(table):
            return int(key)
        for position, item in enumerate(table):
            if isinstance(item, dict) and key in (item.get("name"), item.get("species")):
                return position
        known = [str(i.get("name") or i.get("species") or n) for n, i in enumerate(table) if isinstance(i, dict)]
        raise CaseError(path, f"no such entry; {nearest(key, known)}")
    raise CaseError(path, f'"{key}" cannot stand below a plain value')


def set_value(data: dict[str, Any], path: str, value: object) -> None:
    """Set the key at a dotted path, making tables on the way; a list is entered by number or by an entry's name.

    Raises:
        CaseError: the path is malformed or leads through a plain value.
    """
    keys = path.split(".")
    if not all(keys):
        raise CaseError(path or "study.vary", "is not a path of keys such as boundaries.top.current.value")
    table: Any = data
    for key in keys[:-1]:
        item = _item(table, key, path)
        if isinstance(table, dict) and item not in table:
            table[item] = {}
        table = table[item]
    table[_item(table, keys[-1], path)] = value


def parse_override(text: str) -> tuple[str, object]:
    """``key=value`` of the command line; the value is TOML, or plain text where it is not.

    Raises:
        CaseError: no equals sign or no key.
    """
    path, separator, value = text.partition("=")
    if not separator or not path.strip():
        raise CaseError("--set", 'write key=value, for example --set geometry.radius="75 nm"', text)
    try:
        return path.strip(), tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        return path.strip(), value.strip()


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
    try:
        case = kind.model_validate(data)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        # An unknown key explains a missing one beside it, so it goes first.
        first = next((e for e in errors if e["type"] == "unknown_key"), errors[0])
        key, value = _key_of(first, data)
        raise CaseError(key, _problem_of(first), value) from None
    case.geometry.check()
    case = case.resolved()
    case.check()
    return case


def _find_files(data: dict[str, Any], folder: Path) -> None:
    """Let paths that are relative to the case file be so: they become absolute if that file exists."""

    def found(text: object) -> object:
        with suppress(OSError, ValueError):
            if isinstance(text, str) and (folder / text).is_file():
                return str((folder / text).resolve())
        return text

    for path in FILES:
        table: Any = data
        *tables, key = path.split(".")
        for name in tables:
            table = table.get(name) if isinstance(table, dict) else None
        if isinstance(table, dict) and key in table:
            table[key] = found(table[key])
    study = data.get("study")
    if isinstance(study, dict) and study.get("vary") in FILES and isinstance(study.get("values"), list):
        study["values"] = [found(value) for value in study["values"]]


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
    try:
        data = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and a number of thousands of digits
        raise CaseError(name, f"is not valid TOML: {error}") from None
    except RecursionError:
        raise CaseError(name, "is not valid TOML: nested too deeply") from None
    for path, value in overrides:
        set_value(data, path, value)
    _find_files(data, folder)
    return data


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
    return read_tables(read_text(path), str(path), [parse_override(o) for o in overrides], path.parent)


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
