"""Choice of the unknowns with `solver.formulation = "auto"`, and Donnan states as starts of Newton at fixed charges.

Concentrations are the cheapest, and right where the potential changes by less than V_T within a cell. Elsewhere they
are wrong without a sign of it, or fail; there "nodal" takes over (`variables`), which needs every concentration to be
positive.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.runtime.stack import MPI
from spinepnp.solvers.fem.weights import IntegrationWeights
from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.model.electrolyte import NEUTRALITY_TOLERANCE, Electrolyte
from spinepnp.solvers.model.problem_data import ProblemData, check_positive
from spinepnp.units import FARADAY

#: Largest change d of |z| phi within a cell, V_T, up to which concentrations on linear elements are right: the ratio of
#: those at the ends of a cell has the relative error d^3/12 (1 % at 0.5).
LARGEST_DROP_LINEAR = 0.5

#: Largest change d of |z| phi within a cell, V_T, for quadratic elements, with the error d^5/720 (1 % at 1.5).
LARGEST_DROP_QUADRATIC = 1.5

#: Largest exponent |z u| of the bracket of a Donnan potential u.
LARGEST_EXPONENT = 300.0

#: Relative error of the amounts of a Donnan state above which it is not taken.
AMOUNT_TOLERANCE = 1e-9


def largest_drop(element_degree: int) -> float:
    """Largest change of |z| phi within a cell, V_T, up to which concentrations as unknowns are right."""
    return LARGEST_DROP_LINEAR if element_degree == 1 else LARGEST_DROP_QUADRATIC


def largest_valence(electrolyte: Electrolyte) -> int:
    """Largest absolute valence |z| of the species."""
    return max(abs(s.valence) for s in electrolyte.species)


def has_logarithms(problem_data: ProblemData) -> bool:
    """Whether every bulk, prescribed and closed amount is positive."""
    try:
        check_positive(problem_data.electrolyte, problem_data.boundaries)
    except CaseError:
        return False
    return problem_data.closed is None or all(a > 0.0 for a in problem_data.closed.amounts.values())


def source_of_layers(problem_data: ProblemData, heights: dict[str, float], element_degree: int) -> str:
    """Source of Debye layers that are too steep for concentrations as unknowns at any current; empty without one.

    Args:
        problem_data: data of the case.
        heights: height of the cells at each boundary, m, by name.
        element_degree: degree of the elements. Quadratic ones lose nothing with "nodal", and linear ones half an order
            of accuracy at a wall, so that concentrations stay where the field of the surface charge is weak.
    """
    electrolyte = problem_data.electrolyte
    if any(region.value for region in electrolyte.charged_regions):
        return "of the fixed charge of a region"
    for name, boundary in problem_data.boundaries.items():
        field = abs(boundary.surface_charge or 0.0) / electrolyte.smallest_permittivity
        steepest = largest_valence(electrolyte) * field * heights[name] / electrolyte.V_T
        if field and (element_degree > 1 or steepest > LARGEST_DROP_LINEAR):
            return f"of the surface charge of {name}"
        if _membrane_drop(boundary, problem_data, heights[name]) > largest_drop(element_degree):
            return f"of the charge on the membrane {name}"
        prescribed = boundary.prescribed(electrolyte)
        if boundary.prescribed_potential is not None and not prescribed:
            return f"the potential of {name} is held without any concentration"
        if len(prescribed) == len(electrolyte.species) and boundary.prescribes_potential:
            scale = sum(abs(s.valence) * prescribed[s.name] for s in electrolyte.species)
            if abs(electrolyte.net_charge(prescribed)) > NEUTRALITY_TOLERANCE * scale:
                if electrolyte.uniform_charge:
                    return f"the concentrations of {name} and the fixed charge are not neutral"
                if {s.valence > 0 for s in electrolyte.species if s.valence and prescribed[s.name]} == {True, False}:
                    return f"the concentrations of {name} are not neutral"
    return ""


def _membrane_drop(boundary: Boundary, problem_data: ProblemData, height: float) -> float:
    """Estimated change of |z| phi, V_T, within a cell of a height at a membrane with its full charge.

    It is the smaller one of the field of the charge over the cell, and of the potential at which the ions of the cell
    carry the charge (in a cell that is thicker than the layer).
    """
    if boundary.capacitance is None:
        return 0.0
    electrolyte = problem_data.electrolyte
    charge = boundary.capacitance.value * abs(boundary.capacitance.outside - problem_data.reference_potential)
    field = charge / electrolyte.smallest_permittivity
    ions = sum(abs(s.valence) * s.concentration for s in electrolyte.species)
    drop_of_ions = math.asinh(charge / (FARADAY * height * ions)) if ions > 0.0 else math.inf
    return largest_valence(electrolyte) * min(field * height / electrolyte.V_T, drop_of_ions)


def change_within_cells(space: Any, phi: np.ndarray, electrolyte: Electrolyte) -> tuple[float, float]:
    """Largest change of |z| phi within a cell, V_T, and the height z (or the coordinate on a line) there. Collective.

    Args:
        space: scalar Lagrange space.
        phi: potential at the local nodes, V_T.
        electrolyte: species; the largest |z| counts.
    """
    mesh = space.mesh
    cells = space.dofmap.list[: mesh.topology.index_map(mesh.topology.dim).size_local]
    mine = (0.0, 0.0)
    if len(cells):
        at_nodes = phi[cells]
        change = at_nodes.max(axis=1) - at_nodes.min(axis=1)
        worst = int(np.argmax(change))
        height = space.tabulate_dof_coordinates()[cells[worst], mesh.geometry.dim - 1].mean()
        mine = float(change[worst]), float(height)
    change_, height_ = max(mesh.comm.allgather(mine))
    return largest_valence(electrolyte) * change_, height_


def donnan_state(electrolyte: Electrolyte, charge: np.ndarray) -> np.ndarray:
    """The state in equilibrium with the bulk at each node, neutral with the fixed charge as far as the bulk is.

    Args:
        electrolyte: species with the bulk C_i, and the uniform fixed charge.
        charge: further fixed charge at each node, mol/m^3, shape (n,).

    Returns:
        Concentrations, mol/m^3, and the potential, V; shape (n, species + 1). The bulk where no such state exists.
    """
    z, bulk = _valences(electrolyte), np.array([*electrolyte.bulk.values()])
    u = np.where(charge == 0.0, 0.0, _donnan_potential(z, bulk, z @ bulk - charge))
    u = np.where(np.isnan(u), 0.0, u)
    return np.column_stack([bulk * np.exp(-np.multiply.outer(u, z)), electrolyte.V_T * u])


def _valences(electrolyte: Electrolyte) -> np.ndarray:
    return np.array([float(s.valence) for s in electrolyte.species])


def _donnan_potential(z: np.ndarray, reference: np.ndarray, net_charge: np.ndarray) -> np.ndarray:
    """Solution u of sum_i z_i C_i exp(-z_i u) = net charge, pointwise, V_T; not a number where none exists."""
    from scipy.optimize import elementwise

    values, where = np.unique(net_charge, return_inverse=True)
    most = LARGEST_EXPONENT / max(1.0, np.abs(z).max())

    def excess(v: np.ndarray, target: np.ndarray) -> np.ndarray:
        return np.tensordot(z * reference, np.exp(-np.multiply.outer(z, v)), axes=(0, 0)) - target

    u = np.full(len(values), np.nan)
    solvable = (excess(np.full_like(values, -most), values) > 0.0) & (excess(np.full_like(values, most), values) < 0.0)
    if solvable.any():
        ends = np.full(int(solvable.sum()), -most), np.full(int(solvable.sum()), most)
        u[solvable] = elementwise.find_root(excess, ends, args=(values[solvable],), tolerances={"xatol": 1e-12}).x
    return np.asarray(u[where])


def spread_by_charge(
    electrolyte: Electrolyte, even: np.ndarray, free: tuple[str, ...], charge: np.ndarray, weights: IntegrationWeights
) -> np.ndarray | None:
    """Donnan state of fixed charges by region, with uniform electrochemical potentials. Collective.

    At each node c_i = C_i exp(-z_i u), with the u that leaves the net charge as uniform as it is without regions. C_i
    of a species that a boundary prescribes is its uniform value; of the others it is such that their amounts stay.

    Args:
        electrolyte: species of the case.
        even: uniform concentrations without regions, mol/m^3, shape (species,).
        free: names of species whose amounts stay.
        charge: fixed charge of the regions at the local nodes, mol/m^3.
        weights: weights of the volume.

    Returns:
        Concentrations at the local nodes, mol/m^3, shape (n, species), or ``None`` where no such state exists.
    """
    from scipy.optimize import root

    z, net_charge = _valences(electrolyte), float(_valences(electrolyte) @ even) - charge
    stays = np.array([name in free and amount > 0.0 for name, amount in zip(electrolyte.names, even, strict=True)])
    if np.all(stays[(z != 0.0) & (even > 0.0)]):  # no boundary brings counter-ions: the net charge stays that of all
        net_charge += weights.integral(weights.volume, charge[:, None])[0] / weights.total_volume

    def concentrations(reference: np.ndarray) -> np.ndarray:
        u = _donnan_potential(z, reference, net_charge)
        return np.asarray(reference * np.exp(-np.multiply.outer(u, z)))

    def excess(logarithms: np.ndarray) -> np.ndarray:
        reference = even.copy()
        reference[stays] = np.exp(logarithms)
        mean = weights.integral(weights.volume, concentrations(reference)) / weights.total_volume
        with np.errstate(invalid="ignore"):
            return np.asarray(np.nan_to_num(np.log(mean[stays] / even[stays]), nan=LARGEST_EXPONENT))

    reference = even.copy()
    if stays.any():  # nothing changes if all shift along z: a Newton method would meet a singular matrix
        result = root(excess, np.log(even[stays]), method="lm", options={"xtol": 1e-13, "ftol": 1e-13})
        if np.abs(excess(result.x)).max() > AMOUNT_TOLERANCE:
            return None
        reference[stays] = np.exp(result.x)
    state = concentrations(reference)
    everywhere = weights.comm.allreduce(bool(np.isfinite(state).all()), op=MPI.LAND)
    return state if everywhere else None


def is_positive(comm: Any, nodal: np.ndarray) -> bool:
    """Whether all concentrations of nodal values (the potential comes last) are positive. Collective."""
    return bool(comm.allreduce(bool((nodal[:, :-1] > 0.0).all()), op=MPI.LAND))
