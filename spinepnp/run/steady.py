"""Run of one case from its file to its result directory: mesh, solve every point, write, draw.

Collective throughout: every rank takes the same path, rank 0 writes and prints (`SteadyRecorder`), and an error that
only rank 0 can meet (a full disk, say) reaches all of them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spinepnp.case.case import Case, load_case
from spinepnp.case.estimate import check_feasible
from spinepnp.case.remarks import remarks_of
from spinepnp.errors import CaseError, SingleRankError, SolveError, all_ranks_arrived
from spinepnp.meshes import generate
from spinepnp.pages.background import PictureProcess
from spinepnp.run.extension import check_extendable
from spinepnp.run.membranes import charge_warnings, shown_potentials
from spinepnp.run.options import RunOptions, SweepPoint
from spinepnp.run.place import check_place
from spinepnp.run.progress import ProgressBar
from spinepnp.run.steady_records import SteadyRecorder
from spinepnp.runtime.communication import on_root
from spinepnp.solvers.problem.solution import Solution
from spinepnp.solvers.steady import SteadyProblem
from spinepnp.units import POTENTIAL, to_unit
from spinepnp.validation.laws.catalogue import LawValue


class Model:
    """Mesh and compiled problem of the current point, kept as long as the next point fits them."""

    def __init__(self, comm: Any) -> None:
        self.comm = comm
        self._key: tuple[Any, ...] | None = None
        self.problem: SteadyProblem | None = None

    def fit(self, case: Case, log: Callable[[str], None]) -> SteadyProblem:
        """Problem of a case: the one at hand if only values differ, else a new one. Collective."""
        key = case.model_key
        if self.problem is None or key != self._key:
            on_root(self.comm, lambda: check_feasible(case))
            log(f"meshing the {case.geometry.shape}")
            mesh = generate(case.geometry, case.mesh, self.comm, log=log)
            self.close()
            self.problem = SteadyProblem(
                mesh, case.electrolyte, case.boundaries, case.solver, case.probes, case.closed, case.regions,
                compartments=case.compartments,
            )  # fmt: skip
            self._key = key
        return self.problem

    def close(self) -> None:
        """Free the problem at hand. Collective, so that it must not be called after an error of one rank."""
        if self.problem is not None:
            self.problem.destroy()
        self.problem = None


def run_case(
    path: Path,
    comm: Any,
    output: Path,
    *,
    overrides: tuple[str, ...] = (),
    removals: tuple[str, ...] = (),
    force: bool = False,
    resume: bool = False,
    extend: bool = False,
    background: PictureProcess | None = None,
) -> list[SweepPoint]:
    """Run a case file. Collective.

    Args:
        path: path of the case file.
        comm: MPI communicator.
        output: result directory.
        overrides: ``key=value`` texts that change the case.
        removals: paths of keys that are removed from it before.
        force: replace results that the directory holds.
        resume: solve only the points that the directory does not hold.
        extend: go on from a transient of the directory that was shorter, or had fewer probes.
        background: process that draws the pictures, on rank 0; without one the run draws them itself.

    Returns:
        All points with their observables; failed ones with their reason.

    Raises:
        CaseError: bad input, found before anything was solved or written.
    """
    case = on_root(comm, lambda: load_case(path, overrides, removals))
    on_root(comm, lambda: check_place(output, () if resume or extend else (path,)))
    if extend:
        on_root(comm, lambda: check_extendable(case.study.kind, output))
    options = RunOptions(force=force, resume=resume or extend, extend=extend, background=background)
    return solve_case(case, comm, output, options)


def solve_case(
    case: Case, comm: Any, output: Path, options: RunOptions, model: Model | None = None
) -> list[SweepPoint]:
    """Run a checked case. Collective.

    A sweep value that is impossible (a current beyond the limiting one) does not stop the others; where all are, the
    first one's error is raised and nothing is written.

    Args:
        case: checked case.
        comm: MPI communicator.
        output: result directory.
        options: options of the run.
        model: model of the case before, used where it fits and left open for the next case.

    Returns:
        All points with their observables; failed ones with their reason.

    Raises:
        CaseError: bad input, found before anything was solved or written.
    """
    if case.study.kind == "transient":
        from spinepnp.run.transient import solve_transients

        return solve_transients(case, comm, output, options)
    values: tuple[object, ...] = case.study.values if case.study.values is not None else (None,)
    points = [SweepPoint(i, c, v) for i, (c, v) in enumerate(zip(case.points(), values, strict=True))]
    recorder = SteadyRecorder(comm, output, case, points, options)
    todo = [point for point in points if not point.row]
    own = model or Model(comm)
    try:
        with ProgressBar(
            comm, len(todo), case.title or case.geometry.shape, quiet=options.quiet, tick=options.tick
        ) as progress:
            for remark in (*(f"warning: {remark}" for remark in remarks_of(case)), *recorder.remarks):
                progress.log(remark)
            for point in todo:
                _solve_point(point, own, recorder, progress)
        if model is None:
            own.close()
        refused = [point.failure for point in points if isinstance(point.failure, CaseError)]
        if todo and len(refused) == len(points):
            raise refused[0]
        progress.release()
        progress.log_to(recorder.log)
        recorder.finish()
    finally:
        recorder.close()
    return points


def _solve_point(point: SweepPoint, model: Model, recorder: SteadyRecorder, progress: ProgressBar) -> None:
    start, case = time.monotonic(), point.case
    progress.doing(point.name)
    try:
        problem = model.fit(case, progress.doing)
        solution = problem.solve(case.electrolyte, case.boundaries, case.closed, case.compartments)
    except (CaseError, SolveError) as error:
        if not all_ranks_arrived(model.comm):
            raise SingleRankError(str(error)) from error
        recorder.failed(point, error)
        # Bad input is told once, as the error of the run, if it turns out to be all there is.
        progress.done(f"{point.name}: failed: {error}", hold=isinstance(error, CaseError))
    else:
        law = point.case.law()
        recorder.solved(point, problem, solution, law, time.monotonic() - start)
        progress.done(f"{point.name}: {describe(point.case, solution, law)}")
        for line in charge_warnings(case, [point.row]):
            progress.log(line)
    progress.log_to(recorder.log)


def describe(case: Case, solution: Solution, law: LawValue | None) -> str:
    """Line on a solution: potentials where current enters, and iterations.

    Args:
        case: case of the solution.
        solution: the solution.
        law: result of the law that it is compared with; ``None`` without one.
    """
    potential = shown_potentials(case, solution)
    parts = [
        f"V({shown}) = {to_unit(value, POTENTIAL):.5g} {POTENTIAL.unit}{_about(solution, n)}"
        for n, (shown, value) in zip(case.shown_boundaries, potential.items(), strict=True)
    ]
    if law is not None:
        ground = solution.boundary[law.ground].potential
        parts.append(f"law {to_unit(law.potential + ground, POTENTIAL):.5g} {POTENTIAL.unit}")
    if solution.formulation_reason:
        parts.append(f"logarithms, because {solution.formulation_reason}")
    parts.append(f"{solution.statistics.newton} Newton steps, {solution.statistics.solve_s:.1f} s")
    return ", ".join(parts)


def _about(solution: Solution, name: str) -> str:
    """The estimated error of a potential, in brackets."""
    if name not in solution.potential_error:
        return ""
    layer, beside = solution.layers.get(name), solution.potential_beside(name) is not None
    errors = solution.neutral_potential_error if beside else solution.potential_error
    error = to_unit(errors[name], POTENTIAL)
    if not math.isfinite(error):
        return " (its error is not known)"
    why = "" if beside or layer is None or layer.resolved else ", its Debye layer is not resolved"
    return f" (+- {error:.1g}{why})"
