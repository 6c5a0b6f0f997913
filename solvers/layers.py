"""Debye layers at boundaries: where one can form, and whether the mesh resolves it."""

from __future__ import annotations

import numpy as np

from spinepnp.meshes import SpineMesh, boundary_layer_heights
from spinepnp.meshes.stack import MPI
from spinepnp.solvers.boundaries import Boundaries, Boundary
from spinepnp.solvers.electrolyte import NEUTRALITY_TOLERANCE, Electrolyte
from spinepnp.solvers.scaling import Scales

#: Cells this many times thinner than the Debye length resolve it: linear elements then give its potential drop to 2 %.
CELLS_PER_DEBYE_LENGTH = 2.0


def carries_layer(boundary: Boundary, electrolyte: Electrolyte) -> bool:
    """Whether a Debye layer can form at a boundary with these data."""
    prescribed = boundary.prescribed(electrolyte)
    if boundary.surface_charge or boundary.capacitance is not None:
        return True
    if not prescribed and boundary.potential is None:
        return any(i.flows for i in boundary.injections) and not boundary.field_matched
    if not boundary.holds_potential or set(prescribed) != set(electrolyte.names):
        return True
    scale = sum(abs(s.valence) * prescribed[s.name] for s in electrolyte.species)
    return abs(electrolyte.net_charge(prescribed)) > NEUTRALITY_TOLERANCE * scale


def layers_resolved(
    mesh: SpineMesh,
    dofs: dict[str, np.ndarray],
    densities: np.ndarray,
    electrolyte: Electrolyte,
    boundaries: Boundaries,
    scales: Scales,
) -> bool:
    """Whether the cells at every boundary that can carry a Debye layer are finer than the Debye length there.

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
    comm = mesh.mesh.comm
    valence = np.array([s.valence for s in electrolyte.species], dtype=float)
    resolved = True
    for name, boundary in boundaries.items():
        if not carries_layer(boundary, electrolyte):
            continue
        strength = (densities[dofs[name]] @ valence**2).max(initial=0.0)
        height = boundary_layer_heights(mesh, name).max(initial=0.0)
        strongest, tallest = comm.allreduce(float(strength), op=MPI.MAX), comm.allreduce(float(height), op=MPI.MAX)
        if strongest > 0.0 and tallest * CELLS_PER_DEBYE_LENGTH > scales.debye / np.sqrt(strongest):
            resolved = False
    return resolved
