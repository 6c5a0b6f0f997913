"""Compiled form kernels, optimised for this processor, in the project's own cache, which repairs itself.

A directory of the cache belongs to one kind of processor and one compiler, so that machines of several kinds can share
a home directory. Where the ranks of a job differ, and with SPINEPNP_KERNELS=portable (images that run on other
machines), kernels are portable.

A compiler that is killed leaves a source file without its end mark, for which every later run would wait and then fail.
Such an entry is removed: at once if it is old or no process compiles, and after the wait otherwise. So is a damaged
kernel: a file that is cut (it would crash when loaded), was changed after it was made, or cannot be loaded.
Where the disk of the cache is full or read-only, another directory is used.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import re
import struct
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from spinepnp.errors import CaseError, OutputError, reason_of
from spinepnp.runtime import compiler
from spinepnp.runtime.cache_dirs import cache_dir
from spinepnp.runtime.communication import on_root
from spinepnp.runtime.stack import compiler_options, fem

#: Seconds after which a compilation that has not ended has failed; a kernel takes about one.
COMPILATION_TIMEOUT = 30

#: End of the name of the file that DOLFINx writes when a kernel is complete.
MADE_SUFFIX = ".c.cached"


def remove_dead_entries(folder: Path, age: float) -> int:
    """Remove sources of compilations that never ended and are older than an age (s); returns their number."""
    removed = 0
    for source in folder.glob("*.c"):
        try:
            if not source.with_suffix(MADE_SUFFIX).exists() and time.time() - source.stat().st_mtime > age:
                source.unlink()
                removed += 1
        except FileNotFoundError:  # another process was faster
            continue
    return removed


def remove_damaged_entries(folder: Path) -> int:
    """Remove kernels that are missing, cut, or changed after they were made; returns their number."""
    removed, files = 0, list(folder.iterdir())  # listed once: a cache holds hundreds of kernels
    libraries = defaultdict(list)
    for path in files:
        if path.name.endswith("so"):
            libraries[path.name.partition(".")[0]].append(path)
    for mark in files:
        name = mark.name.removesuffix(MADE_SUFFIX)
        if name == mark.name:
            continue
        try:
            # The mark is written last.
            made = mark.stat().st_mtime_ns
            whole = libraries[name] and all(is_complete(p) and p.stat().st_mtime_ns <= made for p in libraries[name])
        except OSError:  # another process was faster
            continue
        if not whole:
            remove_entry(folder, name)
            removed += 1
    return removed


def is_complete(library: Path) -> bool:
    """Whether a shared library of ELF, 64 bit, has its end: linkers put the table of sections there."""
    with library.open("rb") as file:
        header, size = file.read(64), os.fstat(file.fileno()).st_size
    if len(header) < 64 or header[:5] != b"\x7fELF\x02":
        return False
    (start,) = struct.unpack_from("=Q", header, 0x28)
    length, number = struct.unpack_from("=HH", header, 0x3A)
    return bool(start + length * number <= size)


def remove_entry(folder: Path, name: str) -> None:
    """Remove all files of a kernel."""
    for path in folder.glob(f"{name}.*"):
        with suppress(OSError):
            path.unlink()


@contextmanager
def _lock(folder: Path, kind: int) -> Iterator[bool]:
    """Hold a lock of a directory, of a kind of `fcntl.flock`, until the block or the process ends.

    Processes that compile share the lock, so that a process that has it exclusively knows that no other compiles.

    Yields:
        Whether the lock is held: not where another process works, or the file system has no locks.
    """
    try:
        file = (folder / "compiling.lock").open("a")
    except OSError:
        yield False
        return
    with file:
        try:
            fcntl.flock(file, kind)
            locked = True
        except OSError:
            locked = False
        yield locked


#: Directories that this process has cleaned.
_cleaned: set[Path] = set()

#: Directories with a library that this process has failed to load: the same path would give the same library again.
_spoiled: set[Path] = set()


@functools.cache
def processor() -> str:
    """Identity of this kind of processor; empty where it is not known, or with SPINEPNP_KERNELS=portable."""
    if os.environ.get("SPINEPNP_KERNELS") == "portable":
        return ""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    fields = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags", "Features")
    first = lines[: lines.index("")] if "" in lines else lines
    return "\n".join(line for line in first if line.split("\t")[0].split(":")[0].strip() in fields)


def _kernel_dir(comm: Any) -> tuple[Path, bool]:
    """Directory of the kernels, and whether they are for this processor. Collective."""
    for choice in comm.allgather(os.environ.get("SPINEPNP_KERNELS", "native")):
        if choice not in ("native", "portable"):
            raise CaseError("SPINEPNP_KERNELS", 'is "native" or "portable"', choice)
    kinds = set(comm.allgather(processor()))
    native = len(kinds) == 1 and kinds != {""}

    def clean() -> Path:
        machine = f"{processor() if native else 'portable'}\n{compiler.identity()}"
        folder = cache_dir("kernels", code=True) / hashlib.sha256(machine.encode()).hexdigest()[:16]
        while folder in _spoiled:
            folder /= "again"
        folder.mkdir(exist_ok=True, mode=0o700)
        if folder not in _cleaned:
            with _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB) as alone:
                remove_dead_entries(folder, 0.0 if alone else COMPILATION_TIMEOUT)
            remove_damaged_entries(folder)
            _cleaned.add(folder)
        return folder

    return on_root(comm, clean), native


def compile_form(expression: Any, **options: Any) -> Any:
    """`dolfinx.fem.form` with the project's kernel cache. Collective over the communicator of the form's mesh.

    Raises:
        CaseError: SPINEPNP_KERNELS is neither "native" nor "portable".
        OutputError: no directory can take kernels.
    """
    comm = expression.ufl_domain().ufl_cargo().comm
    for last in (False, False, True):
        folder, native = _kernel_dir(comm)
        flags = ["-O3", "-g0", *(["-march=native"] if native else [])]
        of_ffcx, of_dolfinx = compiler_options()
        jit = of_dolfinx | {"cache_dir": str(folder), "cffi_extra_compile_args": flags, "timeout": COMPILATION_TIMEOUT}
        try:
            with _lock(folder, fcntl.LOCK_SH) if comm.rank == 0 else nullcontext():
                return fem.form(expression, jit_options=jit, **{"form_compiler_options": of_ffcx, **options})
        except Exception as error:
            # Rank 0 compiles and knows the reason; the others only learn that it failed.
            failure = error
            if last or not on_root(comm, lambda: _heal(folder, failure)):  # noqa: B023 - called at once
                raise
    raise AssertionError


def _heal(folder: Path, error: Exception) -> bool:
    """Repair the cache after a form could not be compiled or loaded; whether to try again. On rank 0.

    Raises:
        OutputError: no directory can take kernels.
    """
    cache_dir.cache_clear()
    if cache_dir("kernels", code=True) not in folder.parents:  # its disk is full now
        return True
    if isinstance(error, OSError) and not isinstance(error, TimeoutError):
        raise OutputError(f"{folder}: compiled forms cannot be written ({reason_of(error)})", "run it again") from None
    if "leaning cache" in str(error):
        remove_dead_entries(folder, 0.0)  # unless another process has
        return True
    damaged = re.findall(r"(libffcx_\w+)", str(error))
    if isinstance(error, ImportError) and not damaged:
        return remove_damaged_entries(folder) > 0
    for name in damaged:
        remove_entry(folder, name)
        _spoiled.add(folder)
    return bool(damaged)
