"""Analytic laws in closed form or by quadrature: NumPy and SciPy only, nothing of the finite-element side.

One file for each subject; every docstring says what is assumed and how far it holds.

    cylinder, hyperboloid, tube     G and current-voltage laws of necks
    smooth_tube, obstacle, rings    G of any smooth neck, of a sphere in a neck, of bands of its wall
    electroneutral                  any valences, fixed charge, any shape of known G
    cylinder_transient, relaxation  step and alpha responses, Debye time, charging of a membrane
    closed_ball, window_escape      Box 2 and Box 1 of paper 000
    debye_layer, gouy_chapman       layers at injectors and at charged walls
    donnan, liquid_junction         equilibrium with a gel, diffusion potentials
    membrane                        potential of a gel between two baths
    constant_field                  Goldman, Hodgkin and Katz
"""

from __future__ import annotations

from spinepnp.validation.analytic.closed_ball import ClosedBallLaw
from spinepnp.validation.analytic.constant_field import ghk_current, ghk_voltage
from spinepnp.validation.analytic.cylinder import CylinderLaw
from spinepnp.validation.analytic.cylinder_transient import CylinderTransientLaw
from spinepnp.validation.analytic.donnan import donnan_concentrations, donnan_potential
from spinepnp.validation.analytic.electroneutral import ElectroneutralLaw
from spinepnp.validation.analytic.gouy_chapman import GouyChapmanLaw
from spinepnp.validation.analytic.hyperboloid import HyperboloidLaw
from spinepnp.validation.analytic.liquid_junction import binary_junction, henderson_junction
from spinepnp.validation.analytic.membrane import MembraneLaw
from spinepnp.validation.analytic.obstacle import ObstacleLaw
from spinepnp.validation.analytic.relaxation import MembraneCharging
from spinepnp.validation.analytic.rings import RingsLaw
from spinepnp.validation.analytic.smooth_tube import SmoothTube, smooth_tube
from spinepnp.validation.analytic.window_escape import WindowEscapeLaw

__all__ = [
    "ClosedBallLaw",
    "CylinderLaw",
    "CylinderTransientLaw",
    "ElectroneutralLaw",
    "GouyChapmanLaw",
    "HyperboloidLaw",
    "MembraneCharging",
    "MembraneLaw",
    "ObstacleLaw",
    "RingsLaw",
    "SmoothTube",
    "WindowEscapeLaw",
    "binary_junction",
    "donnan_concentrations",
    "donnan_potential",
    "ghk_current",
    "ghk_voltage",
    "henderson_junction",
    "smooth_tube",
]
