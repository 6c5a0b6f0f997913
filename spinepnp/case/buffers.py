"""Buffers of calcium: the species and reactions that a short form stands for, at binding equilibrium with the bulk.

Classes of sites of a molecule bind independently of each other. Then the occupation of each class obeys equations of
its own, and each becomes species of its own: free, and bound with one or more ligands. The states of a class form a
tree, so that at equilibrium a state has the weight of the one that it is reached from, times [ligand] forward/backward.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spinepnp.case.preset_library import preset, source_of
from spinepnp.case.short_forms import Buffer
from spinepnp.errors import CaseError
from spinepnp.messages import validated
from spinepnp.units import CONCENTRATION, FIRST_ORDER, SECOND_ORDER, format_quantity, parse_quantity

#: Diffusivity of an immobile form, as it stands in a case.
IMMOBILE = "0 um^2/s"

#: Name of the state without a ligand.
FREE = ""


@dataclass(frozen=True)
class Ligand:
    """Ion that a buffer binds.

    Attributes:
        valence: charge number.
        concentration: bulk concentration, mol/m^3.
    """

    valence: int
    concentration: float


@dataclass(frozen=True)
class Expanded:
    """Tables that a buffer becomes.

    Attributes:
        name: beginning of their names.
        species: tables of species.
        reactions: tables of reactions.
        note: preset, amount and source in one line.
    """

    name: str
    species: list[dict[str, Any]]
    reactions: list[dict[str, Any]]
    note: str


def expand_buffer(table: Any, key: str, ligands: Mapping[str, Ligand]) -> Expanded:
    """Species and reactions of a buffer.

    Args:
        table: short form, as it stands in the case.
        key: its key in the case, for messages.
        ligands: ions of the case that it could bind, by name.

    Raises:
        CaseError: the short form is wrong, or a ligand is missing.
    """
    if isinstance(table, dict) and "affinity" in table:
        example = 'forward = "1e8 1/(M s)" and backward = "100 1/s" for 1 uM'
        raise CaseError(
            f"{key}.affinity", f"is backward/forward; write both rates, such as {example}", table["affinity"]
        )
    buffer = validated(table, Buffer, key)
    entry = preset("buffers", buffer.use, f"{key}.use") if buffer.use is not None else _own(buffer, key)
    name, sites = buffer.name or entry["name"], entry["sites"]
    if buffer.forward is not None:
        sites = [_with_rates(sites, table, key)]
    for ligand in {state["ligand"] for site in sites for state in site["states"]}:
        if ligand not in ligands:
            example = f'[[electrolyte.species]] use = "{ligand}" with its concentration'
            raise CaseError(key, f"{buffer.use or name} binds {ligand}, which is no species of the case; add {example}")
    total = buffer.concentration
    if total is None:
        assert buffer.capacity is not None
        total = _total_of_capacity(buffer.capacity, sites, key, ligands)
    species: list[dict[str, Any]] = []
    reactions: list[dict[str, Any]] = []
    for site in sites:
        _add_site(species, reactions, buffer, table, "_".join(filter(None, [name, site.get("name")])), site, total,
                  _diffusivity(buffer, entry, table, key), ligands)  # fmt: skip
    amount = format_quantity(float(f"{total:.6g}"), CONCENTRATION)
    source = f"; {source_of(entry)}" if buffer.use is not None else ""
    counted = [f"{s.get('count', 1)} {s.get('name', 'of them')}" for s in sites if s.get("count", 1) > 1]
    sites_note = f" (sites, of which a molecule has {', '.join(counted)})" if counted else ""
    names = ", ".join(s["name"] for s in species)
    note = f"{buffer.use or 'a buffer of one site'}, {amount}: {names}{sites_note}{source}"
    return Expanded(name, species, reactions, note)


def _own(buffer: Buffer, key: str) -> dict[str, Any]:
    """Entry of a buffer that is no preset: one site for calcium."""
    for word in ("name", "forward"):
        if getattr(buffer, word) is None:
            raise CaseError(
                key, f'needs use = "NAME" of a preset (./spine list presets), or {word} and its own constants'
            )
    return {"name": buffer.name, "sites": [{"states": [{"state": "Ca", "ligand": "Ca"}]}]}


def _with_rates(sites: list[dict[str, Any]], table: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The only class of sites, with rate constants of the case."""
    if len(sites) > 1 or len(sites[0]["states"]) > 1:
        raise CaseError(f"{key}.forward", f"{table.get('use')} binds in several ways; drop forward and backward")
    rates = {word: table[word] for word in ("forward", "backward")}
    return {**sites[0], "states": [{**sites[0]["states"][0], **rates}]}


def _diffusivity(buffer: Buffer, entry: Mapping[str, Any], table: Mapping[str, Any], key: str) -> Any:
    """Diffusivity as it stands in the case or in the preset."""
    mobile = entry.get("mobile", True) or buffer.diffusivity is not None if buffer.mobile is None else buffer.mobile
    if not mobile:
        return IMMOBILE
    found = table.get("diffusivity", entry.get("diffusivity"))
    if found is None:
        raise CaseError(f"{key}.diffusivity", 'is missing; write diffusivity = "20 um^2/s", or mobile = false')
    return found


def _add_site(
    species: list[dict[str, Any]],
    reactions: list[dict[str, Any]],
    buffer: Buffer,
    table: Mapping[str, Any],
    name: str,
    site: Mapping[str, Any],
    total: float,
    diffusivity: Any,
    ligands: Mapping[str, Ligand],
) -> None:
    """Add species and reactions of a class of sites.

    Args:
        species: tables that grow.
        reactions: tables that grow.
        buffer: short form.
        table: the same as it stands in the case.
        name: name of the free form.
        site: class of sites in the library.
        total: concentration of the molecule, mol/m^3.
        diffusivity: diffusivity of all forms, as text or as it was given.
        ligands: what can be bound.
    """
    valences, names = {FREE: buffer.valence}, {FREE: name}
    for state in site["states"]:
        before = state.get("from", FREE)
        valences[state["state"]] = valences[before] + ligands[state["ligand"]].valence
        names[state["state"]] = f"{name}_{state['state']}"
        region = {"region": table["region"]} if "region" in table else {}
        reactions.append({
            "name": names[state["state"]],
            "equation": f"{state['ligand']} + {names[before]} <-> {names[state['state']]}",
            "forward": state["forward"], "backward": state["backward"], **region,
        })  # fmt: skip
    shares = occupation(site, {ligand: found.concentration for ligand, found in ligands.items()})
    for state, share in shares.items():
        amount = share * total * site.get("count", 1)
        species.append({
            "name": names[state], "valence": valences[state], "diffusivity": diffusivity,
            "concentration": f"{amount!r} mM",
        })  # fmt: skip


def occupation(site: Mapping[str, Any], concentrations: Mapping[str, float]) -> dict[str, float]:
    """Shares of the states of a class of sites at equilibrium, the free one first.

    Args:
        site: class of sites, with its states and their rate constants.
        concentrations: concentrations of free ligands, mol/m^3, by name.
    """
    weights = {FREE: 1.0}
    for state in site["states"]:
        bound = concentrations[state["ligand"]] / dissociation_constant(state)
        weights[state["state"]] = weights[state.get("from", FREE)] * bound
    whole = sum(weights.values())
    return {state: weight / whole for state, weight in weights.items()}


def dissociation_constant(state: Mapping[str, Any]) -> float:
    """Dissociation constant of a state, backward over forward, mol/m^3."""
    return parse_quantity(state["backward"], FIRST_ORDER) / parse_quantity(state["forward"], SECOND_ORDER)


def _total_of_capacity(capacity: float, sites: list[dict[str, Any]], key: str, ligands: Mapping[str, Ligand]) -> float:
    """Concentration of a buffer of one site with a capacity B K/(K + c)^2 at the bulk calcium c, mol/m^3."""
    if len(sites) > 1 or len(sites[0]["states"]) > 1:
        raise CaseError(f"{key}.capacity", "is for a buffer with one calcium at one site; give the concentration")
    state = sites[0]["states"][0]
    constant, calcium = dissociation_constant(state), ligands[state["ligand"]].concentration
    return capacity * (constant + calcium) ** 2 / constant / float(sites[0].get("count", 1))
