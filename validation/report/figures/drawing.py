"""Figures of the page as jobs that the ranks share.

A `Job` has a text on what the paper shows, and a function that solves a small case and draws the figure. A job that
fails leaves its error in place of the figure, so that the page stays complete.
"""

from __future__ import annotations

import base64
import io
import re
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from spinepnp.validation.report.evidence import Evidence, MissingError
from spinepnp.validation.report.figures.style import style
from spinepnp.validation.suite.assess import Verdict
from spinepnp.validation.suite.run import share

#: Number of colours of a picture in pixels: enough for lines, and a small file.
COLOURS = 200


class LeftOutError(Exception):
    """A figure cannot be drawn on this machine or in this run; the validation has not failed."""


#: Resolution (dots per inch) of parts in pixels in a picture made of lines.
DOTS = 140


@dataclass(frozen=True)
class Sheet:
    """Result of a job.

    Attributes:
        canvas: figure of matplotlib.
        caption: text on what was solved, and on the numbers that it shows.
        alt: description of the picture, for readers who do not see it.
        numbers: numbers of the figure that the page quotes, by name.
        vector: whether the picture is saved as lines (SVG) or as pixels (PNG).
        palette: whether pixels are reduced to a palette, which suits lines.
        extra: HTML after the picture; made by the project, not escaped.
    """

    canvas: Any
    caption: str
    alt: str
    numbers: dict[str, float] = field(default_factory=dict)
    vector: bool = True
    palette: bool = True
    extra: str = ""


@dataclass(frozen=True)
class Job:
    """A figure of the page.

    Attributes:
        name: name, which is its anchor on the page.
        paper: "000", "001", "002", or "" for a figure of no paper.
        title: title of the figure.
        shows: text on what the paper shows in it.
        work: function that draws it from the evidence, with a communicator of its own rank.
        cases: validation cases to which it belongs.
    """

    name: str
    paper: str
    title: str
    shows: str
    work: Callable[[Evidence, Any], Sheet]
    cases: tuple[str, ...]


@dataclass(frozen=True)
class Drawn:
    """A figure ready for the page.

    Attributes:
        name, paper, title, shows: texts of the job.
        uri: picture as a data URI; empty where there is none.
        size: width and height of the picture on the page, in pixels.
        caption, alt, numbers, extra: values of the sheet.
        error: reason of a failure.
        left_out: reason why the figure was left out, which is no failure.
        seconds: run time, s.
    """

    name: str
    paper: str
    title: str
    shows: str
    uri: str = ""
    size: tuple[int, int] = (0, 0)
    caption: str = ""
    alt: str = ""
    numbers: dict[str, float] = field(default_factory=dict)
    extra: str = ""
    error: str = ""
    left_out: str = ""
    seconds: float = 0.0


def select_jobs(jobs: Sequence[Job], names: Collection[str]) -> list[Job]:
    """Figures that belong to some validation cases; all figures if `names` is empty."""
    return [job for job in jobs if not names or set(job.cases) & set(names)]


def draw_all(jobs: Sequence[Job], verdicts: Sequence[Verdict], comm: Any) -> list[Drawn]:
    """Draw figures, each on one rank. Collective.

    Args:
        jobs: the figures, equal on all ranks.
        verdicts: the verdicts, equal on all ranks.
        comm: MPI communicator.

    Returns:
        Figures, on all ranks, in the order of the jobs.
    """
    evidence = Evidence(verdicts)
    return share(
        jobs, comm, "figures", lambda job: job.title, lambda job, alone: _drawn(job, evidence, alone), describe
    )


def _drawn(job: Job, evidence: Evidence, comm: Any) -> Drawn:
    """Figure of a job, or the reason why there is none."""
    start = time.monotonic()
    plain = Drawn(job.name, job.paper, job.title, minus(job.shows))
    try:
        sheet = job.work(evidence, comm)
        uri, size = encoded(sheet)
    except (MissingError, LeftOutError) as reason:
        return replace(plain, left_out=_words(reason), seconds=time.monotonic() - start)
    except Exception as error:  # solvers and drawing libraries raise anything; the verdicts are complete without
        return replace(plain, error=f"{type(error).__name__}: {_words(error)}", seconds=time.monotonic() - start)
    return replace(
        plain,
        uri=uri,
        size=size,
        caption=minus(sheet.caption),
        alt=sheet.alt,
        numbers=sheet.numbers,
        extra=sheet.extra,
        seconds=time.monotonic() - start,
    )


def describe(drawn: Drawn) -> str:
    """Line on a figure."""
    word = f"FAILED {drawn.error}" if drawn.error else f"left out, {drawn.left_out}" if drawn.left_out else "drawn"
    return f"figure {drawn.name}: {word} ({drawn.seconds:.1f} s)"


def _words(error: BaseException) -> str:
    """Message of an error in one line."""
    text = " ".join(str(error).split())[:400]
    return f"this run has no {text}" if isinstance(error, MissingError) else text or "no reason given"


def encoded(sheet: Sheet) -> tuple[str, tuple[int, int]]:
    """Picture as a data URI, and its size on a page in pixels."""
    buffer = io.BytesIO()
    size = tuple(round(96 * side) for side in sheet.canvas.get_size_inches())
    if sheet.vector:
        with style():
            sheet.canvas.savefig(buffer, format="svg", dpi=DOTS, metadata={"Date": None, "Creator": None})
        return _uri("image/svg+xml", buffer.getvalue()), (size[0], size[1])
    sheet.canvas.savefig(buffer, format="png")
    content = fewer_colours(buffer.getvalue()) if sheet.palette else buffer.getvalue()
    return _uri("image/png", content), (size[0], size[1])


def fewer_colours(png: bytes) -> bytes:
    """Picture with a palette: a third of the size, with no visible difference for lines on white."""
    from PIL import Image

    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    picture.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def minus(text: str) -> str:
    """Text with minus signs in place of the hyphens of its numbers."""
    return re.sub(r"(?<![\w#-])-(?=\d)|(?<=\de)-(?=\d)", "\N{MINUS SIGN}", text)


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
