"""Folders that the benchmarks use."""

from __future__ import annotations

from pathlib import Path

#: Folder of the checkout.
ROOT = Path(__file__).resolve().parents[1]

#: Folder of the shipped cases.
CASES = ROOT / "cases"
