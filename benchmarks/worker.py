"""Worker of one MPI job of a benchmark: `python -m benchmarks.worker TASK JSON`; rank 0 prints its rows as JSON."""

from __future__ import annotations

import json
import sys
import warnings

from benchmarks.tasks import TASKS
from spinepnp.runtime.stack import MPI

#: Mark before the rows in the output of a job, which may hold other lines.
MARK = "rows: "


def main() -> None:
    """Run the task that the command line names."""
    warnings.simplefilter("ignore")
    task, arguments = sys.argv[1], json.loads(sys.argv[2])
    rows = TASKS[task](MPI.COMM_WORLD, **arguments)
    if MPI.COMM_WORLD.rank == 0:
        print(MARK + json.dumps(rows), flush=True)


if __name__ == "__main__":
    main()
