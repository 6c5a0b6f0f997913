"""What is shipped: one version everywhere, a lock without addresses, the licence, and a wheel that holds every room."""

import email
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import spinepnp
from support import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
VERSION = PROJECT["project"]["version"]
PACKAGES = PROJECT["tool"]["setuptools"]["packages"]
LOCKED = re.compile(r"([A-Za-z0-9._-]+)==([^ ;]+)( ; [^@/]+?)?((?: --hash=sha256:[0-9a-f]{64})+)")


def locked() -> dict[str, str]:
    """Names and versions of ``requirements.lock``; every requirement must have its hashes, and nothing else."""
    pinned = {}
    for line in (ROOT / "requirements.lock").read_text().replace(" \\\n   ", "").splitlines():
        match = LOCKED.fullmatch(line)
        assert match, line
        pinned[canonicalize_name(match[1])] = match[2]
    return pinned


def packages_on_disk() -> list[str]:
    found = []
    for folder, _, files in os.walk(ROOT / "spinepnp", followlinks=True):
        if "__init__.py" in files:
            found.append(".".join(Path(folder).relative_to(ROOT).parts))
    return sorted(found)


# --- version, lock, licence


def test_one_version_everywhere() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert spinepnp.__version__ == VERSION
    assert str(citation["version"]) == VERSION


def test_citation_has_what_the_format_asks_for() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)
    assert citation["license"] == PROJECT["project"]["license"] == "LGPL-3.0-or-later"
    assert [author["name"] for author in citation["authors"]] == ["The spinepnp developers"]


def test_lock_names_no_addresses() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert "//" not in text
    assert "@ " not in text
    assert len(locked()) > 20


def test_lock_holds_what_the_project_asks_for() -> None:
    project = PROJECT["project"]
    wanted = [
        *project["dependencies"],
        *project["optional-dependencies"]["wheels"],
        *PROJECT["dependency-groups"]["dev"],
    ]
    wanted += PROJECT["build-system"]["requires"]
    pinned = locked()
    for requirement in map(Requirement, wanted):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version, f"{requirement} is not in requirements.lock"
        assert requirement.specifier.contains(version), f"{requirement}, but requirements.lock has {version}"


def test_licence_texts_are_complete() -> None:
    licence, general = (ROOT / "LICENSE").read_text(), (ROOT / "COPYING").read_text()
    assert licence.startswith("spinepnp\nCopyright (C) 2026 The spinepnp developers\n")
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in licence
    assert "6. Revised Versions of the GNU Lesser General Public License." in licence
    assert general.lstrip().startswith("GNU GENERAL PUBLIC LICENSE")
    assert "17. Interpretation of Sections 15 and 16." in general


@pytest.mark.parametrize("script", ["spine", ".ci/run"])
def test_scripts_can_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run(["bash", "-n", ROOT / script], check=True)


# --- packages


def test_listed_packages_are_those_on_disk() -> None:
    assert sorted(PACKAGES) == packages_on_disk()


def test_package_data_exist() -> None:
    for package, patterns in PROJECT["tool"]["setuptools"]["package-data"].items():
        for pattern in patterns:
            assert list(ROOT.joinpath(*package.split(".")).glob(pattern)), f"{package}: nothing matches {pattern}"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the files of the checkout (links stay links)."""
    copy = tmp_path_factory.mktemp("copy")
    listing = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout")
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if os.path.lexists(ROOT / name):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    result = subprocess.run(build, cwd=copy, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    (file,) = (copy / "dist").glob("*.whl")
    return file


def test_wheel_holds_every_module_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    information = f"spinepnp-{VERSION}.dist-info"
    assert {name.split("/")[0] for name in names} == {"spinepnp", information}
    modules = {
        "/".join(path.relative_to(ROOT).parts)
        for package in packages_on_disk()
        for path in ROOT.joinpath(*package.split(".")).glob("*.py")
    }
    assert len(modules) > len(PACKAGES)
    assert {name for name in names if name.endswith(".py")} == modules
    assert "spinepnp/py.typed" in names
    assert {f"{information}/licenses/LICENSE", f"{information}/licenses/COPYING"} <= names


def test_wheel_metadata(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = email.message_from_bytes(archive.read(f"spinepnp-{VERSION}.dist-info/METADATA"))
        entries = archive.read(f"spinepnp-{VERSION}.dist-info/entry_points.txt").decode()
    assert metadata["Version"] == VERSION
    assert metadata["License-Expression"] == "LGPL-3.0-or-later"
    assert metadata["Requires-Python"] == "<3.15,>=3.12"
    assert "spinepnp = spinepnp.__main__:main" in entries


def test_unpacked_wheel_imports_and_starts_nothing_heavy(wheel: Path, tmp_path: Path) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    code = "import sys, spinepnp; print(spinepnp.__version__, spinepnp.__file__, *sys.modules, sep='\\n')"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=elsewhere, env={**os.environ, "PYTHONPATH": str(site)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    version, file, *modules = result.stdout.splitlines()
    assert version == VERSION
    assert file == str(site / "spinepnp" / "__init__.py")
    assert not {"mpi4py", "petsc4py", "dolfinx", "numpy", "pyvista", "gmsh"} & set(modules)
