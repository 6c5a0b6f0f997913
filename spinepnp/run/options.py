"""How a run is kept and shown; nothing that its numbers depend on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class RunOptions:
    """How a run is kept and shown.

    Attributes:
        force: replace results that the directory holds.
        resume: keep them, and solve only what is missing.
        quiet: say nothing on the screen; the log has it.
        fields: keep the fields of each steady state, and the last of a transient.
        pictures: draw pictures at the end.
        within: the directory belongs to a larger one (a batch, the points of a transient), which is looked after.
        tick: called now and then while it works. Not collective.
    """

    force: bool = False
    resume: bool = False
    quiet: bool = False
    fields: bool = True
    pictures: bool = True
    within: bool = False
    tick: Callable[[], None] | None = None
