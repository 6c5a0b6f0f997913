"""Dockerfile, .dockerignore and development container: what can be checked without building them."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from spinepnp import checkout
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


def test_the_image_has_only_the_packages_that_run_in_a_layer_before_the_code():
    what_runs, added = "requirements.lock", "requirements-dev.lock"  # tests/project/test_packaging.py: what is in them
    for stage, locks in (("runtime", [what_runs]), ("devel", [what_runs, added])):
        (packages,) = re.findall(r"pip install --no-cache-dir --require-hashes (.*)", stages()[stage])
        assert packages.removesuffix(" \\") == " ".join(f"-r /opt/{lock}" for lock in locks)
        assert re.findall(r"[\w-]+\.lock", stages()[stage]) == [*locks, *locks]  # copied, installed
    runtime = stages()["runtime"]
    assert runtime.index(what_runs) < runtime.index("COPY pyproject.toml")
    # Nothing else brings packages, and none has to be taken out again.
    assert runtime.count("pip install ") == 2
    assert "--no-deps --no-build-isolation /opt/spinepnp" in runtime
    assert "uninstall" not in DOCKERFILE


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
        checkout.of_checkout("cases/validation", "list", "", "").parents[1]
        == Path(checkout.__file__).parents[1].resolve()
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
