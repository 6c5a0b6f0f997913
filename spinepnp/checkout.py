"""Folders that only a checkout has: tests, benchmarks, cases."""

from __future__ import annotations

from pathlib import Path

from spinepnp.errors import CaseError


def validation_folder() -> Path:
    """Where the validation cases are.

    Raises:
        CaseError: this is an installed package without them.
    """
    return of_checkout("cases/validation", "validate", "the validation cases are", "use ./spine validate")


def of_checkout(folder: str, verb: str, what: str, instead: str) -> Path:
    """A folder that only a checkout has.

    Args:
        folder: relative to the checkout.
        verb: that needs it.
        what: what it holds, and "is" or "are".
        instead: what to do without.

    Raises:
        CaseError: this is an installed package.
    """
    found = Path(__file__).resolve().parents[1] / folder
    if not found.is_dir():
        raise CaseError(verb, f"{what} part of a checkout, not of the installed package; {instead}")
    return found
