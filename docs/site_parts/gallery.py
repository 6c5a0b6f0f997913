"""docs/gallery.md: the validation cases with their figures. Run from the checkout:

    python docs/site_parts/gallery.py > docs/gallery.md
    python docs/site_parts/gallery.py --pictures runs/validate/report.html

The first command writes the page from cases/validation and the list of figures; a test compares the page with it. The
second takes the pictures of docs/images/gallery from the page of `./spine validate`; it needs rsvg-convert.
"""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402

from spinepnp.validation.report.figures.drawing import Job  # noqa: E402
from spinepnp.validation.report.figures.list import jobs  # noqa: E402
from spinepnp.validation.suite.plan import Check, Reference, Subject, load_subjects  # noqa: E402

PICTURES = ROOT / "docs" / "images" / "gallery"

#: Width of a picture, in pixels.
WIDTH = 560

#: Number of colours of a picture, which keeps files below 30 kB.
COLOURS = 128

INTRODUCTION = """\
# Gallery

The gallery lists every case of `./spine validate`: the problem, the figure of the papers, the references, the largest
error that passes, and the command. The pictures are those of the page that `./spine validate` writes,
`runs/validate/report.html`; that page also has the measured errors. [Validation](validation.md) describes the estimates
of errors. This page is made from `cases/validation` by `python docs/site_parts/gallery.py > docs/gallery.md`.
"""


def page() -> str:
    """Text of the whole page."""
    subjects = load_subjects(ROOT / "cases" / "validation", [], full=True)
    figures = [job for job in jobs([]) if job.name != "overview"]
    first = {s.name: next((job for job in figures if s.name in job.cases), None) for s in subjects}
    parts = [INTRODUCTION]
    for figure in figures:
        members = [s for s in subjects if first[s.name] is figure]
        if not members:
            continue
        names = {s.name for s in members}
        shown = [job for job in figures if any(first[name] is figure for name in job.cases if name in names)]
        shown = [job for job in shown if first[job.cases[0]] is figure]
        parts += [f"## {_heading(figure)}\n", *_pictures(shown), *map(_entry, members)]
    others = [s for s in subjects if first[s.name] is None]
    parts += ["## Laws beyond the figures\n", *map(_entry, others)]
    return "\n".join(parts)


def _heading(job: Job) -> str:
    return f"Paper {job.paper}, {job.title}" if job.paper else job.title


def _pictures(shown: list[Job]) -> list[str]:
    made = [job for job in shown if (PICTURES / f"{job.name}.png").exists()]
    return ["\n".join(f"![{_heading(job)}](images/gallery/{job.name}.png)" for job in made) + "\n"] if made else []


def _entry(subject: Subject) -> str:
    """Entry of a case: title, source, and table of its checks."""
    plan, name = subject.plan, subject.name
    file = f"[cases/validation/{name}.toml](../cases/validation/{name}.toml)"
    lines = [f"### {name}\n", f"{plan.title}.\n", _shape(subject)]
    facts = [f"Figure: {plan.figure}" if plan.figure != "-" else "", file]
    if plan.base is not None:
        base = plan.base.removeprefix("../")
        facts.append(f"from [cases/{base}](../cases/{base})")
    facts.append("takes long: by its name, or with `--full`" if plan.full else "")
    lines.append("; ".join(filter(None, facts)) + ".\n")
    lines.append(f"    ./spine validate {name}\n")
    if plan.checks:
        lines += ["| result | reference | tolerance | reason |", "|---|---|---|---|", *map(_row, plan.checks)]
    elif plan.study is not None:
        lines.append("A study of several solves ([studies.py](../validation/suite/studies.py)).")
    else:
        lines.append(f"Sections of `./spine gnp table`: {', '.join(plan.neurons)}.")
    return "\n".join(filter(None, lines)) + "\n"


def _shape(subject: Subject) -> str:
    """Picture of the shape, for a case that belongs to no figure."""
    if subject.case is None or any(subject.name in job.cases for job in jobs([]) if job.name != "overview"):
        return ""
    picture = f"images/shapes/{'obstacle' if subject.case.geometry.obstacle else subject.case.geometry.shape}.png"
    return f"![the shape]({picture})\n" if (ROOT / "docs" / picture).exists() else ""


def _row(check: Check) -> str:
    relative = " of the largest" if check.relative_to == "largest" else ""
    return f"| `{check.name}` | {_reference(check.reference)} | {check.tolerance:g}{relative} | {check.why} |"


def _reference(reference: Reference) -> str:
    """Source of a reference number, in words."""
    if reference.law is not None:
        return f"law of the case, `{reference.law}`"
    if reference.one_dimension:
        return "independent solver in one dimension"
    file = "[references.toml](../validation/reference/references.toml)"
    table = f"{file}, `{reference.section}`" if reference.tabled else ""
    formula = f"formula `{reference.formula}`" if reference.formula is not None else ""
    return " of ".join(filter(None, [formula, table]))


def take_pictures(report: Path) -> None:
    """Write small pictures of all figures of the page of `./spine validate`."""
    text = report.read_text()
    PICTURES.mkdir(exist_ok=True)
    for job in jobs([])[1:]:
        found = re.search(rf'id="{job.name}".*?src="data:image/([a-z+]+);base64,([^"]+)"', text, flags=re.S)
        if found is None:
            continue
        data = base64.b64decode(found[2])
        if found[1] == "svg+xml":
            command = ["rsvg-convert", "--width", str(2 * WIDTH), "--background-color", "white"]
            data = subprocess.run(command, input=data, capture_output=True, check=True).stdout
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        picture.thumbnail((WIDTH, WIDTH), Image.Resampling.LANCZOS)
        picture.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
            PICTURES / f"{job.name}.png", optimize=True
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--pictures"]:
        take_pictures(Path(sys.argv[2]))
    else:
        print(page(), end="")
