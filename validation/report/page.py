"""The page of a validation: report.html, one file that needs nothing else.

Verdicts, failed ones first; figures of the papers, drawn from solved data; where the papers are wrong or silent, each
with the number that says so; what has changed since the run before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from spinepnp.runtime.files import write_atomically
from spinepnp.validation.report.environment import Environment
from spinepnp.validation.report.errata import ERRATA, Erratum
from spinepnp.validation.report.error_bars import bars, count
from spinepnp.validation.report.evidence import Evidence, MissingError, anchors
from spinepnp.validation.report.figures.drawing import Drawn
from spinepnp.validation.report.previous import KINDS, Change, PreviousReport, changes
from spinepnp.validation.suite.assess import Verdict, by_case
from spinepnp.validation.suite.plan import Subject

#: File that it is, and how its title begins, by which it is known.
PAGE, TITLE = "report.html", "<title>Validation of spinepnp:"

#: Papers by their number in this project.
PAPERS = {
    "001": "Paper 001: laws of current and voltage in dendritic spines",
    "000": "Paper 000: a ball with a window (Box 1), a closed ball (Box 2)",
    "002": "Paper 002: Gauss-Nernst-Planck channels and neurons",
    "": "The full equations in space",
}


@dataclass(frozen=True)
class Contents:
    """All that a page tells.

    Attributes:
        subjects: cases that were examined.
        verdicts: on them, failed cases first.
        drawn: figures.
        previous: report of the run before in the same directory, if there is one.
        environment: where and with what.
        whole: whether all cases were asked for.
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
        name, title, figure, seconds: of the case.
        rows: verdicts with their anchors.
        passed: whether all did.
        worst: the number that is nearest to its tolerance, or beyond it.
        of_paper: numbers of a paper that differ, as expected.
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
    """Cases in the order of their verdicts."""
    titles = {subject.name: subject.plan.title for subject in subjects}
    figures = {subject.name: subject.plan.figure for subject in subjects}
    places = {id(verdict): anchor for verdict, anchor in anchors(verdicts)}
    found = []
    for part in by_case(verdicts):
        name = part[0].case
        assessed = [v for v in part if v.error is not None and v.estimate is not None]
        found.append(
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
    return found


def used(verdict: Verdict) -> float:
    """Part of the tolerance that error or estimate take, whichever is larger."""
    return max(abs(verdict.error or 0.0), verdict.estimate or 0.0) / verdict.tolerance


def number(value: Any) -> str:
    """A cell with a value: seven digits, a true minus sign; words as they are."""
    if value is None:
        return "–"
    return f"{value:.7g}".replace("-", "\N{MINUS SIGN}") if isinstance(value, float) else str(value)


def small(value: float | None, *, signed: bool = False) -> str:
    """A cell with an error: two digits."""
    if value is None:
        return "–"
    if value == 0.0:
        return "0"
    return f"{value:{'+' if signed else ''}.1e}".replace("-", "\N{MINUS SIGN}")


def word(verdict: Verdict) -> str:
    """A verdict in a word or two."""
    if not verdict.passed:
        return "FAILED"
    return "agrees" if verdict.verdict == "agrees" else f"{verdict.verdict}, as expected"


def statements_of(errata: Sequence[Erratum], evidence: Evidence) -> list[tuple[Erratum, Markup]]:
    """Findings with what proves them; without those whose numbers this run does not have."""
    found = []
    for erratum in errata:
        try:
            found.append((erratum, erratum.statement(evidence)))
        except MissingError:
            continue
    return found


def by_kind(found: Sequence[Change]) -> list[tuple[str, list[Change]]]:
    """Changes of one kind together."""
    kinds = [(kind, [change for change in found if change.kind == kind]) for kind in KINDS]
    return [(kind, part) for kind, part in kinds if part]


def render(contents: Contents) -> str:
    """The page as text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("spinepnp.validation.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, small=small, used=used, word=word, safe_html=Markup)
    verdicts, drawn = contents.verdicts, contents.drawn
    numbers: Mapping[str, Mapping[str, float]] = {figure.name: figure.numbers for figure in drawn}
    previous = contents.previous
    return environment.get_template("page.html.j2").render(
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
        OutputError: it cannot be written.
    """
    path = directory / PAGE
    write_atomically(path, render(contents), then="run it again")
    return path
