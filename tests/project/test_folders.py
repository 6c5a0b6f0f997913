"""Where things are kept for users that have no home, or none that can be written: numbers in containers."""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from spinepnp.__main__ import provide_home
from spinepnp.runtime import cache_dirs
from support import ROOT


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A temporary folder of its own, and nothing else that could be written."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    return folder


def place(name, **more):
    return cache_dirs.cache_dir.__wrapped__(name, **more)


def without_home(monkeypatch):
    """A user that has neither HOME nor an entry in the password file: "~" stays "~"."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)


def test_without_a_home_the_temporary_folder_serves_and_no_folder_of_the_name_tilde_appears(
    temporary, tmp_path, monkeypatch
):
    without_home(monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert place("kernels").parent == temporary
    assert not (tmp_path / "~").exists()


def test_code_is_not_kept_where_it_cannot_be_loaded(temporary, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    real = os.statvfs

    def no_code(path):
        inside = Path(path).is_relative_to(tmp_path / "cache")
        return SimpleNamespace(f_flag=os.ST_NOEXEC) if inside else real(path)

    monkeypatch.setattr(os, "statvfs", no_code)
    assert place("meshes") == tmp_path / "cache" / "spinepnp" / "meshes"
    assert place("kernels", code=True).parent == temporary


def test_a_home_that_can_be_written_stays(temporary, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    provide_home()
    assert os.environ["HOME"] == str(tmp_path)
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("home", ["", "/nonexistent"], ids=["none", "missing"])
def test_another_home_is_replaced_by_a_private_one_that_the_next_run_finds(home, temporary, monkeypatch):
    if not home:
        without_home(monkeypatch)
    monkeypatch.setenv("HOME", home)
    provide_home()
    first = os.environ["HOME"]
    assert Path(first).parent == temporary
    assert stat.S_IMODE(os.stat(first).st_mode) == 0o700
    monkeypatch.setenv("HOME", home)
    provide_home()
    assert os.environ["HOME"] == first


def test_a_home_that_somebody_else_has_prepared_is_not_taken(temporary, monkeypatch):
    prepared = temporary / f"spinepnp-home-{os.getuid()}"
    prepared.mkdir()
    prepared.chmod(0o777)
    monkeypatch.setenv("HOME", "/nonexistent")
    provide_home()
    assert os.environ["HOME"] != str(prepared)
    assert Path(os.environ["HOME"]).parent == temporary


def test_the_command_line_provides_it(tmp_path):
    code = "import os, sys, spinepnp.__main__ as m; sys.argv[1:] = ['--version']\n"
    code += "try: m.main()\nfinally: print(os.environ['HOME'])"
    environment = {**os.environ, "HOME": "/nonexistent", "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == str(tmp_path / f"spinepnp-home-{os.getuid()}")
