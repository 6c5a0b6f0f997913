"""Suite `files`: fields and checkpoints of a large mesh, gathered on one rank or in parts."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import peak, timed
from benchmarks.problems import Problem
from spinepnp.run import checkpoints
from spinepnp.solvers.fem.discretisation import Discretisation
from spinepnp.solvers.fem.dof_order import Ordering
from spinepnp.solvers.problem import field_files


def files(comm: Any, size: str, refine: int) -> list[dict[str, Any]]:
    """Rows of files of two species on a refined mesh: seconds, peak memory of a rank so far, and its growth."""
    mesh = Problem("", mesh={"refine": refine}).make_mesh(size, 1, comm)
    space = Discretisation(mesh).space
    unknowns = space.tabulate_dof_coordinates().copy()  # three values a node that differ
    fields, rows = field_files.Fields(mesh, space, unknowns, ("C", "A")), []
    with tempfile.TemporaryDirectory() as own:
        folder = Path(comm.bcast(own, root=0))

        def write_checkpoint() -> None:
            part = Ordering(space, mesh).to_slice(unknowns)
            checkpoints.write(folder, comm, {"unknowns": part}, {}, ("unknowns",))

        def read_checkpoint() -> None:
            share = Ordering(space, mesh).length
            checkpoints.read_on_mesh(folder / checkpoints.NEWEST, comm, ("unknowns",), share)

        for what, work in {
            "checkpoint, written": write_checkpoint,
            "checkpoint, read": read_checkpoint,
            "fields in parts": lambda: field_files.write(fields, folder / "parts.pvtu"),
            "fields gathered": lambda: field_files.write(fields, folder / "whole.vtu"),
        }.items():
            before = peak(comm)
            _, seconds = timed(comm, work)
            after = peak(comm)
            grown = max(new - old for new, old in zip(after, before, strict=True))
            row = {"what": what, "ranks": comm.size, "cells": mesh.cells, "seconds": seconds}
            rows.append(row | {"peak_rank_GB": max(after), "grown_GB": grown})
        comm.barrier()
    return rows
