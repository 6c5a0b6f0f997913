"""Suite `formulations_in_time`: unknowns of the species in transients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.charged_problems import NECK, USUAL, Data, ions
from benchmarks.formulations import FORMULATIONS, Row, compared, cpu_timed
from benchmarks.places import CASES
from benchmarks.transients import solved, spent
from spinepnp.case.case import Case, load_case, make_case
from spinepnp.errors import SpineError
from spinepnp.meshes import generate
from spinepnp.solvers.time.adaptive import Step
from spinepnp.solvers.time.transient import TransientProblem

#: Tolerance of the reference, and its cells over those of the problem.
REFERENCE_TOLERANCE = 1e-6


@dataclass(frozen=True)
class ProblemInTime:
    """Transient whose value at a probe at the end is compared.

    Attributes:
        case: case with its mesh.
        reference: the same case on a mesh whose error is far smaller.
        place: probe.
        species: species whose concentration is compared and whose lowest one is shown; empty for the potential.
    """

    case: Case
    reference: Case
    place: str
    species: str = ""

    def value(self, steps: list[Step]) -> float:
        """Concentration, mM, or potential, mV, at the probe at the end."""
        state = steps[-1].solution.probes[self.place]
        return state.concentration[self.species] if self.species else 1e3 * state.potential

    def lowest(self, steps: list[Step]) -> float:
        """Lowest concentration of the species in all steps, mM."""
        if not self.species:
            return float("nan")
        return min(step.solution.volume.min_concentration[self.species] for step in steps)


def spine(size: str = "") -> ProblemInTime:
    """A current that is switched on in a spine: the potential of the head."""
    study = ['study.duration="30 ms"', 'study.times=["30 ms"]']
    solid = ['geometry.dimension="3d"', *([f'mesh.size="{size}"'] if size else [])]
    meridian = ['geometry.dimension="axisymmetric"', 'mesh.size="25 nm"', f"study.tolerance={REFERENCE_TOLERANCE}"]
    path = CASES / "spine_step.toml"
    return ProblemInTime(load_case(path, [*study, *solid]), load_case(path, [*study, *meridian]), "head")


def calcium(size: str = "60 nm") -> ProblemInTime:
    """A front of calcium that diffuses into a neck with 0.1 uM: densities undershoot before it."""
    species = ions(("Na", 1, 1330, 150), ("Ca", 2, 790, 1e-4), ("Cl", -1, 2030, 150.0002))
    inside = {"potential": "0 mV", "concentrations": {"Na": "150 mM", "Ca": "1 mM", "Cl": "152 mM"}}

    def of(dimension: str, mesh: Data, tolerance: float) -> Case:
        return make_case(
            {
                "geometry": {**NECK, "dimension": dimension},
                "mesh": mesh,
                "electrolyte": {**USUAL, "species": species},
                "boundaries": {"base": inside},
                "probes": {"near": ["0 um", "0 um", "0.3 um"]},
                "study": {"kind": "transient", "duration": "0.1 ms", "times": ["0.1 ms"], "tolerance": tolerance},
            }
        )

    line = of("1d", {"size": "4 nm", "element_degree": 2}, REFERENCE_TOLERANCE)
    return ProblemInTime(of("3d", {"size": size}, 1e-4), line, "near", "Ca")


#: Every problem by its name.
IN_TIME = {"spine, a current is switched on": spine, "front of calcium": calcium}


def formulations_in_time(comm: Any, problem: str, size: str) -> list[Row]:
    """Rows of a transient with every choice of unknowns."""
    given, rows = IN_TIME[problem](size), []
    answer = given.value(_solved(given.reference, given.reference.solver.formulation, comm)[0])
    _solved(given.case, "density", comm)  # compiles its kernels, and fills the cache of meshes
    for formulation in FORMULATIONS:
        head = {"problem": problem, "mesh": f"3D, linear, {size}", "ranks": comm.size, "formulation": formulation}
        try:
            (steps, taken), seconds = cpu_timed(comm, lambda name=formulation: _solved(given.case, name, comm))
        except SpineError as error:
            rows.append({**head, "solve_s": float("nan"), "error": float("nan"), "status": str(error)})
            continue
        statistics = spent(steps)
        rows.append(
            {
                **head,
                "taken": taken,
                "unknowns": statistics[0].dofs,
                "steps": len(solved(steps)),
                "newton": sum(s.newton for s in statistics),
                "krylov": sum(s.krylov for s in statistics),
                "solve_s": seconds,
                "error": abs(given.value(steps) / answer - 1.0),
                "lowest": given.lowest(steps),
                "status": "ok",
            }
        )
    return compared(rows)


def _solved(case: Case, formulation: str, comm: Any) -> tuple[list[Step], str]:
    """Steps of a transient, and the unknowns that it took."""
    mesh = generate(case.geometry, case.mesh, comm)
    solver = case.solver.model_copy(update={"formulation": formulation})
    with TransientProblem(mesh, case.electrolyte, case.boundaries, solver, case.probes, case.closed) as problem:
        return [*problem.steps(case.study.schedule)], problem.formulation
