"""The verb `surface`: from a surface as it comes to a mended spine with patches, its conductance and its I-V law."""

from __future__ import annotations

import functools
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from spinepnp.batch.spine_page import write_spine_page
from spinepnp.commands.surface_inputs import PSD_AREA, Item, SurfaceRequest, items_of, read_item
from spinepnp.errors import CaseError, SolveError, SpineError
from spinepnp.geometries import ImportedSurface
from spinepnp.geometries.triangles.patch_file import write_patches
from spinepnp.geometries.triangles.spine import Given, ReadySpine, ready_spine
from spinepnp.meshes import MeshOptions, generate
from spinepnp.run.place import MARK, check_place
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


def surface(request: SurfaceRequest, comm: Any) -> int:
    """Make one spine, or many, ready and solve them; returns the exit code. Collective.

    Raises:
        CaseError: bad input, or results are there already.
    """

    def begin() -> list[Item]:
        check_place(request.output, request.files)
        request.check()
        items = items_of(request)
        if not request.is_batch and request.output.joinpath("surface.json").exists() and not request.force:
            raise CaseError("--output", "holds a surface; give --force or another --output", str(request.output))
        return items

    rows, items = [], on_root(comm, begin)
    for item in items:
        row = on_root(comm, functools.partial(_finished, item, request))
        if row is None:
            row = _one(request, item, comm)
        rows.append(row)
        if comm.rank == 0:
            print(_line(row, request), flush=True)
    if request.is_batch:
        on_root(comm, lambda: _write_table(rows, items, request.output))
    return 0 if all(row["status"] == "ok" for row in rows) else 1


def _finished(item: Item, request: SurfaceRequest) -> dict[str, Any] | None:
    """The row of a spine that is done with the same options, in a batch that continues; failures are tried again."""
    if not request.is_batch or request.force:
        return None
    try:
        row = json.loads((item.folder / "surface.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return row if row.get("asked") == json.loads(json.dumps(item.asked)) and row.get("status") == "ok" else None


def _one(request: SurfaceRequest, item: Item, comm: Any) -> dict[str, Any]:
    """Make a spine ready, mesh and solve it, and write its files; in a batch a failure is a row with its reason.

    Raises:
        CaseError: the only file is bad.
    """
    start = time.monotonic()
    row: dict[str, Any] = {"file": str(item.file), "spine": item.number, "status": "ok", "reason": ""}
    row["asked"] = item.asked
    try:
        row |= on_root(comm, lambda: _make_ready(request, item))
        geometry = ImportedSurface(file=str(item.folder / "surface.msh"), unit="um", triangles="keep")
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
        if isinstance(error, CaseError) and not request.is_batch:
            raise
        row |= {"status": "failed", "reason": getattr(error, "problem", None) or str(error)}
    row["seconds"] = round(comm.bcast(time.monotonic() - start), 2)

    def write() -> None:
        item.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(request.output / MARK, "")
        write_atomically(item.folder / "surface.json", json.dumps(row, indent=2) + "\n")

    on_root(comm, write)
    return row


def _make_ready(request: SurfaceRequest, item: Item) -> dict[str, Any]:
    """Read, mend, cut and write a spine; what was found. On one rank."""
    try:
        if item.problem:
            raise ValueError(item.problem)
        found, unit, given = read_item(request, item)
        spine = ready_spine(found.points, found.triangles, request.psd_area or PSD_AREA, given)
    except ValueError as error:
        raise CaseError("FILE", str(error), str(item.file)) from None
    item.folder.mkdir(parents=True, exist_ok=True)
    write_atomically(request.output / MARK, "")
    _write_spine(spine, item.folder)
    surface, anatomy, mended = spine.surface, spine.anatomy, spine.mended
    areas = {n: float(surface.areas()[surface.values == i].sum()) for i, n in enumerate(surface.names)}
    holes = [shell.volume() for shell in mended.shells]
    return {
        "unit": unit,
        "found": list(mended.found),
        "done": list(mended.done),
        "base": "label" if "base" in given.names else _base_in_words(given),
        "psd": "label" if "psd" in given.names else "disc at the pole",
        "stray_pieces": list(mended.stray),
        "shells": len(holes),
        "shell_volumes_um3": holes,
        "mending_volume_change": mended.volume_change,
        "mending_area_change": mended.area_change,
        "mending_distance_nm": mended.distance * 1e3,
        "volume_um3": surface.volume(),
        "mesh_volume_change": surface.volume() / (mended.surface.volume() - sum(holes)) - 1.0,
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


def _base_in_words(given: Given) -> str:
    """Words on how the place of the base was found."""
    if given.point is not None:
        return "plane that was given"
    return "far end of the surface" if given.root is None else "root in the file"


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


def _line(row: dict[str, Any], request: SurfaceRequest) -> str:
    """One line on a spine for the terminal."""
    spine = f"{Path(row['file']).name}, spine {row['spine']}" if len(request.files) > 1 else f"spine {row['spine']}"
    if row["status"] != "ok":
        return f"{spine}: failed: {row['reason']}"
    holes = f", {row['shells']} holes" if row["shells"] else ""
    return (
        f"{spine}: {row['volume_um3']:.4f} um3 (mending {100 * row['mending_volume_change']:+.2f} %{holes}), "
        f"neck {row['neck_length_um']:.3f} x {row['neck_radius_um']:.3f} um, head {row['head_volume_um3']:.4f} um3, "
        f"G {row['G_per_um']:.4f} ({row['G_low_per_um']:.4f} to {row['G_high_per_um']:.4f}) 1/um, "
        f"R {row['R_0_MOhm']:.2f} MOhm, V(1 nS) {row['V_1nS_mV']:.3f} mV, {row['seconds']:.1f} s"
    )


def _write_table(rows: list[dict[str, Any]], items: list[Item], output: Path) -> None:
    """Write ``spines.parquet``, a row a spine, and the page ``report.html``."""
    import pandas as pd

    plain = [{key: value for key, value in row.items() if not isinstance(value, list | dict)} for row in rows]
    table, files = pd.DataFrame(plain), {item.file for item in items}
    table.to_parquet(output / ".spines.partial")
    (output / ".spines.partial").replace(output / "spines.parquet")
    title = f"Spines of {items[0].file.name if len(files) == 1 else f'{len(files)} files'}"
    write_spine_page(rows, [str(item.folder.relative_to(output)) for item in items], title, output)
    print(f"results: {output} (spines.parquet, {len(rows)} spines; report.html)")
