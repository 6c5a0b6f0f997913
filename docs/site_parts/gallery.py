"""docs/gallery.md: the validation cases with their figures. Run from the checkout:

    python docs/site_parts/gallery.py > docs/gallery.md
    python docs/site_parts/gallery.py --results runs/validate/report.json
    python docs/site_parts/gallery.py --pictures runs/validate/report.html

The first command writes the page from cases/validation, the list of figures and measured.json; a test compares the page
with it. The second takes the errors of measured.json from the record of `./spine validate`, and keeps those of cases
that are not in it. The third takes the pictures of docs/images/gallery from its page; it needs rsvg-convert.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402

from spinepnp.validation.report.figures.drawing import Job  # noqa: E402
from spinepnp.validation.report.figures.list import jobs  # noqa: E402
from spinepnp.validation.report.previous import read_previous  # noqa: E402
from spinepnp.validation.suite.plan import Check, Reference, Subject, load_subjects  # noqa: E402

PICTURES = ROOT / "docs" / "images" / "gallery"

#: Largest errors of each case by its name, with their date.
MEASURED = Path(__file__).with_name("measured.json")

#: Width of a picture, in pixels.
WIDTH = 560

#: Number of colours of a picture, which keeps files below 30 kB.
COLOURS = 128

INTRODUCTION = """\
# Gallery

The gallery lists every case of `./spine validate`: the problem, the figure of the papers, the references, the largest
error that passes (tolerance), the largest error that was measured, and the command. Errors are relative to the
reference; behind `+-` stands the largest estimated error of mesh and time steps, and a dash for what takes long and
was not measured then. The pictures are those of the page that `./spine validate` writes, `runs/validate/report.html`;
that page also has every number. [Validation](validation.md) describes the estimates of errors. This page is made from
`cases/validation` and the last recorded validation by `python docs/site_parts/gallery.py > docs/gallery.md`.
"""


def page() -> str:
    """Text of the whole page."""
    subjects, measured = load_subjects(ROOT / "cases" / "validation", [], full=True), json.loads(MEASURED.read_text())
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
        parts += [f"## {_heading(figure)}\n", *_pictures(shown), *(_entry(s, measured.get(s.name)) for s in members)]
    others = [s for s in subjects if first[s.name] is None]
    parts += ["## Laws beyond the figures\n", *(_entry(s, measured.get(s.name)) for s in others)]
    return "\n".join(parts)


def _heading(job: Job) -> str:
    return f"Paper {job.paper}, {job.title}" if job.paper else job.title


def _pictures(shown: list[Job]) -> list[str]:
    made = [job for job in shown if (PICTURES / f"{job.name}.png").exists()]
    return ["\n".join(f"![{_heading(job)}](images/gallery/{job.name}.png)" for job in made) + "\n"] if made else []


def _entry(subject: Subject, measured: dict[str, Any] | None) -> str:
    """Entry of a case: title, source, and table of its checks with what was measured."""
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
    lines += _results(subject, measured or {"numbers": []})
    return "\n".join(filter(None, lines)) + "\n"


def _shape(subject: Subject) -> str:
    """Picture of the shape, for a case that belongs to no figure."""
    if subject.case is None or any(subject.name in job.cases for job in jobs([]) if job.name != "overview"):
        return ""
    picture = f"images/shapes/{'obstacle' if subject.case.geometry.obstacle else subject.case.geometry.shape}.png"
    return f"![the shape]({picture})\n" if (ROOT / "docs" / picture).exists() else ""


def _results(subject: Subject, measured: dict[str, Any]) -> list[str]:
    """Lines of a table of checks, or of the numbers of a study, or one on the models of neurons."""
    plan, numbers = subject.plan, measured["numbers"]
    date = f", {measured['date']}" if numbers else ""
    if plan.checks:
        known = {(number["quantity"], number["reason"]): number for number in numbers}
        rows = [_row(check, known.get((check.name, _digest(check.why)))) for check in plan.checks]
        heading = f"| result | tolerance | largest error{date} | reference | reason for the tolerance |"
        return [heading, "|---|---|---|---|---|", *rows]
    if plan.study is not None:
        rows = [f"| {n['quantity']} | {n['tolerance']:g} | {_error(n)} |" for n in numbers]
        heading = [f"| number | tolerance | largest error{date} |", "|---|---|---|"] if rows else []
        return ["A study of several solves ([studies.py](../validation/suite/studies.py)).\n", *heading, *rows]
    met = f"; all {sum(n['points'] for n in numbers)} numbers were as expected{date}" if numbers else ""
    return [f"Sections of `./spine gnp table`: {', '.join(plan.neurons)}{met}."]


def _error(number: dict[str, Any] | None) -> str:
    """Largest error of a check, with the largest estimate; a dash where it has not been measured."""
    if number is None or number["error"] is None:
        return "-"
    of = f" ({number['points']} points)" if number["points"] > 1 else ""
    estimate = "" if number["estimate"] is None else f" +- {number['estimate']:.1g}"
    return f"`{number['error']:.1e}{estimate}`{of}"


def _row(check: Check, measured: dict[str, Any] | None) -> str:
    relative = " of the largest" if check.relative_to == "largest" else ""
    tolerance, reference = f"{check.tolerance:g}{relative}", _reference(check.reference)
    return f"| `{check.name}` | {tolerance} | {_error(measured)} | {reference} | {check.why} |"


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


def take_results(report: Path) -> None:
    """Write the largest error of each check of a record that has passed; cases that are not in it stay as they were.

    Args:
        report: path of the record.
    """
    record = read_previous(report.parent)
    if record is None:
        sys.exit(f"{report}: no record of a validation")
    cases: dict[str, dict[tuple[str, str], list[dict[str, Any]]]] = {}
    for row in record.rows:
        cases.setdefault(row["case"], {}).setdefault((row["quantity"], row["why"]), []).append(row)
    known = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
    for case, checks in cases.items():
        if not all(row["passed"] for rows in checks.values() for row in rows):
            sys.exit(f"{case} has failed")
        numbers = [_largest(quantity, rows) for (quantity, _), rows in checks.items()]
        known[case] = {"date": record.when.partition(" ")[0], "numbers": numbers}
    lines = (f"{json.dumps(case)}: {json.dumps(known[case])}" for case in sorted(known))
    MEASURED.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _digest(why: str) -> str:
    """Short digest of the reason for a tolerance, by which checks of one quantity are told apart."""
    return hashlib.sha256(why.encode()).hexdigest()[:6]


def _largest(quantity: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Largest error and estimate of the points of a check."""
    errors, estimates = ([abs(row[key]) for row in rows if row[key] is not None] for key in ("error", "estimate"))
    largest = {"error": errors, "estimate": estimates}
    rounded = {key: float(f"{max(values):.2g}") if values else None for key, values in largest.items()}
    one = {"quantity": quantity, "reason": _digest(rows[0]["why"]), "tolerance": rows[0]["tolerance"]}
    return {**one, "points": len(rows), **rounded}


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
    if sys.argv[1:2] == ["--results"]:
        take_results(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["--pictures"]:
        take_pictures(Path(sys.argv[2]))
    else:
        print(page(), end="")
