"""Nothing that a terminal obeys comes from a file or an argument to the screen, and no part of `--set` is lost."""

import os
import pty
import re
import subprocess
import sys

import pytest

from spinepnp.case.case import load_mesh_case
from spinepnp.case.toml import parse_override
from spinepnp.errors import CONTROL
from support.cases import CASE

SMALL = CASE.partition("[electrolyte]")[0]

#: A terminal's title, a bell, colour, deletion, the same in one byte, a new line, one that is written backwards.
NASTY = {
    "title": "\\u001B]0;x\\u0007", "bell": "\\u0007", "colour": "\\u001B[31m", "delete": "\\u007F",
    "csi": "\\u009B2J", "return": "\\r", "line": "\\n", "backwards": "\\u202E",
}  # fmt: skip


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_a_title_is_one_line_without_control_characters(tmp_path, text):
    (tmp_path / "case.toml").write_text(f'title = "a{text}b"\n{SMALL}')
    title = load_mesh_case(tmp_path / "case.toml").title
    assert not re.search(f"[\n\t]|{CONTROL}", title)
    assert re.fullmatch(r"a[? ].*b", title)


@pytest.mark.parametrize(
    "title",
    [
        "Ca\N{SUPERSCRIPT TWO}\N{SUPERSCRIPT PLUS SIGN}, 5\N{NO-BREAK SPACE}\N{MICRO SIGN}m",
        "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{MICROSCOPE}",
        "[red]/[/]",
    ],
)
def test_other_titles_stay(tmp_path, title):
    (tmp_path / "case.toml").write_text(f'title = "{title}"\n{SMALL}', encoding="utf-8")
    assert load_mesh_case(tmp_path / "case.toml").title == title


def _hostile(folder):
    """Arguments that put escapes into names of files, keys, values and tables."""
    name = "a\x1b]0;x\x07b.toml"
    (folder / name).write_text(SMALL)
    (folder / "broken.toml").write_text('title = "\x1b"\n')
    (folder / "probe.toml").write_text(f'{SMALL}[probes]\n"\\u001B[2J" = ["0 um", "0 um", "1 um"]\n')
    (folder / "key.toml").write_text(f'{SMALL}"\\u0007" = 1\n')
    (folder / "sweep.toml").write_text('title = "\\u001B"\n[base]\ncase = "x"\n[axes]\n"mesh.size" = ["1 nm"]\n')
    return {
        "file": ["mesh", name], "missing": ["run", "\x1b[31mno.toml"], "key": ["mesh", "key.toml"],
        "broken": ["run", "broken.toml"], "probe": ["run", "probe.toml"], "sweep": ["batch", "sweep.toml"],
        "set": ["mesh", name, "--set", "mesh.\x07=1"], "value": ["mesh", name, "--set", "mesh.size=\x1b\x07"],
        "output": ["mesh", name, "--output", "out\x1b[31m\x07"], "shape": ["new", "\x1b"], "list": ["list", "\x07"],
        "figure": ["gnp", "\x1b]0;x\x07"], "case": ["validate", "\x1b"], "verb": ["\x1b\x07"],
    }  # fmt: skip


BYTES = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]")


#: Runs commands one after another with the watched screen of a process, and prints a line behind each.
ONE_AFTER_ANOTHER = """
import sys
from spinepnp.__main__ import _run
from spinepnp.runtime import stdout
stdout.watch()
for words in WORDS:
    _run(words, False)
    for stream in (sys.stdout, sys.stderr):
        print("--- end of a command", file=stream, flush=True)
"""


def test_no_control_character_reaches_the_screen(tmp_path):
    """In pipes and files nothing passes: each verb that names what it was given."""
    hostile = _hostile(tmp_path)
    code = ONE_AFTER_ANOTHER.replace("WORDS", repr([*hostile.values()]))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, timeout=120, check=True)
    out, error = (text.split(b"--- end of a command\n")[:-1] for text in (done.stdout, done.stderr))
    for what, *shown in zip(hostile, out, error, strict=True):
        assert not BYTES.search(b"".join(shown)), what
        assert any(shown), what


def test_a_terminal_is_left_its_colours_only(tmp_path):
    (tmp_path / "a\x1b]0;x\x07\x08b.toml").write_text(SMALL)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "spinepnp", "mesh", "a\x1b]0;x\x07\x08b.toml"]
    process = subprocess.Popen(command, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # closed by the other side
        pass
    os.close(ours)
    assert process.wait(timeout=60) == 0, shown
    left = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]|\r", b"", shown)
    assert b"results: " in left
    assert not BYTES.search(left)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('mesh.size="5 nm"\nmesh.order = 1', '"5 nm"\nmesh.order = 1'),
        ("mesh.order=1\n[solver]\nmax_newton = 3", "1\n[solver]\nmax_newton = 3"),
        ("mesh.order=1 # and two", "1 # and two"),
        ("mesh.order=1\n", 1),
        ("study.values=[1, # one\n 2]", [1, 2]),
        ('title="a # b"', "a # b"),
        ("title=a # b", "a # b"),
        ('mesh.size="""5\nnm"""', "5\nnm"),
        ("mesh.grade={ top = { size = '1 nm' } }", {"top": {"size": "1 nm"}}),
    ],
)
def test_no_part_of_a_value_is_dropped(text, value):
    assert parse_override(text)[1] == value


def test_what_follows_a_line_feed_is_refused(verb, tmp_path):
    (tmp_path / "case.toml").write_text(SMALL)
    done = verb("mesh", "case.toml", "--set", 'mesh.size="5 nm"\nmesh.order = 1')
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith('error: mesh.size = ""5 nm" mesh.order = 1"')
