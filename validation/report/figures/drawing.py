"""The figures of the page: which there are, and how the ranks share them.

A figure is a `Job`: what the paper shows, and a function that solves something small and draws it. A job that fails
becomes a drawing with an error in words, so that the page stays whole.
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

#: Colours of a picture that is made of pixels, enough for lines and small enough for a page.
COLOURS = 200


class LeftOutError(Exception):
    """A figure that this machine or this run cannot have; not a failure of the validation."""


#: Dots an inch of what is pixels in a picture made of lines.
DOTS = 140


@dataclass(frozen=True)
class Sheet:
    """What a job gives.

    Attributes:
        canvas: matplotlib's figure.
        caption: what was solved, and what is to be seen in the numbers.
        alt: what the picture shows, for those who do not see it.
        numbers: that it was made from and that the page quotes.
        vector: whether it is kept as lines (SVG) or as pixels (PNG).
        palette: whether pixels take the colours of a palette, which suits lines.
        extra: HTML to follow the picture; made by the project, not escaped.
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
        name: its anchor.
        paper: "000", "001", "002", or "" for one that belongs to none.
        title: of the figure.
        shows: what the paper shows in it.
        work: draws it; takes the verdicts and a communicator of its own.
        cases: validation cases that it belongs to.
    """

    name: str
    paper: str
    title: str
    shows: str
    work: Callable[[Evidence, Any], Sheet]
    cases: tuple[str, ...]


@dataclass(frozen=True)
class Drawn:
    """A figure as it stands on the page.

    Attributes:
        name, paper, title, shows: of the job.
        uri: picture as a data URI; empty where there is none.
        size: of the picture on the page, in pixels.
        caption, alt, numbers, extra: of the sheet.
        error: why it failed.
        left_out: why it is not there, if that is no failure.
        seconds: that it took.
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


def wanted(jobs: Sequence[Job], names: Collection[str]) -> list[Job]:
    """Figures that belong to some validation cases; all of them without names."""
    return [job for job in jobs if not names or set(job.cases) & set(names)]


def draw_all(jobs: Sequence[Job], verdicts: Sequence[Verdict], comm: Any) -> list[Drawn]:
    """Draw figures, each on one rank. Collective.

    Args:
        jobs: the same on all ranks.
        verdicts: likewise.
        comm: MPI communicator.

    Returns:
        On all ranks: the figures, in the order of the jobs.
    """
    evidence = Evidence(verdicts)
    return share(
        jobs, comm, "figures", lambda job: job.title, lambda job, alone: _drawn(job, evidence, alone), describe
    )


def _drawn(job: Job, evidence: Evidence, comm: Any) -> Drawn:
    """A figure, or why there is none."""
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
    """One line on a figure."""
    word = f"FAILED {drawn.error}" if drawn.error else f"left out, {drawn.left_out}" if drawn.left_out else "drawn"
    return f"figure {drawn.name}: {word} ({drawn.seconds:.1f} s)"


def _words(error: BaseException) -> str:
    """A message in one line."""
    text = " ".join(str(error).split())[:400]
    return f"this run has no {text}" if isinstance(error, MissingError) else text or "no reason given"


def encoded(sheet: Sheet) -> tuple[str, tuple[int, int]]:
    """A picture as a data URI, and its size on a page in pixels."""
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
    """A picture with a palette: a third of the size, and no difference to be seen in lines on white."""
    from PIL import Image

    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    picture.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def minus(text: str) -> str:
    """A text with minus signs before and in its numbers, where hyphens stood."""
    return re.sub(r"(?<![\w#-])-(?=\d)|(?<=\de)-(?=\d)", "\N{MINUS SIGN}", text)


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
