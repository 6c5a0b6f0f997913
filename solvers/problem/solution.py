"""Solution of a solve, with fields, means, currents and error estimates, in SI units."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from spinepnp.meshes import SpineMesh
from spinepnp.runtime.stack import FunctionSpace, fem
from spinepnp.solvers.algebra.statistics import NewtonStatistics
from spinepnp.solvers.fem.conductance import Conductance
from spinepnp.solvers.fem.measure import Measure
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.solvers.problem import columns, field_files
from spinepnp.solvers.problem.debye_layers import Layer
from spinepnp.solvers.problem.resistance import Resistance


@dataclass(frozen=True)
class PointState:
    """Potential (V) and concentrations (mol/m^3) at a point, or their means over a region."""

    potential: float
    concentration: dict[str, float]


@dataclass(frozen=True)
class BoundaryState(PointState):
    """Means over a boundary, and currents through it.

    Attributes:
        area: area, m^2.
        current: current of each species into the domain, A.
        displacement: displacement current into the domain, A; ``None`` in a steady state.
        current_floor: error of the current of each species by rounding and by Newton's remaining residual, A.
        displacement_floor: error of the displacement current by rounding, A; ``None`` in a steady state.
        has_load: whether it has an electrical load, at whose potential it is.
        charge: charge C_m (V - V_out) of the ions that charge its capacitance, C/m^2; ``None`` without one.
        neutral_potential: mean potential of the neutral solution beside a membrane, V; ``None`` of other boundaries.
        charge_out: charge that each species has carried OUT since the start beyond the flow at rest, C; ``None`` but at
            boundaries that are grounded or have a load, in a transient with a synapse.
    """

    area: float
    current: dict[str, float]
    displacement: float | None = None
    current_floor: dict[str, float] = field(default_factory=dict)
    displacement_floor: float | None = None
    has_load: bool = False
    charge: float | None = None
    neutral_potential: float | None = None
    charge_out: dict[str, float] | None = None

    @property
    def total_current(self) -> float:
        """Sum of the currents of all species, A."""
        return sum(self.current.values())

    @property
    def load_current(self) -> float | None:
        """Current of ions and displacement out of the domain into the load, A; ``None`` without a load."""
        return 0.0 - (self.total_current + (self.displacement or 0.0)) if self.has_load else None

    @property
    def lost(self) -> tuple[str, ...]:
        """Species with a current below its floor, which is not known; a current of exactly zero is."""
        return tuple(name for name, I in self.current.items() if 0.0 < abs(I) <= self.current_floor.get(name, 0.0))


@dataclass(frozen=True)
class MechanismState:
    """Currents of a mechanism of a membrane, and its gates.

    Attributes:
        current: current of each species that it moves into the domain, A, by name.
        gate: area mean of the open fraction of each gate, by label.
        charge_in: charge that each species has carried in since the start beyond the flow at rest, C; ``None`` but of
            synapses in a transient.
    """

    current: dict[str, float]
    gate: dict[str, float]
    charge_in: dict[str, float] | None = None

    @property
    def total_current(self) -> float:
        """Sum of the currents of all species, A."""
        return sum(self.current.values())


@dataclass(frozen=True)
class RegionState(PointState):
    """Means over a part of the volume, and extremes in it.

    Attributes:
        volume: volume, m^3.
        min_potential: smallest nodal value, V.
        max_potential: largest nodal value, V.
        min_concentration: smallest nodal value of each species, mol/m^3.
        max_concentration: largest nodal value of each species, mol/m^3.
    """

    volume: float
    min_potential: float
    max_potential: float
    min_concentration: dict[str, float]
    max_concentration: dict[str, float]


@dataclass(frozen=True)
class VolumeState(RegionState):
    """Means, extremes and integrals over the whole volume.

    Attributes:
        amount: amount of each species, mol.
        charge: charge of ions and fixed charge, C.
        field_energy: field energy int eps/2 |grad V|^2, J.
        mixing_energy: mixing energy int F V_T sum_i (c_i ln(c_i/C_i) - c_i + C_i) with the bulk C_i, J; zero in the
            bulk state.
    """

    amount: dict[str, float]
    charge: float
    field_energy: float
    mixing_energy: float

    @property
    def free_energy(self) -> float:
        """Sum of the energies of the field and of mixing, J."""
        return self.field_energy + self.mixing_energy


@dataclass(frozen=True)
class Solution:
    """A steady state, or the state at one time.

    Examples:
        >>> import spinepnp as pnp
        >>> mesh = pnp.mesh(pnp.Cylinder(length="1 um", radius="100 nm", dimension="1d"), size="50 nm")
        >>> ion = {"diffusivity": "200 um^2/s", "concentration": "150 mM"}
        >>> salt = pnp.Electrolyte(species=[{"name": "Na", "valence": 1, **ion}, {"name": "Cl", "valence": -1, **ion}])
        >>> ends = {"base": pnp.bath("0 mV"), "top": pnp.inject("Na", "50 pA")}
        >>> solution = pnp.solve_steady(mesh, salt, ends)
        >>> round(solution.boundary["top"].potential * 1e3, 3)  # mV
        6.135
        >>> solution.layers_resolved, solution.ion_balance < 1e-9
        (False, True)

    Attributes:
        unknowns: nodal values (c_1..c_N in mol/m^3, potential in V), shape (local degrees of freedom, N + 1).
        mesh: mesh of the fields, with coordinates in micrometres.
        space: scalar Lagrange space of each field.
        electrolyte: electrolyte that was solved for.
        boundary: means and currents by boundary name.
        probes: values at single points by their name.
        regions: means over parts of the volume by their name.
        volume: means and integrals over the whole of it.
        ion_balance: largest |sum of boundary currents and sources| over the largest current of a species; with
            prescribed amounts also |N/N0 - 1|.
        conservation: largest relative error of the totals that reactions conserve; ``None`` without reactions and
            immobile species.
        layers: Debye layers by the name of their boundary, or by the plane of the edge of a fixed charge.
        layers_resolved: whether the potential drop of each is right to 3 %.
        relative_error: estimated error of currents and resistances, from the jumps of gradients between cells.
        potential_error: estimated error of the mean potential over each boundary where it is not prescribed, V.
        neutral_potential_error: the same without the error of the Debye layer there, V: that of `neutral_potential`.
        bounds: bounds of the unit-flux harmonic mean G of each injector against all grounded boundaries, 1/um, by name;
            only on straight tetrahedra.
        wall_charge: charge per area that was spread over all walls because nothing grounds the domain, C/m^2; ``None``
            where something does.
        electroneutral: mean electroneutral potential over each boundary, V; empty where the law does not hold.
        formulation: unknowns of the species, "density", "log" or "nodal".
        formulation_reason: reason why `solver.formulation = "auto"` has left concentrations; empty where it has not.
        change_within_cell: largest change of |z| V within a cell, in V_T.
        too_steep: whether that is more than concentrations as unknowns can follow.
        statistics: statistics of the Newton solve.
        resistance: of a steady state, between places and the ground, by the name of the only boundary where a current
            enters, of probes and of regions; empty without one.
        mechanisms: currents and gates of each mechanism of a membrane, by boundary and name.
        compartments: concentration of each species that a compartment lists, mol/m^3, by compartment and species.
        gates: open fractions of gates at the local nodes, zero elsewhere than on their boundary, by the name
            ``gate.BOUNDARY.MECHANISM.LABEL``, each of shape (local degrees of freedom,).
        membranes: one at the local nodes of a boundary with mechanisms or a capacitance, zero elsewhere, by the name
            ``membrane.BOUNDARY``, each of shape (local degrees of freedom,).
    """

    unknowns: np.ndarray
    mesh: SpineMesh = field(repr=False)
    space: FunctionSpace = field(repr=False)
    electrolyte: Electrolyte
    boundary: dict[str, BoundaryState]
    probes: dict[str, PointState]
    regions: dict[str, RegionState]
    volume: VolumeState
    ion_balance: float
    layers: dict[str, Layer]
    layers_resolved: bool
    relative_error: float
    potential_error: dict[str, float]
    neutral_potential_error: dict[str, float]
    wall_charge: float | None
    electroneutral: dict[str, float]
    formulation: str
    formulation_reason: str
    change_within_cell: float
    too_steep: bool
    statistics: NewtonStatistics
    bounds: dict[str, Conductance] = field(default_factory=dict)
    conservation: float | None = None
    resistance: dict[str, Resistance] = field(default_factory=dict)
    mechanisms: dict[tuple[str, str], MechanismState] = field(default_factory=dict)
    compartments: dict[str, dict[str, float]] = field(default_factory=dict)
    gates: dict[str, np.ndarray] = field(default_factory=dict)
    membranes: dict[str, np.ndarray] = field(default_factory=dict)

    def potential_beside(self, name: str) -> float | None:
        """Mean potential beside the Debye layer of a membrane, V, where cells do not resolve it; else ``None``."""
        layer = self.layers.get(name)
        return None if layer is None or layer.resolved else self.boundary[name].neutral_potential

    @cached_property
    def V(self) -> fem.Function[np.float64]:
        """Potential as a function of DOLFINx, V, named "V". Collective at first use.

        Its mesh has coordinates in micrometres, and that of a body of revolution or of a line is its meridian or axis,
        so that a form needs the factor `weight`. The function is a copy: it stays when the problem is destroyed, and
        changing it changes nothing else.
        """
        return self._function("V", -1)

    @cached_property
    def c(self) -> dict[str, fem.Function[np.float64]]:
        """Concentration of each species by its name, mol/m^3, as functions like `V`. Collective at first use."""
        return {name: self._function(name, i) for i, name in enumerate(self.electrolyte.names)}

    def _function(self, name: str, column: int) -> fem.Function[np.float64]:
        function: fem.Function[np.float64] = fem.Function(self.space, name=name)
        function.x.array[:] = self.unknowns[:, column]
        return function

    @cached_property
    def weight(self) -> Any:
        """Factor of integrands in forms on the mesh: 1, 2 pi r on a meridian, or the cross-section on a line.

        With it, ``form(solution.V * solution.weight * dx)`` is an integral over the body, in um^3. Collective at first
        use.
        """
        return Measure(self.mesh).weight

    def to_frame(self) -> Any:
        """Table of one row (`pandas.DataFrame`) with all observables, named and in the units of observables.csv."""
        import pandas

        return pandas.DataFrame([columns.flatten(columns.state_of(self))])

    def grid(self) -> Any:
        """PyVista grid (um) of the whole mesh with all fields in mV and mM; ``None`` but on rank 0. Collective."""
        return field_files.gather(self._fields)

    def save(self, path: str | Path) -> None:
        """Write the fields, in mV and mM, for ParaView and PyVista; see `field_files.write`. Collective.

        Args:
            path: name of a ``.vtu`` file, or of a ``.pvtu`` file with one part a rank beside it.

        Raises:
            CaseError: another ending of the name.
            OutputError: the file cannot be written.
        """
        field_files.write(self._fields, Path(path))

    def record(self, stem: Path) -> tuple[Path, Any]:
        """Write the fields of a run; see `field_files.record`. Collective."""
        return field_files.record(self._fields, stem)

    @property
    def _fields(self) -> field_files.Fields:
        others = self.gates | self.membranes
        return field_files.Fields(self.mesh, self.space, self.unknowns, self.electrolyte.names, others)
