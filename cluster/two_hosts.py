#!/usr/bin/env python3
"""Trial of spinepnp on two hosts, which are made on this machine: `.venv/bin/python cluster/two_hosts.py`, as root.

Each host has a network, a name, process numbers and shared memory of its own (Linux namespaces) and an SSH server with
keys made for this trial; MPICH's launcher starts ranks over ssh. A run and a batch are solved across both, two batches
share a directory, and host B is lost in the middle of a run and of a batch, killed and cut off from the network.
Everything is removed at the end. docs/cluster.md has the output of a trial.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

#: Checkout of this file.
ROOT = Path(__file__).resolve().parents[1]

#: Programs that are needed, with the package of Debian that has them.
PROGRAMS = {
    "ip": "iproute2", "unshare": "util-linux", "nsenter": "util-linux", "ssh": "openssh-client",
    "ssh-keygen": "openssh-client", "sshd": "openssh-server",
}  # fmt: skip

#: Addresses of the hosts by name.
ADDRESSES = {"spine-a": "10.77.0.1", "spine-b": "10.77.0.2"}

#: Name of the network interface in each host.
INTERFACE = "spine0"

#: Seconds within which a command must be over after the loss of a host.
LIMIT = 30.0

#: Seconds within which anything else must be over, on a busy machine.
PATIENCE = 400.0

#: Largest relative difference between one host and two.
AGREEMENT = 1e-9

#: Largest value of a column below which it is left out (pA, mV, mM): differences of large numbers, and rounding.
NOTHING = 1e-4

#: Lines of progress.
PROGRESS = re.compile(r"\[\d+/\d+\] |t = |$")

CASE = """
[geometry]
shape  = "cylinder"
length = "1 um"
radius = "100 nm"
[mesh]
size = "60 nm"
[electrolyte]
thermal_voltage = "25.26 mV"
permittivity    = 80
species = [
  { name = "Na", valence = 1, diffusivity = "1330 um^2/s", concentration = "100 mM" },
  { name = "Cl", valence = -1, diffusivity = "2030 um^2/s", concentration = "100 mM" },
]
[boundaries.base]
potential = "0 mV"
concentrations = "bulk"
[boundaries.top]
"""

STEADY = CASE + 'current = { species = "Na", value = "10 pA" }\n[study]\nkind = "steady"\n'

TRANSIENT = (
    CASE
    + """current = { species = "Na", waveform = "alpha", value = "50 pA", t_peak = "1 ms" }
[study]
kind = "transient"
duration = "2 ms"
times = ["1 ms", "2 ms"]
tolerance = 1e-6
checkpoint_steps = 3
"""
)

SWEEP = """
[base]
case = "steady.toml"
[axes]
"geometry.radius" = ["90 nm", "100 nm"]
"boundaries.top.current.value" = ["1 pA", "2 pA", "5 pA", "10 pA", "20 pA", "30 pA", "40 pA", "50 pA"]
"""


class Host:
    """A host in namespaces of its own, whose first process is its SSH server."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        start = (
            f"hostname {name} && mount --bind {folder}/hosts /etc/hosts && mount -t sysfs sysfs /sys"
            " && mount -t tmpfs tmpfs /dev/shm && mount -t tmpfs tmpfs /run && mkdir -p /run/sshd && ip link set lo up"
            f" && exec {shutil.which('sshd')} -D -e -f {folder}/sshd_config"
        )
        with (folder / f"{name}.log").open("wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "-n", "-u", "-p", "-i", "-m", "--fork", "--mount-proc", "--kill-child", "sh", "-c", start],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        await_true(lambda: children.read_text().split(), 10, f"the start of {name}")
        self.first = int(children.read_text().split()[0])
        await_true(lambda: b"listening" in (folder / f"{name}.log").read_bytes(), 10, f"the SSH server of {name}")

    def words(self, *command: object) -> list[str]:
        """A command on this host, in the directory of the caller."""
        inside = ["nsenter", "-n", "-u", "-p", "-i", "-m", "-t", str(self.first), "env", "-C", os.getcwd()]
        return [*inside, *map(str, command)]

    def processes(self) -> dict[int, str]:
        """Command lines of the processes on this host, by number; without those of ssh."""
        space = os.readlink(f"/proc/{self.first}/ns/pid")
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if os.readlink(path / "ns/pid") == space and line and not line.startswith("sshd:"):
                    found[int(path.name)] = line
            except OSError:
                continue
        return {number: line for number, line in found.items() if number != self.first}

    def cut(self) -> None:
        """Cut this host off from the network: nothing comes through, and nobody is told."""
        subprocess.run(self.words("ip", "link", "set", INTERFACE, "down"), check=True)

    def mend(self) -> None:
        """Connect this host to the network again."""
        subprocess.run(self.words("ip", "link", "set", INTERFACE, "up"), check=True)

    def kill(self) -> None:
        """Kill all processes of a job on this host."""
        for number in self.processes():
            with suppress(ProcessLookupError):  # the launcher may have ended it
                os.kill(number, signal.SIGKILL)


def await_true(question: Callable[[], object], seconds: float, what: str) -> float:
    """Wait until a question is answered by yes; seconds that this took."""
    begin = time.monotonic()
    while not question():
        if time.monotonic() - begin > seconds:
            sys.exit(f"failed: {what} took more than {seconds:g} s")
        time.sleep(0.05)
    return time.monotonic() - begin


@contextmanager
def two_hosts(folder: Path) -> Iterator[tuple[Host, Host]]:
    """Two hosts with a network between them, which end with the block."""
    for name in ("key", "host_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "key.pub").chmod(0o600)
    lines = [f"{address} {name}" for name, address in ADDRESSES.items()]
    (folder / "hosts").write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))
    (folder / "sshd_config").write_text(
        f"HostKey {folder}/host_key\nAuthorizedKeysFile {folder}/key.pub\nStrictModes no\nUsePAM no\nPidFile none\n"
        "PermitRootLogin prohibit-password\nClientAliveInterval 5\nClientAliveCountMax 3\n"
    )
    (folder / "ssh").write_text(
        f"#!/bin/sh\nexec ssh -i {folder}/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        ' -o LogLevel=ERROR -o BatchMode=yes "$@"\n'
    )
    (folder / "ssh").chmod(0o700)
    (folder / "both").write_text("".join(f"{name}:1\n" for name in ADDRESSES))
    (folder / "one").write_text(f"{next(iter(ADDRESSES))}:2\n")
    with ExitStack() as stack:
        hosts = []
        for name in ADDRESSES:
            hosts.append(Host(name, folder))
            stack.callback(hosts[-1].process.kill)
        a, b = hosts
        link = f"ip link add {INTERFACE} netns {a.first} type veth peer name {INTERFACE} netns {b.first}"
        subprocess.run(link.split(), check=True)
        for host in hosts:
            subprocess.run(
                host.words("ip", "address", "add", f"{ADDRESSES[host.name]}/24", "dev", INTERFACE), check=True
            )
            host.mend()
        yield a, b


class Trial:
    """Commands on two hosts, and what is checked of them."""

    def __init__(self, a: Host, b: Host, folder: Path) -> None:
        self.a, self.b, self.folder = a, b, folder
        self.environment = os.environ | {
            "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HYDRA_LAUNCHER_EXEC": f"{folder}/ssh",
            # With UCX ranks of two hosts in one kernel wait for ever.
            "MPIR_CVAR_CH4_NETMOD": "ofi", "FI_PROVIDER": "tcp", "FI_TCP_IFACE": INTERFACE,
        }  # fmt: skip

    def start(self, arguments: str, *, host: Host | None = None, machines: str = "both") -> subprocess.Popen[str]:
        """Start spinepnp as one process, or on two ranks as ``HYDRA_HOST_FILE=machines ./spine -n 2`` does."""
        program = [sys.executable, "-m", "spinepnp", *arguments.split()]
        environment = self.environment
        if host is None:
            launch = [sys.executable, "-m", "spinepnp.runtime.launch", Path(sys.executable).parent / "mpiexec"]
            program, host = [*launch, "-n", "2", *program], self.a
            environment = environment | {"HYDRA_HOST_FILE": f"{self.folder}/{machines}"}
        return subprocess.Popen(
            host.words(*program), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def finish(self, process: subprocess.Popen[str], what: str) -> str:
        """Output of a command that must succeed."""
        try:
            out, errors = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            sys.exit(f"failed: {what} took more than {PATIENCE:g} s")
        if process.returncode:
            sys.exit(f"failed: {what} ended with code {process.returncode}: {errors[-2000:]}")
        return out

    def agree(self) -> None:
        """A run of two ranks across both hosts, and on one host."""
        for machines in ("both", "one"):
            begin = time.monotonic()
            self.finish(
                self.start(f"run steady.toml --output on-{machines}", machines=machines), f"a run on {machines}"
            )
            print(f"ok: a run of two ranks on {machines}: {time.monotonic() - begin:.1f} s", flush=True)
        worst, name = largest_difference(Path("on-both/observables.csv"), Path("on-one/observables.csv"))
        expect(worst < AGREEMENT, f"the largest relative difference of one host and two is {worst:.1e} ({name})")

    def batches(self) -> None:
        """A batch across both hosts, and two batches, one on each host, in one directory."""
        begin = time.monotonic()
        self.finish(self.start("batch sweep.toml --output across"), "the batch across both")
        expect(
            solved("across") == 16, f"a batch across both: {solved('across')} cases, {time.monotonic() - begin:.1f} s"
        )
        pair = [self.start("batch sweep.toml --output shared", host=host) for host in (self.a, self.b)]
        counts = [int(self.finish(p, "a batch").split(" solved now")[0].rsplit(" ", 1)[1]) for p in pair]
        expect(
            sum(counts) == 16 and solved("shared") == 16, f"two batches in one directory solved {counts} of 16 cases"
        )

    def lose(self, arguments: str, output: str, ready: Callable[[], object], how: str) -> None:
        """Lose host B in the middle of a command: it must end with one line, and leave no process."""
        process = self.start(f"{arguments} --output {output}")
        await_true(lambda: ready() or process.poll() is not None, PATIENCE, f"the middle of {output}")
        expect(process.poll() is None, f"{output} is in the middle")
        begin = time.monotonic()
        self.b.kill() if how == "killed" else self.b.cut()
        try:
            _, errors = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            sys.exit(f"failed: {output} was not over after {LIMIT:g} s")
        seconds = time.monotonic() - begin
        lines = [line for line in errors.splitlines() if not PROGRESS.match(line)]
        expect(len(lines) == 1 and process.returncode == 1, f"host B {how}: over in {seconds:.1f} s: {lines}")
        left = LIMIT - seconds
        await_true(lambda: not self.a.processes() and not self.b.processes(), left, "the end of all processes")
        print(f"ok: no process on either host {time.monotonic() - begin:.1f} s after the loss", flush=True)
        self.b.mend()

    def losses(self) -> None:
        """The loss of host B in a run and in a batch, and their continuation."""
        reference = self.start("run transient.toml --output whole")
        self.finish(reference, "the transient")
        for how in ("killed", "cut off"):
            run, batch = (f"{name}-{how.split()[0]}" for name in ("run", "batch"))
            self.lose("run transient.toml", run, lambda run=run: Path(run, "checkpoint.npz").exists(), how)
            self.finish(self.start(f"run transient.toml --output {run} --resume"), "the continued run")
            worst, name = largest_difference(Path("whole/observables.csv"), Path(run, "observables.csv"))
            expect(worst < AGREEMENT, f"the continued run differs from an unbroken one by {worst:.1e} ({name})")
            self.lose("batch sweep.toml", batch, lambda batch=batch: solved(batch) >= 3, how)
            before = solved(batch)
            out = self.finish(self.start(f"batch sweep.toml --output {batch}"), "the continued batch")
            now = int(out.split(" solved now")[0].rsplit(" ", 1)[1])
            expect(before + now == 16 == solved(batch), f"the continued batch kept {before} cases and solved {now}")


def solved(output: str) -> int:
    """Number of solved cases of a batch."""
    return sum(1 for _ in Path(output, "cases").glob("*/outcome.json"))


def largest_difference(first: Path, second: Path) -> tuple[float, str]:
    """Largest difference of two tables, relative to the largest value of its column, and the name of the column."""
    one, other = (list(csv.DictReader(path.open(encoding="utf-8"))) for path in (first, second))
    if len(one) != len(other) or list(one[0]) != list(other[0]):
        return float("inf"), "rows"
    worst = (0.0, "")
    for name in one[0]:
        if "_error" in name:  # an estimate, which is not made in every step, begins anew after a restart
            continue
        try:
            pairs = [(float(x[name]), float(y[name])) for x, y in zip(one, other, strict=True)]
        except ValueError:
            continue
        scale = max(abs(x) for x, _ in pairs)
        worst = max([worst, *((abs(x - y) / scale, name) for x, y in pairs if scale > NOTHING)])
    return worst


def expect(holds: bool, what: str) -> None:
    """Print what was checked; end where it does not hold."""
    if not holds:
        sys.exit(f"failed: {what}")
    print(f"ok: {what}", flush=True)


def main() -> None:
    """Make the hosts and try everything."""
    missing = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})
    if missing:
        sys.exit(f"error: apt-get install {' '.join(missing)}")
    if os.geteuid() != 0 or sys.platform != "linux":
        sys.exit("error: hosts in namespaces need Linux and root")
    with tempfile.TemporaryDirectory(prefix="two-hosts-") as name:
        folder = Path(name)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("interrupted"))  # the hosts end, too
        os.chdir(folder)
        for stem, text in {"steady": STEADY, "transient": TRANSIENT, "sweep": SWEEP}.items():
            (folder / f"{stem}.toml").write_text(text)
        with two_hosts(folder) as (a, b):
            trial = Trial(a, b, folder)
            chosen = sys.argv[1:] or ["agree", "batches", "losses"]
            for step in chosen:
                getattr(trial, step)()


if __name__ == "__main__":
    main()
