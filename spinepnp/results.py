"""The result directory of the contract: what is written, under which names, in which units.

Only rank 0 writes. Every file appears whole or not at all, so that an interrupted run leaves readable results.
"""

from __future__ import annotations

import csv
import importlib.metadata
import io
import json
import math
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from spinepnp import __version__
from spinepnp.errors import CaseError, OutputError, reason_of
from spinepnp.solvers.problem import Problem
from spinepnp.solvers.solution import PointState, RegionState, Solution, VolumeState
from spinepnp.units import (
    AMOUNT,
    AREA,
    CHARGE,
    CONCENTRATION,
    CURRENT,
    ENERGY,
    LENGTH,
    POTENTIAL,
    RESISTANCE,
    VOLUME,
    Kind,
    to_unit,
)
from spinepnp.validation.laws import LawValue

#: Any of these in a directory means that it holds results.
RESULT_FILES = ("summary.json", "observables.csv", "case.toml", "solver.csv")

#: What else a run writes, beside the fields of its points; nothing but these names is ever replaced.
OTHER_FILES = (
    "fields.vtu", "fields.pvd", "checkpoint.npz", "run.log",
    "potential.png", "profile.png", "iv.png", "sweep.png", "trace.png", "animation.gif",
)  # fmt: skip


def write_atomically(path: Path, content: str | bytes, *, sync: bool = False) -> None:
    """Write a file whole or not at all.

    Args:
        path: of the file.
        content: of the file.
        sync: whether it must be on the disk before the old one goes.

    Raises:
        OutputError: it cannot be written, with the reason.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        if sync:
            with partial.open("rb") as file:
                os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        reason = reason_of(error)
        raise OutputError(f"{path}: cannot be written ({reason}); make room, then continue with --resume") from None


def holds_results(directory: Path) -> bool:
    """Whether a run has left its files in a directory."""
    return any((directory / name).exists() for name in RESULT_FILES)


class ResultDirectory:
    """A directory for the results of one run; made on demand, and removed again if nothing came of it.

    Args:
        path: of the directory.
        force: replace the results that it holds.
        resume: keep them and add to them.

    Raises:
        CaseError: it holds results already, or cannot be written.
    """

    def __init__(self, path: Path, *, force: bool = False, resume: bool = False) -> None:
        if str(path) == ".":
            raise CaseError("--output", "is the current directory; give a directory of its own", str(path))
        self.path = path
        self._replace = False
        try:
            existing = path.exists()
            is_file = existing and not path.is_dir()
        except OSError as error:  # a name too long, for one
            reason = reason_of(error)
            raise CaseError("--output", f"cannot be used ({reason}); give another --output", str(path)) from None
        if is_file:
            raise CaseError("--output", "is a file; give the path of a directory", str(path))
        if existing and holds_results(path) and not resume:
            if not force:
                raise CaseError(
                    "--output",
                    "holds results already; give --resume, --force (replaces them) or another --output",
                    str(path),
                )
            self._replace = True
        self._made = [p for p in (path, *path.parents) if not p.exists()]
        try:
            path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path):
                pass
        except OSError as error:
            self.discard()
            reason = reason_of(error)
            raise CaseError("--output", f"cannot be written ({reason}); give another --output", str(path)) from None

    def check_same_case(self, resolved_case: str) -> None:
        """Refuse to resume a run of another case.

        Raises:
            CaseError: the resolved case that the directory holds differs.
        """
        before = self.path / "case.toml"
        if before.exists() and before.read_bytes() != resolved_case.encode():
            raise CaseError(
                "--resume", "the directory holds results of another case; give another --output", str(self.path)
            )

    def begin(self, resolved_case: str) -> None:
        """Start writing: clear what is replaced, and keep the resolved case."""
        if self._replace:
            folders = [self.path / "points", self.path / "fields"]
            ours = [self.path / name for name in (*RESULT_FILES, *OTHER_FILES)]
            for item in (*ours, *(f for folder in folders for f in folder.glob("[0-9][0-9][0-9][0-9].vtu"))):
                item.unlink(missing_ok=True)
            for point in folders[0].glob("[0-9][0-9][0-9][0-9]"):
                if point.is_dir() and holds_results(point):
                    shutil.rmtree(point)
            for folder in folders:
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
        write_atomically(self.path / "case.toml", resolved_case)

    def discard(self) -> None:
        """Remove the directories that were made for this run, as far as they are empty."""
        for directory in self._made:
            try:
                directory.rmdir()
            except OSError:
                break

    def read_table(self, name: str) -> list[dict[str, str]]:
        """Rows of a CSV table that is there already; none if it is not."""
        path = self.path / name
        if not path.exists():
            return []
        try:
            with path.open(encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))
        except (OSError, ValueError, csv.Error):
            raise CaseError(
                "--resume", "this table cannot be read; give another --output, or --force", str(path)
            ) from None

    def write_table(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Write a CSV table; its columns are those of all rows in the order of their first appearance."""
        columns = list(dict.fromkeys(key for row in rows for key in row))
        columns.sort(key="status".__eq__)  # the status is the last column
        buffer = io.StringIO(newline="")
        writer = csv.DictWriter(buffer, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(self.path / name, buffer.getvalue())

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Write summary.json."""
        write_atomically(self.path / "summary.json", json.dumps(summary, indent=2, allow_nan=False) + "\n")


def finite(value: float) -> float | None:
    """JSON knows no infinity: an infinite length (a bulk without ions) is null."""
    return value if math.isfinite(value) else None


def _concentrations(values: dict[str, float]) -> dict[str, float]:
    return {name: to_unit(value, CONCENTRATION) for name, value in values.items()}


def _named(kind: Kind, quantity: str = "") -> str:
    """``potential_mV``: a quantity with its unit."""
    return f"{quantity or kind.name}_{kind.suffix}"


def _point(state: PointState) -> dict[str, Any]:
    return {
        _named(POTENTIAL): to_unit(state.potential, POTENTIAL),
        _named(CONCENTRATION): _concentrations(state.concentration),
    }


def _region(state: RegionState) -> dict[str, Any]:
    return {
        **_point(state),
        _named(POTENTIAL, "min_potential"): to_unit(state.min_potential, POTENTIAL),
        _named(POTENTIAL, "max_potential"): to_unit(state.max_potential, POTENTIAL),
        _named(CONCENTRATION, "min_concentration"): _concentrations(state.min_concentration),
        _named(CONCENTRATION, "max_concentration"): _concentrations(state.max_concentration),
    }


def _volume(state: VolumeState) -> dict[str, Any]:
    return {
        **_region(state),
        _named(AMOUNT): {name: to_unit(value, AMOUNT) for name, value in state.amount.items()},
        _named(CHARGE): to_unit(state.charge, CHARGE),
        _named(ENERGY, "free_energy"): to_unit(state.free_energy, ENERGY),
    }


def state_of(solution: Solution, law: LawValue | None) -> dict[str, Any]:
    """The physical part of summary.json: boundaries, volume, law.

    Args:
        solution: a steady state.
        law: what it is held against, if anything.
    """
    boundaries = {}
    for name, state in solution.boundary.items():
        currents = {species: to_unit(value, CURRENT) for species, value in state.current.items()}
        boundaries[name] = {
            _named(AREA): to_unit(state.area, AREA),
            **_point(state),
            _named(CURRENT): {**currents, "total": to_unit(state.total_current, CURRENT)},
        }
        if state.displacement is not None:
            boundaries[name][_named(CURRENT)]["displacement"] = to_unit(state.displacement, CURRENT)
        if name in solution.electroneutral:
            boundaries[name][_named(POTENTIAL, "electroneutral_potential")] = to_unit(
                solution.electroneutral[name], POTENTIAL
            )
    probes = {name: _point(state) for name, state in solution.probes.items()}
    regions = {
        name: {_named(VOLUME): to_unit(state.volume, VOLUME), **_region(state)}
        for name, state in solution.regions.items()
    }
    result: dict[str, Any] = {
        "boundaries": boundaries,
        **({"probes": probes} if probes else {}),
        **({"regions": regions} if regions else {}),
        "volume": _volume(solution.volume),
        "layers_resolved": solution.layers_resolved,
    }
    if law is not None:
        computed = solution.boundary[law.injector].potential - solution.boundary[law.ground].potential
        full = law.potential + law.layer_drop
        result["law"] = {
            _named(POTENTIAL): to_unit(law.potential, POTENTIAL),
            _named(RESISTANCE): to_unit(law.resistance, RESISTANCE),
            _named(POTENTIAL, "computed_potential"): to_unit(computed, POTENTIAL),
            "relative_error": computed / law.potential - 1.0 if law.potential != 0.0 else None,
            _named(POTENTIAL, "ohmic_potential"): to_unit(law.ohmic_potential, POTENTIAL),
            _named(POTENTIAL, "full_pnp_potential"): to_unit(full, POTENTIAL),
            "full_pnp_relative_error": computed / full - 1.0 if full != 0.0 else None,
            _named(CONCENTRATION): _concentrations(law.concentration),
        }
    return result


def summary_of(problem: Problem, solution: Solution, law: LawValue | None, seconds: float) -> dict[str, Any]:
    """All of summary.json for a point that was solved."""
    mesh, statistics = problem.mesh, solution.statistics
    return {
        "status": "ok",
        "versions": versions(),
        "mesh": {
            "cells": mesh.cells,
            "vertices": mesh.vertices,
            "dofs": statistics.dofs,
            _named(VOLUME): to_unit(solution.volume.volume, VOLUME),
            "min_quality": mesh.min_quality,
        },
        _named(LENGTH, "debye_length"): finite(to_unit(solution.electrolyte.debye_length(), LENGTH)),
        "ranks": statistics.ranks,
        "seconds": seconds,
        "newton_iterations": statistics.newton,
        "krylov_iterations": statistics.krylov,
        _named(CONCENTRATION, "min_concentration"): min(_concentrations(solution.volume.min_concentration).values()),
        "ion_balance_relative": solution.ion_balance,
        **state_of(solution, law),
    }


def flatten(state: dict[str, Any]) -> dict[str, Any]:
    """Columns of observables.csv: keys of `state_of` joined by dots; boundaries, probes and regions by name alone."""
    flat: dict[str, Any] = {}

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{prefix}.{key}" if prefix else key, inner)
        else:
            flat[prefix] = value

    for key, value in state.items():
        walk("" if key in ("boundaries", "probes", "regions") else key, value)
    return flat


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    found = {"spinepnp": __version__, "python": platform.python_version()}
    for module in ("dolfinx", "petsc4py", "mpi4py", "gmsh", "numpy", "pyvista"):
        try:
            found[module] = importlib.metadata.version(module)
        except importlib.metadata.PackageNotFoundError:
            loaded = sys.modules.get(module)
            found[module] = str(getattr(loaded, "__version__", "unknown"))
    return found


def default_output(case_path: Path) -> Path:
    """``runs/STEM`` below the current directory."""
    return Path("runs") / case_path.stem
