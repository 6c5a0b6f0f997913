"""Lint, format and types: what the project's own configuration asks for."""

import re
import subprocess
import sys

import pytest

from support import ROOT


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy", "--no-error-summary"]],
    ids=["lint", "format", "types"],
)
def test_style(command, tmp_path):
    cache = ["--cache-dir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", *command, *cache], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_has_the_marks_of_a_merge():
    marks = re.compile(r"^(<{7} |>{7} |={7}$)", re.MULTILINE)
    texts = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("cases/**/*.toml")]
    assert [path for path in texts if marks.search(path.read_text())] == []
