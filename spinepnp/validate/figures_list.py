"""Every figure of the page."""

from __future__ import annotations

from collections.abc import Sequence

from spinepnp.validate.figures import Job
from spinepnp.validate.figures_overview import overview


def jobs(cases: Sequence[str]) -> list[Job]:
    """All figures, those that take longest first.

    Args:
        cases: names of all validation cases of this run, to which the overview belongs.
    """
    return [Job("overview", "", "Errors and their bars", "", overview, tuple(cases))]
