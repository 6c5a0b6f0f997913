"""Full 3D Poisson-Nernst-Planck in dendritic spines and other neuronal nanodomains."""

import sys

if sys.argv[:1] == ["-m"] and not sys.flags.safe_path and sys.path:
    # `python -m spinepnp` puts the current directory first: a numpy.py there would be imported. As `python -P` does.
    del sys.path[0]

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = ["__version__", "load"]

if TYPE_CHECKING:
    from spinepnp.batch.table import load


def __getattr__(name: str) -> Any:
    """Import `load` at its first use: it needs pandas."""
    if name == "load":
        from spinepnp.batch.table import load

        return load
    raise AttributeError(f"module 'spinepnp' has no attribute '{name}'")
