"""Physical terms of the equations, one class in each file.

Every file of this folder but `base`, `net_current` and `ufl_term` holds one term; it is found by its file. Its key in
the case stands in the file of that name in `model.terms`.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil

from spinepnp.solvers.pnp.terms.base import Term

#: Files of this folder that hold no term.
NO_TERMS = ("base", "net_current", "ufl_term")


@functools.cache
def term_kinds() -> tuple[type[Term], ...]:
    """Classes of all terms, in the order of sums."""
    names = [name for _, name, _ in pkgutil.iter_modules(__path__) if name not in NO_TERMS]
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    kinds = [
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Term) and kind.__module__ == module.__name__
    ]
    return tuple(sorted(kinds, key=lambda kind: kind.order))
