"""Compiled form kernels: a cache of the project's own that heals itself.

A compiler that is killed leaves a source file without its end mark, for which every later run would wait and then fail.
Such an entry is removed: at once if it is old, and after the wait if it is not.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from spinepnp.meshes.communication import on_root
from spinepnp.meshes.folders import cache_folder
from spinepnp.meshes.stack import fem

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


def _clean_once(comm: Any) -> Path:
    def clean() -> Path:
        folder = cache_folder("kernels")
        if folder not in _cleaned:
            remove_dead_entries(folder, PATIENCE)
            _cleaned.add(folder)
        return folder

    return on_root(comm, clean)


def compile_form(expression: Any, **options: Any) -> Any:
    """`dolfinx.fem.form` with the project's kernel cache. Collective over the communicator of the form's mesh.

    Args:
        expression: a UFL form.
        **options: passed on to `dolfinx.fem.form`.

    Returns:
        The compiled form.
    """
    comm = expression.ufl_domain().ufl_cargo().comm
    folder = _clean_once(comm)
    jit = {"cache_dir": str(folder), "cffi_extra_compile_args": ["-O3", "-g0"], "timeout": PATIENCE}
    try:
        return fem.form(expression, jit_options=jit, **options)
    except (TimeoutError, RuntimeError) as error:
        # Rank 0 compiles and knows the reason; the others only learn that it failed.
        if not comm.bcast("leaning cache" in str(error), root=0):
            raise
        on_root(comm, lambda: remove_dead_entries(folder, 0.0))
        return fem.form(expression, jit_options=jit, **options)
