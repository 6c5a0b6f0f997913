"""Batches of many cases: by one group of ranks or by several, and the memory that they take."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import pandas
import psutil

from benchmarks.places import CASES
from spinepnp.batch.run import BatchOptions, run_batch
from spinepnp.batch.table import load
from spinepnp.runtime.stack import MPI


def batch(comm: Any, sweep: str) -> dict[str, Any]:
    """Seconds of a sweep by one group of one rank, then by all ranks, each a group; and whether the tables agree."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(comm.bcast(folder, root=0))
        run_batch(CASES / sweep, comm, place / "warm", BatchOptions(ranks_per_case=1))  # meshes and modules are kept
        if comm.rank == 0:
            alone = run_batch(CASES / sweep, MPI.COMM_SELF, place / "one", BatchOptions())
        waiting = comm.Ibarrier()
        while not waiting.Test():
            time.sleep(0.05)  # a core that waits busily would be missing
        together = run_batch(CASES / sweep, comm, place / "all", BatchOptions(ranks_per_case=1))
        if comm.rank > 0:
            return {}
        one, many = load(place / "one"), load(place / "all")
        assert list(one["key"]) == list(many["key"])
        return {
            "sweep": sweep, "cases": together.cases, "ranks": comm.size, "groups": together.groups,
            "one_s": alone.seconds, "all_s": together.seconds, "faster": alone.seconds / together.seconds,
            "difference": largest_difference(one, many),
        }  # fmt: skip


def largest_difference(one: pandas.DataFrame, other: pandas.DataFrame) -> float:
    """Largest difference of two tables, relative to the largest of the column (currents: of all currents)."""
    currents = [c for c in one if ".current_pA." in c]
    worst, current = 0.0, float(one[currents].abs().max().max())
    for name in one.select_dtypes("number"):
        scale = current if name in currents else float(one[name].abs().max())
        if scale > 0.0 and "charge" not in name:  # the charge inside is a difference of the ions'
            worst = max(worst, float((one[name] - other[name]).abs().max()) / scale)
    return worst


def memory(comm: Any, cases: int, meshes: int) -> dict[str, Any]:
    """Resident memory of a process that solves many cases on many meshes: after a tenth of them, and at the end."""
    radii = ", ".join(f'"{60 + 40 * i / meshes:.6g} nm"' for i in range(meshes))
    currents = ", ".join(f'"{10 + i} pA"' for i in range(cases // meshes))
    text = (
        f'[base]\ncase = "{CASES / "cylinder_iv.toml"}"\n'
        'set = { mesh = { size = "50 nm", grade = { top = { size = "0.3 nm", growth = 2.0 } } } }\n'
        f'[axes]\n"geometry.radius" = [{radii}]\n"boundaries.top.current.value" = [{currents}]\n'
    )
    process, resident = psutil.Process(), []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sweep.toml"
        path.write_text(text)
        summary = run_batch(
            path, comm, Path(folder) / "out", BatchOptions(), on_case=lambda: resident.append(process.memory_info().rss)
        )
    first, last = resident[len(resident) // 10], resident[-1]
    return {
        "cases": summary.solved, "meshes": meshes, "first_MB": first / 1e6, "last_MB": last / 1e6,
        "growth_kB_per_case": (last - first) / 1e3 / (len(resident) - len(resident) // 10), "seconds": summary.seconds,
    }  # fmt: skip
