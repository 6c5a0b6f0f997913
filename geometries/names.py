"""Check of the names that a user gives to parts of a surface."""

from __future__ import annotations

import re

from spinepnp.errors import CaseError

#: Allowed names: they stand in dotted paths and column names.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


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
