"""Choice of the unknowns with `solver.formulation = "auto"`, and Donnan states as starts of Newton at fixed charges.

Concentrations are right where the potential changes by less than V_T within a cell. Elsewhere they are wrong without a
sign of it, or fail; there "nodal" takes over (`variables`), which needs every concentration to be positive.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.geometries import MODEL_UNIT
from spinepnp.runtime.stack import MPI
from spinepnp.solvers.fem.weights import IntegrationWeights
from spinepnp.solvers.model.boundaries import Boundary
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.model.planar_layer import largest_drop
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.terms import TERM_KEYS
from spinepnp.units import FARADAY

#: Relative difference of two changes of the potential below which they are the same.
EQUAL_CHANGES = 1e-6

#: Largest exponent |z u| of the bracket of a Donnan potential u.
LARGEST_EXPONENT = 300.0

#: Relative error of the amounts of a Donnan state above which it is not taken.
AMOUNT_TOLERANCE = 1e-9


def has_logarithms(problem_data: ProblemData) -> bool:
    """Whether every bulk, prescribed and initial concentration and every closed amount is positive."""
    try:
        problem_data.check_positive()
    except CaseError:
        return False
    return True


def source_of_layers(problem_data: ProblemData, heights: dict[str, float], element_degree: int) -> str:
    """Source of Debye layers that are too steep for concentrations as unknowns at any current; empty without one.

    Args:
        problem_data: data of the case.
        heights: height of the cells at each boundary with facets, m, by name.
        element_degree: degree of the elements.
    """
    if problem_data.initial is not None and problem_data.initial.region:
        return "of the jumps of the initial concentrations"  # concentrations as unknowns undershoot beside them
    if problem_data.transient and problem_data.electrolyte.has_chemistry:
        return "of the fronts of species that react"  # logarithms never undershoot
    for term in TERM_KEYS:
        if source := term.source_of_inner_layer(problem_data.electrolyte):
            return source
    for name, boundary in problem_data.boundaries.items():
        if name not in heights:  # the side of a line, whose given charge is a fixed charge of the cross-section
            if boundary.wall_charge:
                return f"of the charge of the side {name}"
            continue
        for term in TERM_KEYS:
            if source := term.source_of_layer(name, boundary, problem_data, heights[name], element_degree):
                return source
    return ""


def steep_between_baths(problem_data: ProblemData, size: float, extent: float, element_degree: int) -> str:
    """Reason why the potential between two boundaries that hold it is too steep for concentrations; empty without one.

    It is an estimate before a solve with concentrations, which would take many steps or fail: the mean field, and as
    much more at the dilute end as a conductivity has that changes linearly in between.

    Args:
        problem_data: data of the case.
        size: size of the cells in the volume, m.
        extent: longest side of the domain, m.
        element_degree: degree of the elements.
    """
    electrolyte = problem_data.electrolyte
    potentials = {name: b.prescribed_potential for name, b in problem_data.boundaries.items()}
    held = {name: potential for name, potential in potentials.items() if potential is not None}
    if len(held) < 2:
        return ""
    low, high = min(held, key=lambda name: held[name]), max(held, key=lambda name: held[name])
    weak, strong = sorted(_ionic_strength(electrolyte, problem_data.boundaries[name]) for name in (low, high))
    steeper = (strong / weak - 1.0) / np.log(strong / weak) if strong > weak > 0.0 else 1.0
    change = electrolyte.largest_valence * (held[high] - held[low]) / electrolyte.V_T * size / extent * steeper
    if change <= largest_drop(element_degree):
        return ""
    return f"the potential changes by about {change:.2g} V_T within a cell between {low} and {high}"


def _ionic_strength(electrolyte: Electrolyte, boundary: Boundary) -> float:
    prescribed = boundary.prescribed(electrolyte)
    return sum(s.valence**2 * prescribed.get(s.name, 0.0) for s in electrolyte.species)


def change_within_cells(space: Any, phi: np.ndarray, electrolyte: Electrolyte) -> tuple[float, float]:
    """Largest change of |z| phi within a cell, V_T, and the height z (or the coordinate on a line) there. Collective.

    Args:
        space: scalar Lagrange space.
        phi: potential at the local nodes, V_T.
        electrolyte: species; the largest |z| counts.
    """
    mesh = space.mesh
    cells = space.dofmap.list[: mesh.topology.index_map(mesh.topology.dim).size_local]
    at_nodes = phi[cells.T]  # cells last: numpy then compares long rows
    change = at_nodes.max(axis=0, initial=-np.inf) - at_nodes.min(axis=0, initial=np.inf)
    largest = mesh.comm.allreduce(float(change.max(initial=0.0)), op=MPI.MAX)
    # Of cells whose changes differ by rounding, the lowest.
    equal = cells[change >= largest * (1.0 - EQUAL_CHANGES)]
    heights = space.tabulate_dof_coordinates()[equal, mesh.geometry.dim - 1].mean(axis=1)
    lowest = mesh.comm.allreduce(float(heights.min(initial=np.inf)), op=MPI.MIN)
    return electrolyte.largest_valence * largest, lowest


def charged_sides(problem_data: ProblemData, weights: IntegrationWeights) -> dict[str, float]:
    """Given charge of each side of a line, C/m^2, by name: those without are left out."""
    charges = {name: problem_data.boundaries[name].wall_charge for name in weights.sides}
    return {name: charge for name, charge in charges.items() if charge}


def immobile_charge(problem_data: ProblemData, weights: IntegrationWeights) -> np.ndarray:
    """Charge that ions balance at the local nodes, mol/m^3, shape (local dofs,). Collective.

    It is that of regions of fixed charge, and that of the sides of a line, spread over their cross-sections.
    """
    charge = weights.fixed_charge_density(problem_data.electrolyte.charged_regions)
    for name, density in charged_sides(problem_data, weights).items():
        charge += density / (FARADAY * MODEL_UNIT) * weights.boundary[name] / weights.volume
    return charge


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
    """Valences of the species that move; zero of the others, whose concentrations stay."""
    return np.array([float(s.valence) * s.moves for s in electrolyte.species])


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
