"""Imports of mpi4py, PETSc and DOLFINx, and the differences between their supported versions.

Every other module takes them from here. The order matters: the wheels of PETSc and DOLFINx find the MPI library only
after mpi4py has loaded it. A package that is missing or does not fit is an error of one line that names the remedies.
"""

# ruff: noqa: I001 - the import order is the point of this file
from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from spinepnp.errors import MissingStackError
from spinepnp.runtime import interrupts, supervisor

#: Series of DOLFINx that the code runs with.
SUPPORTED = ("0.10", "0.11")

#: Remedy for a missing package.
HOW_TO_INSTALL = (
    "get it by './spine' in a checkout, 'pip install spinepnp[wheels]' (Linux x86-64), "
    "conda-forge (fenics-dolfinx) or your distribution"
)


@contextmanager
def _without_numba() -> Iterator[None]:
    """Imports of a command in which DOLFINx and FFCx do not find Numba: a fifth of the time, for kernels of no case.

    In a user's own program nothing changes, and Numba can be imported after the block.
    """
    hidden = supervisor.is_active() and "numba" not in sys.modules
    if hidden:
        sys.modules["numba"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hidden:
            del sys.modules["numba"]


# NumPy's threads would compete with the ranks for cores; the user's own setting wins.
os.environ.setdefault("OMP_NUM_THREADS", "1")

try:
    with interrupts.preserve_handlers(), _without_numba():  # PETSc sets handlers of its own
        from mpi4py import MPI

        supervisor.watch_hosts(MPI.COMM_WORLD)
        import petsc4py

        petsc4py.init(["spinepnp", "-skip_petscrc"])  # a .petscrc of the current directory could run code
        from petsc4py import PETSc

        import dolfinx
        import numpy as np
except ImportError as error:
    raise MissingStackError(f"DOLFINx with PETSc and mpi4py is needed ({error}); {HOW_TO_INSTALL}") from None

#: Version of DOLFINx.
VERSION = str(dolfinx.__version__)

#: Series of DOLFINx, such as "0.11".
SERIES = ".".join(VERSION.split(".")[:2])

if SERIES not in SUPPORTED:
    raise MissingStackError(
        f"DOLFINx {' or '.join(SUPPORTED)} is needed, and {dolfinx.__version__} was found; {HOW_TO_INSTALL}"
    )
if np.dtype(PETSc.ScalarType) != np.float64:
    raise MissingStackError(
        f"PETSc with real numbers of double precision is needed, and this one has {np.dtype(PETSc.ScalarType)}; "
        "on conda-forge name 'petsc=*=real*' beside fenics-dolfinx, on Debian let PETSC_DIR be that of a real build"
    )
if not PETSc.Sys.hasExternalPackage("mumps"):
    raise MissingStackError(f"PETSc with MUMPS is needed, and this one has none; {HOW_TO_INSTALL}")

PETSc.Options().delValue("skip_petscrc")

try:
    with _without_numba():
        import basix
        import basix.ufl
        import dolfinx.fem.petsc
        import dolfinx.geometry
        import dolfinx.io.utils
        import dolfinx.jit
        import dolfinx.mesh
        import ffcx.options
        import ufl
        from dolfinx import fem
except ImportError as error:  # DOLFINx without PETSc, for one
    raise MissingStackError(f"this DOLFINx lacks a part that is needed ({error}); {HOW_TO_INSTALL}") from None

#: A mesh with coordinates of double precision.
type Mesh = dolfinx.mesh.Mesh[np.float64]

#: A function space on such a mesh.
type FunctionSpace = fem.FunctionSpace[np.float64]

#: Code of SNES for a residual that is not a number.
NOT_A_NUMBER = -4

#: Name of that code in messages: the name in PETSc changed with 3.25.
NOT_A_NUMBER_NAME = "DIVERGED_FUNCTION_NANORINF"


def cell_nodes(mesh: Mesh) -> np.ndarray:
    """Geometry nodes of the local cells, shape (cells, nodes a cell)."""
    # One array, or one for each type of cell.
    return mesh.geometry.dofmap if SERIES == "0.10" else mesh.geometry.dofmaps[0]


def coordinate_element(mesh: Mesh) -> Any:
    """Coordinate element of a mesh, as UFL and Basix have it."""
    domain = mesh.ufl_domain()
    if domain is None:
        raise TypeError("a mesh without a UFL domain has no coordinate element")
    return domain.ufl_coordinate_element()


def with_geometry(
    mesh: Mesh,
    index_map: dolfinx.common.IndexMap,
    nodes: np.ndarray,
    domain: ufl.Mesh,
    x: np.ndarray,
    numbers: np.ndarray,
) -> Mesh:
    """A mesh with the topology of another mesh and new nodes.

    Args:
        mesh: mesh whose topology is taken.
        index_map: index map of the new nodes.
        nodes: nodes of the local cells, shape (cells, nodes a cell), int32.
        domain: UFL domain of the new mesh.
        x: coordinates of the local nodes, shape (nodes, dimension).
        numbers: numbers of the local nodes in the whole mesh, shape (nodes,), int64.
    """
    make: Any = fem.coordinate_element  # for mypy: it accepts an element of Basix alone
    element = make(domain.ufl_coordinate_element().basix_element)
    # Not by dolfinx.mesh.create_geometry: whether that takes the element of Python or of C++ depends on the version.
    geometry = dolfinx.cpp.mesh.Geometry_float64(index_map, nodes, element._cpp_object, x, numbers)
    return dolfinx.mesh.Mesh(dolfinx.cpp.mesh.Mesh_float64(mesh.comm, mesh.topology._cpp_object, geometry), domain)


def compiler_options() -> tuple[dict[str, Any], dict[str, Any]]:
    """Default options of FFCx and of DOLFINx's compilation, all of them.

    Options that are not given are read from files of the current directory, which could name a plugin for the compiler.
    """
    of_ffcx = {name: default for name, (_, default, *_) in ffcx.options.FFCX_DEFAULT_OPTIONS.items()}
    return of_ffcx, {name: default for name, (default, _) in dolfinx.jit.DOLFINX_DEFAULT_JIT_OPTIONS.items()}


def reduced(comm: MPI.Comm, values: Any, operation: Any) -> Any:
    """Array of an MPI operation over the arrays of all ranks, element by element. Collective.

    Args:
        comm: MPI communicator.
        values: array of this rank; all ranks have the same shape and type.
        operation: operation of MPI, such as ``MPI.SUM``.

    Returns:
        Array of the same shape and type on every rank.
    """
    result = values.copy(order="K")
    comm.Allreduce(values, result, op=operation)
    return result


def matrix_of(comm: MPI.Comm, pattern: Any) -> PETSc.Mat:
    """A PETSc matrix with a sparsity pattern. Collective."""
    # The value for PETSc's default type depends on the version; a name does not.
    return dolfinx.cpp.la.petsc.create_matrix(comm, pattern, "aij")


def forget_product(matrix: PETSc.Mat) -> None:
    """Free what PETSc keeps to compute a matrix again that is a product of others; petsc4py has no name for it."""
    library = ctypes.CDLL(PETSc.__file__)
    if code := library.MatProductClear(ctypes.c_void_p(matrix.handle)):
        raise PETSc.Error(code)


__all__ = [
    "MPI",
    "NOT_A_NUMBER",
    "NOT_A_NUMBER_NAME",
    "VERSION",
    "FunctionSpace",
    "Mesh",
    "PETSc",
    "basix",
    "cell_nodes",
    "compiler_options",
    "coordinate_element",
    "dolfinx",
    "fem",
    "forget_product",
    "matrix_of",
    "reduced",
    "ufl",
    "with_geometry",
]
