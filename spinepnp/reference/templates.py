"""Templates of case files for every shape, which `spinepnp new` prints.

A file is a list of lines; those of an alternative are comments until it is chosen, which a user does by hand and the
tests by `write`, so that every alternative is known to work.
"""

from __future__ import annotations

import json
import os
import shutil
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from spinepnp.case.study import Study
from spinepnp.errors import CaseError, nearest, reason_of
from spinepnp.geometries import SHAPES, Geometry
from spinepnp.geometries.rings import Ringed
from spinepnp.geometries.shapes.ball_neck import BallNeck
from spinepnp.meshes.options import MeshOptions
from spinepnp.reference.describe import drawing_of, keys_of, summary_of
from spinepnp.reference.living_template import LIVING, living_membrane
from spinepnp.reference.template_lines import WIDTH, Line, as_toml, rows
from spinepnp.reference.template_values import SURFACE, Starter, starter_of
from spinepnp.runtime.ranks import rank_from_launcher
from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.model.channels import Channel
from spinepnp.solvers.model.closed import Closed
from spinepnp.solvers.model.electrolyte import Electrolyte, Species
from spinepnp.solvers.model.initial import InitialRegion
from spinepnp.solvers.model.membrane.mechanism import Mechanism
from spinepnp.solvers.model.options import SolverOptions
from spinepnp.solvers.model.terms.injection import Injection
from spinepnp.units import LENGTH, format_quantity

#: Comment at the top of each template.
HOW_TO = (
    "It runs as it is: ./spine run FILE. What it means, without solving: ./spine check FILE. A line that begins with "
    '"# key =" or "# [table]" is an alternative: take its "# " away, and put one before what it stands instead of. '
    "Every key: docs/keys.md, or ./spine list keys. For help in an editor: ./spine list schema > case.schema.json, "
    'and "#:schema ./case.schema.json" as first line of this file.'
)

#: Conditions of a grounded boundary.
GROUND = {"potential": "0 mV", "concentrations": "bulk"}

#: Comments on these conditions.
GROUND_NOTES = {"potential": "held here", "concentrations": 'held here; or "absorbing", or { Na = "12 mM", ... }'}


def write(shape: str, chosen: Iterable[str] = (), surface: str = "") -> str:
    """The text of a case file.

    Args:
        shape: name of the shape in a case file.
        chosen: alternatives that are not comments.
        surface: path of its surface, if it has one; the way from the current directory to that of the checkout by
            default.

    Raises:
        CaseError: no such shape.
    """
    if not shape:
        raise CaseError("new", f"needs the name of a shape; {nearest('', SHAPES)}")
    if shape not in SHAPES:
        raise CaseError("new", f"no such shape; {nearest(shape, SHAPES)}", shape)
    starter = starter_of(shape)
    if "file" in starter.sizes:
        surface = surface or (os.path.relpath(SURFACE) if SURFACE.is_file() else SURFACE.name)
        starter = replace(starter, sizes=starter.sizes | {"file": surface})
    lines = [line.written(set(chosen)) for line in _lines(SHAPES[shape], starter)]
    return "\n".join(lines).strip() + "\n"


def new_case(shape: str, output: Path | None, *, force: bool) -> int:
    """Print the case file of a shape, or write it, with a copy of its surface beside it if it has one.

    Args:
        shape: name of the shape in a case file.
        output: path of the new file; ``None`` prints it.
        force: whether a case file that `new` has made is replaced.

    Returns:
        Exit code 0.

    Raises:
        CaseError: no such shape, a file that is there, or one that cannot be written.
    """
    if rank_from_launcher() > 0:
        return 0
    if output is None:
        print(write(shape), end="")
        return 0
    text, made = write(shape, surface=SURFACE.name), [output]
    try:
        if output.is_dir():
            raise CaseError("--output", "is a folder; give the name of a file", str(output))
        if output.exists():
            if not force:
                raise FileExistsError
            if not _is_ours(output):
                raise CaseError("--output", "was not made by new; remove it, or give another name", str(output))
        if "file" in starter_of(shape).sizes and SURFACE.is_file():
            made.append(_with_surface(output))
        with output.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise CaseError("--output", "exists; give another name, or --force to replace it", str(output)) from None
    except OSError as error:
        raise CaseError("--output", f"cannot be written ({reason_of(error)}); give another name", str(output)) from None
    print(*made, f"next: ./spine run {output}", sep="\n")
    return 0


def _is_ours(path: Path) -> bool:
    """Whether a file was made by `new`, changed since or not: it begins with its comments."""
    try:
        return HOW_TO.split(" FILE")[0] in path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False


def _with_surface(output: Path) -> Path:
    """Copy the surface of the checkout beside a case file, so that both can go elsewhere."""
    copy = output.with_name(SURFACE.name)
    if copy.exists() and copy.read_bytes() == SURFACE.read_bytes():
        return copy
    if copy.exists():
        problem = f"its surface {SURFACE.name} goes beside it, where there is another one; give another folder"
        raise CaseError("--output", problem, str(output))
    shutil.copyfile(SURFACE, copy)
    return copy


def alternatives(shape: str) -> list[str]:
    """Names of all alternatives that a shape's file has."""
    lines = list(_lines(SHAPES[shape], starter_of(shape)))
    return list(dict.fromkeys(name for line in lines for name in line.only))


def named_boundaries(shape: str) -> list[str]:
    """Boundaries of a shape with everything that it can have."""
    starter, kind = starter_of(shape), SHAPES[shape]
    if "file" in kind.model_fields:  # its own names, and the rest
        return [*(patch["name"] for patch in starter.sizes["patches"]), "wall"]
    return list(kind.model_validate(starter.sizes | starter.options).boundaries)


def places_of(shape: str) -> list[str]:
    """Places of a shape for probes."""
    kind = SHAPES[shape]
    return [] if "file" in kind.model_fields else list(kind.model_validate(starter_of(shape).sizes).places())


def _lines(shape: type[Geometry], starter: Starter) -> Iterator[Line]:
    yield from _head(shape)
    yield Line(f"title = {json.dumps(starter.title)}")
    yield from _geometry(shape, starter)
    yield from _mesh(shape, starter)
    yield from _electrolyte(starter)
    yield from _boundaries(shape, starter)
    yield from _study(starter)
    yield from _outputs(shape, starter)


def _head(shape: type[Geometry]) -> Iterator[Line]:
    name = shape.model_fields["shape"].default
    how_to = textwrap.wrap(HOW_TO.replace("FILE", f"{name}.toml"), WIDTH - 2, break_on_hyphens=False)
    for part in (summary_of(shape), "", *drawing_of(shape).split("\n"), "", *how_to):
        yield Line(f"# {part}".rstrip())
    yield Line("")


def _geometry(shape: type[Geometry], starter: Starter) -> Iterator[Line]:
    yield from (Line(""), Line("[geometry]"))
    name = shape.model_fields["shape"].default
    options, named = dict(starter.options), (starter.ground, starter.injector, starter.wall)
    if "axisymmetric" in shape.dimensions:
        options["dimension"] = "axisymmetric"
    values = {"shape": name, **starter.sizes, **options}
    shown = {"rings": "channels"} if issubclass(shape, BallNeck) else {}
    only = {key: (shown.get(key, key),) for key in options}
    notes = {
        "shape": "boundaries: " + ", ".join(dict.fromkeys(filter(None, named))),
        "file": "relative to this file, or to the current directory"
        if SURFACE.is_file()
        else "a file of yours; a checkout has one, cases/surfaces/spine.ply",
        "dimension": "the meridian in two dimensions, much faster; or "
        + ", ".join(f'"{dimension}"' for dimension in shape.dimensions if dimension != "axisymmetric"),
    }
    yield from rows(shape, values, only, notes=notes)


def _mesh(shape: type[Geometry], starter: Starter) -> Iterator[Line]:
    yield from (Line(""), Line("[mesh]"))
    values: dict[str, Any] = {}
    if "file" not in shape.model_fields:  # three quarters of the size that the shape has by default
        size = 0.75 * shape.model_validate(starter.sizes).default_size()
        values["size"] = format_quantity(float(f"{size:.2g}"), LENGTH)
    values |= {"element_degree": 2, "refine": 1}
    if starter.grade:
        values["grade"] = {starter.injector: starter.grade}
    yield from rows(MeshOptions, values | starter.mesh, {key: (key,) for key in values if key not in starter.mesh})


def _electrolyte(starter: Starter) -> Iterator[Line]:
    yield from (Line(""), Line("[electrolyte]"))
    region = [{"region": starter.region, "value": "-20 mM"}]
    values = {
        "thermal_voltage": "25.26 mV", "temperature": "20 degC", "permittivity": 80, "tortuosity": 1.5,
        **({"fixed_charge": region} if starter.ground else {"neutral": False}),
    }  # fmt: skip
    only = {name: (name,) for name in ("temperature", "tortuosity", "fixed_charge")}
    notes = {
        "fixed_charge": "; ".join(filter(None, ("immobile charge between two heights", _no_law(starter)))),
        "temperature": "instead of thermal_voltage",
    }
    yield from rows(Electrolyte, values, only, {"thermal_voltage": ("temperature",)}, notes)
    if not starter.ground:
        yield from _species("P", 1, "200 um^2/s", "0.1 mM")
        return
    with_K = ("K", LIVING) if starter.living else ("K",)
    yield from _species("Na", 1, "200 um^2/s", "150 mM", "12 mM", with_K)
    yield from _species("Cl", -1, "200 um^2/s", "150 mM", "167 mM", with_K)
    yield from _species("K", 1, "200 um^2/s", "155 mM", only=with_K)


def _no_law(starter: Starter) -> str:
    return "drop [compare] then" if starter.law else ""


def _species(
    name: str, valence: int, diffusivity: str, bulk: str, beside_K: str = "", only: tuple[str, ...] = ()
) -> Iterator[Line]:
    """A species, of some alternatives; or one whose concentration is another one in them, where there is potassium."""
    third = only if not beside_K else ()
    yield from (Line(""), Line("[[electrolyte.species]]", "a third one" if third else "", third))
    values = {"name": name, "valence": valence, "diffusivity": diffusivity, "concentration": bulk}
    yield from rows(Species, values, dict.fromkeys(values, third), {"concentration": only if beside_K else ()})
    if beside_K:
        yield Line(f'concentration = "{beside_K}"', "instead, with the K below", only)


def _boundaries(shape: type[Geometry], starter: Starter) -> Iterator[Line]:
    if not starter.ground:
        yield from _closed(starter)
        return
    instead = (LIVING,) if starter.living else ()
    yield from (Line(""), Line(f"[boundaries.{starter.ground}]", "what is not listed is reflecting", (), instead))
    clamp = '{ waveform = "step", value = "10 mV", onset = "1 ms" }'
    load = '{ resistance = "200 MOhm", capacitance = "20 pF" }'
    without = {"potential": ("clamp", "load", *instead), "concentrations": instead}
    yield from rows(Boundary, GROUND, without=without, notes=GROUND_NOTES)
    yield Line(f"potential = {clamp}", "instead, in a transient: a voltage clamp", ("clamp",))
    yield Line(f"load = {load}", "instead: the rest of the cell", ("load",))
    yield from (Line(""), Line(f"[boundaries.{starter.injector}]", "", (), instead))
    current = '{ species = "Na", value = "50 pA" }'
    alpha = '{ species = "Na", waveform = "alpha", value = "50 pA", t_peak = "5 ms" }'
    yield Line(f"current = {current}", "positive charge that enters is positive", (), ("alpha", *instead))
    waveforms = next(key.takes for key in keys_of(Injection) if key.name == "waveform").replace(" or ", ", ")
    drop = f"; {_no_law(starter)}" if starter.law else ""
    yield Line(f"current = {alpha}", f"instead, in a transient{drop}; waveforms: {waveforms}", ("alpha",))
    yield from _wall(starter)
    yield from _mechanism(starter)
    if issubclass(shape, BallNeck):
        yield from _channels()
    elif issubclass(shape, Ringed):
        yield from _ring(starter)
    if starter.living:
        yield from living_membrane(starter)


def _wall(starter: Starter) -> Iterator[Line]:
    if not starter.wall:
        return
    both = ("surface_charge", "capacitance")
    yield from (Line(""), Line(f"[boundaries.{starter.wall}]", _no_law(starter), both))
    values = {"surface_charge": "-0.01 C/m^2", "capacitance": {"value": "0.01 F/m^2", "outside": "-70 mV"}}
    notes = {"capacitance": "instead: a thin membrane, eps dV/dn = C_m (outside - V)"}
    yield from rows(Boundary, values, {name: (name,) for name in both}, notes=notes)


def _mechanism(starter: Starter) -> Iterator[Line]:
    """A leak at every point of the wall."""
    if not starter.wall:
        return
    only = ("mechanism",)
    note = "; ".join(filter(None, ("at every point of the wall", _no_law(starter))))
    yield from (Line(""), Line(f"[[boundaries.{starter.wall}.mechanism]]", note, only))
    values = {"name": "leak", "law": "ohmic", "species": "Na", "conductance": "1 mS/cm^2", "reversal": "-20 mV"}
    notes = {"law": 'or "ghk", "pump": ./spine list mechanisms', "conductance": 'or "1 nS" in total'}
    yield from rows(Mechanism, values, dict.fromkeys(values, only), notes=notes)


def _ring(starter: Starter) -> Iterator[Line]:
    note = "; ".join(filter(None, ("with geometry.rings above", _no_law(starter))))
    yield from (Line(""), Line("[boundaries.ring]", note, ("rings",)))
    yield from rows(Boundary, {"surface_charge": "-0.01 C/m^2"}, {"surface_charge": ("rings",)})


def _channels() -> Iterator[Line]:
    only = ("channels",)
    yield from (Line(""), Line("[[boundaries.ring.channel]]", "with geometry.rings above", only))
    values = {"law": "sigmoid", "species": "Na", "maximum": "10 pA", "half": "5 mV", "slope": "0.5 mV"}
    yield from rows(Channel, values, dict.fromkeys(values, only))


def _closed(starter: Starter) -> Iterator[Line]:
    """A body that nothing enters or leaves, and what makes it an open one."""
    open_ = ("potential",)
    yield from (Line(""), Line("[closed]", "nothing enters or leaves", (), open_))
    yield from rows(Closed, {"amounts": {"P": "5584 ions"}}, without={"amounts": open_})
    yield from (Line(""), Line(f"[boundaries.{starter.wall}]", "instead of [closed]", open_))
    yield from rows(Boundary, GROUND, dict.fromkeys(GROUND, open_), notes=GROUND_NOTES)


def _study(starter: Starter) -> Iterator[Line]:
    path, values = f"boundaries.{starter.injector}.current.value", ["10 pA", "50 pA", "100 pA"]
    if not starter.ground:
        path, values = "closed.amounts.P", ["558.4 ions", "5584 ions"]
    yield from (Line(""), Line("[study]"))
    in_time = ("transient", *(("alpha", "clamp", "initial") if starter.ground else ()), *[LIVING][: starter.living])
    yield Line('kind = "steady"', "solves once", (), ("sweep", *in_time))
    yield Line("")
    sweep = {"kind": "sweep", "vary": path, "values": values}
    yield from rows(Study, sweep, dict.fromkeys(sweep, ("sweep",)), notes={"kind": "instead: once for each value"})
    yield Line("")
    times = {"kind": "transient", "duration": "20 ms", "times": ["1 ms", "5 ms", "20 ms"], "tolerance": 1e-3}
    only = dict.fromkeys(times, in_time)
    yield from rows(Study, times, only, notes={"kind": "instead: in time"})
    if starter.living:
        yield Line('initial   = "rest"', "of a living membrane: all currents through it balance", (LIVING,))
    if starter.ground:
        yield from (Line(""), Line("[[initial.region]]", "of a transient; elsewhere the bulk", ("initial",)))
        region = {"z": list(starter.region), "concentrations": {"Na": "50 mM", "Cl": "50 mM"}}
        yield from rows(InitialRegion, region, dict.fromkeys(region, ("initial",)))


def _outputs(shape: type[Geometry], starter: Starter) -> Iterator[Line]:
    yield from (Line(""), Line("[probes]", "points by a name of yours", ("probe",)))
    place = isinstance(starter.probe, str)
    note = 'a place of the shape, or [x, y, z]: ["0 nm", "0 nm", "20 nm"]' if place else "x, y, z"
    yield Line(f"{starter.probe if place else 'inside'} = {as_toml(starter.probe)}", note, ("probe",))
    yield from (Line(""), Line("[regions]", "parts of the volume, whose means and extremes are given", ("region",)))
    yield Line(f"slice = {as_toml(starter.region)}", "between two heights", ("region",))
    if starter.law:
        spoiled = ("alpha", "fixed_charge", "surface_charge", "capacitance", "mechanism", "obstacle", "rings")
        yield from (Line(""), Line("[compare]", "the result is compared with a law", (), spoiled))
        yield Line(f'law = "{starter.law}"', "./spine list laws", (), spoiled)
    yield from (Line(""), Line("[solver]", "", ("formulation", "linear")))
    values = {"formulation": "log", "linear": "direct"}
    yield from rows(SolverOptions, values, {name: (name,) for name in values})
