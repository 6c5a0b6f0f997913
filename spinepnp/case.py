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
from typing import Annotated, Any, Literal

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
from spinepnp.solvers.regions import Region
from spinepnp.solvers.stimuli import STEPS_A_PERIOD
from spinepnp.units import Coordinate, Duration, Kind, Number, Table, Time, Whole, kind_of_quantity
from spinepnp.validation.laws import LAWS, LawValue

#: Keys that can hold the path of a file; an asterisk stands for any key, and lists are entered.
FILES = ("geometry.file", "geometry.profile", "boundaries.*.current.file", "boundaries.*.channel.file")

#: Shortest transient, s; most steps that a sine may ask for; and shortest pulse over the duration.
SHORTEST, MOST_STEPS, SHORTEST_PULSE = 1e-15, 1e6, 1e-9

#: Outputs of a transient that lists no times.
OUTPUTS = 20

#: Defaults of a transient.
TRANSIENT = {"tolerance": 1e-4, "initial": "bulk", "record": "steps", "fields": "times", "checkpoint_minutes": 1.0}

#: A case file larger than this is not one.
LARGEST_FILE = 4_000_000


class Study(Table):
    """What to do with the model.

    Attributes:
        kind: "steady" solves once, "sweep" once for each value, "transient" goes in time (once, or for each value).
        vary: dotted path of the key that is varied, for example "boundaries.top.current.value".
        values: the values that it takes, as they would stand in the case file.
        duration: of a transient, s.
        times: that its steps end at, and that it gives fields at, s; twenty even ones by default.
        tolerance: of the error of each step: of concentrations over their largest value, of the potential over V_T.
        initial: state at its start: "bulk", or the "steady" state before any waveform begins.
        record: rows of observables at all "steps", or at the "times" only.
        fields: whether fields are kept at the "times", or "none".
        checkpoint_steps: steps after which all is kept that a restart needs.
        checkpoint_minutes: the same by the clock.
    """

    kind: Literal["steady", "sweep", "transient"] = "steady"
    vary: str | None = None
    values: tuple[str | int | float | bool | tuple[str, ...], ...] | None = None
    duration: Duration | None = None
    times: Annotated[tuple[Time, ...], Field(min_length=1)] | None = None
    tolerance: Annotated[Number, Field(gt=1e-12, le=0.1)] | None = None
    initial: Literal["bulk", "steady"] | None = None
    record: Literal["steps", "times"] | None = None
    fields: Literal["times", "none"] | None = None
    checkpoint_steps: Annotated[Whole, Field(ge=1)] | None = None
    checkpoint_minutes: Annotated[Number, Field(gt=0.0)] | None = None

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
        if (self.vary is None) != (not self.values):
            raise ValueError('vary = "path.of.a.key" and values = [...] belong together; give both')
        return self

    @model_validator(mode="after")
    def _transient_is_whole(self) -> Study:
        given = [
            name for name in ("duration", "times", *TRANSIENT, "checkpoint_steps") if getattr(self, name) is not None
        ]
        if self.kind != "transient" and given:
            raise ValueError(f'{given[0]} belongs to a transient; set kind = "transient" or drop it')
        if self.kind == "transient" and self.duration is None:
            raise ValueError('a transient needs duration = "100 ms"; add it')
        if self.duration is not None and self.duration < SHORTEST:
            raise ValueError("the duration is shorter than a millionth of a nanosecond; make it longer")
        if self.duration is not None and max(self.times or (0.0,)) > self.duration:
            raise ValueError(
                "one of the times lies behind the end of the transient; make the duration longer, or drop it"
            )
        return self

    def single(self) -> Study:
        """The same for one value, which is in the case."""
        return self.model_copy(update={"vary": None, "values": None})

    def resolved(self) -> Study:
        """The same with the defaults of a transient."""
        if self.kind != "transient" or self.duration is None:
            return self
        update: dict[str, Any] = {name: value for name, value in TRANSIENT.items() if getattr(self, name) is None}
        even = tuple(float(f"{(i + 1) / OUTPUTS * self.duration:.15g}") for i in range(OUTPUTS))
        return self.model_copy(update={**update, "times": tuple(sorted(set(self.times or even)))})


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
        table = _only(table, key)
        if _is_itself(table, key):
            continue
        item = _item(table, key, path)
        if isinstance(table, dict) and item not in table:
            table[item] = {}
        table = table[item]
    table = _only(table, keys[-1])
    table[_item(table, keys[-1], path)] = value


def _only(table: Any, key: str) -> Any:
    """The only table of a list, where the key is one of its keys: one current or channel may stand with or without."""
    alone = isinstance(table, list) and len(table) == 1 and isinstance(table[0], dict) and key in table[0]
    return table[0] if alone else table


def _is_itself(table: Any, key: str) -> bool:
    """Whether the key names the table at hand, as it would in a list: by its number or species."""
    return isinstance(table, dict) and "species" in table and key not in table and key in ("0", table["species"])


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
        *names, key = path.split(".")
        for table in _tables_at(data, names):
            if key in table:
                table[key] = found(table[key])
    study = data.get("study")
    if isinstance(study, dict) and study.get("vary") in FILES and isinstance(study.get("values"), list):
        study["values"] = [found(value) for value in study["values"]]


def _tables_at(data: Any, names: list[str]) -> list[dict[str, Any]]:
    """All tables at a path of keys; an asterisk is any key, and lists are entered."""
    if isinstance(data, list):
        return [table for item in data for table in _tables_at(item, names)]
    if not isinstance(data, dict):
        return []
    if not names:
        return [data]
    first, *rest = names
    inner = data.values() if first == "*" else [data[first]] if first in data else []
    return [table for item in inner for table in _tables_at(item, rest)]


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
