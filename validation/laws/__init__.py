"""Analytic laws in closed form or by quadrature: NumPy and SciPy only, nothing of the finite-element side.

One file for each subject; every docstring states the assumptions and the range of validity.

    cylinder, hyperboloid, tube     G and current-voltage laws of necks
    smooth_tube, obstacle, rings    G of any smooth neck, of a sphere in a neck, of bands of its wall
    electroneutral                  any valences, fixed charge, any shape of known G
    synapse                         a conductance with a neck and a load; a neck with a leaky wall
    reduced_spine                   a spine in time by the salt of its head; facilitation of two pulses
    cylinder_transient, relaxation  step and alpha responses, Debye time, charging of a membrane
    closed_ball, window_escape      Box 2 and Box 1 of paper 000
    debye_layer, gouy_chapman       layers at injectors and at charged walls
    charged_cylinder                an endless charged cylinder in equilibrium with a bath
    donnan, liquid_junction         equilibrium with a gel, diffusion potentials
    membrane                        potential of a gel between two baths
    uptake, impedance               flux into a sphere, exchange at an end; a blocking electrode at a small sine
    loads                           a resistor with a capacitor, or a passive cable, after a step of current
    spreading                       diffusion of steps of concentration in a closed neck
    constant_field                  Goldman, Hodgkin and Katz
    trace_ion                       how the field of a current moves a trace
    chemistry, stoichiometry        binding and networks in equilibrium; what reactions conserve
    buffers                         calcium that is removed or buffered in a tube or at a channel
    assumptions                     checks of what a law assumes of a case
    profiles                        potential and concentrations of a law along the axis of a neck
    catalogue                       laws by the name that a case file has for them
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from spinepnp.validation.laws.buffers import BufferedTube, RemovalLaw, nanodomain, rapid_buffer_diffusivity
from spinepnp.validation.laws.charged_cylinder import ChargedCylinderLaw
from spinepnp.validation.laws.chemistry import binding, binding_equilibrium, equilibrium
from spinepnp.validation.laws.closed_ball import ClosedBallLaw
from spinepnp.validation.laws.constant_field import ghk_current, ghk_voltage
from spinepnp.validation.laws.cylinder import CylinderLaw
from spinepnp.validation.laws.cylinder_transient import CylinderTransientLaw
from spinepnp.validation.laws.donnan import donnan_concentrations, donnan_potential
from spinepnp.validation.laws.electroneutral import ElectroneutralLaw
from spinepnp.validation.laws.gouy_chapman import GouyChapmanLaw
from spinepnp.validation.laws.hyperboloid import HyperboloidLaw
from spinepnp.validation.laws.impedance import BlockingElectrode
from spinepnp.validation.laws.liquid_junction import binary_junction, henderson_junction
from spinepnp.validation.laws.loads import charging_cable, charging_resistor
from spinepnp.validation.laws.membrane import MembraneLaw
from spinepnp.validation.laws.obstacle import ObstacleLaw
from spinepnp.validation.laws.reduced_spine import ReducedSpine, facilitation
from spinepnp.validation.laws.relaxation import MembraneCharging
from spinepnp.validation.laws.rings import RingsLaw
from spinepnp.validation.laws.smooth_tube import SmoothTube, smooth_tube
from spinepnp.validation.laws.spreading import SpreadingLaw, ambipolar_diffusivity
from spinepnp.validation.laws.stoichiometry import conservation_laws
from spinepnp.validation.laws.synapse import LeakyNeckLaw, SynapseLaw
from spinepnp.validation.laws.trace_ion import TraceLaw
from spinepnp.validation.laws.uptake import (
    end_with_exchange,
    end_with_leaky_wall,
    neck_with_exchange,
    sphere_with_flux,
)
from spinepnp.validation.laws.window_escape import WindowEscapeLaw

if TYPE_CHECKING:
    from spinepnp.validation.laws.catalogue import LAWS, LawValue

__all__ = [
    "LAWS",
    "BlockingElectrode",
    "BufferedTube",
    "ChargedCylinderLaw",
    "ClosedBallLaw",
    "CylinderLaw",
    "CylinderTransientLaw",
    "ElectroneutralLaw",
    "GouyChapmanLaw",
    "HyperboloidLaw",
    "LawValue",
    "LeakyNeckLaw",
    "MembraneCharging",
    "MembraneLaw",
    "ObstacleLaw",
    "ReducedSpine",
    "RemovalLaw",
    "RingsLaw",
    "SmoothTube",
    "SpreadingLaw",
    "SynapseLaw",
    "TraceLaw",
    "WindowEscapeLaw",
    "ambipolar_diffusivity",
    "binary_junction",
    "binding",
    "binding_equilibrium",
    "charging_cable",
    "charging_resistor",
    "conservation_laws",
    "donnan_concentrations",
    "donnan_potential",
    "end_with_exchange",
    "end_with_leaky_wall",
    "equilibrium",
    "facilitation",
    "ghk_current",
    "ghk_voltage",
    "henderson_junction",
    "nanodomain",
    "neck_with_exchange",
    "rapid_buffer_diffusivity",
    "smooth_tube",
    "sphere_with_flux",
]


def __getattr__(name: str) -> Any:
    """Import of the laws of cases at first use: they need geometries and boundaries."""
    if name in ("LAWS", "LawValue"):
        return getattr(importlib.import_module("spinepnp.validation.laws.catalogue"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
