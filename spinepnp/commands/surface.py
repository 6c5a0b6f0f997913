"""The verb `surface`: from a surface as it comes to a mended spine with patches, its conductance and its I-V law."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from spinepnp.batch.spine_page import write_spine_page
from spinepnp.errors import CaseError, SolveError, SpineError
from spinepnp.geometries import ImportedSurface
from spinepnp.geometries.triangles.patch_file import write_patches
from spinepnp.geometries.triangles.spine import ReadySpine, ready_spine
from spinepnp.geometries.triangles.spine_files import count_spines, guessed_unit, read_spine
from spinepnp.meshes import MeshOptions, generate
from spinepnp.run.place import check_place
from spinepnp.runtime.communication import on_root
from spinepnp.runtime.files import write_atomically
from spinepnp.solvers.fem.conductance import Conductance, conductance_bounds
from spinepnp.units import FARADAY

#: Concentration of the salt of the table and of the case, mM: a monovalent one, whose cations carry the current.
CONCENTRATION = 167.0

#: Diffusivity of its ions, m^2/s.
DIFFUSIVITY = 200e-12

#: Thermal voltage of the table and of the case, V.
THERMAL_VOLTAGE = 25.26e-3

#: Number of triangles below which quadratic elements have less than 80 000 unknowns.
FEW_TRIANGLES = 5000

#: Distance of the bounds over G above which a spine counts as failed.
MOST_GAP = 0.05

#: Reversal potential of the synapse of 1 nS, V.
REVERSAL = 70e-3


@dataclasses.dataclass(frozen=True)
class SurfaceRequest:
    """Arguments of the verb.

    Attributes:
        file: file of the surface.
        unit: unit of its coordinates; guessed by default.
        spine: number of the spine of a morph-spines file.
        every: whether all spines of the file are done.
        psd_area: area of the synapse, um^2.
        output: directory of the results.
        force: whether results there are replaced.
    """

    file: Path
    unit: str | None
    spine: int | None
    every: bool
    psd_area: float
    output: Path
    force: bool


def surface(request: SurfaceRequest, comm: Any) -> int:
    """Make one spine, or all of a file, ready and solve them; returns the exit code. Collective.

    Raises:
        CaseError: bad input, or results are there already.
    """

    def begin() -> list[int]:
        check_place(request.output, (request.file,))
        try:
            number = count_spines(request.file)
        except ValueError as error:
            raise CaseError("FILE", str(error), str(request.file)) from None
        if not request.every and request.output.joinpath("surface.json").exists() and not request.force:
            raise CaseError("--output", "holds a surface; give --force or another --output", str(request.output))
        if number > 1 and not request.every and request.spine is None:
            raise CaseError("--spine", f"is missing: the file has {number} spines; give 0 to {number - 1}, or --all")
        request.output.mkdir(parents=True, exist_ok=True)
        write_atomically(request.output / ".spinepnp", "")
        return list(range(number)) if request.every else [request.spine or 0]

    numbers = on_root(comm, begin)
    rows = []
    for number in numbers:
        folder = request.output / f"spine_{number:04d}" if request.every else request.output
        row = on_root(comm, functools.partial(_finished, folder, request))
        if row is None:
            row = _one(request, number, folder, comm)
        rows.append(row)
        if comm.rank == 0:
            print(_line(row), flush=True)
    if request.every:
        on_root(comm, lambda: _write_table(rows, request))
    return 0 if all(row["status"] == "ok" for row in rows) else 1


def _finished(folder: Path, request: SurfaceRequest) -> dict[str, Any] | None:
    """The row of a spine that is done with the same options, in a batch that continues; failures are tried again."""
    if not request.every or request.force:
        return None
    try:
        row = json.loads((folder / "surface.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return row if row.get("asked") == _asked(request) and row.get("status") == "ok" else None


def _asked(request: SurfaceRequest) -> dict[str, Any]:
    return {"file": str(request.file.resolve()), "unit": request.unit, "psd_area_um2": request.psd_area}


def _one(request: SurfaceRequest, number: int, folder: Path, comm: Any) -> dict[str, Any]:
    """Make a spine ready, mesh and solve it, and write its files; a failure becomes a row with its reason."""
    start = time.monotonic()
    row: dict[str, Any] = {"spine": number, "status": "ok", "reason": "", "asked": _asked(request)}
    try:
        row |= on_root(comm, lambda: _make_ready(request, number, folder))
        geometry = ImportedSurface(file=str(folder / "surface.msh"), unit="um", triangles="keep")
        mesh = generate(geometry, MeshOptions(order=1), comm)
        row |= {"cells": mesh.cells, "vertices": mesh.vertices, "min_quality": mesh.min_quality}
        row |= electric_table(conductance_bounds(mesh, "psd", ("base",)))
        gap = (row["G_high_per_um"] - row["G_low_per_um"]) / row["G_per_um"]
        if gap > MOST_GAP:
            raise SolveError(
                f"the bounds of G differ by {100 * gap:.2g} % (allowed: {100 * MOST_GAP:g} %): the surface is all but "
                "pinched off somewhere; see surface.png, and mend it by hand there"
            )
    except SpineError as error:
        row |= {"status": "failed", "reason": getattr(error, "problem", None) or str(error)}
    row["seconds"] = round(comm.bcast(time.monotonic() - start), 2)
    on_root(comm, lambda: write_atomically(folder / "surface.json", json.dumps(row, indent=2) + "\n"))
    return row


def _make_ready(request: SurfaceRequest, number: int, folder: Path) -> dict[str, Any]:
    """Read, mend, cut and write a spine; what was found. On one rank."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        points, triangles = read_spine(request.file, number)
        unit = request.unit or guessed_unit(request.file, points)
        points = points * {"nm": 1e-3, "um": 1.0}[unit]
        spine = ready_spine(points, triangles, request.psd_area)
    except ValueError as error:
        raise CaseError("FILE", str(error), str(request.file)) from None
    _write_spine(spine, folder)
    surface, anatomy, mended = spine.surface, spine.anatomy, spine.mended
    areas = {n: float(surface.areas()[surface.values == i].sum()) for i, n in enumerate(surface.names)}
    return {
        "unit": unit + ("" if request.unit else " (guessed)"),
        "found": list(mended.found),
        "done": list(mended.done),
        "stray_pieces": list(mended.stray),
        "shells": len(mended.shells),
        "mending_volume_change": mended.volume_change,
        "mending_area_change": mended.area_change,
        "mending_distance_nm": mended.distance * 1e3,
        "volume_um3": surface.volume(),
        "mesh_volume_change": surface.volume() / mended.surface.volume() - 1.0,
        **{f"{name}_area_um2": area for name, area in areas.items()},
        "neck_length_um": anatomy.neck_length,
        "neck_radius_um": anatomy.neck_radius,
        "head_volume_um3": anatomy.head_volume,
        "head_area_um2": anatomy.head_area,
        "base_point_um": anatomy.cut.tolist(),
        "base_normal": anatomy.direction.tolist(),
        "pole_um": anatomy.pole.tolist(),
        "psd_radius_um": spine.disc_radius,
    }


def _write_spine(spine: ReadySpine, folder: Path) -> None:
    """Write the surface with its patches, a case that runs, and a picture."""
    import meshio

    surface = spine.surface
    write_patches(surface, folder / "surface.msh")
    plain = meshio.Mesh(surface.points, [("triangle", surface.triangles.astype(np.int32))])
    meshio.ply.write(folder / "surface.ply", plain)
    ions = [("Na", 1), ("Cl", -1)]
    case = {
        "title": "A spine from a surface",
        "geometry": {"shape": "surface", "file": "surface.msh", "unit": "um"},
        "mesh": {"order": 1, "element_degree": 2 if len(surface.triangles) < FEW_TRIANGLES else 1},
        "electrolyte": {
            "thermal_voltage": f"{THERMAL_VOLTAGE * 1e3} mV",
            "permittivity": 80,
            "species": [
                {"name": name, "valence": valence, "diffusivity": f"{DIFFUSIVITY * 1e12:g} um^2/s",
                 "concentration": f"{CONCENTRATION:g} mM"}
                for name, valence in ions
            ],
        },
        "boundaries": {
            "base": {"potential": "0 mV", "concentrations": "bulk"},
            "psd": {"current": {"species": "Na", "value": "10 pA"}},
        },
        "study": {"kind": "steady"},
    }  # fmt: skip
    write_atomically(folder / "case.toml", tomli_w.dumps(case))
    from spinepnp.plots.patches import draw_patches
    from spinepnp.plots.scene import can_render

    if can_render():
        draw_patches(surface.points, surface.triangles, surface.values, surface.names, folder / "surface.png")


def electric_table(conductance: Conductance) -> dict[str, float]:
    """Conductance with bounds, and the electroneutral I-V law of a monovalent salt whose cations carry the current."""
    scale = 2.0 * DIFFUSIVITY * FARADAY * CONCENTRATION  # A/m

    def potential(current: float) -> float:
        return THERMAL_VOLTAGE * math.log1p(current * conductance.value * 1e6 / scale)

    low, high = 0.0, REVERSAL
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if potential(1e-9 * (REVERSAL - middle)) > middle else (low, middle)
    return {
        "G_low_per_um": conductance.low,
        "G_per_um": conductance.value,
        "G_high_per_um": conductance.high,
        "R_0_MOhm": THERMAL_VOLTAGE * conductance.value * 1e6 / scale * 1e-6,
        "R_50pA_MOhm": potential(50e-12) / 50e-12 * 1e-6,
        "V_1nS_mV": 0.5 * (low + high) * 1e3,
    }


def _line(row: dict[str, Any]) -> str:
    """One line on a spine for the terminal."""
    if row["status"] != "ok":
        return f"spine {row['spine']}: failed: {row['reason']}"
    filled = f"; {row['shells']} closed surfaces within it are filled: G and R are too small" if row["shells"] else ""
    return (
        f"spine {row['spine']}: {row['volume_um3']:.4f} um3 (mending {100 * row['mending_volume_change']:+.2f} %), "
        f"neck {row['neck_length_um']:.3f} x {row['neck_radius_um']:.3f} um, head {row['head_volume_um3']:.4f} um3, "
        f"G {row['G_per_um']:.4f} ({row['G_low_per_um']:.4f} to {row['G_high_per_um']:.4f}) 1/um, "
        f"R {row['R_0_MOhm']:.2f} MOhm, V(1 nS) {row['V_1nS_mV']:.3f} mV, {row['seconds']:.1f} s"
        f"{filled}"
    )


def _write_table(rows: list[dict[str, Any]], request: SurfaceRequest) -> None:
    """Write ``spines.parquet``, a row a spine, and the page ``report.html``."""
    import pandas as pd

    plain = [{key: value for key, value in row.items() if not isinstance(value, list | dict)} for row in rows]
    table, output = pd.DataFrame(plain), request.output
    table.to_parquet(output / ".spines.partial")
    (output / ".spines.partial").replace(output / "spines.parquet")
    write_spine_page(rows, [f"spine_{row['spine']:04d}" for row in rows], f"Spines of {request.file.name}", output)
    print(f"results: {output} (spines.parquet, {len(rows)} spines; report.html)")
