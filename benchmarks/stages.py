"""`spinepnp run` with a watch on its stages: `python -m benchmarks.stages BEGUN CASE OUTPUT` prints them as JSON.

BEGUN is `time.time()` of who starts this process. Stages within others are taken out of them, so that all add up.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from spinepnp.__main__ import collect_less

#: Before the JSON in the output.
MARK = "stages: "


class Watch:
    """Seconds of named stages; those of a stage within another one are not counted in the outer one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner: list[float] = []

    def wrapped(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """A function whose time is that of a stage."""

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
        """Put the watch on each step of a generator, and not on what is done between them."""
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


def _on(watch: Watch) -> None:
    """Put the watch on what a run of a case calls. Imports what it needs, as the verb does."""
    import spinepnp.run.summary
    from spinepnp.plots import pictures
    from spinepnp.run import steady as run
    from spinepnp.run import steady_records as recorder
    from spinepnp.run import transient as transient_run
    from spinepnp.runtime.stack import fem

    watch.wrap(run, "load_case", "case file")
    watch.wrap(run, "check_feasible", "feasibility")
    watch.wrap(run, "generate", "mesh")
    watch.wrap(fem, "form", "kernels: generate, compile, load")
    watch.wrap(run.SteadyProblem, "__init__", "set-up of the solver")
    watch.wrap(run.SteadyProblem, "solve", "solve")
    watch.wrap(recorder.SteadyRecorder, "solved", "tables and fields")
    watch.wrap(recorder.SteadyRecorder, "finish", "tables and fields")
    transients = transient_run.TransientProblem
    watch.wrap(transient_run, "generate", "mesh")
    watch.wrap(transient_run, "check_feasible", "feasibility")
    watch.wrap(transients, "__init__", "set-up of the solver")
    watch.wrap(transients, "begin", "solve")
    watch.wrap_each(transients, "steps", "solve")
    for name in ("begin", "step", "checkpoint", "end"):
        watch.wrap(transient_run.TransientRecorder, name, "tables and fields")
    watch.wrap(pictures, "draw", "pictures")
    watch.wrap(spinepnp.run.summary, "print_outcome", "table on the screen")


def main() -> None:
    """Run a case and print where its time went."""
    begun, case, output = float(sys.argv[1]), sys.argv[2], sys.argv[3]
    watch = Watch()
    collect_less()
    interpreter = time.time() - begun
    watch.wrapped("imports", _on)(watch)
    from spinepnp.cli import app

    # Importing the verbs is part of the imports, whatever is left of them of the rest.
    code = int(app(["run", case, "--output", output], standalone_mode=False, prog_name="spinepnp") or 0)
    total = time.time() - begun
    rest = total - interpreter - sum(watch.seconds.values())
    print(MARK + json.dumps({"interpreter": interpreter, **watch.seconds, "rest": rest, "total": total}), flush=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
