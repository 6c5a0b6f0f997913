"""Suite `meshes`: large meshes that are refined from a coarse one, generated, or read from the cache."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from scipy.optimize import brentq

from benchmarks.measure import peak, timed
from spinepnp.geometries import BallNeck
from spinepnp.meshes import MeshOptions, generate

#: Body of all meshes.
SPINE = BallNeck(head_radius="500 nm", neck_radius="100 nm", neck_length="1 um", cap_radius="10 nm")


def meshes(comm: Any, cells: float, refine: int) -> list[dict[str, Any]]:
    """Rows of meshes of about as many cells by Gmsh and of the default mesh with refinements; memory is that so far."""
    size = brentq(lambda s: MeshOptions(size=f"{s} nm").cells(SPINE) - cells, 5.0, 80.0, xtol=0.1)
    fine, rows = MeshOptions(size=f"{size:.4g} nm"), []
    kinds = {"default, refined": MeshOptions(refine=refine), "by Gmsh on one rank": fine, "from the cache": fine}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = comm.bcast(folder, root=0)
        for what, options in kinds.items():
            mesh, seconds = timed(comm, lambda options=options: generate(SPINE, options, comm))
            row = {"what": what, "ranks": comm.size, "cells": mesh.cells, "vertices": mesh.vertices}
            rows.append(row | {"quality": mesh.min_quality, "mesh_s": seconds, "peak_GB": sum(peak(comm))})
    return rows
