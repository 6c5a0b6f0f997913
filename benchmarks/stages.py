"""Seconds of the stages of `spinepnp run`, as JSON: `python -m benchmarks.stages BEGUN CASE OUTPUT`.

BEGUN is `time.time()` of the process that starts this one. The seconds of a stage within another one are subtracted
from those of the outer stage, so that all add up to the total.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

from spinepnp.__main__ import collect_less
from spinepnp.pages import background
from spinepnp.runtime import supervisor

#: Mark before the JSON in the output, which may hold other lines.
MARK = "stages: "


class Watch:
    """Stopwatch of named stages; seconds of a stage within another one are not counted in the outer one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner: list[float] = []

    def wrapped(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its run time added to a stage."""

        @functools.wraps(call)
        def timed(*arguments: Any, **keys: Any) -> Any:
            self._inner.append(0.0)
            start = time.perf_counter()
            try:
                return call(*arguments, **keys)
            finally:
                whole = time.perf_counter() - start
                self.seconds[stage] = self.seconds.get(stage, 0.0) + whole - self._inner.pop()
                if self._inner:
                    self._inner[-1] += whole

        return timed

    def wrap_each(self, owner: Any, name: str, stage: str) -> None:
        """Put the watch on each step of a generator, but not on the work that is done between the steps."""
        steps = getattr(owner, name)

        @functools.wraps(steps)
        def timed(*arguments: Any, **keys: Any) -> Iterator[Any]:
            advance = self.wrapped(stage, steps(*arguments, **keys).__next__)
            while True:
                try:
                    step = advance()
                except StopIteration:
                    return
                yield step

        setattr(owner, name, timed)

    def wrap(self, owner: Any, name: str, stage: str) -> None:
        """Put the watch on an attribute of a module or a class."""
        setattr(owner, name, self.wrapped(stage, getattr(owner, name)))


def _watch_run(watch: Watch) -> None:
    """Put the watch on the functions that a run of a case calls; imports them, as the command does."""
    import spinepnp.run.summary
    from spinepnp.pages import drawing
    from spinepnp.run import steady, steady_records, transient
    from spinepnp.runtime.stack import fem

    watch.wrap(steady, "load_case", "case file")
    watch.wrap(fem, "form", "kernels: generate, compile, load")
    for module in (steady, transient):
        watch.wrap(module, "check_feasible", "feasibility")
        watch.wrap(module, "generate", "mesh")
    for problem in (steady.SteadyProblem, transient.TransientProblem):
        watch.wrap(problem, "__init__", "set-up of the solver")
    watch.wrap(steady.SteadyProblem, "solve", "solve")
    watch.wrap(transient.TransientProblem, "begin", "solve")
    watch.wrap_each(transient.TransientProblem, "steps", "solve")
    for name in ("solved", "finish"):
        watch.wrap(steady_records.SteadyRecorder, name, "tables and fields")
    for name in ("begin", "step", "checkpoint", "end"):
        watch.wrap(transient.TransientRecorder, name, "tables and fields")
    for owner, name in ((drawing, "draw"), (background.PictureProcess, "draw"), (background.PictureProcess, "finish")):
        watch.wrap(owner, name, "pictures")
    watch.wrap(spinepnp.run.summary, "print_outcome", "table on the screen")


def main() -> None:
    """Run a case and print where its time went."""
    begun, case, output = float(sys.argv[1]), sys.argv[2], sys.argv[3]
    watch = Watch()
    supervisor.begin()  # as the command does: it draws in the background where a core is free
    collect_less()
    interpreter = time.time() - begun
    with background.background_pictures() as process:  # before the slow imports, as in the command
        background.background_pictures = lambda: nullcontext(process)
        watch.wrapped("imports", _watch_run)(watch)
        from spinepnp.cli import app

        # The import of the commands counts as imports; what else happens before and after them counts as the rest.
        code = int(app(["run", case, "--output", output], standalone_mode=False, prog_name="spinepnp") or 0)
    total = time.time() - begun
    rest = total - interpreter - sum(watch.seconds.values())
    print(MARK + json.dumps({"interpreter": interpreter, **watch.seconds, "rest": rest, "total": total}), flush=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
