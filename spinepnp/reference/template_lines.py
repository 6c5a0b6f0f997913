"""Lines of a commented case file, whose comments are the meanings of the keys in the models."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from spinepnp.reference.describe import Key, keys_of
from spinepnp.units import Table

#: Column of comments.
COMMENTS = 52

#: Width of lines.
WIDTH = 119


@dataclass(frozen=True)
class Line:
    """A line of a case file.

    Attributes:
        text: TOML.
        comment: behind it.
        only: alternatives that it belongs to; it is a comment unless one of them is chosen.
        without: alternatives that it gives way to.
    """

    text: str
    comment: str = ""
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def written(self, chosen: set[str]) -> str:
        """The line as it stands in the file."""
        live = (not self.only or bool(chosen & set(self.only))) and not chosen & set(self.without)
        text = self.text if live or not self.text else "\n".join(f"# {part}" for part in self.text.split("\n"))
        if not self.comment:
            return text
        *before, last = text.split("\n")
        pieces = textwrap.wrap(self.comment, WIDTH - COMMENTS - 2)
        first = [f"{last:<{COMMENTS}}# {pieces.pop(0)}"] if len(last) < COMMENTS else [last]
        return "\n".join([*before, *first, *(" " * COMMENTS + f"# {piece}" for piece in pieces)])


def as_toml(value: Any) -> str:
    """A value as it stands in the file, on one line, but for a list of several tables."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {as_toml(inner)}' for key, inner in value.items())} }}"
    if not isinstance(value, list | tuple):
        return json.dumps(value)
    if len(value) > 1 and isinstance(value[0], dict):
        return "[\n" + "".join(f"  {as_toml(table)},\n" for table in value) + "]"
    return f"[{', '.join(map(as_toml, value))}]"


def rows(
    model: type[Table],
    values: dict[str, Any],
    only: Mapping[str, tuple[str, ...]] | None = None,
    without: Mapping[str, tuple[str, ...]] | None = None,
    notes: dict[str, str] | None = None,
) -> Iterator[Line]:
    """Lines of a table: keys with values, and behind each what a note or the model says of it.

    Args:
        model: model of the table.
        values: values by key, as they stand in a file; the order of the lines.
        only: alternatives that a line belongs to, by key; see `Line.only`.
        without: alternatives that a line gives way to, by key; see `Line.without`.
        notes: comments by key that replace those of the model.
    """
    keys = {key.name: key for key in keys_of(model)}
    width = max(map(len, values))
    for name, value in values.items():
        text = as_toml(value)
        comment = (notes or {}).get(name) or _comment(keys[name], text)
        yield Line(f"{name:<{width}} = {text}", comment, (only or {}).get(name, ()), (without or {}).get(name, ()))


def _comment(key: Key, value: str) -> str:
    """Meaning of a key, with its choices and with a default that differs from the value."""
    words = key.takes.split(" or ")
    choices = ", ".join(words) if len(words) > 1 and all(word[:1] + word[-1:] == '""' for word in words) else ""
    choices = "" if all(word in key.short for word in words) else choices
    default = f"default {key.default}" if key.default not in ("", value) and "default" not in key.short else ""
    return "; ".join(filter(None, (key.short, choices, default)))


def describe_keys(model: type[Table], leave_out: tuple[str, ...] = ()) -> Iterator[str]:
    """A line for each key of a table, for the screen: name, what it takes, default, meaning."""
    keys = [key for key in keys_of(model) if key.name not in (*leave_out, "shape")]
    keys.sort(key=lambda key: not key.required)
    width = max(len(key.name) for key in keys)
    for key in keys:
        state = "required" if key.required else f"default {key.default}" if key.default else "optional"
        text = f"{key.takes}, {state}: {key.meaning}"
        wrapped = textwrap.wrap(text, WIDTH - width - 4)
        yield f"  {key.name:<{width}}  " + f"\n{'':{width + 4}}".join(wrapped)
