"""Checks of the names that a user gives: to parts of a surface, to mechanisms and compartments."""

from __future__ import annotations

import re

from spinepnp.errors import CaseError

#: Allowed names: they stand in dotted paths and column names.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")

#: Names that stand below a boundary in paths and columns: letters, digits and underscores.
PART_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

#: Words that columns of results have at the places of such names.
RESERVED = frozenset(
    (
        "load", "gate", "current_pA", "area_um2", "potential_mV", "concentration_mM", "compartments", "membranes",
        "spaces", "bounds", "law", "volume", "probes", "regions",
    )
)  # fmt: skip


def check_part_name(key: str, name: str, seen: set[str]) -> None:
    """Refuse a name of a mechanism or a compartment that cannot stand in a path or a column, or that is taken.

    Args:
        key: key of the message.
        name: name to check.
        seen: names that are taken; the new name is added.

    Raises:
        CaseError: the name is not allowed, a word of the results, or taken.
    """
    if not PART_NAME.fullmatch(name):
        raise CaseError(key, "must be a letter and then letters, digits or _", name)
    if name in RESERVED:
        raise CaseError(key, "is a word of the results; choose another name", name)
    check_name(key, name, seen)


def check_name(key: str, name: str, seen: set[str]) -> None:
    """Refuse a name that cannot stand in a path, or that is taken; else note it.

    Args:
        key: key of the message.
        name: name to check.
        seen: names that are taken; the new name is added.

    Raises:
        CaseError: the name is not allowed, or taken.
    """
    if not NAME.fullmatch(name):
        raise CaseError(key, "must be a letter and then letters, digits, _ or -", name)
    if name in seen:
        raise CaseError(key, "is taken; give each a name of its own", name)
    seen.add(name)
