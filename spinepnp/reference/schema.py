"""JSON Schemas of case, sweep and validation files, for editors: made from the models that read the files.

Draft 7, because the TOML extensions of editors know no later one well. A schema sees one table at a time: what tables
must agree on, `spinepnp check` tells.
"""

from __future__ import annotations

from typing import Any

from spinepnp.case.preset_library import library
from spinepnp.case.short_forms import SHORT_FORMS
from spinepnp.errors import CaseError, nearest
from spinepnp.geometries import SHAPES
from spinepnp.geometries.base import DIMENSIONS
from spinepnp.reference.describe import Key, keys_of, summary_of, walk
from spinepnp.units import Table
from spinepnp.validation.laws.catalogue import LAWS

DRAFT = "http://json-schema.org/draft-07/schema#"


def models() -> dict[str, tuple[type[Table], str]]:
    """Model and title of each kind of file that has a schema."""
    from spinepnp.batch.sweep import Sweep
    from spinepnp.case.case import Case
    from spinepnp.validation.suite.plan import ValidationCase

    return {
        "case": (Case, "Case file of spinepnp"),
        "sweep": (Sweep, "Sweep file of spinepnp"),
        "validation": (ValidationCase, "Validation case of spinepnp"),
    }


def schema_of(kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind of file: "case", "sweep" or "validation".

    Raises:
        CaseError: another kind.
    """
    known = models()
    if kind not in known:
        raise CaseError("schema", f"no such file; {nearest(kind, known)}", kind)
    model, title = known[kind]
    raw = model.model_json_schema(mode="validation")
    tables = {table.__name__: table for _, table in walk(model)}
    nodes = raw.pop("$defs", {})
    _add_short_forms(nodes)
    definitions = {name: _table(node, tables.get(name)) for name, node in nodes.items()}
    _by_shape(definitions)
    found = {"$schema": DRAFT, "title": title, **_table(raw, model), "definitions": definitions}
    tables_or_lists: set[str] = set()
    found = _merged(found, tables_or_lists)
    definitions = found["definitions"]
    for name in tables_or_lists:  # lists pass these; what is no list is asked for its type where they stand
        del definitions[name.rpartition("/")[2]]["type"]
    if kind == "case":
        # The verb `mesh` needs no electrolyte; everything else does.
        found["required"] = ["geometry"]
        found["dependencies"] = {"boundaries": ["electrolyte"], "closed": ["electrolyte"]}
        found["properties"]["geometry"] = _any_shape(found["properties"]["geometry"], definitions)
        definitions["Compare"]["properties"]["law"]["enum"] = list(LAWS)
        del definitions["Compare"]["properties"]["law"]["type"]
    return found


def _add_short_forms(nodes: dict[str, Any]) -> None:
    """Add the keys of short forms to the tables that they become; a preset gives what these need."""
    for model, short in SHORT_FORMS.items():
        if model.__name__ not in nodes:
            continue
        node, made = nodes[model.__name__], short.model_json_schema(mode="validation")
        nodes |= made.pop("$defs", {})
        node["properties"] = {**made["properties"], **node["properties"]}
        if "use" in made["properties"]:
            node["anyOf"] = [{"required": ["use"]}, {"required": node.pop("required")}]
    for name, kind in (("Species", "species"), ("Buffer", "buffers"), ("Mechanism", "mechanisms")):
        if name in nodes:
            nodes[name]["properties"]["use"]["enum"] = list(library()[kind])


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
    """Schema without what TOML or draft 7 lacks: null, titles of every key, tuples by position."""
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
    """Make each shape require its name, with the dimensions and the obstacle that it can have."""
    for shape in SHAPES.values():
        node = definitions.get(shape.__name__)
        if node is None:
            continue
        node["required"] = ["shape", *node.get("required", ())]
        node["properties"]["dimension"]["enum"] = list(shape.dimensions)
        if not shape.takes_obstacle:
            del node["properties"]["obstacle"]


def _any_shape(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Schema of one of all shapes, chosen by its name, so that an editor reports the errors of that one.

    Editors do not look into conditions for what they show of a key: all keys stand beside them once more.
    """
    described: dict[str, dict[str, Any]] = {}
    conditions = []
    for name, shape in SHAPES.items():
        for key, part in definitions[shape.__name__]["properties"].items():
            described.setdefault(key, {})[name] = part
        condition = {"properties": {"shape": {"enum": [name]}}, "required": ["shape"]}
        conditions.append({"if": condition, "then": {"$ref": f"#/definitions/{shape.__name__}"}})
    shown = {key: _common(parts) for key, parts in described.items()}
    shown["shape"] = {"description": "name of the shape", "enum": list(SHAPES)}
    shown["dimension"] = {**described["dimension"]["cylinder"], "enum": list(DIMENSIONS)}
    return {
        "description": node["description"], "type": "object", "required": ["shape"], "properties": shown,
        "allOf": conditions,
    }  # fmt: skip


def _common(parts: dict[str, Any]) -> dict[str, Any]:
    """Schema of a key that all shapes share, or its meanings in each of them."""
    first, *others = parts.values()
    if all(part == first for part in others):
        return dict(first)
    meanings = (f"{shape}: {part['description'].splitlines()[0]}" for shape, part in parts.items())
    return {"description": "\n\n".join(meanings)}


def _merged(node: Any, tables: set[str]) -> Any:
    """Schema without choices between values of different types, such as a table or a list of tables.

    Of a choice an editor can only say that nothing fits. One schema that has the keywords of all types says what does
    not: keywords of other types than that of the value do not count.

    Args:
        node: schema.
        tables: gets references to those that stand beside other types.
    """
    if isinstance(node, list):
        return [_merged(part, tables) for part in node]
    if not isinstance(node, dict):
        return node
    node = {name: _merged(part, tables) for name, part in node.items()}
    for choice in ("anyOf", "oneOf"):
        parts = node.get(choice, ())
        kinds = [part.get("type", "object" if "$ref" in part else None) for part in parts]
        different = len(set(map(str, kinds))) == len(kinds) > 1 and all(isinstance(kind, str) for kind in kinds)
        if different and not any("enum" in part for part in parts):
            text = node.get("description") or parts[0].get("description", "")
            node = {name: part for name, part in node.items() if name != choice}
            for part in parts:
                node |= _beside(part, tables)
            node |= {"type": kinds, "description": text}
    return node


def _beside(part: dict[str, Any], tables: set[str]) -> dict[str, Any]:
    """The keywords of one type, to stand beside those of others."""
    if "$ref" in part:
        tables.add(part["$ref"])
        return {"allOf": [part]}
    if "$ref" in part.get("items", {}):
        return {**part, "items": {"type": "object", "allOf": [part["items"]]}}
    return part
