"""Study of effects that the reduction of paper 002 neglects: access to a pore, and the time to a steady state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from spinepnp.meshes import MeshOptions, generate
from spinepnp.solvers import Boundary, Electrolyte, Schedule, solve_steady, solve_transient
from spinepnp.units import FARADAY
from spinepnp.validation.gnp.data import THERMAL_VOLTAGE
from spinepnp.validation.studies.pore import LENGTH, PERMITTIVITY, RADIUS, pore_geometry

#: Diffusivity of both ions of the salt, m^2/s: P d of potassium in an AMPA channel.
DIFFUSIVITY = 4.5e-10


def _salt(concentration: float, trace: float = 0.0) -> Electrolyte:
    """Electrolyte of a salt of two equal ions, and a trace of another salt, mol/m^3."""
    ions = [
        {"name": n, "valence": z, "diffusivity": f"{DIFFUSIVITY!r} m^2/s", "concentration": f"{c!r} mM"}
        for c, names in ((concentration, "CA"), (trace, "ca"))
        for n, z in zip(names, (1, -1), strict=True)
        if c > 0.0
    ]
    return Electrolyte.model_validate(
        {"thermal_voltage": f"{THERMAL_VOLTAGE!r} V", "permittivity": PERMITTIVITY, "species": ions}
    )


@dataclass(frozen=True)
class Access:
    """Resistance of a pore between two reservoirs of the same salt, of conductivity kappa.

    Attributes:
        total: resistance from the current of the solved equations, Ohm.
        pore: resistance d / (pi a^2 kappa) of the pore, Ohm, the only one in the reduction.
        access: access resistance of both sides for infinite reservoirs, Ohm: total - pore + 1/(pi kappa R).
        hall: access resistance 1/(2 a kappa) of both sides, Ohm, by Hall (J. Gen. Physiol. 66 (1975) 531). His
            equipotential mouths give a lower bound; an even flux through them gives an upper one, 8/(3 pi) over pi/4 of
            it (8 % more).
    """

    total: float
    pore: float
    access: float
    hall: float

    @property
    def end_correction(self) -> float:
        """Length of pore that is equivalent to the access on one side, over the radius; pi/4 by Hall."""
        return self.access / self.hall * np.pi / 4.0

    @property
    def loss(self) -> float:
        """Relative excess of the current of the reduction over that with infinite reservoirs."""
        return self.access / self.pore


def access_resistance(
    comm: Any, reservoir_radius: float = 4.0 * LENGTH, concentration: float = 150.0, V: float = 1e-3
) -> Access:
    """Resistances of a pore between reservoirs of one salt, which is Ohmic at any Debye length. Collective.

    Args:
        comm: MPI communicator.
        reservoir_radius: radius R of the half balls, m.
        concentration: concentration of the salt, mol/m^3.
        V: potential difference between the reservoirs, V.
    """
    salt = _salt(concentration)
    mesh = generate(pore_geometry("axisymmetric", reservoir_radius), MeshOptions(element_degree=2), comm)
    ends = {
        side: Boundary.model_validate({"potential": f"{value!r} V", "concentrations": "bulk"})
        for side, value in (("outside", 0.0), ("inside", V))
    }
    current = -solve_steady(mesh, salt, ends).boundary["outside"].total_current
    kappa = 2.0 * FARADAY * DIFFUSIVITY * concentration / salt.V_T
    pore, total = LENGTH / (np.pi * RADIUS**2 * kappa), V / current
    access = total - pore + 1.0 / (np.pi * kappa * reservoir_radius)
    return Access(total, pore, access, 1.0 / (2.0 * RADIUS * kappa))


@dataclass(frozen=True)
class ExitTimes:
    """Mean exit times of a pore, over d^2/D (S2 figure).

    Attributes:
        xi: starting places x/d.
        times: exit times T(xi, w) from the transient.
        unit: time d^2/D, s.
        slowest: slowest decay rate, times d^2/D; pi^2 + w^2/4 in a constant field.
    """

    xi: np.ndarray
    times: np.ndarray
    unit: float
    slowest: float


def exit_times(
    comm: Any,
    w: float = 0.0,
    xi: tuple[float, ...] = (0.1, 0.25, 0.5, 0.75, 0.9),
    concentration: float = 150.0,
    dimension: Literal["axisymmetric", "1d"] = "1d",
    tolerance: float = 1e-5,
) -> ExitTimes:
    """Exit times of a cation from a transient: a trace that leaves a pore filled with salt at both ends. Collective.

    The exit time is adjoint to the density: for an even start, int c(xi, t) dt / c(0) of an ion that drifts in the
    other direction is the mean exit time of an ion that starts at xi. So the anion of the trace gives T(xi, w) of the
    cation. The salt, equal on both sides, keeps the field constant.

    Args:
        comm: MPI communicator.
        w: scaled potential V / (RT/F), inside relative to outside.
        xi: places x/d.
        concentration: concentration of the salt, mol/m^3; that of the trace is a millionth of it.
        dimension: dimension of the mesh.
        tolerance: tolerance of each time step.
    """
    salt, unit = _salt(concentration, 1e-6 * concentration), LENGTH**2 / DIFFUSIVITY
    grade = {end: {"size": f"{LENGTH / 2000.0!r} m"} for end in ("outside", "inside")}
    options = {"size": f"{LENGTH / 40.0!r} m", "element_degree": 2, "grade": grade}
    mesh = generate(pore_geometry(dimension), MeshOptions.model_validate(options), comm)
    concentrations = {name: "0 mM" if name in "ca" else f"{c!r} mM" for name, c in salt.bulk.items()}
    ends = {
        side: Boundary.model_validate({"potential": f"{value!r} V", "concentrations": concentrations})
        for side, value in (("outside", 0.0), ("inside", w * THERMAL_VOLTAGE))
    }
    probes = {f"p{i}": (0.0, 0.0, x * LENGTH) for i, x in enumerate(xi)}
    steps = solve_transient(mesh, salt, ends, Schedule(1.5 * unit, tolerance=tolerance), probes=probes)
    t = np.array([0.0, *(step.time for step in steps)])
    left = [[step.solution.probes[name].concentration["a"] for name in probes] for step in steps]
    c = np.array([[salt.bulk["a"]] * len(xi), *left]) / salt.bulk["a"]
    middle, late = c[:, len(xi) // 2], int(np.searchsorted(t, 0.6 * unit))
    early = int(np.searchsorted(t, 0.3 * unit))
    slowest = np.log(middle[early] / middle[late]) / (t[late] - t[early]) * unit
    return ExitTimes(np.array(xi), np.trapezoid(c, t, axis=0) / unit, unit, float(slowest))
