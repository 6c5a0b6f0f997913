"""Page of a validation: report.html, one file that needs no other.

It has the verdicts (failed ones first), figures of the papers drawn from solved data, errata of the papers with the
numbers that support them, and the changes since the run before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup

from spinepnp.pages.page import environment
from spinepnp.runtime.files import write_atomically
from spinepnp.validation.report.environment import Environment
from spinepnp.validation.report.errata import ERRATA, Erratum
from spinepnp.validation.report.error_bars import bars, count
from spinepnp.validation.report.evidence import Evidence, MissingError, anchors
from spinepnp.validation.report.figures.drawing import Drawn
from spinepnp.validation.report.previous import KINDS, Change, PreviousReport, changes
from spinepnp.validation.suite.assess import Verdict, by_case
from spinepnp.validation.suite.plan import Subject

#: Name of the file.
PAGE = "report.html"

#: Beginning of its title, by which a report of this project is recognised.
TITLE = "<title>Validation of spinepnp:"

#: Headings of the papers, by their number in this project.
PAPERS = {
    "001": "Paper 001: laws of current and voltage in dendritic spines",
    "000": "Paper 000: a ball with a window (Box 1), a closed ball (Box 2)",
    "002": "Paper 002: Gauss-Nernst-Planck channels and neurons",
    "": "The full equations in space",
}


@dataclass(frozen=True)
class Contents:
    """Contents of a page.

    Attributes:
        subjects: cases that were examined.
        verdicts: their verdicts, failed cases first.
        drawn: figures.
        previous: report of the run before in the same directory, if there is one.
        environment: environment of the run.
        whole: whether all cases were requested.
    """

    subjects: Sequence[Subject]
    verdicts: Sequence[Verdict]
    environment: Environment
    drawn: Sequence[Drawn] = field(default=())
    previous: PreviousReport | None = None
    whole: bool = True


@dataclass(frozen=True)
class Group:
    """A case on the page.

    Attributes:
        name, title, figure, seconds: name, title, figure and run time (s) of the case.
        rows: verdicts with their anchors.
        passed: whether all numbers passed.
        worst: verdict whose error or estimate is largest relative to its tolerance.
        of_paper: number of values of a paper that differ, as expected.
    """

    name: str
    title: str
    figure: str
    seconds: float
    rows: list[tuple[Verdict, str]]
    passed: bool
    worst: Verdict | None
    of_paper: int


def groups(subjects: Sequence[Subject], verdicts: Sequence[Verdict]) -> list[Group]:
    """Cases of the page, in the order of their verdicts."""
    titles = {subject.name: subject.plan.title for subject in subjects}
    figures = {subject.name: subject.plan.figure for subject in subjects}
    places = {id(verdict): anchor for verdict, anchor in anchors(verdicts)}
    cases = []
    for part in by_case(verdicts):
        name = part[0].case
        assessed = [v for v in part if v.error is not None and v.estimate is not None]
        cases.append(
            Group(
                name=name,
                title=titles.get(name, ""),
                figure=figures.get(name, part[0].figure),
                seconds=part[0].seconds,
                rows=[(v, places[id(v)]) for v in part],
                passed=all(v.passed for v in part),
                worst=max(assessed, key=used, default=None),
                of_paper=sum(v.passed and v.verdict != "agrees" for v in part),
            )
        )
    return cases


def used(verdict: Verdict) -> float:
    """Larger one of error and estimate, relative to the tolerance."""
    return max(abs(verdict.error or 0.0), verdict.estimate or 0.0) / verdict.tolerance


def number(value: Any) -> str:
    """Text of a value in a cell: seven digits and a true minus sign; words are unchanged."""
    if value is None:
        return "–"
    return f"{value:.7g}".replace("-", "\N{MINUS SIGN}") if isinstance(value, float) else str(value)


def small(value: float | None, *, signed: bool = False) -> str:
    """Text of an error in a cell: two digits."""
    if value is None:
        return "–"
    if value == 0.0:
        return "0"
    return f"{value:{'+' if signed else ''}.1e}".replace("-", "\N{MINUS SIGN}")


def word(verdict: Verdict) -> str:
    """Text of a verdict in a word or two."""
    if not verdict.passed:
        return "FAILED"
    return "agrees" if verdict.verdict == "agrees" else f"{verdict.verdict}, as expected"


def statements_of(errata: Sequence[Erratum], evidence: Evidence) -> list[tuple[Erratum, Markup]]:
    """Errata with their statements; errata whose numbers this run lacks are left out."""
    supported = []
    for erratum in errata:
        try:
            supported.append((erratum, erratum.statement(evidence)))
        except MissingError:
            continue
    return supported


def by_kind(changed: Sequence[Change]) -> list[tuple[str, list[Change]]]:
    """Changes grouped by kind."""
    kinds = [(kind, [change for change in changed if change.kind == kind]) for kind in KINDS]
    return [(kind, part) for kind, part in kinds if part]


def render(contents: Contents) -> str:
    """Text of the page."""
    templates = environment("spinepnp.validation.report")
    templates.filters.update(number=number, small=small, used=used, word=word, safe_html=Markup)
    verdicts, drawn = contents.verdicts, contents.drawn
    numbers: Mapping[str, Mapping[str, float]] = {figure.name: figure.numbers for figure in drawn}
    previous = contents.previous
    return templates.get_template("page.html.j2").render(
        counts=count(verdicts),
        bars=bars(verdicts),
        groups=groups(contents.subjects, verdicts),
        overview=next((figure for figure in drawn if figure.name == "overview"), None),
        papers=[
            (key, title, [f for f in drawn if f.paper == key and f.name != "overview"]) for key, title in PAPERS.items()
        ],
        broken=[figure for figure in drawn if figure.error],
        errata=statements_of(ERRATA, Evidence(verdicts, numbers)),
        paper_rows=[(v, a) for v, a in anchors(verdicts) if v.passed and v.verdict != "agrees"],
        previous=previous,
        changed=None if previous is None else by_kind(changes(previous, verdicts, whole=contents.whole)),
        here=contents.environment,
        whole=contents.whole,
        drawing_seconds=sum(figure.seconds for figure in drawn),
    )


def write_page(contents: Contents, directory: Path) -> Path:
    """Write ``report.html``. On rank 0.

    Raises:
        OutputError: the file cannot be written.
    """
    path = directory / PAGE
    write_atomically(path, render(contents), then="run it again")
    return path
