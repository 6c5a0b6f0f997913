"""Compiled form kernels: for this processor, in a cache of the project's own that heals itself.

A folder of the cache belongs to one kind of processor and one compiler, so that a home directory may be shared by
machines of several kinds. Where the ranks of a job differ, and where SPINEPNP_KERNELS=portable says so (images that run
elsewhere), kernels are portable.

A compiler that is killed leaves a source file without its end mark, for which every later run would wait and then fail.
Such an entry is removed: at once if it is old, and after the wait if it is not.
"""

from __future__ import annotations

import functools
import hashlib
import os
import time
from pathlib import Path
from typing import Any

from spinepnp.errors import CaseError
from spinepnp.meshes import compiler
from spinepnp.meshes.communication import on_root
from spinepnp.meshes.folders import cache_folder
from spinepnp.meshes.stack import compiler_options, fem

#: Seconds after which a compilation that has not ended is taken for dead; a kernel takes about one.
PATIENCE = 30


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


_cleaned: set[Path] = set()


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
        folder = cache_folder("kernels", code=True) / key
        folder.mkdir(exist_ok=True, mode=0o700)
        if folder not in _cleaned:
            remove_dead_entries(folder, PATIENCE)
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
    """
    comm = expression.ufl_domain().ufl_cargo().comm
    folder, native = _place(comm)
    flags = ["-O3", "-g0", *(["-march=native"] if native else [])]
    of_ffcx, of_dolfinx = compiler_options()
    jit = of_dolfinx | {"cache_dir": str(folder), "cffi_extra_compile_args": flags, "timeout": PATIENCE}
    options = {"form_compiler_options": of_ffcx, **options}
    try:
        return fem.form(expression, jit_options=jit, **options)
    except (TimeoutError, RuntimeError) as error:
        # Rank 0 compiles and knows the reason; the others only learn that it failed.
        if not comm.bcast("leaning cache" in str(error), root=0):
            raise
        on_root(comm, lambda: remove_dead_entries(folder, 0.0))
        return fem.form(expression, jit_options=jit, **options)
