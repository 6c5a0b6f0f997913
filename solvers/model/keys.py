"""Tables of a case file of which one key says which others they need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import BaseModel


def check_keys(
    table: BaseModel,
    kind: str,
    keys: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]],
    always: Iterable[str] = (),
) -> None:
    """Refuse keys that are missing, or that belong to another kind of the table.

    Args:
        table: validated so far.
        kind: name of the key that says what the table is.
        keys: by its value, what is needed and what is allowed.
        always: what is allowed in any.

    Raises:
        ValueError: names the key.
    """
    value = getattr(table, kind)
    needed, allowed = keys[value]
    given = {name for name in type(table).model_fields if getattr(table, name) not in (None, ())} - {kind, *always}
    for name in needed:
        if name not in given:
            raise ValueError(f'{kind} = "{value}" needs {name}; add it')
    for name in sorted(given - {*needed, *allowed}):
        known = ", ".join((*needed, *allowed)) or "no further key"
        raise ValueError(f'{name} is no key of {kind} = "{value}", which takes {known}; drop it')
