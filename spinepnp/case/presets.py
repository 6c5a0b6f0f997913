"""Expansion of presets: short forms of a case become plain tables, before anything is checked.

A key that is given beside `use` stays. Nothing here needs DOLFINx.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from spinepnp.case.buffers import Ligand, expand_buffer
from spinepnp.case.preset_library import preset, source_of
from spinepnp.case.short_forms import MEDIUM, ElectrolyteShort, SpeciesShort
from spinepnp.errors import CaseError, nearest
from spinepnp.messages import entry_key, validated
from spinepnp.solvers.model.electrolyte import NEUTRALITY_TOLERANCE
from spinepnp.solvers.model.waveforms import KEYS as WAVEFORMS
from spinepnp.units import CONCENTRATION, Kind, format_quantity, parse_quantity

#: Keys of an electrolyte that are short forms.
SHORT_KEYS = tuple(ElectrolyteShort.model_fields)

#: Keys of a mechanism that belong to its waveform: one that is given replaces that of the preset.
WAVEFORM_KEYS = {"waveform", *(key for keys in WAVEFORMS.values() for part in keys for key in part)}


@dataclass(frozen=True)
class ShortForm:
    """The table [electrolyte] of a case before its buffers were expanded. Two of them are equal: they change nothing.

    Attributes:
        electrolyte: keys of the table that the expansion changed, as they stand in a file; ``None`` without buffers.
    """

    electrolyte: dict[str, Any] | None = field(default=None, compare=False)

    def restored(self, tables: dict[str, Any]) -> dict[str, Any]:
        """Tables of a case with the short forms in place of what they became.

        Args:
            tables: expanded tables.
        """
        if self.electrolyte is None:
            return tables
        plain = {key: value for key, value in tables["electrolyte"].items() if key not in ("species", "reactions")}
        return {**tables, "electrolyte": {**plain, **self.electrolyte}}


def expand_presets(data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str], ShortForm]:
    """Tables of a case with all presets expanded.

    Examples:
        >>> from spinepnp.case import expand_presets
        >>> calcium = {"use": "Ca", "medium": "cytosol", "concentration": "100 nM"}
        >>> chloride = {"use": "Cl", "concentration": "200 nM"}
        >>> dye = {"use": "OGB-1", "concentration": "50 uM"}
        >>> short = {"species": [calcium, chloride], "buffers": [dye], "balance": "Cl"}
        >>> tables, notes, _ = expand_presets({"electrolyte": short})
        >>> [species["name"] for species in tables["electrolyte"]["species"]]
        ['Ca', 'Cl', 'OGB1', 'OGB1_Ca']
        >>> tables["electrolyte"]["reactions"][0]["equation"]
        'Ca + OGB1 <-> OGB1_Ca'

    Args:
        data: tables as they stand in a case file; they are not changed.

    Returns:
        The expanded tables, the origin of each by its path, and the short form of the electrolyte.

    Raises:
        CaseError: no such preset, or a short form that is wrong.
    """
    found, short = dict(data), ShortForm()
    notes: dict[str, str] = {}
    if isinstance(data.get("electrolyte"), dict):
        found["electrolyte"], short = _electrolyte(data["electrolyte"], notes)
    if isinstance(data.get("boundaries"), dict):
        ions = [s.get("name") for s in _tables(found.get("electrolyte"), "species")]
        found["boundaries"] = {
            name: _boundary(f"boundaries.{name}", boundary, ions, notes)
            for name, boundary in data["boundaries"].items()
        }
    return found, notes, short


def _tables(data: Any, key: str) -> list[dict[str, Any]]:
    """Tables in a list of a table; none where there is no such list: the checks tell what is wrong with it."""
    entries = data.get(key) if isinstance(data, dict) else None
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list | tuple) else []


def _electrolyte(data: dict[str, Any], notes: dict[str, str]) -> tuple[dict[str, Any], ShortForm]:
    """Table [electrolyte] without short forms, and its short form."""
    found = dict(data)
    entries = data.get("species")
    if isinstance(entries, list | tuple):
        found["species"] = [
            _species(f"electrolyte.species.{entry_key(entries, number)}", entry, notes)
            for number, entry in enumerate(entries)
        ]
    given = {key: found.pop(key) for key in SHORT_KEYS if found.get(key) is not None}
    if not given:
        return found, ShortForm()
    short = {key: found[key] for key in ("species", "reactions") if key in found} | given
    if "buffers" in given:
        _add_buffers(found, given["buffers"], notes)
    _balance(found, given.get("balance"), notes)
    return found, ShortForm(short)


def _species(key: str, table: Any, notes: dict[str, str]) -> Any:
    """Table of a species, with what its preset gives."""
    if not isinstance(table, dict) or not {"use", "medium"} & set(table):
        return table
    short = validated({word: table[word] for word in ("use", "medium") if word in table}, SpeciesShort, key)
    rest = {word: value for word, value in table.items() if word not in ("use", "medium")}
    if short.use is None:
        raise CaseError(f"{key}.medium", 'belongs to a preset; add use = "Ca", or drop it', short.medium)
    entry = preset("species", short.use, f"{key}.use")
    filled = {"name": short.use, "valence": entry["valence"], **rest}
    known = entry["diffusivity"]
    if "diffusivity" not in rest:
        medium = short.medium if "medium" in table else next(iter(known)) if MEDIUM not in known else MEDIUM
        if medium not in known:
            problem = f"no diffusivity is known there; give diffusivity, or medium = {' or '.join(map(repr, known))}"
            raise CaseError(f"{key}.medium", problem.replace("'", '"'), medium)
        filled["diffusivity"] = known[medium]
        source = entry.get("sources", {}).get(f"diffusivity.{medium}", entry["source"])
        notes[f"electrolyte.species.{filled['name']}"] = f"{short.use} in {medium}; {source}"
    else:
        notes[f"electrolyte.species.{filled['name']}"] = f"{short.use}, diffusivity of the case"
    return filled


def _quantity(key: str, text: object, kind: Kind) -> float:
    """Quantity of a key in SI.

    Raises:
        CaseError: it is none.
    """
    if text is None:
        raise CaseError(key, "is missing; add it")
    try:
        return parse_quantity(text, kind, tiny=True)
    except ValueError as error:
        raise CaseError(key, str(error), text if isinstance(text, str | int | float) else None) from None


def _concentrations(electrolyte: Mapping[str, Any]) -> dict[str, Ligand]:
    """Ions with their bulk concentrations, of those species whose tables are whole."""
    found: dict[str, Ligand] = {}
    for species in _tables(electrolyte, "species"):
        name, valence = species.get("name"), species.get("valence")
        if isinstance(name, str) and type(valence) is int:
            key = f"electrolyte.species.{name}.concentration"
            found[name] = Ligand(valence, _quantity(key, species.get("concentration"), CONCENTRATION))
    return found


def _add_buffers(electrolyte: dict[str, Any], buffers: Any, notes: dict[str, str]) -> None:
    """Add species and reactions of buffers to an expanded electrolyte."""
    if not isinstance(buffers, list | tuple):
        raise CaseError("electrolyte.buffers", "is a list of tables; write [[electrolyte.buffers]]")
    ligands = _concentrations(electrolyte)
    species, reactions = list(electrolyte.get("species") or ()), list(electrolyte.get("reactions") or ())
    names = [entry.get("name") for entry in _tables(electrolyte, "species")]
    for number, table in enumerate(buffers):
        key = f"electrolyte.buffers.{entry_key(buffers, number)}"
        made = expand_buffer(table, key, ligands)
        for entry in made.species:
            if entry["name"] in names:
                problem = f"{entry['name']} is a species already; give the buffer another name"
                raise CaseError(f"{key}.name", problem, made.name)
            names.append(entry["name"])
        species += made.species
        reactions += made.reactions
        notes[f"electrolyte.buffers.{made.name}"] = made.note
    electrolyte["species"], electrolyte["reactions"] = species, reactions


def _balance(electrolyte: dict[str, Any], ion: object, notes: dict[str, str]) -> None:
    """Make the bulk neutral by the concentration of an ion, in place.

    Raises:
        CaseError: there is no such ion, too little of it, or a charge and no ion that balances it.
    """
    ions = _concentrations(electrolyte)
    fixed = electrolyte.get("fixed_charge", "0 mM")
    uniform = 0.0 if isinstance(fixed, list | tuple) else _quantity("electrolyte.fixed_charge", fixed, CONCENTRATION)
    charges = [*(found.valence * found.concentration for found in ions.values()), uniform]
    excess, scale = sum(charges), sum(map(abs, charges))
    if ion is None:
        if electrolyte.get("neutral", True) and abs(excess) > NEUTRALITY_TOLERANCE * scale:
            charge = format_quantity(float(f"{excess:.6g}"), CONCENTRATION)
            raise CaseError(
                "electrolyte.balance",
                f"is missing: with what the buffers bind, the charges of the bulk leave {charge}; name an ion whose "
                'concentration makes it neutral, such as balance = "Cl"',
            )
        return
    if not isinstance(ion, str) or ion not in ions:
        raise CaseError("electrolyte.balance", f"no such species; {nearest(str(ion), ions)}", ion)
    if ions[ion].valence == 0:
        raise CaseError("electrolyte.balance", "has no charge; name an ion", ion)
    amount = ions[ion].concentration - excess / ions[ion].valence
    if amount < 0.0:
        missing = format_quantity(float(f"{-amount:.6g}"), CONCENTRATION)
        raise CaseError("electrolyte.balance", f"would need {missing} more than there is; name another ion", ion)
    before, after = (f"{value:.8g} mM" for value in (ions[ion].concentration, amount))
    if before != after:
        notes["electrolyte.balance"] = f"bulk of {ion} changed from {before} to {after}, so that the bulk is neutral"
    electrolyte["species"] = [
        {**entry, "concentration": f"{amount!r} mM"} if isinstance(entry, dict) and entry.get("name") == ion else entry
        for entry in electrolyte["species"]
    ]


def _boundary(key: str, boundary: Any, ions: list[Any], notes: dict[str, str]) -> Any:
    """Table of a boundary, with what presets give its mechanisms."""
    entries = boundary.get("mechanism") if isinstance(boundary, dict) else None
    if isinstance(entries, dict):
        return {**boundary, "mechanism": _mechanism(f"{key}.mechanism", entries, ions, notes)}
    if not isinstance(entries, list | tuple):
        return boundary
    found = [
        _mechanism(f"{key}.mechanism.{entry_key(entries, number)}", entry, ions, notes)
        for number, entry in enumerate(entries)
    ]
    return {**boundary, "mechanism": found}


def _mechanism(key: str, table: Any, ions: list[Any], notes: dict[str, str]) -> Any:
    """Table of a mechanism, with the keys of its preset that are not given."""
    if not isinstance(table, dict) or "use" not in table:
        return table
    entry = preset("mechanisms", table["use"], f"{key}.use")
    for needed, example in entry.get("needs", {}).items():
        if needed not in table:
            raise CaseError(f"{key}.{needed}", f'is missing; {table["use"]} needs it, for example "{example}"')
    given = {word: value for word, value in table.items() if word != "use"}
    filled = {"name": table["use"], **dict(_fitting(entry["keys"], given, ions)), **given}
    place = key.rpartition(".mechanism")[0]
    notes[f"{place}.mechanism.{filled['name']}"] = f"{table['use']}; {source_of(entry)}"
    return filled


def _fitting(keys: Mapping[str, Any], given: Mapping[str, Any], ions: list[Any]) -> Iterator[tuple[str, Any]]:
    """Keys of a preset that fit to those of the case: of a waveform of one of both, of permeabilities those of ions."""
    for word, value in keys.items():
        if word in WAVEFORM_KEYS and "waveform" in given:
            continue
        if word == "permeability":
            yield word, {ion: ratio for ion, ratio in value.items() if ion in ions}
        else:
            yield word, value
