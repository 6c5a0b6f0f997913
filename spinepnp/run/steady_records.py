"""Records of a steady run or a sweep: rows, summary, fields and pictures, which rank 0 writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spinepnp.case.case import Case
from spinepnp.errors import CaseError, SpineError
from spinepnp.run.directory import Recorder, ResultDirectory
from spinepnp.run.options import RunOptions, SweepPoint
from spinepnp.runtime.files import fields_path, is_whole
from spinepnp.runtime.versions import versions
from spinepnp.solvers.algebra.statistics import NewtonError
from spinepnp.solvers.problem import field_files
from spinepnp.solvers.problem.columns import flatten, state_of, summary_of
from spinepnp.solvers.problem.solution import Solution
from spinepnp.solvers.steady import SteadyProblem
from spinepnp.validation.laws.catalogue import LawValue


class SteadyRecorder(Recorder):
    """Recorder of a steady run in its result directory. All public methods are collective.

    Nothing is written before the first point was solved or has failed in its solve, so that bad input leaves no trace.

    Args:
        comm: MPI communicator.
        output: result directory.
        case: case of the run.
        points: all points; those that the directory holds get their rows where the run is resumed.
        options: options of the run.
    """

    def __init__(self, comm: Any, output: Path, case: Case, points: list[SweepPoint], options: RunOptions) -> None:
        super().__init__(comm, case, options)
        self._points = points
        self._solver_rows: list[dict[str, Any]] = []
        self._summarised = -1
        self._last: tuple[SweepPoint | None, Any] = (None, None)
        rows: list[dict[str, Any]] = self.open(
            output, lambda directory: self._recall(directory) if options.resume else [{} for _ in points]
        )
        for point, row in zip(points, rows, strict=True):
            point.row = row
            if row:
                self._summarised = point.index

    def _recall(self, directory: ResultDirectory) -> list[dict[str, Any]]:
        """Rows of points that the directory holds already, in the order of the points (empty where it does not)."""
        self.remarks = [remark for remark in [directory.check_same_case(self.case.to_toml())] if remark]
        names = tuple(self._points[0].key)  # none in a steady study, whose only row is then its own

        def identity(row: dict[str, Any]) -> tuple[str, ...]:
            return tuple(str(row.get(name)) for name in names)

        recorded = directory.read_table("observables.csv")
        requested = [identity(point.key) for point in self._points]
        # Observables come last: without them a point was cut off while it was written, and is solved again.
        good = {identity(row): row for row in reversed(recorded) if row.get("status") == "ok"}
        finished = {identity(row) for row in recorded if str(row.get("status")).startswith(("ok", "failed"))}
        finished &= set(requested)
        statistics = [dict(row) for row in directory.read_table("solver.csv") if identity(row) in finished]
        with_statistics = {identity(row) for row in statistics}
        solved = [point for point, name in zip(self._points, requested, strict=True) if name in good]
        damaged = [("solver.csv", point) for point in solved if identity(point.key) not in with_statistics]
        damaged += self._damaged(directory, solved)
        if damaged:
            files = ", ".join(dict.fromkeys(name for name, _ in damaged))
            self.remarks.append(f"{files}: missing or damaged; what it belongs to is solved again")
        again = {identity(point.key) for _, point in damaged}
        self._solver_rows = [row for row in statistics if identity(row) not in again]
        return [dict(good.get(name, {})) if name not in again else {} for name in requested]

    def _damaged(self, directory: ResultDirectory, solved: list[SweepPoint]) -> list[tuple[str, SweepPoint]]:
        """Files that are missing or damaged, and the solved points that they belong to."""
        found = []
        if solved and not directory.has_summary():
            found.append(("summary.json", solved[-1]))
        if self.options.fields:
            paths = [(fields_path(directory.path / self._stem_of(point)), point) for point in solved]
            found += [(str(path.relative_to(directory.path)), point) for path, point in paths if not is_whole(path)]
        return found

    def solved(
        self, point: SweepPoint, problem: SteadyProblem, solution: Solution, law: LawValue | None, seconds: float
    ) -> None:
        """Record a solution.

        Args:
            point: point that was solved; it gets its row.
            problem: problem that has solved it.
            solution: its solution.
            law: result of the law that it is compared with; ``None`` without one.
            seconds: duration of the point, s.
        """
        point.row = {**point.key, **flatten(state_of(solution, law)), "status": "ok"}
        summary = summary_of(problem.mesh, solution, law, seconds)
        if self.options.fields:
            # The grid is drawn, if its point stays the last: the file need not be read again.
            self._last = point, self.save_fields(solution, self._stem_of(point))[1]

        def write(directory: ResultDirectory) -> None:
            self._solver_rows.append({**point.key, **solution.statistics.row()})
            self._write_tables(directory, point, summary)

        self.write(write)

    def failed(self, point: SweepPoint, error: SpineError) -> None:
        """Record a failure; bad input that was found before the solve is written with the next other result."""
        point.failure = error
        point.row = {**point.key, "status": f"failed: {error}"}
        if isinstance(error, CaseError) and not self.comm.bcast(self.begun, root=0):
            return
        summary = {"status": "failed", "reason": str(error), "versions": versions(), "ranks": self.comm.size}

        def write(directory: ResultDirectory) -> None:
            if isinstance(error, NewtonError):
                self._solver_rows.append({**point.key, **error.statistics.row()})
            self._write_tables(directory, point, summary)

        self.write(write)

    def _write_tables(self, directory: ResultDirectory, point: SweepPoint, summary: dict[str, Any]) -> None:
        directory.write_table("solver.csv", self._solver_rows)
        if point.index > self._summarised:
            self._summarised = point.index
            failed = sum(p.failure is not None for p in self._points)
            directory.write_summary({**summary, "failed_points": failed})
        directory.write_table("observables.csv", [p.row for p in self._points if p.row])

    def finish(self) -> None:
        """Write the fields of the last point, the pictures and the report."""
        solved = [point for point in self._points if point.row.get("status") == "ok"]
        if not (solved or self.comm.bcast(self.begun, root=0)) or not (self.options.fields or self.options.pictures):
            return

        def write(directory: ResultDirectory) -> None:
            grid = None
            if solved:
                last = fields_path(directory.path / self._stem_of(solved[-1]))
                if last.exists() and last.parent != directory.path:
                    field_files.copy(last, directory.path / "fields")
                grid = self._last[1] if self._last[0] is solved[-1] else None
            self.draw([p.row for p in self._points], grid)
            self.finish_pictures()

        self.write(write)

    @staticmethod
    def _stem_of(point: SweepPoint) -> str:
        """Name of the file for the fields of a point, without an ending."""
        return "fields" if point.value is None else f"points/{point.index + 1:04d}"
