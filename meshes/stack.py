"""The one file that imports mpi4py and then DOLFINx; every other module takes them from here.

The order matters: the wheels of PETSc and DOLFINx find the MPI library only once mpi4py has loaded it. Where a part is
missing, one line names the ways to get it.
"""

# ruff: noqa: I001 - the import order is the point of this file
from __future__ import annotations

import os
from typing import Any

from spinepnp.errors import MissingStackError

# NumPy's threads would fight with the ranks; the user's own setting wins.
os.environ.setdefault("OMP_NUM_THREADS", "1")

try:
    from mpi4py import MPI
    from petsc4py import PETSc

    import basix
    import basix.ufl
    import dolfinx
    import dolfinx.fem.petsc
    import dolfinx.io.gmsh
    import dolfinx.mesh
    import ufl
    from dolfinx import fem
except ImportError as error:
    raise MissingStackError(
        f"DOLFINx with PETSc and mpi4py is needed ({error}); get it by './spine' in a checkout, "
        "'pip install spinepnp[wheels]' (Linux x86-64), conda-forge (fenics-dolfinx) or your distribution"
    ) from None


def cell_nodes(mesh: Any) -> Any:
    """Geometry nodes of the local cells, shape (cells, nodes a cell), in every supported version of DOLFINx."""
    dofmaps = mesh.geometry.dofmaps
    return dofmaps(0) if callable(dofmaps) else dofmaps[0]


__all__ = ["MPI", "PETSc", "basix", "cell_nodes", "dolfinx", "fem", "ufl"]
