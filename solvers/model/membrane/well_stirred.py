"""Well-stirred cell in zero dimensions: one inside, patches of membrane, baths and compartments beyond them.

The inside is neutral: sum_i z_i c_i + rho = 0. The charge of its membranes, Q = sum C A (V - V_out) less that of fixed
surface charges, stands in Debye layers, whose ions are taken from the inside by their shares of the ionic strength:

    n_i = v c_i + z_i c_i / (sum_j z_j^2 c_j) Q/F.

So sum_i z_i F n_i = Q + F v rho: Gauss' law, as in space. Currents are those of the term in space
(`membrane/currents.py`, with gates at their steady values).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from spinepnp.solvers.model.membrane.currents import MembraneCurrent, OpenCurrent
from spinepnp.solvers.model.membrane.kinetics import GateKinetics, gated
from spinepnp.units import FARADAY


@dataclass(frozen=True, kw_only=True)
class PatchMechanism:
    """One mechanism of a patch.

    Attributes:
        name: name of the mechanism.
        current: its law, per area.
        gates: kinetics of its gates.
        is_active: whether any of its strengths is not zero.
        compartment: number of the compartment with which it exchanges; ``None`` for a bath.
    """

    name: str
    current: MembraneCurrent
    gates: tuple[GateKinetics, ...] = ()
    is_active: bool = True
    compartment: int | None = None

    def steady_current(self, V: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> OpenCurrent:
        """Currents with gates at their steady values.

        Args:
            V: membrane potential (inside minus outside), V, shape (n,).
            inside: concentrations inside, mol/m^3, shape (n, N).
            outside: concentrations outside, mol/m^3, shape (N,).
        """
        return gated(self.current.open_current(V, inside, outside), self.gates, V, inside)[0]


@dataclass(frozen=True, kw_only=True)
class Patch:
    """A patch of membrane.

    Attributes:
        name: name of its boundary.
        area: its area, m^2.
        outside: concentrations outside, mol/m^3, shape (N,); those that no mechanism needs may be not a number.
        outside_potential: potential outside, V.
        capacitance: capacitance per area, F/m^2.
        compartment: number of the compartment outside; ``None`` for a bath.
        is_equipotential: whether the potential outside is that inside.
        mechanisms: its mechanisms.
    """

    name: str
    area: float
    outside: np.ndarray
    outside_potential: float = 0.0
    capacitance: float = 0.0
    compartment: int | None = None
    is_equipotential: bool = False
    mechanisms: tuple[PatchMechanism, ...] = ()

    @property
    def moved(self) -> set[int]:
        """Species that pass."""
        return {i for m in self.mechanisms if m.is_active for i in m.current.moved}

    def current(self, mechanism: PatchMechanism, V: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> OpenCurrent:
        """Currents of one of its mechanisms with gates at their steady values.

        Args:
            mechanism: the mechanism.
            V: potential inside, V, shape (n,).
            inside: concentrations inside, mol/m^3, shape (n, N).
            outside: concentrations outside, mol/m^3, shape (N,).
        """
        if not self.is_equipotential:
            return mechanism.steady_current(V - self.outside_potential, inside, outside)
        found = mechanism.steady_current(np.zeros_like(V), inside, outside)
        return replace(found, by_potential=np.zeros_like(found.by_potential))


@dataclass(frozen=True, kw_only=True)
class WellStirredCell:
    """One well-stirred inside with its membranes.

    Attributes:
        names: names of the N species.
        valences: their valences, shape (N,).
        thermal_voltage: kT/e, V.
        volume: volume of the inside, m^3.
        inside: concentrations inside at the start, mol/m^3, shape (N,).
        patches: patches of membrane.
        totals: amounts of the species that never change, over the inside and all compartments, mol; not a number for
            the others; shape (N,).
        compartments: names of the compartments.
        compartment_volumes: their volumes, m^3.
        compartment_starts: their concentrations at the start, mol/m^3, shape (N,) each.
        counters: compartment and species of each counter-ion, whose amount keeps the charge of the compartment.
        is_held: whether a bath holds the concentrations inside.
        potential: potential that a bath holds, V; ``None`` where it is unknown.
        load_conductance: conductance to the rest of a cell, S.
        load_rest: potential of the rest of that cell without current, V.
        injected: prescribed current of each species into the inside, A, shape (N,).
        fixed_charge: fixed charge inside, mol/m^3.
        surface_charge: fixed charge of the walls in total, C.
    """

    names: tuple[str, ...]
    valences: np.ndarray
    thermal_voltage: float
    volume: float
    inside: np.ndarray
    patches: tuple[Patch, ...]
    totals: np.ndarray
    compartments: tuple[str, ...] = ()
    compartment_volumes: tuple[float, ...] = ()
    compartment_starts: tuple[np.ndarray, ...] = ()
    counters: tuple[tuple[int, int], ...] = ()
    is_held: bool = False
    potential: float | None = None
    load_conductance: float = 0.0
    load_rest: float = 0.0
    injected: np.ndarray = field(default_factory=lambda: np.zeros(0))
    fixed_charge: float = 0.0
    surface_charge: float = 0.0

    @property
    def exchanged(self) -> list[tuple[int, int]]:
        """Compartment and species of each concentration outside that mechanisms change."""
        active = [m for patch in self.patches for m in patch.mechanisms if m.is_active]
        return [
            (k, i)
            for k in range(len(self.compartments))
            for i in range(len(self.names))
            if any(m.compartment == k and i in m.current.moved for m in active)
        ]

    @property
    def moved(self) -> set[int]:
        """Species that pass through membranes."""
        return set().union(*(patch.moved for patch in self.patches))

    @property
    def levels(self) -> list[float]:
        """Potentials outside of the patches that have one of their own, V."""
        return [patch.outside_potential for patch in self.patches if not patch.is_equipotential]

    def charge(self, V: float) -> tuple[float, float]:
        """Charge of the ions and the fixed charge of the inside, C, and its derivative by the potential, F."""
        slope = sum(p.capacitance * p.area for p in self.patches)
        level = sum(p.capacitance * p.area * p.outside_potential for p in self.patches)
        return slope * V - level - self.surface_charge, slope

    def net_current(self, V: np.ndarray, inside: np.ndarray, outside: list[np.ndarray]) -> np.ndarray:
        """Net current into the inside at several potentials, A, shape (n,).

        Args:
            V: potentials inside, V, shape (n,).
            inside: concentrations inside, mol/m^3, shape (N,).
            outside: concentrations outside of each patch, mol/m^3, shape (N,).
        """
        everywhere = np.tile(inside, (len(V), 1))
        total = self.load_conductance * (self.load_rest - V) + self.injected.sum()
        for patch, beyond in zip(self.patches, outside, strict=True):
            for mechanism in patch.mechanisms:
                found = patch.current(mechanism, V, everywhere, beyond).current * mechanism.current.is_charged
                total = total + patch.area * found.sum(axis=1)
        return np.asarray(total)


@dataclass(frozen=True)
class MolarFlows:
    """Flows of ions through all membranes at one state, and their derivatives.

    The derivatives are by the potential, the N concentrations inside and the K exchanged ones outside
    (`WellStirredCell.exchanged`), in this order.

    Attributes:
        inflow: flow of each species into the inside, mol/s, shape (N,).
        inflow_slopes: its derivatives, shape (N, 1 + N + K).
        outflow: flow of each exchanged species out of its compartment, mol/s, shape (K,).
        outflow_slopes: its derivatives, shape (K, 1 + N + K).
        size: sum of the sizes of all flows of each species, mol/s, shape (N,).
    """

    inflow: np.ndarray
    inflow_slopes: np.ndarray
    outflow: np.ndarray
    outflow_slopes: np.ndarray
    size: np.ndarray


def outside_of(cell: WellStirredCell, exchanged: np.ndarray) -> list[np.ndarray]:
    """Concentrations outside of each patch, mol/m^3, with those of compartments, shape (K,), in their places."""
    found = []
    for patch in cell.patches:
        beyond = patch.outside.copy()
        for (k, i), value in zip(cell.exchanged, exchanged.tolist(), strict=True):
            if patch.compartment == k:
                beyond[i] = value
        found.append(beyond)
    return found


def molar_flows(cell: WellStirredCell, V: float, inside: np.ndarray, exchanged: np.ndarray) -> MolarFlows:
    """Flows through all membranes of a cell.

    Args:
        cell: the cell.
        V: potential inside, V.
        inside: concentrations inside, mol/m^3, shape (N,).
        exchanged: exchanged concentrations outside, mol/m^3, shape (K,).
    """
    N, pairs = len(cell.names), cell.exchanged
    charge = np.where(cell.valences == 0.0, 1.0, cell.valences) * FARADAY
    inflow = cell.injected / charge
    columns = 1 + N + len(pairs)
    found = MolarFlows(
        inflow, np.zeros((N, columns)), np.zeros(len(pairs)), np.zeros((len(pairs), columns)), np.abs(inflow)
    )
    for patch, beyond in zip(cell.patches, outside_of(cell, exchanged), strict=True):
        for mechanism in filter(lambda m: m.is_active, patch.mechanisms):
            open_current = patch.current(mechanism, np.array([V]), inside[None, :], beyond)
            for s, i in enumerate(mechanism.current.moved):
                unit = patch.area / charge[i]
                flow, slope = unit * open_current.current[0, s], np.zeros(columns)
                slope[0] = unit * open_current.by_potential[0, s]
                slope[1 : 1 + N] = unit * open_current.by_inside[0, s]
                for place, (k, j) in enumerate(pairs, 1 + N):
                    if patch.compartment == k:
                        slope[place] = unit * open_current.by_outside[0, s, j]
                found.inflow[i] += flow
                found.size[i] += abs(flow)
                found.inflow_slopes[i] += slope
                if mechanism.compartment is not None:
                    place = pairs.index((mechanism.compartment, i))
                    found.outflow[place] += flow
                    found.outflow_slopes[place] += slope
    return found
