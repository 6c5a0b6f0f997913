"""Study of pores in three dimensions against the reduction of paper 002 (eqs. 1, 2, 13, 14).

The Poisson-Nernst-Planck equations are solved in a cylinder of radius 5 angstrom and length d = 5 nm (bare, or between
two reservoirs), in which an ion of permeability P diffuses with D = P d; concentrations and potential are prescribed at
both ends, V inside and zero outside. The reduction assumes a constant field, which holds where the charge rho within
the pore is weak: V_pnp - V xi is about rho d^2 / (8 eps), so that the deviation grows with (d / Debye length)^2 times
the share of the ionic charge that is not balanced. SI units; currents are positive into the cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from spinepnp.geometries import Pore
from spinepnp.meshes import MeshOptions, generate
from spinepnp.solvers import Boundary, Electrolyte, SteadyProblem
from spinepnp.units import FARADAY
from spinepnp.validation.gnp.channels import Channel, Permeant
from spinepnp.validation.gnp.data import AREA
from spinepnp.validation.laws.constant_field import B, conductance, ghk_current, harmonic_mean, profile

#: Length of the pore of paper 002, m.
LENGTH = 5e-9

#: Radius of the pore of paper 002, m.
RADIUS = float(np.sqrt(AREA / np.pi))

#: Relative permittivity of the water in the pore.
PERMITTIVITY = 80.0

#: Permeability of an ion that is added for its charge only, over the largest one of the others.
IMPERMEANT = 1e-3

#: Places x/d of profiles; the ends lie slightly inside.
PLACES = tuple(np.clip(np.linspace(0.0, 1.0, 11), 1e-6, 1.0 - 1e-6).tolist())

Dimension = Literal["3d", "axisymmetric", "1d"]


@dataclass(frozen=True)
class PoreState:
    """A pore at one voltage.

    Attributes:
        voltage: potential inside relative to outside, V.
        current: current of each ion into the cell, A (eq. 14).
        xi: places x/d, 0 outside, 1 inside.
        profile: mean concentration of each ion over the cross-section at these places, mol/m^3 (eq. 13).
        potential: mean potential over the cross-section at these places, V (V xi).
        mean: harmonic mean of each ion in the pore, mol/m^3 (eq. 2).
        conductance: conductance of each ion, S (eq. 1): z^2 F P cbar A / (RT/F) with that mean.
    """

    voltage: float
    current: dict[str, float]
    xi: np.ndarray
    profile: dict[str, np.ndarray]
    potential: np.ndarray
    mean: dict[str, float]
    conductance: dict[str, float]


@dataclass(frozen=True)
class Deviation:
    """Deviation of the reduction from the equations; each number is the largest over the ions that permeate.

    Attributes:
        current: |I_pnp - I_gnp| over the larger of the two one-way currents of eq. 14, which is never zero.
        profile: |c_pnp - c_gnp| over the larger end concentration.
        mean: |cbar_pnp / cbar_gnp - 1|.
        potential: |V_pnp - V xi| over RT/F.
    """

    current: float
    profile: float
    mean: float
    potential: float


def diluted(channel: Channel, factor: float) -> Channel:
    """Channel with all concentrations times a factor; by eq. 14 its currents scale with the factor."""
    sides = {p.name: (factor * p.inside, factor * p.outside) for p in channel.permeants}
    return channel.with_concentrations(**sides)


def neutralised(channel: Channel, name: str = "X") -> Channel:
    """Channel in neutral solutions, by a monovalent ion on both sides that hardly permeates.

    Raises:
        ValueError: the solutions inside and outside have charges of opposite sign.
    """
    inside, outside = _charges(channel)
    if inside * outside < 0.0:
        raise ValueError("one ion cannot balance charges of opposite sign")
    return _with(channel, Permeant(name, -1 if inside + outside > 0.0 else 1, abs(inside), abs(outside)))


def isotonic(channel: Channel, salt: float = 1.0) -> Channel:
    """Neutral channel of monovalent ions with a salt that hardly permeates and makes both total concentrations equal.

    The sum of c then has no gradient, so that eq. 13 is neutral everywhere and the reduction exact at any Debye length.

    Args:
        channel: channel that is neutral on both sides.
        salt: concentration of the salt on the stronger side, mol/m^3.
    """
    inside, outside = (0.5 * sum(getattr(p, side) for p in channel.permeants) for side in ("inside", "outside"))
    sides = salt + max(0.0, outside - inside), salt + max(0.0, inside - outside)
    return _with(channel, Permeant("salt+", 1, *sides), Permeant("salt-", -1, *sides))


def _charges(channel: Channel) -> tuple[float, float]:
    """Charges sum z c inside and outside, mol/m^3."""
    inside, outside = (sum(p.valence * getattr(p, side) for p in channel.permeants) for side in ("inside", "outside"))
    return inside, outside


def _with(channel: Channel, *more: Permeant) -> Channel:
    """Channel with more permeants."""
    P = IMPERMEANT * max(p.permeability for p in channel.permeants)
    return replace(channel, permeants=(*channel.permeants, *(replace(p, permeability=P) for p in more)))


def reduction(channel: Channel, V: float, xi: Sequence[float] = PLACES) -> PoreState:
    """State of a pore by the reduction, eqs. 1, 2, 13 and 14.

    Args:
        channel: ions and area of the pore.
        V: potential inside relative to outside, V.
        xi: places x/d of the profile.
    """
    places, V_T = np.asarray(xi), channel.thermal_voltage
    of = {p.name: (V, p.inside, p.outside, p.valence) for p in channel.permeants}
    P = {p.name: p.permeability for p in channel.permeants}
    return PoreState(
        voltage=V,
        current={n: float(channel.area * ghk_current(*args, P[n], V_T)) for n, args in of.items()},
        xi=places,
        profile={n: np.asarray(profile(places, *args, V_T)) for n, args in of.items()},
        potential=V * places,
        mean={n: float(harmonic_mean(*args, V_T)) for n, args in of.items()},
        conductance={n: float(channel.area * conductance(*args, P[n], V_T)) for n, args in of.items()},
    )


def electrolyte_of(channel: Channel, fixed_charge: float = 0.0, length: float = LENGTH) -> Electrolyte:
    """Electrolyte of the ions of a channel with D = P d, and a fixed charge within its pore.

    Args:
        channel: channel with the ions; the bulk is the mean of both solutions.
        fixed_charge: immobile unit charges between z = 0 and z = d, mol/m^3.
        length: length d of the pore, m.
    """
    species = [
        {
            "name": p.name,
            "valence": p.valence,
            "diffusivity": f"{p.permeability * length!r} m^2/s",
            "concentration": f"{0.5 * (p.inside + p.outside)!r} mM",
        }
        for p in channel.permeants
    ]
    return Electrolyte.model_validate(
        {
            "thermal_voltage": f"{channel.thermal_voltage!r} V",
            "permittivity": PERMITTIVITY,
            "neutral": False,
            "fixed_charge": [{"region": ["0 nm", f"{length!r} m"], "value": f"{fixed_charge!r} mM"}],
            "species": species,
        }
    )


def boundaries_of(channel: Channel, V: float) -> dict[str, Boundary]:
    """Boundary conditions: both solutions, and V inside."""
    return {
        side: Boundary.model_validate(
            {
                "potential": f"{potential!r} V",
                "concentrations": {p.name: f"{getattr(p, side)!r} mM" for p in channel.permeants},
            }
        )
        for side, potential in (("outside", 0.0), ("inside", V))
    }


class PorePNP:
    """The Poisson-Nernst-Planck equations in one pore, for channels with the same ions. Collective throughout.

    Args:
        comm: MPI communicator.
        channel: channel with the ions; concentrations and permeabilities can change between solves.
        dimension: dimension of the mesh. A bare pore has no gradient across, so that all three give one result.
        reservoir_radius: radius of the half balls at both mouths, m; zero for a bare pore.
        size: target edge length, m.
        degree: degree of the elements.
        xi: places x/d of profiles.
    """

    def __init__(
        self,
        comm: Any,
        channel: Channel,
        dimension: Dimension = "axisymmetric",
        reservoir_radius: float = 0.0,
        size: float = LENGTH / 40.0,
        degree: Literal[1, 2] = 2,
        xi: Sequence[float] = PLACES,
    ) -> None:
        self.xi = tuple(xi)
        geometry = pore_geometry(dimension, reservoir_radius)
        # Ions of low concentration at an end have steep profiles there, and fixed charge has layers there.
        grade = {} if dimension == "3d" else {end: {"size": f"{size / 16.0!r} m"} for end in ("outside", "inside")}
        options = {"size": f"{size!r} m", "element_degree": degree, "grade": {} if reservoir_radius else grade}
        self.mesh = generate(geometry, MeshOptions.model_validate(options), comm)
        self._square, self._share = section_points(1 if dimension == "1d" else 3)
        probes = {
            f"p{i}_{j}": (RADIUS * float(np.sqrt(s)), 0.0, x * LENGTH)
            for i, x in enumerate(self.xi)
            for j, s in enumerate(self._square)
        }
        electrolyte, boundaries = electrolyte_of(channel), boundaries_of(channel, 0.0)
        self._problem = SteadyProblem(self.mesh, electrolyte, boundaries, probes=probes)

    def solve(self, channel: Channel, V: float, fixed_charge: float = 0.0) -> PoreState:
        """Steady state of the pore.

        Args:
            channel: channel with the ions of construction.
            V: potential inside relative to outside, V.
            fixed_charge: immobile unit charges within the pore, mol/m^3.

        Raises:
            SolveError: Newton's method failed.
        """
        solution = self._problem.solve(electrolyte_of(channel, fixed_charge), boundaries_of(channel, V))
        weights = self._problem.weights
        inside = weights.slab((0.0, LENGTH))
        # The mean over the volume of 1/c, which in a bare pore is the integral of eq. 2 over x.
        reciprocal = weights.integral(inside, 1.0 / solution.unknowns[:, :-1]) / weights.sum(inside)
        mean = {p.name: float(1.0 / r) for p, r in zip(channel.permeants, reciprocal, strict=True)}
        return PoreState(
            voltage=V,
            current=solution.boundary["outside"].current,
            xi=np.asarray(self.xi),
            profile={n: self._section([solution.probes[k].concentration[n] for k in solution.probes]) for n in mean},
            potential=self._section([solution.probes[k].potential for k in solution.probes]),
            mean=mean,
            conductance={
                p.name: p.valence**2 * FARADAY * p.permeability * mean[p.name] * channel.area / channel.thermal_voltage
                for p in channel.permeants
            },
        )

    def _section(self, values: Sequence[float]) -> np.ndarray:
        """Means over the cross-sections from values at the probes."""
        return np.asarray(values).reshape(len(self.xi), -1) @ self._share

    def close(self) -> None:
        """Free the solver."""
        self._problem.destroy()


def pore_geometry(dimension: Dimension, reservoir_radius: float = 0.0) -> Pore:
    """Geometry of the pore of paper 002."""
    sizes = {"radius": RADIUS, "length": LENGTH, "reservoir_radius": reservoir_radius}
    return Pore.model_validate({"dimension": dimension, **{key: f"{x!r} m" for key, x in sizes.items()}})


def section_points(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Places (r/a)^2 and weights of Gauss' quadrature over a disc."""
    x, w = np.polynomial.legendre.leggauss(n)
    return 0.5 * (x + 1.0), 0.5 * w


def deviation(channel: Channel, pnp: PoreState, gnp: PoreState) -> Deviation:
    """Deviation of two states, over the ions that permeate.

    Args:
        channel: channel of both states.
        pnp: solved state.
        gnp: state of the reduction.
    """
    top = IMPERMEANT * max(p.permeability for p in channel.permeants) * 1.01
    ions = [p for p in channel.permeants if p.permeability > top]
    V_T = channel.thermal_voltage

    def one_way(p: Permeant) -> float:
        w = p.valence * gnp.voltage / V_T
        strength = abs(p.valence) * FARADAY * p.permeability * channel.area
        return strength * max(p.inside * float(B(w)), p.outside * float(B(-w)))

    return Deviation(
        current=max(abs(pnp.current[p.name] - gnp.current[p.name]) / one_way(p) for p in ions),
        profile=max(
            float(np.abs(pnp.profile[p.name] - gnp.profile[p.name]).max()) / max(p.inside, p.outside) for p in ions
        ),
        mean=max(abs(pnp.mean[p.name] / gnp.mean[p.name] - 1.0) for p in ions),
        potential=float(np.abs(pnp.potential - gnp.potential).max()) / V_T,
    )


def deviation_map(
    comm: Any,
    channel: Channel,
    voltages: Sequence[float],
    factors: Sequence[float],
    charges: Sequence[float] = (0.0,),
    dimension: Dimension = "1d",
) -> list[dict[str, float]]:
    """Table of the deviation of the reduction, by d / Debye length and by fixed charge. Collective.

    Args:
        comm: MPI communicator.
        channel: channel at full concentrations.
        voltages: voltages over which the largest deviation is taken, V.
        factors: factors of all concentrations.
        charges: fixed charge within the pore over the charge of the mobile ions, sum |z| c (mean of both sides).
        dimension: dimension of the mesh.

    Returns:
        Rows, one for each factor and charge, with ``factor``, ``charge``, ``d_over_debye``, and the attributes of
        `Deviation`.
    """
    solver, rows = PorePNP(comm, channel, dimension), []
    mobile = sum(abs(p.valence) * 0.5 * (p.inside + p.outside) for p in channel.permeants)
    for factor in factors:
        thin = diluted(channel, factor)
        for charge in charges:
            deviations = [
                deviation(thin, solver.solve(thin, V, charge * factor * mobile), reduction(thin, V)) for V in voltages
            ]
            largest = {key: max(getattr(d, key) for d in deviations) for key in Deviation.__dataclass_fields__}
            rows.append(
                {
                    "factor": factor,
                    "charge": charge,
                    "d_over_debye": LENGTH / electrolyte_of(thin).debye_length(),
                    **largest,
                }
            )
    solver.close()
    return rows
