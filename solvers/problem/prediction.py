"""Electroneutral prediction of a case: potentials, concentrations, limiting currents, expected Debye layers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from spinepnp.geometries import MODEL_UNIT
from spinepnp.runtime.stack import MPI
from spinepnp.solvers.fem.conductance import Conductance, has_bounds, upper_bound
from spinepnp.solvers.fem.discretisation import Discretisation
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.model.scaling import Scales
from spinepnp.solvers.model.terms.mechanism import the_conductance
from spinepnp.solvers.pnp.cycles import LaplaceCycles
from spinepnp.solvers.problem.debye_layers import Layer, LayerState, debye_layers
from spinepnp.solvers.problem.predictor import Prediction, Predictor, why_not_electroneutral
from spinepnp.solvers.problem.variable_choice import charged_sides
from spinepnp.units import FARADAY

#: Debye length over volume per surface up to which the electroneutral law predicts: it is that of thin layers.
LARGEST_LAYER = 0.1


def discretise(
    mesh: Any, problem_data: ProblemData, probes: dict[str, Any] | None = None, regions: dict[str, Any] | None = None
) -> Discretisation:
    """The discretisation of a mesh with the slabs of fixed charge and of initial concentrations. Collective.

    Args:
        mesh: distributed mesh with named boundaries.
        problem_data: data of the solve; of them only the regions and the names of the boundaries count.
        probes: points at which fields are evaluated, m, or places of the shape, by name.
        regions: parts of the volume whose means and extremes are evaluated, by name.

    Raises:
        CaseError: a probe or a region outside of the domain, or a region thinner than the cells there.
    """
    charged = problem_data.electrolyte.charged_regions
    slabs = {f"electrolyte.fixed_charge.{i}.region": part.region for i, part in enumerate(charged)}
    if problem_data.initial is not None:
        slabs |= {f"initial.region.{i}.z": part.z for i, part in enumerate(problem_data.initial.region or ())}
    reactions = problem_data.electrolyte.reactions
    slabs |= {f"electrolyte.reactions.{i}.region": r.region for i, r in enumerate(reactions) if r.region is not None}
    discretisation = Discretisation(mesh, probes, regions, slabs, problem_data.boundaries)
    for key, coefficient in problem_data.electrolyte.coefficients().items():
        for number, part in enumerate(coefficient if isinstance(coefficient, tuple) else ()):
            if part.region is not None:
                discretisation.weights.check_slab(part.region, f"{key}.{number}.region")
    return discretisation


class ElectroneutralPrediction:
    """Electroneutral answer to a case on one mesh: one Laplace solve for each injecting boundary, and algebra.

    Args:
        discretisation: discretisation of the mesh.
        problem_data: data that decide which boundaries are grounded.
        laplace: Laplacians of the problem with their hierarchies; its own by default.
    """

    def __init__(
        self, discretisation: Discretisation, problem_data: ProblemData, laplace: LaplaceCycles | None = None
    ) -> None:
        self.discretisation, self._signature = discretisation, problem_data.signature
        grounded = [discretisation.boundary_dofs[name] for name, *_ in self._signature.dirichlet]
        self._predictor = Predictor(
            discretisation.space,
            np.unique(np.concatenate([np.empty(0, dtype=np.int32), *grounded])),
            discretisation.weights.boundary,
            discretisation.weights.area,
            discretisation.operators,
            laplace,
        )

    def why_not(self, problem_data: ProblemData) -> str:
        """Reason why the electroneutral law does not hold; empty where it does. Collective.

        Raises:
            CaseError: a conductance that draws more ions than can flow.
        """
        if charged_sides(problem_data, self.discretisation.weights):
            return "a charged wall of a line, whose ions fill the cross-section"
        reason = why_not_electroneutral(problem_data.electrolyte, problem_data.boundaries)
        if reason or self._predictor.with_currents(problem_data.electrolyte, problem_data.boundaries) is not None:
            return reason
        return "a conductance over which the potential varies, so that its current is not even"

    def predict(self, problem_data: ProblemData) -> Prediction | None:
        """The electroneutral answer; ``None`` where it does not hold. Collective.

        Raises:
            CaseError: a current beyond the limiting one.
        """
        weights = self.discretisation.weights
        width = weights.total_volume / sum(weights.area[name] for name in self.discretisation.heights) * MODEL_UNIT
        if (
            problem_data.custom
            or charged_sides(problem_data, weights)
            or self._signature.amount_constrained
            or problem_data.electrolyte.debye_length() > LARGEST_LAYER * width
        ):
            return None
        return self._predictor.predict(problem_data.electrolyte, problem_data.boundaries)

    def with_currents(self, problem_data: ProblemData) -> ProblemData:
        """Data with the current of a conductance in its place, where the law holds. Collective."""
        boundaries = self._predictor.with_currents(problem_data.electrolyte, problem_data.boundaries)
        return problem_data if boundaries is None else replace(problem_data, boundaries=boundaries)

    def limits(self, problem_data: ProblemData) -> tuple[float, float]:
        """Largest factors of the currents; see `Predictor.limits`. Collective."""
        return self._predictor.limits(problem_data.electrolyte, problem_data.boundaries)

    def potentials(self, problem_data: ProblemData, prediction: Prediction) -> dict[str, float]:
        """Mean potential over each boundary, and at each probe, V. Collective."""
        V = (prediction.u * problem_data.electrolyte.V_T + prediction.ground)[:, None]
        weights = self.discretisation.weights
        means = {n: float(weights.integral(w, V)[0]) / weights.area[n] for n, w in weights.boundary.items()}
        return means | {name: float(value[0]) for name, value in self.discretisation.probes.values(V).items()}

    def layers(self, problem_data: ProblemData, prediction: Prediction | None) -> dict[str, Layer]:
        """Debye layers at the concentrations of the electroneutral answer, or of the bulk. Collective.

        Currents of channels, mechanisms and of an exchange are not known before the solve, and neither are the drops
        there; that of a conductance is where the electroneutral law holds.
        """
        problem_data = problem_data if prediction is None else self.with_currents(problem_data)
        electrolyte, scales = problem_data.electrolyte, Scales.of(problem_data.electrolyte)
        nodes = len(self.discretisation.weights.volume)
        bulk = np.array([*electrolyte.bulk.values()])
        c: Any = np.tile(bulk, (nodes, 1)) if prediction is None else prediction.concentrations.T
        currents = {name: np.zeros(len(bulk)) for name in self.discretisation.boundary_dofs}
        valences = {species.name: species.valence for species in electrolyte.species}
        for name, boundary in problem_data.boundaries.items():
            area = self.discretisation.weights.area[name] * scales.length**2
            prescribed = [(i.species, i.total(area)) for i in boundary.injections]
            prescribed += [(f.species, FARADAY * valences[f.species] * f.value * area) for f in boundary.flux or ()]
            unknown = [(e.species, math.nan) for e in (*boundary.channels, *(boundary.exchange or ()))]
            unknown += [(species, math.nan) for mechanism in boundary.mechanisms for species in mechanism.moved]
            for species, current in prescribed + [pair for pair in unknown if valences[pair[0]]]:
                currents[name][electrolyte.index(species)] += current / scales.current
        state = LayerState(
            concentrations=c / scales.concentration,
            potential=np.zeros(nodes) if prediction is None else prediction.u + prediction.ground / electrolyte.V_T,
            currents=currents,
        )
        return debye_layers(self.discretisation, state, electrolyte, problem_data.boundaries, scales)

    def resistive_drop(
        self, problem_data: ProblemData, currents: Mapping[str, float], concentrations: np.ndarray
    ) -> tuple[float, str, str]:
        """Largest difference of the potential in the domain by Ohm's law at even concentrations. Collective.

        Args:
            problem_data: data of the solve, whose grounds take up the currents; without one the first boundary does.
            currents: current into the domain, A, by boundary.
            concentrations: concentrations inside, mol/m^3, shape (species,).

        Returns:
            The difference, V, and the boundaries with the lowest and the highest mean potential.
        """
        whole, electrolyte = self.discretisation, problem_data.electrolyte
        weights, comm = whole.weights, whole.weights.comm
        mobility = np.array([s.valence**2 * electrolyte.effective_diffusivity(s) for s in electrolyte.species])
        conductivity = FARADAY * float(mobility @ concentrations) / electrolyte.V_T
        grounds = [name for name, b in problem_data.boundaries.items() if b.ground_potential() is not None]
        dofs = [whole.boundary_dofs[name] for name in grounds or list(whole.heights)[:1]]
        predictor = Predictor(
            whole.space, np.unique(np.concatenate(dofs)), weights.boundary, weights.area, whole.operators
        )
        V = predictor.flux_potential(currents) / (conductivity * MODEL_UNIT)
        predictor.destroy()
        lowest = comm.allreduce(float(V.min(initial=0.0)), op=MPI.MIN)
        highest = comm.allreduce(float(V.max(initial=0.0)), op=MPI.MAX)
        means = {n: float(weights.integral(w, V[:, None])[0]) / weights.area[n] for n, w in weights.boundary.items()}
        return highest - lowest, min(means, key=means.__getitem__), max(means, key=means.__getitem__)

    def conductances(self, problem_data: ProblemData) -> dict[str, Conductance]:
        """Bounds of G of each injector against all grounded boundaries, on straight tetrahedra alone. Collective.

        The lower one is that of the elements of the solve: its own conductance.

        Args:
            problem_data: data with the currents, or the one conductance.

        Raises:
            SolveError: a linear solver did not converge.
        """
        mesh, grounded = self.discretisation.mesh, tuple(name for name, *_ in self._signature.dirichlet)
        if not (grounded and has_bounds(mesh)):
            return {}
        conductance = the_conductance(problem_data.boundaries)
        injectors = [name for name, b in problem_data.boundaries.items() if b.injections and name not in grounded]
        injectors += [] if conductance is None else [conductance[0]]
        found = {}
        for name in injectors:
            low = self._predictor.mean_unit_flux(name)
            found[name] = Conductance(low, low, upper_bound(mesh, name, grounded))
        return found

    def destroy(self) -> None:
        """Free the PETSc objects. Collective."""
        self._predictor.destroy()
