"""Helpers of the tests: folders of the checkout, and below them ions, cases, measures and commands that tests share."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "cases"
