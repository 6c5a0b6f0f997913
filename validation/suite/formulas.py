"""References that follow from a case by an analytic law, by the name that a validation case gives them."""

from __future__ import annotations

from spinepnp.units import CONCENTRATION, CURRENT, POTENTIAL, SURFACE_CHARGE, TIME
from spinepnp.validation.suite import formulas_boundaries as boundaries
from spinepnp.validation.suite import formulas_calcium as calcium
from spinepnp.validation.suite import formulas_chemistry as chemistry
from spinepnp.validation.suite import formulas_flow as flow
from spinepnp.validation.suite import formulas_ions as ions
from spinepnp.validation.suite import formulas_neurons as neurons
from spinepnp.validation.suite import formulas_spreading as steps
from spinepnp.validation.suite.context import Formula

#: Every formula by its name in a validation case.
FORMULAS: dict[str, Formula] = {
    "band": Formula(POTENTIAL, flow.band),
    "band_ions": Formula(CONCENTRATION, flow.band_ions),
    "binding": Formula(CONCENTRATION, chemistry.binding_in_time),
    "boltzmann": Formula(CONCENTRATION, ions.boltzmann),
    "buffered_linear": Formula(CONCENTRATION, chemistry.buffered_linear),
    "buffered_rapid": Formula(CONCENTRATION, chemistry.buffered_rapid),
    "cable": Formula(POTENTIAL, boundaries.cable),
    "capacitor_charge": Formula(SURFACE_CHARGE, ions.capacitor_charge),
    "charged_membrane": Formula(POTENTIAL, ions.charged_membrane),
    "charged_cylinder": Formula(POTENTIAL, ions.charged_cylinder),
    "charging_head": Formula(POTENTIAL, ions.charging_head),
    "constant_field": Formula(CURRENT, ions.constant_field),
    "constant_field_ions": Formula(CONCENTRATION, ions.constant_field_ions),
    "corrugated": Formula(POTENTIAL, flow.corrugated),
    "donnan": Formula(POTENTIAL, ions.donnan),
    "donnan_ions": Formula(CONCENTRATION, ions.donnan_ions),
    "electrode": Formula(CURRENT, boundaries.electrode),
    "electroneutral": Formula(POTENTIAL, flow.electroneutral, takes_number=True),
    "equilibrium": Formula(CONCENTRATION, chemistry.equilibrium_ions),
    "escape": Formula(CONCENTRATION, ions.escape),
    "exchange_end": Formula(CONCENTRATION, boundaries.exchange_end),
    "exchange_wall": Formula(CONCENTRATION, boundaries.exchange_wall),
    "ghk_rest": Formula(POTENTIAL, ions.ghk_rest),
    "ghk_synapse": Formula(CURRENT, boundaries.ghk_synapse),
    "gouy_chapman": Formula(POTENTIAL, ions.gouy_chapman),
    "load": Formula(POTENTIAL, boundaries.load),
    "membrane": Formula(POTENTIAL, ions.membrane),
    "nanodomain": Formula(CONCENTRATION, chemistry.nanodomain_ions),
    "neuron": Formula(POTENTIAL, neurons.potential),
    "neuron_ions": Formula(CONCENTRATION, neurons.ions),
    "neuron_spike": Formula(TIME, neurons.spike),
    "neck_rings": Formula(CONCENTRATION, flow.neck_rings),
    "obstacle": Formula(POTENTIAL, flow.obstacle),
    "of_bulk": Formula(CONCENTRATION, flow.of_bulk, takes_number=True),
    "junction": Formula(POTENTIAL, ions.junction),
    "leaving": Formula(CURRENT, flow.leaving),
    "relaxation": Formula(POTENTIAL, flow.relaxation, takes_number=True),
    "removal": Formula(CONCENTRATION, chemistry.removal),
    "resistor": Formula(CURRENT, boundaries.resistor),
    "series": Formula(POTENTIAL, flow.series, by_region=True),
    "sphere_capacitor": Formula(SURFACE_CHARGE, ions.sphere_capacitor),
    "store": Formula(CONCENTRATION, calcium.store),
    "spreading_rapid": Formula(CONCENTRATION, chemistry.spreading_rapid),
    "spreading": Formula(CONCENTRATION, steps.spreading),
    "spreading_junction": Formula(POTENTIAL, steps.spreading_junction),
    "synapse_current": Formula(CURRENT, boundaries.synapse_current),
    "throat": Formula(POTENTIAL, flow.throat, takes_number=True),
    "uptake": Formula(CONCENTRATION, boundaries.uptake),
}
