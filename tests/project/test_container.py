"""Dockerfile, .dockerignore and development container: what can be checked without building them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from spinepnp.commands import test as selftest
from support import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
LAUNCHER = (ROOT / "spine").read_text()


def stages() -> dict[str, str]:
    parts = re.split(r"^FROM (\S+) AS (\w+)$", DOCKERFILE, flags=re.M)[1:]
    return {name: f"FROM {base}\n{text}" for base, name, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True)}


def test_system_packages_are_those_of_the_launcher():
    apt = set(re.search(r"apt_packages=\((.*?)\)", LAUNCHER)[1].split())
    python = set(re.search(r"apt_packages\+=\((.*?)\)", LAUNCHER)[1].split())
    installed = re.search(r"--no-install-recommends \\\n(.*?)\n &&", stages()["system"], flags=re.S)[1]
    assert set(installed.replace("\\", "").split()) == apt | python


def test_the_image_runs_as_nobody_in_particular():
    runtime = stages()["runtime"]
    assert list(stages())[-1] == "runtime"  # what is built without a target
    user = re.findall(r"^USER (\S+)$", runtime, flags=re.M)
    assert user == ["1000"]
    assert runtime.index("USER 1000") > runtime.rindex("RUN ")
    assert 'ENTRYPOINT ["spinepnp"]' in runtime
    assert "SPINEPNP_KERNELS=portable" in runtime
    assert re.search(r"HOME=/tmp\b", stages()["system"])


def test_packages_are_locked_and_a_layer_before_the_code():
    runtime = stages()["runtime"]
    assert "--require-hashes -r /opt/requirements.lock" in runtime
    assert runtime.index("requirements.lock") < runtime.index("COPY pyproject.toml")
    assert "--no-deps --no-build-isolation" in runtime


def needed_by(names: list[str]) -> set[str]:
    """Packages and all that they need in turn, of those that are installed."""
    found: set[str] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        applies = requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in ("", *requirement.extras)
        )
        if name in found or not applies:
            continue
        try:
            inner = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        found.add(name)
        waiting += [Requirement(text) for text in inner]
    return found


def test_what_only_tests_and_the_site_need_is_removed_and_nothing_else():
    words = re.search(r"pip uninstall --quiet --yes (.*?)\\\n &&", DOCKERFILE, flags=re.S)[1]
    removed = {canonicalize_name(word) for word in words.replace("\\", "").split()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = needed_by([*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["wheels"]])
    tools = needed_by(project["dependency-groups"]["dev"])
    assert "sphinx" in tools
    assert not removed & needed
    assert removed <= tools
    # setuptools, which the compiling of equations needs as well, is of both.
    assert not tools - needed - removed, "these stay in the image for nothing"


def test_what_is_cut_from_the_image_is_cut_in_the_layer_that_brings_it():
    # A later layer would hide files and save nothing.
    for stage, brought, cut in (
        ("system", "apt-get install", "lto1"),
        ("runtime", "pip install --no-cache-dir --require", "strip"),
    ):
        (step,) = [run for run in re.findall(r"^RUN (?:.*\\\n| #.*\n)*.*", stages()[stage], flags=re.M) if cut in run]
        assert brought in step
    # What is left is loaded before the layer is written.
    assert step.index("strip --strip-unneeded") < step.index("python3 -B -c 'import ")
    # Libraries patched after linking (auditwheel) are not stripped.
    (folders,) = re.findall(r"find (.*) -type f -name '\*\.so\*' -exec strip", step)
    assert set(folders.split()) == {"vtkmodules", "pyarrow", "llvmlite", "petsc4py", "slepc4py"}


def test_the_shipped_cases_are_where_the_verbs_look():
    assert re.search(r'^RUN ln -s /cases "\$\(.*get_path\("purelib"\).*\)/cases"$', stages()["runtime"], flags=re.M)
    # What of_checkout takes for the root, for an installed package, is the folder that holds the package.
    assert (
        selftest.of_checkout("cases/validation", "list", "", "").parents[1]
        == Path(selftest.__file__).parents[1].resolve()
    )


def test_what_is_copied_exists_and_is_not_ignored():
    allowed = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), flags=re.M))
    copied = {name for line in re.findall(r"^COPY (.*)$", DOCKERFILE, flags=re.M) for name in line.split()[:-1]}
    assert copied == allowed
    for name in copied:
        assert (ROOT / name).exists(), name
    rooms = {name.split("/")[0] for name in os.listdir(ROOT / "spinepnp") if (ROOT / "spinepnp" / name).is_symlink()}
    assert rooms <= copied


def test_the_development_container_builds_a_stage_that_exists():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert container["build"]["target"] in stages()
    assert (ROOT / ".devcontainer" / container["build"]["dockerfile"]).resolve() == ROOT / "Dockerfile"


@pytest.mark.parametrize("script", ["build", "try"])
def test_scripts_can_be_run(script):
    path = ROOT / "containers" / script
    assert os.access(path, os.X_OK)
    subprocess.run(["bash", "-n", path], check=True)


def test_a_wrong_option_of_the_build_is_one_line():
    done = subprocess.run([ROOT / "containers" / "build", "--frobnicate"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "unknown option --frobnicate" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("tools", [("buildah",), ("buildah", "docker"), ("podman",), ("docker",)], ids="+".join)
def test_the_tool_that_built_tells_the_size(tools, tmp_path):
    # With buildah, a docker without its daemon (or without this image) is not asked.
    for tool in tools:
        words = "exit 1" if tool == "docker" and "buildah" in tools else "echo 1950000000"
        told = "echo '1.95 GB'" if tool == "buildah" else words
        (tmp_path / tool).write_text(f'#!/bin/sh\ncase "$1 $2" in "images --format"|"image inspect") {told};; esac\n')
        (tmp_path / tool).chmod(0o755)
    for name in ("bash", "dirname"):
        (tmp_path / name).symlink_to(shutil.which(name))
    done = subprocess.run([ROOT / "containers" / "build"], capture_output=True, text=True, env={"PATH": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    size = "1.95 GB" if "buildah" in tools else "1950 MB"
    assert f"localhost/spinepnp: {size}, built in" in done.stderr
