"""Debye layers at boundaries: where one can form, and whether the mesh resolves it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spinepnp.meshes import SpineMesh, boundary_layer_heights
from spinepnp.meshes.measures import size_along_z
from spinepnp.meshes.stack import MPI
from spinepnp.solvers.boundaries import Boundaries, Boundary, charges_at
from spinepnp.solvers.closed import is_grounded
from spinepnp.solvers.electrolyte import Electrolyte
from spinepnp.solvers.scaling import Scales
from spinepnp.units import LENGTH, format_quantity

#: Cells this many times thinner than the Debye length resolve it: linear elements then give its potential drop to 2 %.
CELLS_PER_DEBYE_LENGTH = 2.0


def carries_layer(boundary: Boundary, electrolyte: Electrolyte, fixed: tuple[float, ...]) -> bool:
    """Whether a Debye layer can form at a boundary with these data, which fixed charges (mol/m^3) reach."""
    prescribed = boundary.prescribed(electrolyte)
    if boundary.surface_charge or boundary.capacitance is not None:
        return True
    if not prescribed and boundary.potential is None:
        flowing = any(i.flows for i in boundary.injections) or bool(boundary.channels)
        return flowing and not boundary.field_matched
    if not boundary.holds_potential or set(prescribed) != set(electrolyte.names):
        return True
    return not all(electrolyte.is_neutral(prescribed, charge) for charge in fixed)


@dataclass(frozen=True)
class Layer:
    """The Debye layer at a boundary, if one can form there, and the cells that should resolve it (lengths in m)."""

    forms: bool
    debye_length: float
    cell_height: float

    @property
    def resolved(self) -> bool:
        """Whether the cells are finer than the Debye length there, where a layer can form."""
        return not self.forms or self.cell_height * CELLS_PER_DEBYE_LENGTH <= self.debye_length


def debye_layers(
    mesh: SpineMesh,
    dofs: dict[str, np.ndarray],
    densities: np.ndarray,
    electrolyte: Electrolyte,
    boundaries: Boundaries,
    scales: Scales,
) -> dict[str, Layer]:
    """The Debye layer at each boundary with data, and at each end of a charged region.

    A zero-field injector carries one (facts pnp D), and so does every boundary that imposes something without
    holding both the potential and a neutral set of concentrations. Where the mesh does not resolve a layer, the
    answer is the electroneutral one. Collective.

    Args:
        mesh: on which was solved.
        dofs: local scalar degrees of freedom of each boundary, by name.
        densities: scaled nodal values, shape (local dofs, species).
        electrolyte: the species.
        boundaries: what was imposed.
        scales: of the unknowns.
    """
    if not electrolyte.has_ions:
        return {}
    comm = mesh.mesh.comm
    valence = np.array([s.valence for s in electrolyte.species], dtype=float)
    layers = {}
    # In a domain that nothing grounds every wall has the field of Gauss' law.
    reflecting = {} if is_grounded(boundaries) else dict.fromkeys(dofs, Boundary())
    for name, boundary in {**reflecting, **boundaries}.items():
        strength = (densities[dofs[name]] @ valence**2).max(initial=0.0)
        height = boundary_layer_heights(mesh, name).max(initial=0.0)
        strongest, tallest = comm.allreduce(float(strength), op=MPI.MAX), comm.allreduce(float(height), op=MPI.MAX)
        layers[name] = Layer(
            forms=bool(reflecting)
            or carries_layer(boundary, electrolyte, charges_at(name, mesh.geometry, electrolyte)),
            debye_length=scales.debye * scales.length / math.sqrt(strongest) if strongest > 0.0 else math.inf,
            cell_height=tallest * scales.length,
        )
    ends = sorted({z for region in electrolyte.charged_regions for z in region.region})
    anywhere = comm.allreduce(float((densities @ valence**2).max(initial=0.0)), op=MPI.MAX)
    for end in ends:
        size = size_along_z(mesh, end / scales.length)
        if size > 0.0:
            debye = scales.debye * scales.length / math.sqrt(anywhere) if anywhere > 0.0 else math.inf
            layers[f"z = {format_quantity(end, LENGTH)}"] = Layer(True, debye, size * scales.length)
    return layers
