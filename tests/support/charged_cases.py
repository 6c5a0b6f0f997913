"""Gels, membranes, charged walls and strong currents whose answer is known from outside, for the tests.

A case is the data of its file, without meshes or options of a solver unless it says so: defaults are what is tested.
"""

import math
from dataclasses import dataclass
from typing import Any

from spinepnp.case.case import make_case
from spinepnp.run.steady import Model
from spinepnp.runtime.stack import MPI
from spinepnp.solvers import Solution
from support.ions import ion

NECK = {"shape": "cylinder", "length": "1 um", "radius": "100 nm"}
BATH = {"potential": "0 mV", "concentrations": "bulk"}
FLOATING = {"potential": "floating", "concentrations": {"Na": "50 mM", "Cl": "50 mM"}}
MIDDLE = ["300 nm", "700 nm"]
#: Temperature and permittivity of the cases that were given with them.
ROOM = {"temperature": "298.15 K", "permittivity": 78.36}
#: The same of the others.
USUAL = {"thermal_voltage": "25.26 mV", "permittivity": 80}
V_T = 25.26

Data = dict[str, Any]


def ions(*species: tuple[str, int, float, float]) -> list[Data]:
    """Tables of species from (name, valence, diffusivity in um^2/s, concentration in mM)."""
    return [ion(name, z, c, D) for name, z, D, c in species]


def sodium_chloride(concentration: float, diffusivity: float = 1330) -> list[Data]:
    return ions(("Na", 1, diffusivity, concentration), ("Cl", -1, 2030, concentration))


def case(
    geometry: Data, electrolyte: Data, boundaries: Data, *, dimension: str = "1d", mesh: Data | None = None, **more: Any
) -> Data:
    return {
        "geometry": {**geometry, "dimension": dimension},
        "mesh": mesh or {},
        "electrolyte": electrolyte,
        "boundaries": boundaries,
        **more,
    }


def gel_at_one_bath(dimension: str = "1d", **more: Any) -> Data:
    """A gel of -100 mM in all of a neck, in equilibrium with 10 mM: V(top) = -59.413 mV."""
    charge = [{"region": ["0 um", "1 um"], "value": "-100 mM"}]
    salt = sodium_chloride(10)
    return case(NECK, {**ROOM, "fixed_charge": charge, "species": salt}, {"base": BATH}, dimension=dimension, **more)


def charged_middle(
    species: list[Data], charge: str, dimension: str = "1d", top: Data | None = None, **more: Any
) -> Data:
    """A neck with fixed charge between 300 and 700 nm and a bath at each end."""
    electrolyte = {**USUAL, "fixed_charge": [{"region": MIDDLE, "value": charge}], "species": species}
    boundaries = {"base": BATH, "top": top or BATH}
    probes = {"middle": ["0 um", "0 um", "0.5 um"]}
    return case(NECK, electrolyte, boundaries, dimension=dimension, probes=probes, **more)


def long_membrane(dimension: str = "1d", **more: Any) -> Data:
    """A membrane of 5 um, -100 mM, between 10 and 100 mM: V(top) = -42.102 mV, full PNP."""
    geometry = {"shape": "cylinder", "length": "5 um", "radius": "10 nm"}
    charge = [{"region": ["0 um", "5 um"], "value": "-100 mM"}]
    top = {"potential": "floating", "concentrations": {"Na": "100 mM", "Cl": "100 mM"}}
    electrolyte = {**ROOM, "fixed_charge": charge, "species": sodium_chloride(10)}
    return case(geometry, electrolyte, {"base": BATH, "top": top}, dimension=dimension, **more)


def cone(voltage: str, mesh: Data | None = None) -> Data:
    """A conical nanopore of 500 nm, from 40 to 3 nm, with -0.08 C/m^2 on its wall and 100 mM at both ends."""
    geometry = {"shape": "cone", "length": "500 nm", "base_radius": "40 nm", "top_radius": "3 nm"}
    boundaries = {"base": BATH, "top": {**BATH, "potential": voltage}, "wall": {"surface_charge": "-0.08 C/m^2"}}
    electrolyte = {**ROOM, "species": sodium_chloride(100, 1960)}
    return case(geometry, electrolyte, boundaries, dimension="axisymmetric", mesh=mesh)


def current_into_a_neck(current: float, dimension: str = "1d", **more: Any) -> Data:
    """A current of cations, pA, into the top of a neck with 167 mM, all D 200 um^2/s; see `STRONG_CURRENTS`."""
    electrolyte = {**USUAL, "species": ions(("C", 1, 200, 167), ("A", -1, 200, 167))}
    boundaries = {"base": BATH, "top": {"current": {"species": "C", "value": f"{current} pA"}}}
    return case(NECK, electrolyte, boundaries, dimension=dimension, **more)


def charged_end(dimension: str = "1d", **more: Any) -> Data:
    """-0.02 C/m^2 on the top of that neck: -20.4739 mV by Gouy and Chapman."""
    data = current_into_a_neck(0.0, dimension, **more)
    data["boundaries"]["top"] = {"surface_charge": "-0.02 C/m^2"}
    return data


def blocking_wall(u: float, dimension: str = "1d", **more: Any) -> Data:
    """A potential of u V_T on the top of a neck, which no ion passes; the probe is a Debye length away from it."""
    electrolyte = {**USUAL, "species": sodium_chloride(167)}
    boundaries = {"base": BATH, "top": {"potential": f"{V_T * u} mV"}}
    probes = {"near": ["0 um", "0 um", f"{1.0 - DEBYE_LENGTH} um"]}
    return case(NECK, electrolyte, boundaries, dimension=dimension, probes=probes, **more)


def charged_sphere(**more: Any) -> Data:
    """A sphere of 28 nm with 0.014636154 C/m^2 in 1 mM, in cells of 0.2 nm: 99.83425 mV."""
    geometry = {"shape": "shell", "inner_radius": "28 nm", "outer_radius": "220.456532 nm"}
    species = ions(("P", 1, 1000, 0.998659474), ("N", -1, 1000, 0.998659474))
    boundaries = {"inner": {"surface_charge": "0.014636154 C/m^2"}, "outer": BATH}
    mesh = {"grade": {"inner": {"size": "0.2 nm", "growth": 1.2}}}
    return case(geometry, {**ROOM, "species": species}, boundaries, mesh=mesh, **more)


#: Debye length of 167 mM with the usual constants, um.
DEBYE_LENGTH = 1e6 * math.sqrt(80 * 8.8541878128e-12 * V_T * 1e-3 / (2.0 * 167.0 * 96485.33212331))

#: V(top) of `current_into_a_neck`, mV, by pA: full PNP of the line by SciPy's collocation (solve_bvp, tolerance 1e-9;
#: the unknowns are u, u' and ln c of the cations, the anions have a Boltzmann factor).
STRONG_CURRENTS = {-200.46: -105.19614, -150.0: -34.000262, 100.0: 10.1335091, 1e4: 99.0095289, 1e5: 156.71753}

#: V(inner) of `charged_sphere`, mV, by the same program from the Poisson-Boltzmann equation in r.
CHARGED_SPHERE = 99.83425

#: V(top) of a gel of -100 mM in the middle of a neck between 167 and 50 mM, mV; see references.toml.
MEMBRANE = 4.530548

#: V(top) of `charged_end`, mV.
CHARGED_END = -20.4739


@dataclass
class Solved:
    case: Any
    mesh: Any
    solution: Solution

    def V(self, place: str) -> float:
        """The mean over a boundary, or at a probe, mV."""
        return 1e3 * (self.solution.probes.get(place) or self.solution.boundary[place]).potential

    def current(self, place: str) -> float:
        """Of all species, pA."""
        return 1e12 * self.solution.boundary[place].total_current

    def error(self, place: str) -> float:
        """The estimate, mV."""
        return 1e3 * self.solution.potential_error[place]


def solve(data: Data, comm: Any = MPI.COMM_SELF) -> Solved:
    """Solve a case as `run` does."""
    found, model = make_case(data), Model(comm)
    try:
        problem = model.fit(found, lambda _: None)
        return Solved(found, problem.mesh, problem.solve(found.electrolyte, found.boundaries, found.closed))
    finally:
        model.close()
