"""The verb `check` for a sweep file: the plan of a batch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spinepnp.batch.plan import plan_facts, plan_lines
from spinepnp.batch.sweep import load_sweep
from spinepnp.errors import CaseError
from spinepnp.run.progress import print_line
from spinepnp.runtime.communication import on_root


def check_sweep(
    path: Path, comm: Any, *, overrides: Sequence[str] = (), removals: Sequence[str] = (), as_json: bool = False
) -> None:
    """Print the plan of a batch on standard output. Collective.

    Args:
        path: path of the sweep file.
        comm: MPI communicator.
        overrides: texts of ``--set``, which only a case takes.
        removals: texts of ``--unset``, which only a case takes.
        as_json: whether it is printed as JSON.

    Raises:
        CaseError: the sweep is wrong, or every one of its cases is.
    """
    for option, given in (("set", overrides), ("unset", removals)):
        if given:
            raise CaseError(f"--{option}", f"changes a case, and this is a sweep; write base.{option} in it", given[0])

    def work() -> None:
        plan = load_sweep(path, print_line)
        facts = plan_facts(plan)
        if as_json:
            print(json.dumps(facts, indent=2))
            return
        for line in ([plan.sweep.title] if plan.sweep.title else []) + plan_lines(plan, facts, comm.size):
            print(line)

    on_root(comm, work)
