"""Keys of all physical terms: each module of this package holds one term, and is found by its file."""

from __future__ import annotations

import importlib
import pkgutil
import types
from typing import Literal

from spinepnp.solvers.model.term_keys import TermKeys
from spinepnp.units import Table


def _terms() -> tuple[TermKeys, ...]:
    """One object of each term, by their order."""
    found: list[TermKeys] = []
    for module in pkgutil.iter_modules(__path__):
        content = vars(importlib.import_module(f"{__name__}.{module.name}"))
        kinds = [kind for kind in content.values() if isinstance(kind, type) and issubclass(kind, TermKeys)]
        found += [kind() for kind in kinds if kind.__module__ == f"{__name__}.{module.name}"]
    return tuple(sorted(found, key=lambda term: term.order))


#: All terms, in the order of their keys.
TERM_KEYS = _terms()


def keys_of_terms(place: Literal["boundary", "electrolyte"]) -> type[Table]:
    """Base of a table with the keys of all terms: those of [boundaries.NAME] or of [electrolyte]."""
    keys = [found for term in TERM_KEYS if (found := getattr(term, place)) is not None]
    bases = (*reversed(keys),) or (Table,)  # the fields of the last base come first
    # Only the table below it validates anything.
    options = {"defer_build": True}
    return types.new_class("KeysOfTerms", bases, options, lambda body: body.update(__module__=__name__))
