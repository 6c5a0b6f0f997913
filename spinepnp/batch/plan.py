"""Plan of a batch in numbers and in words, before anything is solved: cases, meshes, unknowns, time and memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from spinepnp.batch.sweep import Job, Plan

#: Seconds in which a mesh is made and the equations on it are compiled, in a batch of lines.
MESH_SECONDS = 0.5

#: Seconds of evaluation and files of a solve, in a batch of lines.
SOLVE_SECONDS = 0.02

#: Units of a duration in words: its name, and its length in s, from which on it is used.
DURATIONS = (("days", 172_800.0, 86_400.0), ("h", 7_200.0, 3_600.0), ("min", 120.0, 60.0))


def plan_facts(plan: Plan, held: Iterable[str] = ()) -> dict[str, Any]:
    """Numbers of a plan by name, with units in the names.

    Args:
        plan: sweep with all its cases.
        held: keys of cases whose results are at hand; time, memory and unknowns are of the others.
    """
    known = set(held)
    possible = [job for job in plan.jobs if job.data is not None]
    different = list({job.key: job for job in possible}.values())
    left = [job for job in different if job.key not in known]
    meshes = {mesh for job in left for mesh in job.meshes}
    solves = sum(job.solves for job in left)
    return {
        "title": plan.sweep.title,
        "combine": plan.sweep.combine,
        "axes": _axes(plan),
        "base_cases": 1 if isinstance(plan.sweep.base.case, str) else len(plan.sweep.base.case),
        "cases": len(plan.jobs),
        "impossible": len(plan.jobs) - len(possible),
        "repeated": len(possible) - len(different),
        "left": len(left),
        "solves": solves,
        "meshes": len(meshes),
        "unknowns": _extremes([round(job.unknowns) for job in left]),
        "estimated_s": sum(job.cost for job in left) + MESH_SECONDS * len(meshes) + SOLVE_SECONDS * solves,
        "estimated_memory_GB": max((job.memory for job in left), default=0.0) / 1e9,
    }


def _extremes(values: Sequence[int]) -> list[int]:
    return [min(values), max(values)] if values else []


def _axes(plan: Plan) -> dict[str, int]:
    """Number of values of each axis, by its path; of a CSV file the different ones of a column."""
    if plan.sweep.combine != "csv":
        return {path: len(values) for path, values in plan.sweep.axes.items()}
    names = dict.fromkeys(name for job in plan.jobs for name in job.columns)
    return {name: len({job.columns.get(name) for job in plan.jobs}) for name in names}


def plan_lines(plan: Plan, facts: dict[str, Any], ranks: int) -> list[str]:
    """Lines on a plan for its user.

    Args:
        plan: sweep with all its cases.
        facts: its numbers, of `plan_facts`.
        ranks: number of MPI ranks that are at hand.
    """
    ways = {"product": "all combinations of ", "zip": "the values of ", "csv": f"the rows of {plan.sweep.csv}: "}
    values = [f"{path} ({count}{'' if i else ' values'})" for i, (path, count) in enumerate(facts["axes"].items())]
    bases = [f"{facts['base_cases']} base cases"] if facts["base_cases"] > 1 else []
    how = ways[plan.sweep.combine] + ", ".join([*values, *bases]) if values or bases else "the base case alone"
    lines = [f"{facts['cases']} {'case' if facts['cases'] == 1 else 'cases'}: {how}"]
    if facts["impossible"]:
        first: Job = next(job for job in plan.jobs if job.data is None)
        lines.append(f"{facts['impossible']} of them are impossible: case {first.number} ({first.name}), {first.error}")
    if facts["repeated"]:
        lines.append(f"{facts['repeated']} are the same as others, and are solved once")
    solved = facts["cases"] - facts["impossible"] - facts["repeated"] - facts["left"]
    if solved:
        lines.append(f"{solved} are solved already, {facts['left']} are left")
    if not facts["left"]:
        return lines
    low, high = (f"{float(f'{count:.2g}'):.0f}" for count in facts["unknowns"])
    size = low if low == high else f"{low} to {high}"
    count = facts["meshes"]
    lines.append(f"{count} different {'mesh' if count == 1 else 'meshes'}, about {size} unknowns a case")
    seconds = facts["estimated_s"]
    shared = f", {_duration(seconds / ranks)} on {ranks} ranks" if ranks > 1 else ""
    memory = f"{facts['estimated_memory_GB']:.2g} GB for the largest case"
    return [*lines, f"cost: about {_duration(seconds)} on one core{shared}, {memory}"]


def _duration(seconds: float) -> str:
    """Duration in words, with two digits."""
    for name, least, unit in DURATIONS:
        if seconds >= least:
            return f"{float(f'{seconds / unit:.2g}'):g} {name}"
    return f"{float(f'{seconds:.2g}'):g} s"
