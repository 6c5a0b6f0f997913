"""The verb `list`: prints shapes, laws, cases, ..., for people or as JSON."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from typing import Any

from spinepnp.case.preset_library import source_of
from spinepnp.errors import CaseError, nearest
from spinepnp.geometries import SHAPES
from spinepnp.reference import catalogue, keys_page, presets_page, results_page, schema
from spinepnp.reference.template_lines import describe_keys
from spinepnp.runtime.ranks import rank_from_launcher

#: Topics that take a name.
NAMED = ("shapes", "keys", "schema", "presets")

#: Largest width of lines.
WIDTH = 130

#: Smallest width of the column of names.
NAMES = 16


def list_topics(topic: str | None, name: str | None, *, as_json: bool) -> int:
    """Print one topic, or all that are lists. On rank 0 only.

    Args:
        topic: topic; ``None`` for all that are lists.
        name: name of a shape, a table, a kind of file or a preset, for topics that take one.
        as_json: whether the topic is printed as JSON.

    Returns:
        Exit code 0.

    Raises:
        CaseError: no such topic, or no such name in it.
    """
    if rank_from_launcher() > 0:
        return 0
    topics = (*catalogue.TOPICS, "keys", "results", "schema")
    if topic is not None and topic not in topics:
        raise CaseError("list", f"no such topic; {nearest(topic, topics)}", topic)
    if name is not None and topic not in NAMED:
        raise CaseError("list", f"{topic} takes no name; drop it", name)
    if topic == "schema":
        print(json.dumps(schema.schema_of(name or "case"), indent=1, ensure_ascii=False))
    elif as_json and topic == "keys":
        raise CaseError("--json", "is not for keys; ./spine list schema prints them as a JSON Schema")
    elif as_json and topic == "results":
        raise CaseError("--json", "is not for results; drop it")
    elif topic == "keys":
        print(keys_page.page() if name is None else keys_page.part(name), end="")
    elif topic == "results":
        print(results_page.page(), end="")
    elif topic == "shapes" and name is not None:
        _shape(name, as_json=as_json)
    elif topic == "presets" and name is not None:
        _preset(name, as_json=as_json)
    elif as_json:
        found = {each: catalogue.TOPICS[each][0]() for each in ([topic] if topic else catalogue.TOPICS)}
        print(json.dumps(found[topic] if topic else found, indent=1, ensure_ascii=False))
    else:
        for each in [topic] if topic else catalogue.TOPICS:
            print("\n".join(_topic(each)))
        if topic is None:
            print("More: ./spine list keys [TABLE], list results, list schema, list TOPIC --json")
    return 0


def _shape(name: str, *, as_json: bool) -> None:
    """Print all facts about a shape."""
    if name not in SHAPES:
        raise CaseError("list shapes", f"no such shape; {nearest(name, SHAPES)}", name)
    entry = next(entry for entry in catalogue.shapes() if entry["name"] == name)
    if as_json:
        print(json.dumps(entry, indent=1, ensure_ascii=False))
        return
    print(f"{name}: {entry['title']}\n\n{textwrap.indent(entry['drawing'], '    ')}\n")
    for line in describe_keys(SHAPES[name], leave_out=() if entry["obstacle"] else ("obstacle",)):
        print(line)
    print(f"\nboundaries: {', '.join(entry['boundaries'])}")
    if entry["places"]:
        print(f"places for probes: {', '.join(entry['places'])}")
    print(f"dimensions: {', '.join(entry['dimensions'])}\na case file: ./spine new {name}")


def _preset(name: str, *, as_json: bool) -> None:
    """Print all that is known of the presets of a name."""
    text = list(presets_page.lines(name))
    if as_json:
        found = [entry for entry in catalogue.presets() if entry["name"] == name]
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        print("\n".join(text), end="")


def _topic(topic: str) -> list[str]:
    """Lines on a topic."""
    function, use = catalogue.TOPICS[topic]
    entries = function()
    lines = [f"{topic} ({len(entries)}), {use}"]
    if not entries:
        lines.append("  none here: they are part of a checkout, not of the installed package")
    names = max((len(entry["name"]) for entry in entries), default=0)
    for entry in entries:
        lines += _wrapped(entry["name"], _description(topic, entry), max(NAMES, names))
    return [*lines, ""]


def _description(topic: str, entry: dict[str, Any]) -> str:
    """Description of an entry."""
    match topic:
        case "shapes":
            options = f" [{', '.join(entry['options'])}]" if entry["options"] else ""
            return f"{', '.join(entry['parameters'])}{options}; boundaries {', '.join(entry['boundaries'])}"
        case "waveforms" | "channels" | "mechanisms" | "gates":
            parts = [f"{what} {', '.join(entry[what])}" for what in ("needs", "may have") if entry[what]]
            of = entry.get("not of")
            return "; ".join([*(parts or ["no keys of its own"]), *([f"not of {' or '.join(of)}"] if of else [])])
        case "kinetics" if entry["celsius"] is not None:
            return f"{entry['title']}; rates at {entry['celsius']:g} degrees Celsius"
        case "presets":
            return f"[{entry['kind']}] {entry['title']}: {', '.join(entry['values'])}; {source_of(entry)}"
        case "formulas":
            return f"{entry['quantity']}: {entry['title']}"
        case "cases":
            return f"{entry['title']} [{entry['shape']}, {entry['study']}]"
        case "validation":
            return f"{entry['title']} [{entry['figure']}{'; with --full' if entry['full'] else ''}]"
        case "benchmarks":
            return entry["title"] + ("" if entry["by default"] else " [by name only]")
    return str(entry["title"])


def _wrapped(name: str, text: str, names: int) -> list[str]:
    """Name and text in two columns."""
    width = min(shutil.get_terminal_size((WIDTH, 0)).columns if sys.stdout.isatty() else WIDTH, WIDTH)
    first, *rest = textwrap.wrap(text, max(width - names - 4, 30)) or [""]
    return [f"  {name:<{names}}  {first}".rstrip(), *(" " * (names + 4) + line for line in rest)]
