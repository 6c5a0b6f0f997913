"""Compiled form kernels: for this processor, in a cache of the project's own that heals itself.

A folder of the cache belongs to one kind of processor and one compiler, so that a home directory may be shared by
machines of several kinds. Where the ranks of a job differ, and where SPINEPNP_KERNELS=portable says so (images that run
elsewhere), kernels are portable.

A compiler that is killed leaves a source file without its end mark, for which every later run would wait and then fail.
Such an entry is removed: at once if it is old or no process compiles, and after the wait otherwise. So is a damaged
kernel: one whose file is cut (it would crash when loaded), has been written to since it was made, or cannot be loaded.
Where the disk of the cache is full or read-only, another folder serves.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import re
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from spinepnp.errors import CaseError, OutputError, reason_of
from spinepnp.runtime import compiler
from spinepnp.runtime.cache_dirs import cache_dir
from spinepnp.runtime.communication import on_root
from spinepnp.runtime.stack import compiler_options, fem

#: Seconds after which a compilation that has not ended is taken for dead; a kernel takes about one.
PATIENCE = 30

#: End of the name of the file that says that a kernel is made.
MADE = ".c.cached"


def remove_dead_entries(folder: Path, age: float) -> int:
    """Remove sources of compilations that never ended.

    Args:
        folder: of the cache.
        age: only entries that are older, s.

    Returns:
        Their number.
    """
    removed = 0
    for source in folder.glob("*.c"):
        try:
            if not source.with_suffix(".c.cached").exists() and time.time() - source.stat().st_mtime > age:
                source.unlink()
                removed += 1
        except FileNotFoundError:  # another process was faster
            continue
    return removed


def remove_damaged_entries(folder: Path) -> int:
    """Remove kernels that are missing, cut, or written to since they were made.

    Args:
        folder: of the cache.

    Returns:
        Their number.
    """
    removed = 0
    for mark in folder.glob(f"*{MADE}"):
        name = mark.name.removesuffix(MADE)
        try:
            libraries = list(folder.glob(f"{name}.*so"))
            # The mark is written last.
            made = mark.stat().st_mtime_ns
            whole = libraries and all(is_whole(path) and path.stat().st_mtime_ns <= made for path in libraries)
        except OSError:  # another process was faster
            continue
        if not whole:
            remove_entry(folder, name)
            removed += 1
    return removed


def is_whole(library: Path) -> bool:
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
    """Hold the lock of a folder, which falls with the process: shared while it compiles, so that who has it alone knows
    that nobody does.

    Args:
        folder: of the cache.
        kind: of the lock, as `fcntl.flock` has it.

    Yields:
        Whether it is held; it is not where another process works, or the file system has no locks.
    """
    try:
        file = (folder / "compiling.lock").open("a")
    except OSError:
        yield False
        return
    with file:
        try:
            fcntl.flock(file, kind)
            held = True
        except OSError:
            held = False
        yield held


_cleaned: set[Path] = set()

#: Folders with a library that this process has loaded in vain: by its path it would get the same one again.
_spoiled: set[Path] = set()


@functools.cache
def processor() -> str:
    """What tells this kind of processor from others; empty where nothing does, or portable kernels are wanted."""
    if os.environ.get("SPINEPNP_KERNELS") == "portable":
        return ""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    told = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags", "Features")
    first = lines[: lines.index("")] if "" in lines else lines
    return "\n".join(line for line in first if line.split("\t")[0].split(":")[0].strip() in told)


def _place(comm: Any) -> tuple[Path, bool]:
    """The folder for kernels, and whether they are for this processor. Collective."""
    for wanted in comm.allgather(os.environ.get("SPINEPNP_KERNELS", "native")):
        if wanted not in ("native", "portable"):
            raise CaseError("SPINEPNP_KERNELS", 'is "native" or "portable"', wanted)
    kinds = set(comm.allgather(processor()))
    native = len(kinds) == 1 and kinds != {""}

    def clean() -> Path:
        key = hashlib.sha256(f"{processor() if native else 'portable'}\n{compiler.identity()}".encode()).hexdigest()[
            :16
        ]
        folder = cache_dir("kernels", code=True) / key
        while folder in _spoiled:
            folder /= "again"
        folder.mkdir(exist_ok=True, mode=0o700)
        if folder not in _cleaned:
            with _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB) as alone:
                remove_dead_entries(folder, 0.0 if alone else PATIENCE)
            remove_damaged_entries(folder)
            _cleaned.add(folder)
        return folder

    return on_root(comm, clean), native


def compile_form(expression: Any, **options: Any) -> Any:
    """`dolfinx.fem.form` with the project's kernel cache. Collective over the communicator of the form's mesh.

    Args:
        expression: a UFL form.
        **options: passed on to `dolfinx.fem.form`.

    Returns:
        The compiled form.

    Raises:
        CaseError: SPINEPNP_KERNELS is neither "native" nor "portable".
        OutputError: kernels can be kept nowhere.
    """
    comm = expression.ufl_domain().ufl_cargo().comm
    for last in (False, False, True):
        folder, native = _place(comm)
        flags = ["-O3", "-g0", *(["-march=native"] if native else [])]
        of_ffcx, of_dolfinx = compiler_options()
        jit = of_dolfinx | {"cache_dir": str(folder), "cffi_extra_compile_args": flags, "timeout": PATIENCE}
        try:
            with _lock(folder, fcntl.LOCK_SH) if comm.rank == 0 else nullcontext():
                return fem.form(expression, jit_options=jit, **{"form_compiler_options": of_ffcx, **options})
        except Exception as error:
            # Rank 0 compiles and knows the reason; the others only learn that it failed.
            told = error
            if last or not on_root(comm, lambda: _heal(folder, told)):  # noqa: B023 - called at once
                raise
    raise AssertionError


def _heal(folder: Path, error: Exception) -> bool:
    """Do something about a form that could not be compiled or loaded. On rank 0.

    Returns:
        Whether it may work now.

    Raises:
        OutputError: kernels can be kept nowhere.
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
