"""Folders that only a checkout has: tests, benchmarks, cases."""

from __future__ import annotations

from pathlib import Path

from spinepnp.errors import CaseError


def validation_folder() -> Path:
    """Folder of the validation cases.

    Raises:
        CaseError: this is an installed package without them.
    """
    return of_checkout("cases/validation", "validate", "the validation cases are", "use ./spine validate")


def of_checkout(folder: str, verb: str, what: str, instead: str) -> Path:
    """A folder that only a checkout has.

    Args:
        folder: path of the folder within a checkout.
        verb: verb that needs it; the key of the error.
        what: content of the folder, and "is" or "are".
        instead: remedy without a checkout.

    Raises:
        CaseError: this is an installed package.
    """
    path = Path(__file__).resolve().parents[1] / folder
    if not path.is_dir():
        raise CaseError(verb, f"{what} part of a checkout, not of the installed package; {instead}")
    return path
