"""Suites of benchmarks with their jobs and columns, from suites.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Job:
    """One MPI job, by the keys of suites.toml, for one number of ranks."""

    task: str
    ranks: int
    dofs: float
    arguments: dict[str, Any] = field(default_factory=dict)
    name: str = ""

    @property
    def title(self) -> str:
        """Text that the user reads while the job runs."""
        where = f" on {self.ranks} rank{'s' if self.ranks > 1 else ''}" if self.ranks else ""
        return self.name or f"{self.dofs:.2g} unknowns{where}"


@dataclass(frozen=True)
class Suite:
    """Jobs whose rows make one table, by the keys of suites.toml."""

    title: str
    columns: list[str]
    jobs: list[Job]
    by_default: bool = True
    split: str = ""
    page: tuple[str, ...] = ()


def _suite(name: str, jobs: list[dict[str, Any]], **keys: Any) -> Suite:
    each = [{"task": name, **job, "ranks": ranks} for job in jobs for ranks in job.get("ranks", [1])]
    return Suite(jobs=[Job(**job) for job in each], **keys)


#: Every suite by its name.
SUITES = {
    name: _suite(name, **table)
    for name, table in tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")).items()
}
