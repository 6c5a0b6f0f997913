"""The one file that imports mpi4py and then DOLFINx; every other module takes them from here.

The order matters: the wheels of PETSc and DOLFINx find the MPI library only once mpi4py has loaded it. Where a part is
missing, one line names the ways to get it.
"""

# ruff: noqa: E402, I001 - the import order is the point of this file
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from spinepnp.errors import MissingStackError

# MPI_Abort's own banner would stand beside the one line that the user gets.
os.environ.setdefault("MPIR_CVAR_SUPPRESS_ABORT_MESSAGE", "1")
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


def _kernel_cache() -> Path:
    """Folder of compiled form kernels: the project's own, so that a broken entry of another program cannot hurt."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "spinepnp" / "kernels"


#: Options of the just-in-time compiler of forms.
JIT_OPTIONS: dict[str, Any] = {
    "cache_dir": str(_kernel_cache()),
    "cffi_extra_compile_args": ["-O3", "-g0"],
    "timeout": 60,
}


def compile_form(expression: Any, **options: Any) -> Any:
    """`dolfinx.fem.form` with the project's kernel cache; an entry left by a killed compiler is removed and compiled again.

    Collective over the communicator of the form's mesh.

    Args:
        expression: a UFL form.
        **options: passed on to `dolfinx.fem.form`.

    Returns:
        The compiled form.
    """
    return fem.form(expression, jit_options=JIT_OPTIONS, **options)


__all__ = ["JIT_OPTIONS", "MPI", "PETSc", "basix", "compile_form", "dolfinx", "fem", "ufl"]
