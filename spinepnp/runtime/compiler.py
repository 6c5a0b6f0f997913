"""The C compiler that makes kernels: which one, and whether it works. Nothing here needs DOLFINx."""

from __future__ import annotations

import functools
import os
import subprocess
import sysconfig

#: Seconds that a compiler may take to answer.
PATIENCE = 30

#: What kernels include, beside headers of their own.
HEADERS = "#include <Python.h>\n#include <complex.h>\n#include <math.h>\n#include <stdint.h>\n"


def command() -> list[str]:
    """The words by which the compiler is called."""
    return (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()


@functools.cache
def identity() -> str:
    """The compiler that will be called, and its version."""
    try:
        told = subprocess.run([*command(), "--version"], capture_output=True, text=True, timeout=PATIENCE).stdout
    except (OSError, subprocess.TimeoutExpired):
        told = ""
    return " ".join(command()) + told


def problem() -> str:
    """Why it cannot compile kernels; empty if it can."""
    include = sysconfig.get_path("include")
    try:
        done = subprocess.run(
            [*command(), "-fsyntax-only", "-I", include, "-x", "c", "-"],
            input=HEADERS, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
    except FileNotFoundError:
        return f"{command()[0]} is not found; install a C compiler (gcc)"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command()[0]} does not run ({error})"
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if "error" in line] or ["unknown"]
    return f"{' '.join(lines[0].split())}; install the headers of Python and of the C library (python3-dev, libc6-dev)"
