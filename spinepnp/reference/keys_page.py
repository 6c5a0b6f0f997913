"""The reference of all keys, docs/keys.md: made from the models by `spinepnp list keys`."""

from __future__ import annotations

from collections.abc import Iterator

from spinepnp.errors import CaseError, nearest
from spinepnp.geometries import SHAPES, Geometry
from spinepnp.reference.describe import Key, keys_of, summary_of, walk
from spinepnp.reference.schema import models
from spinepnp.units import Table

INTRODUCTION = """\
# Keys

Made from the code by `./spine list keys > docs/keys.md`; [case-file.md](case-file.md) explains what the keys do
together. A quantity is text with a unit, any unit of its kind. NAME is a name of a boundary, or one of yours. A key in
bold is required. Where there is no default, the meaning says what leaving the key out does.
"""

_HEADINGS = {"case": "Case file", "sweep": "Sweep file", "validation": "Validation case"}


def page() -> str:
    """Text of the whole page."""
    parts = [INTRODUCTION]
    for kind, (model, _) in models().items():
        parts.append(f"## {_HEADINGS[kind]}\n")
        parts += [text for _, text in sections(kind, model)]
    return "\n".join(parts)


def part(table: str) -> str:
    """The sections of a table of a case file, such as "mesh" or "boundaries.NAME.current", and of those in it.

    Raises:
        CaseError: there is none.
    """
    model, _ = models()["case"]
    found = [(path, text) for path, text in sections("case", model) if path]
    chosen = [text for path, text in found if f"{path}.".startswith(f"{table}.") or path.split()[-1] == table]
    if not chosen:
        raise CaseError("keys", f"no such table; {nearest(table, dict.fromkeys(path for path, _ in found))}", table)
    return "\n".join(chosen)


def sections(kind: str, model: type[Table]) -> Iterator[tuple[str, str]]:
    """Path and text of the section of each table; shapes have a section each, after what all of them have."""
    common = set(Geometry.model_fields) - {"shape"}
    # Tables that stand in a file as [[...]], one for each entry.
    found = [(path, key) for path, table in walk(model) for key in keys_of(table)]
    lists = {f"{path}.{key.name}".lstrip(".") for path, key in found if key.takes == "list of tables"}
    waiting: list[tuple[str, str]] = []
    for path, table in walk(model):
        keys = keys_of(table)
        if not issubclass(table, Geometry):
            heading = f"[[{path}]]" if path in lists else _heading(path, kind)
            yield path, _section(heading, summary_of(table), keys)
            continue
        own = [key for key in keys if key.name not in {*common, "shape"}]
        own.sort(key=lambda key: not key.required)
        shape = table.model_fields["shape"].default
        section = (f"geometry {shape}", _section(f'[geometry] shape = "{shape}"', summary_of(table), own))
        if table is next(iter(SHAPES.values())):  # what all have, and the tables of that, go first
            shared = [key for key in keys if key.name in common]
            yield "geometry", _section("[geometry]", "What every shape has, beside `shape`.", shared)
            waiting.append(section)
            continue
        yield from (*waiting, section)
        waiting.clear()


def _heading(path: str, kind: str) -> str:
    return f"[{path}]" if path else f"Top of a {_HEADINGS[kind].lower()}"


def _section(heading: str, summary: str, keys: list[Key]) -> str:
    rows = ["| key | takes | default | meaning |", "|---|---|---|---|", *map(_row, keys)]
    return "\n".join([f"### {heading}\n", f"{summary}\n", *rows, ""])


def _row(key: Key) -> str:
    name = f"**`{key.name}`**" if key.required else f"`{key.name}`"
    default = f"`{key.default}`" if key.default else ""
    meaning = key.meaning.replace("``", "`").replace("|", "\\|")
    return f"| {name} | {key.takes} | {default} | {meaning} |"
