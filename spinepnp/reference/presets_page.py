"""Presets in words: for `list presets`, and the page docs/presets.md, which is made by

python -m spinepnp.reference.presets_page > docs/presets.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spinepnp.case.buffers import dissociation_constant
from spinepnp.case.preset_library import KINDS, library, source_of
from spinepnp.errors import CaseError, nearest
from spinepnp.units import AVOGADRO, FLUX, parse_quantity

INTRODUCTION = """\
# Presets

Made from the library by `python -m spinepnp.reference.presets_page > docs/presets.md`. A case uses an entry by its
name, and may change each of its keys beside it:

    [[electrolyte.species]]
    use           = "Ca"
    medium        = "cytosol"                # of the diffusivity; default "water"
    concentration = "100 nM"

    [[electrolyte.buffers]]
    use           = "calbindin-D28k"
    concentration = "40 uM"                  # of the molecule, free and bound; species are of its sites

    [[boundaries.wall.mechanism]]
    use = "PMCA"

`./spine list presets NAME` prints one entry. A buffer becomes species, such as `CB_medium` and `CB_medium_Ca`, in
equilibrium with the bulk concentrations of the ions it binds, and their reactions; [case-file.md](case-file.md#presets)
tells the rest. `maximum` of a pump is a flux: 1000 ions/(um^2 s) are 1.66e-9 mol/(m^2 s). Concentrations of proteins
and densities of pumps differ between cells: the numbers are places to begin.

The last column names the source; **unverified:** stands before keys whose values could not be compared with it.
Affinities are dissociation constants, backward over forward rate constants.
"""

#: Ions in a second on 1 um^2 at a flux of 1 mol/(m^2 s).
IONS = 1e-12 * AVOGADRO

#: Keys of an entry that are told as they are.
KNOWN = ("source", "sources", "celsius", "conditions", "range", "unverified")

#: Headings of the kinds.
HEADINGS = {"species": "Species", "buffers": "Buffers and indicators", "mechanisms": "Mechanisms of membranes"}


def entries() -> Iterator[dict[str, Any]]:
    """Every preset as plain data: name, kind, what it is, its values in words, source, and what else is known of it."""
    for kind, presets in library().items():
        for name, entry in presets.items():
            yield {
                "name": name,
                "kind": kind,
                "title": entry["what"],
                "values": list(_values(kind, entry)),
                **{key: entry[key] for key in KNOWN if key in entry},
            }


def _values(kind: str, entry: dict[str, Any]) -> Iterator[str]:
    """Values of a preset, each with its key."""
    if kind == "mechanisms":
        for key, value in entry["keys"].items():
            table = isinstance(value, dict)
            if key == "maximum":
                value = f"{value} ({parse_quantity(value, FLUX) * IONS:.5g} ions/(um^2 s))"
            yield f"{key} {', '.join(f'{ion} {ratio:g}' for ion, ratio in value.items()) if table else value}"
        return
    if kind == "species":
        yield f"valence {entry['valence']:+d}"
        yield from (f"diffusivity {value} ({medium})" for medium, value in entry["diffusivity"].items())
        return
    made = ", ".join(
        "_".join(filter(None, [entry["name"], site.get("name"), state]))
        for site in entry["sites"]
        for state in ("", *(s["state"] for s in site["states"]))
    )
    yield f"becomes {made}"
    yield f"diffusivity {entry['diffusivity']}" if entry.get("mobile", True) else "immobile"
    for site in entry["sites"]:
        count, name = site.get("count", 1), site.get("name", "")
        of_site = f"{count} sites {name}".rstrip() if count > 1 else f"site {name}".rstrip()
        for state in site["states"]:
            constant = dissociation_constant(state) * 1e3
            after = f" after {state['from']}" if "from" in state else ""
            rates = f"{state['forward']}, {state['backward']}"
            yield f"{of_site}: {state['ligand']}{after} {rates}, affinity {constant:.3g} uM"


def lines(name: str) -> Iterator[str]:
    """Lines with all that is known of the presets of a name.

    Raises:
        CaseError: there is none.
    """
    found = [entry for entry in entries() if entry["name"] == name]
    if not found:
        raise CaseError("list presets", f"no such preset; {nearest(name, (e['name'] for e in entries()))}", name)
    for entry in found:
        yield f"{name}: {entry['title']}"
        yield f'use = "{name}" in {KINDS[entry["kind"]]}'
        yield ""
        yield from (f"  {value}" for value in entry["values"])
        yield f"  source: {entry['source']}"
        yield from (f"  source of {key}: {source}" for key, source in entry.get("sources", {}).items())
        for key in ("conditions", "range"):
            if key in entry:
                yield f"  {key}: {entry[key]}"
        if "celsius" in entry:
            yield f"  temperature: {entry['celsius']:g} degrees Celsius"
        if "unverified" in entry:
            yield f"  unverified: {', '.join(entry['unverified'])}"
        yield ""


def page() -> str:
    """Text of the whole page."""
    parts = [INTRODUCTION]
    for kind, heading in HEADINGS.items():
        rows = [_row(entry) for entry in entries() if entry["kind"] == kind]
        parts.append("\n".join([f"## {heading}\n", "| name | | values | source |", "|---|---|---|---|", *rows, ""]))
    return "\n".join(parts)


def _row(entry: dict[str, Any]) -> str:
    """Row of the page."""
    about = [entry["title"], *(f"{key}: {entry[key]}" for key in ("conditions", "range") if key in entry)]
    sources = [source_of(entry).replace("unverified:", "**unverified:**")]
    if "celsius" in entry:
        sources.append(f"{entry['celsius']:g} degrees Celsius")
    cells = ("; ".join(about), "; ".join(entry["values"]), "; ".join(sources))
    return f'| `"{entry["name"]}"` | ' + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    print(page(), end="")
