"""Scales of the equations, and size of the first element."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spinepnp.units import FARADAY
from spinepnp.validation.reference.onedimensional import mesh
from spinepnp.validation.reference.onedimensional.problem import Problem, Values


@dataclass(frozen=True)
class Scales:
    """Units in which the equations have coefficients of order one.

    Attributes:
        length: unit of length, m.
        concentration: unit of concentration, mol/m^3.
        diffusivity: unit of diffusivity, m^2/s.
        area: unit of area, m^2.
        delta2: eps V_T / (F concentration length^2), the square of a Debye length.
    """

    length: float
    concentration: float
    diffusivity: float
    area: float
    delta2: float

    @property
    def time(self) -> float:
        """Time of diffusion along the length, s."""
        return self.length**2 / self.diffusivity

    @property
    def rate(self) -> float:
        """Unit of molar rates through the area, mol/s."""
        return self.diffusivity * self.concentration * self.area / self.length

    @property
    def amount(self) -> float:
        """Unit of amounts, mol."""
        return self.concentration * self.area * self.length


def integral(problem: Problem, f: Values | float = 1.0, power: int = 1) -> float:
    """Integral of f S^power over the interval, with f at the points of `mesh_of_integrals`.

    Args:
        problem: problem with the geometry.
        f: values at the points of `mesh_of_integrals`, or a constant.
        power: exponent of the area S(x), m^2.
    """
    one = mesh_of_integrals(problem)
    return float(np.sum(one.weights * f * problem.geometry.area(one.points) ** power))


def mesh_of_integrals(problem: Problem) -> mesh.Mesh:
    """Mesh for integrals of given functions."""
    geometry = problem.geometry
    return mesh.Mesh(np.linspace(geometry.start, geometry.stop, 33), 16)


def reference_concentrations(problem: Problem) -> Values:
    """Concentrations of a uniform initial state, mol/m^3: those of the start if there are any, else the geometric mean
    of prescribed ones, or amount over volume.
    """
    if problem.start is not None:
        return np.array(problem.start)
    prescribed = [end.held(np.full(len(problem.species), np.nan)) for end in problem.ends if end.concentrations]
    if prescribed:
        means = np.exp(np.mean(np.log(np.array(prescribed)), axis=0))
        if np.isnan(means).any():
            raise ValueError("start = None: the ends do not hold all species; give their uniform concentrations")
        return np.asarray(means)
    if problem.amounts is None:
        raise ValueError("amounts = None: a closed problem needs the amount of each species, mol")
    return np.array(problem.amounts) / integral(problem)


def scales(problem: Problem, reference: Values) -> Scales:
    """Scales from the geometry, the fastest ion and the total concentration of ``reference`` (mol/m^3)."""
    length, total = problem.geometry.stop, float(np.max(reference))
    area = float(problem.geometry.area(np.array([problem.geometry.stop]))[0])
    fastest = max(ion.diffusivity for ion in problem.species)
    delta2 = problem.permittivity * problem.thermal_voltage / (FARADAY * total * length**2)
    return Scales(length, total, fastest, area, delta2)


def finest(problem: Problem, reference: Values, time: float) -> float:
    """Size of the first element, m: the shortest Debye length, or the Gouy-Chapman length of a charged wall.

    The largest concentration is estimated as if the ions that enter only diffused to the other end.

    Args:
        problem: problem with its ions and conditions at the ends.
        reference: reference concentrations of the species, mol/m^3, shape (species,).
        time: time of the currents, s.
    """
    z, species = problem.valences, problem.species
    prescribed = [end.held(reference) for end in problem.ends]
    strength = max(float(np.sum(z**2 * c)) for c in [reference, *prescribed])
    far = 0.0 if problem.geometry.closed_left else integral(problem, power=-1)
    D = np.array([ion.diffusivity for ion in species])
    moves = D > 0.0
    entering = [np.abs(z * end.inflow(species, time))[moves] / D[moves] for end in problem.ends]
    strength += sum(float(np.sum(rates)) * far for rates in entering)
    size = math.sqrt(problem.permittivity * problem.thermal_voltage / (FARADAY * max(strength, 1e-30)))
    for end in problem.ends:
        field = balanced_field(problem) if end.normal_field is None else end.normal_field
        size = min(size, 2.0 * problem.thermal_voltage / max(abs(field), 1e-300))
    return size


def total_charge(problem: Problem) -> float:
    """Charge of a closed problem, from fixed charge and amounts, C."""
    fixed = integral(problem, problem.charge(mesh_of_integrals(problem).points))
    return FARADAY * (float(np.dot(problem.valences, problem.amounts or ())) + fixed)


def balanced_field(problem: Problem) -> float:
    """Field dV/dn that Gauss' law requires at the ends without a given field, equal at each, V/m.

    Raises:
        ValueError: the problem is not closed, or its amounts are not given.
    """
    if problem.amounts is None or not problem.floating:
        raise ValueError("normal_field = None: only a closed problem with amounts and no held potential has a balance")
    areas = [float(problem.geometry.area(np.array([x]))[0]) for x in (problem.geometry.start, problem.geometry.stop)]
    given = sum((end.normal_field or 0.0) * S for end, S in zip(problem.ends, areas, strict=True))
    open_area = sum(S for end, S in zip(problem.ends, areas, strict=True) if end.normal_field is None)
    return (-total_charge(problem) / problem.permittivity - given) / open_area
