"""Time and memory of large meshes: generated, read from the cache, or refined from a coarse mesh.

    mpiexec -n 2 python benchmarks/meshes.py [--cells 1e6] [--refine 2]

Prints a table; times are wall-clock seconds, memory is the peak of each rank so far in GB. The cache is a temporary
one.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import tempfile
import time

from mpi4py import MPI
from scipy.optimize import brentq

COMM = MPI.COMM_WORLD
FOLDER = COMM.bcast(tempfile.mkdtemp(prefix="spinepnp-bench-") if COMM.rank == 0 else None, root=0)
os.environ["XDG_CACHE_HOME"] = FOLDER

from spinepnp.geometries import BallNeck  # noqa: E402 - the cache's folder comes first
from spinepnp.meshes import MeshOptions, generate  # noqa: E402

#: Body of all meshes.
SPINE = BallNeck(head_radius="500 nm", neck_radius="100 nm", neck_length="1 um", cap_radius="10 nm")


def timed(name: str, options: MeshOptions, before: float | None = None) -> float:
    """Generate a mesh and print its line; returns the seconds that it took."""
    COMM.barrier()
    start = time.perf_counter()
    mesh = generate(SPINE, options, COMM)
    COMM.barrier()
    seconds = time.perf_counter() - start
    peaks = COMM.gather(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
    if COMM.rank == 0:
        ratio = "" if before is None else f"{before / seconds:6.1f} times faster"
        memory = " + ".join(f"{peak:.2f}" for peak in peaks)
        line = f"{mesh.cells:10d} cells {mesh.vertices:9d} vertices  quality {mesh.min_quality:.2f} {seconds:8.1f} s"
        print(f"{name:28s} {line}  {memory} GB {ratio}", flush=True)
    return seconds


def main() -> None:
    """Measure the three ways to a mesh."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=float, default=1e6, help="cells of the mesh that Gmsh makes")
    parser.add_argument("--refine", type=int, default=2, help="refinements of the default mesh")
    arguments = parser.parse_args()
    size = brentq(lambda s: MeshOptions(size=f"{s} nm").cells(SPINE) - arguments.cells, 5.0, 80.0, xtol=0.1)
    fine = MeshOptions(size=f"{size:.4g} nm")
    try:
        timed("default, refined", MeshOptions(refine=arguments.refine))
        made = timed("by Gmsh on one rank", fine)
        timed("from the cache", fine, before=made)
    finally:
        if COMM.rank == 0:
            shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    main()
