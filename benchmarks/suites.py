"""Suites of benchmarks: their jobs, and the columns that are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: Approximate numbers of unknowns of two species in the cylinder, by size of the cells.
CYLINDERS = {"12.6 nm": 20e3, "9 nm": 49e3, "6.03 nm": 150e3}

#: Numbers of unknowns, by size of the cells and number of refinements.
REFINED = {("6.3 nm", 1): 1.04e6}

#: Numbers of unknowns with quadratic elements, by size of the cells.
QUADRATIC = {"26 nm": 20e3, "12.4 nm": 150e3}


@dataclass(frozen=True)
class Job:
    """One MPI job.

    Attributes:
        task: name of a function in `tasks`.
        ranks: number of MPI ranks; 0 for one process without mpiexec, which starts others itself.
        dofs: approximate number of unknowns.
        arguments: arguments of the function.
        name: text that the user reads while the job runs, in place of the number of unknowns.
    """

    task: str
    ranks: int
    dofs: float
    arguments: dict[str, Any]
    name: str = ""

    @property
    def title(self) -> str:
        """Text that the user reads while the job runs."""
        where = f" on {self.ranks} rank{'s' if self.ranks > 1 else ''}" if self.ranks else ""
        return self.name or f"{self.dofs:.2g} unknowns{where}"


@dataclass(frozen=True)
class Suite:
    """Jobs whose rows make one table.

    Attributes:
        title: title of the table.
        columns: columns that are shown.
        jobs: jobs in the order of their rows.
        by_default: whether it runs where no suite is named.
        split: column whose values have a table each.
    """

    title: str
    columns: tuple[str, ...]
    jobs: tuple[Job, ...]
    by_default: bool = True
    split: str = ""


def _solve() -> tuple[Job, ...]:
    jobs = [Job("solve", n, dofs, {"size": size}) for size, dofs in CYLINDERS.items() for n in (1, 2)]
    refined = [Job("solve", n, d, {"size": s, "refine": r}) for (s, r), d in REFINED.items() for n in (1, 2)]
    return (*jobs, *refined)


def _krylov() -> tuple[Job, ...]:
    sizes = {size: dofs for size, dofs in CYLINDERS.items() if size != "9 nm"}
    linear = [Job("krylov", n, dofs, {"size": size}) for size, dofs in sizes.items() for n in (1, 2)]
    quadratic = [Job("krylov", n, d, {"size": s, "degree": 2}) for s, d in QUADRATIC.items() for n in (1, 2)]
    refined = [Job("krylov", 2, d, {"size": s, "refine": r, "only": "100 pA"}) for (s, r), d in REFINED.items()]
    return (*linear, *quadratic, *refined)


def _peer() -> tuple[Job, ...]:
    """Jobs of suite `peer`; sizes of cells of this program, and of Netgen for as many unknowns (um)."""
    sizes = {("12.6 nm", 0.0108): 20e3, ("9 nm", 0.0078): 49e3, ("6.15 nm", 0.0054): 140e3}
    jobs = [
        Job("peer_cylinder", 0, dofs, {"size": ours, "own_size": own, "repeats": 2 if dofs < 1e5 else 1})
        for (ours, own), dofs in sizes.items()
    ]
    quadratic = {"size": "25 nm", "own_size": 0.0178, "degree": 2}
    return (
        *jobs,
        Job("peer_cylinder", 0, 23e3, quadratic, "quadratic elements"),
        Job("peer_cylinder", 0, 24e3, {"size": "12.6 nm", "own_size": None, "graded": True}, "with the Debye layer"),
        Job("peer_neuron", 0, 6, {}, "a neuron by LSODA"),
    )


#: Every suite by its name.
SUITES = {
    "solve": Suite(
        title="A steady solve of two species in a cylinder, everything after the mesh, in Poisson units",
        columns=(
            "dofs", "ranks", "unit_s", "set_up_s", "solve_s", "units", "us_per_dof", "newton", "krylov",
            "assembly_share", "sweep_newton", "sweep_units", "direct_s", "faster", "difference", "peak_GB",
        ),
        jobs=_solve(),
    ),
    "krylov": Suite(
        title="Linear iterations in a Newton step (true residual 1e-6, no adaptive forcing)",
        columns=("problem", "shape", "degree", "dofs", "ranks", "newton", "mean", "most", "solve_s", "status"),
        jobs=_krylov(),
    ),
    "transient": Suite(
        title="Transients: all steps of cases/spine_alpha.toml (100 ms) and cases/spine_step.toml (330 ms)",
        columns=(
            "case", "dimension", "linear", "ranks", "dofs", "steps", "rejected", "newton", "krylov", "run_s", "step_s",
            "steady_s", "step_over_steady", "V_max_mV",
        ),
        jobs=(
            *(Job("transient", 1, 8e3, {"case": f"spine_{c}", "dimension": "axisymmetric"}) for c in ("alpha", "step")),
            *(Job("transient", n, 18e3, {"case": "spine_alpha", "dimension": "3d"}) for n in (1, 2)),
            Job("transient", 2, 18e3, {"case": "spine_step", "dimension": "3d"}),
            Job("transient", 2, 18e3, {"case": "spine_alpha", "dimension": "3d", "tolerance": 1e-5}),
            Job("transient", 2, 18e3, {"case": "spine_alpha", "dimension": "3d", "linear": "direct"}),
        ),
    ),
    "accuracy": Suite(
        title="Error against time, for every choice of elements, cells, grading, dimension and unknowns",
        columns=(
            "problem", "variant", "size", "unknowns", "mesh_s", "solve_s", "units", "error", "sure_error", "default",
        ),
        jobs=tuple(
            Job("accuracy", 1, 1e4, {"problem": problem, "dimension": dimension}, f"{problem}, {dimension}")
            for problem in ("cylinder", "neutral cylinder", "ball_neck", "hyperboloid")
            for dimension in ("axisymmetric", "3d")
        ),
    ),
    "precision": Suite(
        title="Transients: tolerance of a step against error, against a tolerance of 1e-8 on the same mesh",
        columns=(
            "case", "tolerance", "unknowns", "number", "rejected", "newton", "newton_a_step", "run_s", "step_s",
            "linear_s", "step_over_linear", "error_V", "error_c", "error_line",
        ),
        jobs=tuple(
            Job("precision", 1, 8e3, {"run": run}, run)
            for run in ("spine, alpha current (meridian)", "cylinder, step (line)")
        ),
    ),
    "peer": Suite(
        title="Other programs on the same problems: seconds, errors, and their time over that of this program",
        columns=(
            "case", "program", "mesh", "degree", "graded", "unknowns", "newton", "mesh_s", "solve_s", "error",
            "difference", "solve_ratio", "step_ratio", "total_ratio", "tolerance", "evaluations", "spikes",
            "spike_error_ms", "status",
        ),
        jobs=_peer(),
        split="case",
    ),
    "start": Suite(
        title="What a user waits for, and where that time goes",
        columns=("kind", "what", "seconds", "target", "reached", "over_interpreter", "share"),
        jobs=(Job("start", 0, 1e4, {}, "help, import, first and second run, batch"),),
        split="kind",
    ),
    "neuron": Suite(
        title="150 s of a neuron model (GNP, tonic), and the error of its spike times against a tolerance of 1e-9",
        columns=(
            "model", "p_eff", "seconds", "tolerance", "run_s", "steps", "spikes", "reference_spikes", "spike_error_ms",
        ),
        jobs=tuple(
            Job("neuron", 1, 6, {"model": "gnp", "p_eff": 0.515, "seconds": 150, "tolerance": t})
            for t in (1e-4, 1e-5, 1e-6, 1e-7)
        ),
    ),
    "batch": Suite(
        title="A batch of sixty small cases: one group of one rank against two",
        columns=("sweep", "cases", "ranks", "groups", "one_s", "all_s", "faster", "difference"),
        jobs=(Job("batch", 2, 1e4, {"sweep": "sweeps/necks.toml"}),),
    ),
    "memory": Suite(
        title="Memory of a process over many cases",
        columns=("cases", "meshes", "first_MB", "last_MB", "growth_kB_per_case", "seconds"),
        jobs=(Job("memory", 1, 4e3, {"cases": 200, "meshes": 50}),),
    ),
    "large": Suite(
        title="Large meshes on two ranks",
        columns=(
            "cells", "dofs", "ranks", "mesh_s", "unit_s", "set_up_s", "solve_s", "units", "us_per_dof", "newton",
            "krylov", "peak_GB", "peak_rank_GB",
        ),
        jobs=tuple(
            Job("solve", 2, dofs, {"size": size, "refine": refine, "direct": False})
            for (size, refine), dofs in {("8.9 nm", 2): 3.2e6, ("6.4 nm", 2): 7.5e6}.items()
        ),
        by_default=False,
    ),
}  # fmt: skip
