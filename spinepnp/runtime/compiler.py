"""The C compiler of form kernels: its command, its version, and a check that it works. Nothing here needs DOLFINx."""

from __future__ import annotations

import functools
import os
import subprocess
import sysconfig

#: Seconds after which a compiler that does not answer is broken; a good one takes less than one.
COMPILER_TIMEOUT = 30

#: Headers that kernels include, beside their own.
REQUIRED_HEADERS = "#include <Python.h>\n#include <complex.h>\n#include <math.h>\n#include <stdint.h>\n"


def command() -> list[str]:
    """Command of the compiler, split into words."""
    return (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()


@functools.cache
def identity() -> str:
    """Command of the compiler, followed by what it prints as its version."""
    try:
        done = subprocess.run([*command(), "--version"], capture_output=True, text=True, timeout=COMPILER_TIMEOUT)
    except (OSError, subprocess.TimeoutExpired):
        return " ".join(command())
    return " ".join(command()) + done.stdout


def problem() -> str:
    """Reason why the compiler cannot compile kernels; empty if it can."""
    include = sysconfig.get_path("include")
    try:
        done = subprocess.run(
            [*command(), "-fsyntax-only", "-I", include, "-x", "c", "-"],
            input=REQUIRED_HEADERS, capture_output=True, text=True, timeout=COMPILER_TIMEOUT,
        )  # fmt: skip
    except FileNotFoundError:
        return f"{command()[0]} is not found; install a C compiler (gcc)"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command()[0]} does not run ({error})"
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if "error" in line] or ["unknown"]
    return f"{' '.join(lines[0].split())}; install the headers of Python and of the C library (python3-dev, libc6-dev)"
