"""The launcher `spine`, on a small stand-in for a machine: stub interpreters, a PATH of our own, nothing downloaded."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock")
TOOLS = "bash env cat chmod mkdir rm mv ln cp readlink sha256sum tail df uname getconf grep sleep dirname flock"

# Runs the launcher's own questions in a real interpreter, with the answers of this machine replaced.
PROBE = """
import ctypes, os, sys, sysconfig, types
sys.executable = os.environ["STUB"]
sys.version_info = tuple(map(int, os.environ["STUB_VERSION"].split("."))) + (0, "final", 0)
sys.modules.setdefault("ensurepip", types.ModuleType("ensurepip"))
if os.environ["STUB_VENV"] == "no":
    sys.modules["ensurepip"] = None
sysconfig.get_path = lambda name: os.environ["STUB_INCLUDE"]
def load(name):
    missing = os.environ["MACHINE"] + "/missing"
    if os.path.exists(missing) and name in open(missing).read().split():
        raise OSError(name)
    return 1
ctypes.CDLL = load
exec(sys.argv[1])
"""

# An interpreter outside: answers the questions, makes environments.
OUTSIDE = """#!{bash}
case "$1 $2" in
  "-I -c") STUB="$0" STUB_VERSION={version} STUB_VENV={venv} STUB_INCLUDE={include} exec {python} -I -c {probe} "$3" ;;
  "-m venv")
    echo "venv $0" >>"$MACHINE/record"
    [[ $FAIL != venv ]] || {{ echo "venv is out of order"; exit 1; }}
    mkdir -p "$3/bin"
    cp "$MACHINE/inside" "$3/bin/python"
    printf '#!{bash}\\nprintf "mpiexec"; printf " <%%s>" "$@"; echo\\n' >"$3/bin/mpiexec"
    chmod +x "$3/bin/mpiexec" ;;
esac
"""

# The interpreter inside an environment: pip, the check of the packages, and the command line itself.
INSIDE = """#!{bash}
here=$(dirname "$(dirname "$0")")
case "$*" in
  *--require-hashes*) stage=packages ;;
  *--editable*) stage=project ;;
  -c*) stage=check ;;
  *) printf 'spinepnp'; printf ' <%s>' "$@"
     echo " cwd=$PWD omp=$OMP_NUM_THREADS nobytecode=${PYTHONDONTWRITEBYTECODE-unset} tmp=${TMPDIR-unset}"
     exit "${EXIT:-0}" ;;
esac
echo "$stage $$ $* nobytecode=${PYTHONDONTWRITEBYTECODE-unset}" >>"$MACHINE/record"
[[ $FAIL != "$stage" ]] || { echo "no $stage today"; exit 1; }
if [[ $SLOW == "$stage" ]]; then
  sleep "$SECONDS_SLOW"
  echo "ended $stage" >>"$MACHINE/record"
  touch "$here/slow" 2>/dev/null
fi
exit 0
"""


class Machine:
    """A checkout with the launcher in it, and a PATH with the stubs that the test puts there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkout = folder / "check out"
        self.bin = folder / "bin"
        self.home = folder / "home"
        self.store = self.checkout / ".environments"
        self.link = self.checkout / ".venv"
        for new in (self.checkout, self.bin, self.home, folder / "include"):
            new.mkdir()
        shutil.copy(ROOT / "spine", self.checkout / "spine")
        for lock in LOCKS:
            (self.checkout / lock).write_text("nothing==1.0\n")
        (self.checkout / "pyproject.toml").write_text("[project]\n")
        (folder / "include" / "Python.h").touch()
        self.bash = shutil.which("bash")
        for tool in TOOLS.split():
            (self.bin / tool).symlink_to(shutil.which(tool))
        self.tool("id", "echo 1000")
        self.tool("cc", "exit 0")
        self.tool("touch", ': >>"$1"')
        self.script(folder / "inside", INSIDE.replace("{bash}", self.bash))
        self.env = {
            "PATH": str(self.bin), "HOME": str(self.home), "MACHINE": str(folder), "CC": str(self.bin / "cc"),
            "FAIL": "", "SLOW": "", "SECONDS_SLOW": "0.6", "LC_ALL": "C",
        }  # fmt: skip

    @staticmethod
    def script(path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def tool(self, name: str, body: str) -> Path:
        return self.script(self.bin / name, f"#!{self.bash}\n{body}\n")

    def python(self, path: Path, version: str = "3.13", venv: str = "yes", headers: bool = True) -> Path:
        quote = "'{}'".format
        include = quote(self.folder / ("include" if headers else "nothing"))
        text = OUTSIDE.format(
            bash=self.bash, version=version, venv=venv, include=include,
            python=quote(sys.executable), probe='"$(cat "$MACHINE/probe")"',
        )  # fmt: skip
        (self.folder / "probe").write_text(PROBE)
        return self.script(path, text)

    def command(self, *arguments: str) -> list[str]:
        return [str(self.checkout / "spine"), *arguments]

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        env = {**self.env, **env}
        return subprocess.Popen(
            self.command(*arguments), env=env, stdout=pipe, stderr=pipe, text=True, start_new_session=True
        )

    def spine(self, *arguments: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), env={**self.env, **env}, cwd=cwd, capture_output=True, text=True, timeout=30
        )

    def record(self) -> list[str]:
        file = self.folder / "record"
        return file.read_text().splitlines() if file.exists() else []

    def stages(self) -> list[str]:
        """What was done, in order: venv, packages, project, check."""
        return [line.split()[0] for line in self.record()]

    def wait_for(self, word: str) -> str:
        end = time.monotonic() + 10
        while time.monotonic() < end:
            for line in self.record():
                if line.startswith(word):
                    return line
            time.sleep(0.01)
        raise AssertionError(f"{word} never came: {self.record()}")

    def environments(self) -> list[Path]:
        return sorted(entry for entry in self.store.glob("*") if entry.is_dir())


@pytest.fixture
def bare(tmp_path: Path) -> Machine:
    """No interpreter anywhere."""
    return Machine(tmp_path)


@pytest.fixture
def machine(bare: Machine) -> Machine:
    """One good interpreter."""
    bare.python(bare.bin / "python3")
    return bare


FULL = ["venv", "packages", "project", "check"]


def complaint(result: subprocess.CompletedProcess[str], code: int) -> str:
    """The one line that the launcher printed; nothing on standard output."""
    assert (result.returncode, result.stdout) == (code, ""), result
    lines = result.stderr.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("spine: ")
    return lines[0]


# --- the first call and the later ones


def test_first_call_installs_and_later_calls_reuse(machine: Machine, tmp_path: Path) -> None:
    elsewhere = tmp_path / "some where"
    elsewhere.mkdir()
    first = machine.spine("run", "a case.toml", cwd=elsewhere)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith(f"spinepnp <-m> <spinepnp> <run> <a case.toml> cwd={elsewhere} ")
    assert len(first.stderr.splitlines()) == 1
    assert machine.stages() == FULL
    (environment,) = machine.environments()
    assert machine.link.is_symlink()
    assert machine.link.resolve() == environment
    assert not (environment / "tmp").exists()

    second = machine.spine("run", "a case.toml", cwd=elsewhere)
    assert (second.returncode, second.stdout, second.stderr) == (0, first.stdout, "")
    assert machine.stages() == FULL


def test_packages_are_checked_against_hashes_and_the_project_is_editable(machine: Machine) -> None:
    machine.spine("info")
    packages, project = machine.record()[1:3]
    locks = " ".join(f"-r {machine.checkout}/{lock}" for lock in LOCKS)
    assert f"install --quiet --require-hashes {locks} nobytecode" in packages
    assert f"--no-deps --no-build-isolation --editable {machine.checkout} " in project
    assert not any("http" in line for line in machine.record())


def test_installation_compiles_but_the_command_keeps_the_users_setting(machine: Machine) -> None:
    result = machine.spine("info", PYTHONDONTWRITEBYTECODE="1")
    assert [line.split("nobytecode=")[1] for line in machine.record()[1:]] == ["unset"] * 3
    assert "nobytecode=1 tmp=unset" in result.stdout


def test_exit_code_and_threads(machine: Machine) -> None:
    machine.spine("info")
    assert machine.spine("run", EXIT="130").returncode == 130
    assert " omp=1 " in machine.spine("run").stdout
    assert " omp=4 " in machine.spine("run", OMP_NUM_THREADS="4").stdout


def test_called_through_a_link_with_a_relative_path(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "spine").symlink_to(Path("..") / "check out" / "spine")
    result = subprocess.run(["links/spine", "list"], cwd=tmp_path, env=machine.env, capture_output=True, text=True)
    assert result.stdout.startswith(f"spinepnp <-m> <spinepnp> <list> cwd={tmp_path} "), result.stderr
    assert machine.environments()


@pytest.mark.parametrize("lock", LOCKS)
def test_changed_lock_makes_a_new_environment_and_removes_the_old(machine: Machine, lock: str) -> None:
    machine.spine("info")
    (old,) = machine.environments()
    (machine.checkout / lock).write_text("nothing==2.0\n")
    assert machine.spine("info").returncode == 0
    (new,) = machine.environments()
    assert new != old
    assert machine.link.resolve() == new
    assert machine.stages() == FULL * 2


def test_an_old_environment_that_is_in_use_stays(machine: Machine) -> None:
    machine.spine("info")
    (old,) = machine.environments()
    library = old / "library.so"
    library.write_text("code")
    code = "import mmap, sys; f = open(sys.argv[1]); m = mmap.mmap(f.fileno(), 0, prot=1); print(); input()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-uc", code, str(library)], stdin=pipe, stdout=pipe) as user:
        assert user.stdout.readline() == b"\n"
        (machine.checkout / "requirements.lock").write_text("nothing==2.0\n")
        machine.spine("info")
        assert old in machine.environments()
        user.communicate(b"\n")
    (machine.checkout / "requirements.lock").write_text("nothing==3.0\n")
    machine.spine("info")
    assert old not in machine.environments()
    assert len(machine.environments()) == 1


def test_changed_project_file_installs_only_the_project(machine: Machine) -> None:
    machine.spine("info")
    (machine.checkout / "pyproject.toml").write_text("[project]\nversion = '2'\n")
    failed = machine.spine("info", FAIL="project")
    assert failed.returncode == 1
    assert len(machine.environments()) == 1
    assert machine.spine("info").returncode == 0
    assert machine.stages() == [*FULL, "project", "project"]
    assert machine.spine("info").stderr == ""


def test_a_moved_checkout_is_installed_again(machine: Machine, tmp_path: Path) -> None:
    machine.spine("info")
    (machine.environments()[0] / "rubbish").touch()
    machine.checkout.rename(tmp_path / "moved")
    machine.checkout = tmp_path / "moved"
    machine.store = machine.checkout / ".environments"
    assert machine.spine("info").returncode == 0
    assert not (machine.environments()[0] / "rubbish").exists()
    assert machine.stages() == FULL * 2
    assert f"--editable {tmp_path}/moved " in machine.record()[-2]


def test_a_lost_link_comes_back_and_a_folder_of_the_user_stays(machine: Machine) -> None:
    machine.spine("info")
    machine.link.unlink()
    machine.spine("info")
    assert machine.link.resolve() == machine.environments()[0]
    machine.link.unlink()
    machine.link.mkdir()
    assert machine.spine("info").returncode == 0
    assert machine.link.is_dir()
    assert not machine.link.is_symlink()
    assert list(machine.checkout.glob(".venv*")) == [machine.link]


# --- which interpreter


def test_order_of_interpreters(bare: Machine, tmp_path: Path) -> None:
    pyenv = bare.home / ".pyenv" / "versions"
    candidates = [
        bare.python(tmp_path / "own" / "mypython"),
        bare.python(tmp_path / "active" / "bin" / "python"),
        bare.python(bare.bin / "python3"),
        bare.python(bare.bin / "python3.13"),
        bare.python(bare.bin / "python3.12", "3.12"),
        bare.python(bare.bin / "python3.14", "3.14"),
        bare.python(pyenv / "3.13.7" / "bin" / "python3"),
        bare.python(pyenv / "3.12.1" / "bin" / "python3", "3.12"),
        bare.python(pyenv / "3.14.0" / "bin" / "python3", "3.14"),
    ]
    used = []
    for number, candidate in enumerate(candidates):
        (bare.checkout / "requirements.lock").write_text(f"nothing=={number}\n")
        result = bare.spine("info", PYTHON=str(candidates[0]), VIRTUAL_ENV=str(tmp_path / "active"))
        assert result.returncode == 0, result.stderr
        used.append(bare.record()[-4])
        candidate.unlink()
    assert used == [f"venv {candidate}" for candidate in candidates]


@pytest.mark.parametrize(
    ("trait", "reason"),
    [
        ({"version": "3.11"}, "is 3.11"),
        ({"version": "3.15"}, "is 3.15"),
        ({"version": "2.7"}, "is 2.7"),
        ({"headers": False}, "has no Python.h"),
        ({"venv": "no"}, "has no venv or ensurepip"),
    ],
)
def test_unsuitable_interpreter(bare: Machine, trait: dict[str, str], reason: str) -> None:
    bad = bare.python(bare.bin / "python3", **trait)
    alone = complaint(bare.spine("info"), 2)
    assert f"{bad} {reason}" in alone
    assert "PYTHON=/path/to/python" in alone
    good = bare.python(bare.bin / "python3.12", "3.12")
    assert bare.spine("info").returncode == 0
    assert bare.record()[0] == f"venv {good}"


def test_failing_shim_is_skipped_silently(bare: Machine) -> None:
    bare.tool("python3", 'echo "python3: no such version" >&2; exit 127')
    good = bare.python(bare.home / "elsewhere" / "versions" / "3.12.4" / "bin" / "python3", "3.12")
    result = bare.spine("info", PYENV_ROOT=str(bare.home / "elsewhere"))
    assert result.returncode == 0
    assert "no such version" not in result.stderr
    assert bare.record()[0] == f"venv {good}"


def test_no_interpreter_names_what_helps(bare: Machine) -> None:
    line = complaint(bare.spine("info"), 2)
    assert "missing: Python 3.12, 3.13 or 3.14" in line
    assert "sudo apt-get install -y --no-install-recommends " in line
    assert "python3-venv python3-dev" in line
    bare.tool("apt-cache", "echo 'Version: 3.11.2-1+b1'")
    line = complaint(bare.spine("info"), 2)
    assert "apt-get" not in line
    assert "uv python install 3.13" in line


def test_uv_installs_an_interpreter(bare: Machine) -> None:
    hidden = bare.python(bare.home / "managed" / "python3.13")
    bare.tool(
        "uv",
        f"""case "$*" in
          --version) ;;
          "python install 3.13") : >"$MACHINE/got" ;;
          "python find"*) [[ -e $MACHINE/got ]] && echo "{hidden}" ;;
          *) echo "uv $*" >>"$MACHINE/record" ;;
        esac""",
    )
    result = bare.spine("info")
    assert result.returncode == 0, result.stderr
    assert bare.record()[0] == f"venv {hidden}"
    assert bare.stages() == ["venv", "uv", "project", "check"]


@pytest.mark.parametrize("broken", ["exit 127", '[[ $1 == --version ]] || { echo "no index"; exit 1; }'])
def test_uv_that_fails_is_replaced_by_pip(machine: Machine, broken: str) -> None:
    machine.tool("uv", broken)
    assert machine.spine("info").returncode == 0
    assert machine.stages() == FULL


# --- what this machine lacks


@pytest.mark.parametrize(
    ("tool", "body", "told"),
    [
        ("uname", "[[ $1 == -s ]] && echo Darwin || echo arm64", "this is Darwin/arm64"),
        ("uname", "[[ $1 == -s ]] && echo Linux || echo aarch64", "this is Linux/aarch64"),
        ("getconf", "exit 1", "with another C library"),
        ("getconf", "echo glibc 2.33", "with glibc 2.33"),
    ],
)
def test_unsupported_platform(machine: Machine, tool: str, body: str, told: str) -> None:
    machine.tool(tool, body)
    line = complaint(machine.spine("info"), 2)
    assert told in line
    assert "conda install -c conda-forge fenics-dolfinx" in line
    assert not machine.store.exists()


@pytest.mark.parametrize("libc", ["glibc 2.34", "glibc 2.41", "glibc 2.50"])
def test_supported_c_library(machine: Machine, libc: str) -> None:
    machine.tool("getconf", f"echo {libc}")
    assert machine.spine("info").returncode == 0


def test_full_disk(machine: Machine) -> None:
    machine.tool("df", "echo Avail; echo 2400000")
    assert "only 2400 MB free" in complaint(machine.spine("info"), 1)
    assert machine.stages() == []


def test_missing_library_for_a_plain_user(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "missing").write_text("libGLU.so.1 libXft.so.2")
    machine.tool("apt-get", 'echo apt >>"$MACHINE/record"')
    line = complaint(machine.spine("info"), 2)
    assert "missing: libGLU.so.1, libXft.so.2; " in line
    assert "sudo apt-get install -y --no-install-recommends " in line
    assert "libglu1-mesa" in line
    assert "python3-venv" not in line
    assert machine.stages() == []


def test_either_library_for_pictures_will_do(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "missing").write_text("libEGL.so.1 libOSMesa.so.8")
    assert "missing: libEGL.so.1; " in complaint(machine.spine("info"), 2)
    (tmp_path / "missing").write_text("libEGL.so.1")
    assert machine.spine("info").returncode == 0


@pytest.mark.parametrize("compiler", ["exit 1", None])
def test_missing_compiler(machine: Machine, compiler: str | None) -> None:
    if compiler:
        machine.tool("cc", compiler)
    else:
        (machine.bin / "cc").unlink()
    assert f"missing: a working C compiler ({machine.bin}/cc); " in complaint(machine.spine("info"), 2)


APT = """echo "apt $*" >>"$MACHINE/record"
[[ $FAIL != "$1" ]] || { echo "cannot reach"; exit 100; }
[[ $1 != install || $FAIL == useless ]] || rm "$MACHINE/missing"
"""


def test_root_installs_missing_libraries(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "missing").write_text("libGLU.so.1")
    machine.tool("id", "echo 0")
    machine.tool("apt-get", APT)
    result = machine.spine("info")
    assert result.returncode == 0, result.stderr
    assert machine.stages() == ["apt", "apt", *FULL]
    assert machine.record()[0] == "apt update"
    assert machine.record()[1].startswith("apt install -y --no-install-recommends ca-certificates gcc libc6-dev ")
    assert "spine: missing: libGLU.so.1\nspine: installing: ca-certificates gcc " in result.stderr


@pytest.mark.parametrize(
    ("failure", "code", "told"),
    [("update", 1, "apt-get update failed"), ("install", 1, "recommends ca"), ("useless", 2, "still missing")],
)
def test_root_is_told_when_apt_does_not_help(
    machine: Machine, tmp_path: Path, failure: str, code: int, told: str
) -> None:
    (tmp_path / "missing").write_text("libGLU.so.1")
    machine.tool("id", "echo 0")
    machine.tool("apt-get", APT)
    result = machine.spine("info", FAIL=failure)
    assert (result.returncode, result.stdout) == (code, "")
    assert told in result.stderr.splitlines()[-1]
    assert ("cannot reach" in result.stderr) == (code == 1)
    assert "venv" not in machine.stages()


def test_flock_is_needed(machine: Machine) -> None:
    (machine.bin / "flock").unlink()
    assert "install util-linux" in complaint(machine.spine("info"), 2)


# --- installations that do not get to the end


@pytest.mark.parametrize("stage", FULL)
def test_failed_installation_leaves_nothing(machine: Machine, stage: str) -> None:
    failed = machine.spine("info", FAIL=stage)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert machine.stages() == FULL[: FULL.index(stage) + 1]
    assert failed.stderr.splitlines()[-1].startswith("spine: ")
    assert ("venv is out of order" if stage == "venv" else f"no {stage} today") in failed.stderr
    assert machine.environments() == []
    assert not os.path.lexists(machine.link)
    assert machine.spine("info").returncode == 0
    assert machine.stages()[-4:] == FULL


def test_failed_update_keeps_the_environment_before(machine: Machine) -> None:
    machine.spine("info")
    (old,) = machine.environments()
    lock = machine.checkout / "requirements.lock"
    lock.write_text("nothing==2.0\n")
    assert machine.spine("info", FAIL="packages").returncode == 1
    assert machine.environments() == [old]
    assert machine.link.resolve() == old
    lock.write_text("nothing==1.0\n")
    assert machine.spine("info").stderr == ""


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=["INT", "TERM", "HUP"]
)
def test_interrupted_installation_leaves_nothing(machine: Machine, sent: signal.Signals, code: int) -> None:
    process = machine.start("info", SLOW="packages", SECONDS_SLOW="20")
    pip = int(machine.wait_for("packages").split()[1])
    began = time.monotonic()
    process.send_signal(sent)
    output = process.communicate(timeout=10)
    assert process.returncode == code, output
    assert time.monotonic() - began < 5
    assert not alive(pip)
    assert machine.environments() == []
    assert not os.path.lexists(machine.link)


def test_killed_installation_is_made_anew(machine: Machine) -> None:
    process = machine.start("info", SLOW="packages", SECONDS_SLOW="20")
    pip = int(machine.wait_for("packages").split()[1])
    process.kill()
    os.killpg(pip, signal.SIGKILL)
    process.communicate()
    (half,) = machine.environments()
    (half / "rubbish").touch()
    again = machine.spine("info")
    assert again.returncode == 0, again.stderr
    assert machine.stages() == ["venv", "packages", *FULL]
    (whole,) = machine.environments()
    assert not (whole / "rubbish").exists()


def test_rest_of_a_killed_installation_goes_even_if_the_next_one_fails(machine: Machine) -> None:
    process = machine.start("info", SLOW="packages", SECONDS_SLOW="20")
    pip = int(machine.wait_for("packages").split()[1])
    process.kill()
    os.killpg(pip, signal.SIGKILL)
    process.communicate()
    assert len(machine.environments()) == 1
    (machine.checkout / "requirements.lock").write_text("nothing==2.0\n")
    assert machine.spine("info", FAIL="packages").returncode == 1
    assert machine.environments() == []


def test_pip_that_outlives_its_launcher_is_waited_for(machine: Machine) -> None:
    process = machine.start("info", SLOW="packages", SECONDS_SLOW="1")
    machine.wait_for("packages")
    process.kill()
    process.wait()
    again = machine.spine("info")
    process.communicate()
    assert again.returncode == 0, again.stderr
    assert again.stderr.startswith("spine: another ./spine is installing; waiting\n")
    assert machine.stages() == ["venv", "packages", "ended", *FULL]
    (whole,) = machine.environments()
    assert not (whole / "slow").exists()


def test_two_first_calls_install_once(machine: Machine) -> None:
    first = machine.start("run", "one", SLOW="packages")
    machine.wait_for("packages")
    second = machine.start("run", "two", SLOW="packages")
    out_one, err_one = first.communicate(timeout=20)
    out_two, err_two = second.communicate(timeout=20)
    assert (first.returncode, second.returncode) == (0, 0), (err_one, err_two)
    assert machine.stages() == ["venv", "packages", "ended", "project", "check"]
    assert "<one>" in out_one
    assert "<two>" in out_two
    assert err_two == "spine: another ./spine is installing; waiting\n"


def test_a_waiting_call_can_be_interrupted(machine: Machine) -> None:
    first = machine.start("run", SLOW="packages", SECONDS_SLOW="1")
    machine.wait_for("packages")
    second = machine.start("run")
    assert second.stderr.readline() == "spine: another ./spine is installing; waiting\n"
    second.send_signal(signal.SIGINT)
    second.communicate(timeout=5)
    assert second.returncode == 130
    first.communicate(timeout=20)
    assert first.returncode == 0
    assert machine.stages() == ["venv", "packages", "ended", "project", "check"]


# --- ranks


@pytest.mark.parametrize("ranks", ["0", "-1", "two", "1.5", "", "2 ", "+2"])
def test_number_of_ranks_is_checked_before_anything_else(machine: Machine, ranks: str) -> None:
    assert f"-n: '{ranks}' is not a number of ranks" in complaint(machine.spine("-n", ranks, "run"), 2)
    assert not machine.store.exists()


def test_ranks_without_a_number(machine: Machine) -> None:
    assert "-n: '' is not a number of ranks" in complaint(machine.spine("-n"), 2)


def test_ranks_are_started_by_the_environments_own_mpiexec(machine: Machine) -> None:
    result = machine.spine("-n", "3", "run", "a case.toml", "-n", "5")
    assert result.returncode == 0, result.stderr
    (environment,) = machine.environments()
    python = environment / "bin" / "python"
    mpiexec = f"<{python.parent / 'mpiexec'}> <-n> <3> <{python}> <-m> <spinepnp>"
    assert result.stdout.startswith(f"spinepnp <-m> <spinepnp.runtime.launch> {mpiexec} <run> <a case.toml> <-n> <5> ")


@pytest.mark.parametrize("file", [*LOCKS, "pyproject.toml"])
def test_incomplete_checkout(machine: Machine, file: str) -> None:
    (machine.checkout / file).unlink()
    assert "run spine in a complete checkout" in complaint(machine.spine("info"), 2)
