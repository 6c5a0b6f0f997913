"""What is shipped: one version everywhere, locks without addresses, the licence, and a wheel that holds every room."""

import email
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
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


#: What runs, and what is added to test, check and make the site.
LOCKS = ("requirements.lock", "requirements-dev.lock")


def locked(lock: str) -> list[Requirement]:
    """Requirements of a lock file; each must have one version and its hashes, and nothing else is there."""
    pinned = []
    for line in (ROOT / lock).read_text().replace(" \\\n   ", "").splitlines():
        match = LOCKED.fullmatch(line)
        assert match, line
        pinned.append(Requirement(f"{match[1]}=={match[2]}{match[3] or ''}"))
    return pinned


def names_of(requirements: list[Requirement]) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements}


def asked_for() -> tuple[list[Requirement], list[Requirement]]:
    """What pyproject.toml asks for to run (the build tool as well: images install the project), and to develop."""
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    runs = [*project["dependencies"], *extras["wheels"], *extras["surface"], *PROJECT["build-system"]["requires"]]
    return [Requirement(text) for text in runs], [Requirement(text) for text in PROJECT["dependency-groups"]["dev"]]


def needed_by(requirements: list[Requirement]) -> set[str]:
    """Names of packages and of all that they need in turn, here, as the metadata of the installed packages tell."""
    found: set[tuple[str, str]] = set()
    waiting = [(requirement, "") for requirement in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras}:
            if (name, extra) not in found:
                found.add((name, extra))
                waiting += [(Requirement(text), extra) for text in metadata.requires(name) or []]
    return {name for name, _ in found}


def packages_on_disk() -> list[str]:
    found = []
    for folder, _, files in os.walk(ROOT / "spinepnp", followlinks=True):
        if "__init__.py" in files:
            found.append(".".join(Path(folder).relative_to(ROOT).parts))
    return sorted(found)


# --- version, locks, licence


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


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_addresses(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "//" not in text
    assert "@ " not in text
    assert len(locked(lock)) > 20


def test_locks_hold_what_the_project_asks_for() -> None:
    pinned: list[Requirement] = []
    for lock, wanted in zip(LOCKS, asked_for(), strict=True):
        pinned += locked(lock)  # the second one is added to the first
        for requirement in wanted:
            found = [entry for entry in pinned if names_of([entry]) == names_of([requirement])]
            assert found, f"{requirement} is not in {lock}"
            for (version,) in (entry.specifier for entry in found):
                assert requirement.specifier.contains(version.version), f"{requirement}, but {lock} has {version}"


def test_no_package_is_in_both_locks() -> None:
    # So their versions cannot differ.
    runs, develops = map(locked, LOCKS)
    assert not names_of(runs) & names_of(develops)


def test_each_lock_holds_what_is_needed_and_nothing_else() -> None:
    if not any(metadata.distributions(name="dolfinx-solver-real")):
        pytest.skip("the packages are not those of the locks")
    pinned = [
        names_of([entry for entry in locked(lock) if entry.marker is None or entry.marker.evaluate()]) for lock in LOCKS
    ]
    runs, develops = map(needed_by, asked_for())
    assert {"pytest", "sphinx", "mypy", "ruff", "ipykernel"} <= develops - runs
    assert pinned == [runs, develops - runs]


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
