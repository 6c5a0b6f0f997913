"""What can be said of a case before it is solved: one Laplace equation a patch, and algebra."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from spinepnp.geometries import MODEL_UNIT
from spinepnp.meshes import SpineMesh, boundary_layer_heights
from spinepnp.runtime.stack import MPI, basix, fem
from spinepnp.solvers.fem.operators import Operators
from spinepnp.solvers.fem.probes import Position, Probes
from spinepnp.solvers.fem.subregions import Part
from spinepnp.solvers.fem.weights import Weights, minimum
from spinepnp.solvers.model.problem_data import Imposed
from spinepnp.solvers.model.regions import Region
from spinepnp.solvers.model.scaling import Scales
from spinepnp.solvers.problem.debye_layers import Layer, LayerState, debye_layers
from spinepnp.solvers.problem.predictor import Prediction, Predictor

#: Debye length over volume per surface, up to which the electroneutral law is taken for a prediction.
LARGEST_LAYER = 0.1


class Preview:
    """The electroneutral answer to a case on one mesh, without its equations.

    Args:
        mesh: distributed mesh with named boundaries.
        imposed: what is imposed.
        probes: points, m, by name.
        regions: parts of the volume by name.

    Raises:
        CaseError: a probe or a region outside of the domain.

    Attributes:
        space: scalar Lagrange space, one node for each unknown of a species.
        boundary_dofs: local degrees of freedom of each boundary, by name.
        measure: of the body that the mesh stands for.
        operators: matrices of the space.
        weights: of boundaries and volume.
        probes: points that are evaluated.
        regions: parts of the volume that are evaluated.
    """

    def __init__(
        self,
        mesh: SpineMesh,
        imposed: Imposed,
        probes: dict[str, Position],
        regions: dict[str, Region] | None = None,
    ) -> None:
        self._mesh, self._structure = mesh, imposed.structure
        element = basix.ufl.element("Lagrange", mesh.mesh.basix_cell(), mesh.element_degree)
        space = self.space = fem.functionspace(mesh.mesh, element)
        facet_dim = mesh.mesh.topology.dim - 1
        self.boundary_dofs = {
            name: fem.locate_dofs_topological(space, facet_dim, facets) for name, facets in mesh.boundary_facets.items()
        }
        self.weights = Weights(space, mesh)
        self.measure = self.weights.measure
        self.operators = Operators(space, self.measure)
        self.probes = Probes(probes, mesh, space)
        for i, charged in enumerate(imposed.electrolyte.charged_regions):
            self.weights.region(charged.region, f"electrolyte.fixed_charge.{i}.region")
        self.regions = {
            name: Part(name, region, self.weights, space, self.boundary_dofs)
            for name, region in (regions or {}).items()
        }
        grounded = [self.boundary_dofs[name] for name, *_ in self._structure.held]
        self._predictor = Predictor(
            space,
            np.unique(np.concatenate([np.empty(0, dtype=np.int32), *grounded])),
            self.weights.boundary,
            self.weights.area,
            self.operators,
        )

    @property
    def nodes(self) -> int:
        """Number of nodes on all ranks."""
        return int(self.space.dofmap.index_map.size_global)

    @cached_property
    def heights(self) -> dict[str, float]:
        """Height of the tallest cell at each boundary, m. Collective at its first use."""
        comm = self._mesh.mesh.comm
        own = {n: float(boundary_layer_heights(self._mesh, n).max(initial=0.0)) for n in self.boundary_dofs}
        return {name: comm.allreduce(height, op=MPI.MAX) * MODEL_UNIT for name, height in own.items()}

    def extent(self) -> float:
        """Longest side of the box around the mesh, m. Collective."""
        comm, x = self._mesh.mesh.comm, self._mesh.mesh.geometry.x
        low, high = minimum(comm, x), -minimum(comm, -x)
        return float((high - low).max()) * MODEL_UNIT

    def areas(self) -> dict[str, float]:
        """Of the boundaries, m^2."""
        return {name: area * MODEL_UNIT**2 for name, area in self.weights.area.items()}

    def predict(self, imposed: Imposed) -> Prediction | None:
        """The electroneutral answer; ``None`` where it does not hold. Collective.

        Raises:
            CaseError: a current beyond the limiting one.
        """
        # The law is that of a thin Debye layer: a tenth of volume over surface at most.
        width = self.weights.total_volume / sum(self.weights.area.values()) * MODEL_UNIT
        if self._structure.free or imposed.electrolyte.debye_length() > LARGEST_LAYER * width:
            return None
        return self._predictor.predict(imposed.electrolyte, imposed.boundaries)

    def limits(self, imposed: Imposed) -> tuple[float, float]:
        """By which factors the currents could be multiplied; see `Predictor.limits`. Collective."""
        return self._predictor.limits(imposed.electrolyte, imposed.boundaries)

    def potentials(self, imposed: Imposed, prediction: Prediction) -> dict[str, float]:
        """Mean potential over each boundary, and at each probe, V. Collective."""
        V = (prediction.u * imposed.electrolyte.V_T + prediction.ground)[:, None]
        weights = self.weights
        found = {n: float(weights.integral(w, V)[0]) / weights.area[n] for n, w in weights.boundary.items()}
        return found | {name: float(value[0]) for name, value in self.probes.values(V).items()}

    def layers(self, imposed: Imposed, prediction: Prediction | None) -> dict[str, Layer]:
        """Debye layers at the concentrations of the electroneutral answer, or of the bulk. Collective."""
        electrolyte, scales = imposed.electrolyte, Scales.of(imposed.electrolyte)
        nodes = len(self.weights.volume)
        bulk = np.array([*electrolyte.bulk.values()])
        c: Any = np.tile(bulk, (nodes, 1)) if prediction is None else prediction.concentrations.T
        currents = {name: np.zeros(len(bulk)) for name in self.boundary_dofs}
        for name, boundary in imposed.boundaries.items():
            for injection in boundary.injections:
                total = injection.total(self.weights.area[name] * scales.length**2)
                currents[name][electrolyte.index(injection.species)] += total / scales.current
        state = LayerState(
            densities=c / scales.concentration,
            potential=np.zeros(nodes) if prediction is None else prediction.u + prediction.ground / electrolyte.V_T,
            currents=currents,
        )
        return debye_layers(self._mesh, self.heights, self.weights, state, electrolyte, imposed.boundaries, scales)

    def destroy(self) -> None:
        """Free the PETSc objects. Collective."""
        self._predictor.destroy()
        self.operators.destroy()
