"""JSON Schemas of case, sweep and validation files, for editors: made from the models that read the files.

Draft 7, because the TOML extensions of editors know no later one well. A schema sees one table at a time: what tables
must agree on, `spinepnp check` tells.
"""

from __future__ import annotations

from typing import Any

from spinepnp.describe import Key, keys_of, summary_of, walk
from spinepnp.errors import CaseError, nearest
from spinepnp.geometries import SHAPES
from spinepnp.units import Table
from spinepnp.validation.laws import LAWS

DRAFT = "http://json-schema.org/draft-07/schema#"


def models() -> dict[str, tuple[type[Table], str]]:
    """Model and title of each kind of file that has a schema."""
    from spinepnp.batch.sweep import Sweep
    from spinepnp.case import Case
    from spinepnp.validate.plan import ValidationCase

    return {
        "case": (Case, "Case file of spinepnp"),
        "sweep": (Sweep, "Sweep file of spinepnp"),
        "validation": (ValidationCase, "Validation case of spinepnp"),
    }


def schema_of(kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind of file.

    Args:
        kind: "case", "sweep" or "validation".

    Raises:
        CaseError: another kind.
    """
    known = models()
    if kind not in known:
        raise CaseError("schema", f"no such file; {nearest(kind, known)}", kind)
    model, title = known[kind]
    raw = model.model_json_schema(mode="validation")
    tables = {table.__name__: table for _, table in walk(model)}
    definitions = {name: _table(node, tables.get(name)) for name, node in raw.pop("$defs", {}).items()}
    _by_shape(definitions)
    found = {"$schema": DRAFT, "title": title, **_table(raw, model), "definitions": definitions}
    if kind == "case":
        # The verb `mesh` needs no electrolyte; everything else does.
        found["required"] = ["geometry"]
        found["dependencies"] = {"boundaries": ["electrolyte"], "closed": ["electrolyte"]}
        found["properties"]["geometry"] = _any_shape(found["properties"]["geometry"])
        definitions["Compare"]["properties"]["law"]["enum"] = list(LAWS)
        del definitions["Compare"]["properties"]["law"]["type"]
    return found


def _table(node: dict[str, Any], model: type[Table] | None) -> dict[str, Any]:
    """The schema of a table, with descriptions and defaults of the file."""
    node = _plain(node)
    if model is None:
        return node
    keys = {key.name: key for key in keys_of(model)}
    for form in (node, *node.get("oneOf", ())):  # a table that has a short form, too
        if "properties" in form:
            form["description"] = summary_of(model)
            form["properties"] = {name: _property(part, keys[name]) for name, part in form["properties"].items()}
    return node


def _property(node: dict[str, Any], key: Key) -> dict[str, Any]:
    """The schema of a key: what it means, what it takes, its default."""
    default = f"; default {key.default}" if key.default else ""
    node = {name: part for name, part in node.items() if name not in ("default", "description")}
    described = {"description": f"{key.meaning or key.name}\n\n{key.takes}{default}"}
    return {**described, "allOf": [node]} if "$ref" in node else {**described, **node}


def _plain(node: Any) -> Any:
    """Without what TOML or draft 7 does not have: null, titles of every key, tuples by position."""
    if isinstance(node, list):
        return [_plain(part) for part in node]
    if not isinstance(node, dict):
        return node
    found: dict[str, Any] = {}
    for name, part in node.items():
        if name in ("title", "discriminator"):
            continue
        if name == "properties":
            found[name] = {key: _plain(inner) for key, inner in part.items()}
        elif name == "$ref":
            found[name] = part.replace("#/$defs/", "#/definitions/")
        elif name == "const":
            found["enum"] = [part]  # completed by editors that know no "const"
        elif name == "prefixItems":
            found["items"] = _plain(part[0])  # all of them take the same
        else:
            found[name] = _plain(part)
    choices = [part for part in found.get("anyOf", ()) if part != {"type": "null"}]
    if choices:
        found["anyOf"] = choices
    return {**{k: v for k, v in found.items() if k != "anyOf"}, **choices[0]} if len(choices) == 1 else found


def _by_shape(definitions: dict[str, Any]) -> None:
    """Each shape asks for its name, and has the dimensions and the obstacle that it can have."""
    for shape in SHAPES.values():
        node = definitions.get(shape.__name__)
        if node is None:
            continue
        node["required"] = ["shape", *node.get("required", ())]
        node["properties"]["dimension"]["enum"] = list(shape.dimensions)
        if not shape.takes_obstacle:
            del node["properties"]["obstacle"]


def _any_shape(node: dict[str, Any]) -> dict[str, Any]:
    """One of all shapes, by its name: the name is checked by itself, so that an editor says what is wrong with it."""
    names = {"description": "name of the shape", "enum": list(SHAPES)}
    return {**node, "type": "object", "required": ["shape"], "properties": {"shape": names}}
