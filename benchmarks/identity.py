"""Comparison of results to the last bit, before and after a change of the code that must not change any number.

    python -m benchmarks.identity keep FOLDER       before the change
    python -m benchmarks.identity compare FOLDER    after it; the exit code is 1 where a number differs

The cases stand in identity.toml. Each runs in a process of its own by the command line, with a mesh cache of its own
inside FOLDER, so that meshing is compared, too. Compared are all columns of observables and tables but clock times,
all arrays of fields and checkpoints, and the resolved case.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from benchmarks.places import CASES, ROOT

#: Columns and entries that measure the clock, or name the code.
CLOCK = ("seconds", "version", "hours", "memory", "assembly_s", "solve_s")

#: Arrays of a checkpoint that name the code that wrote it.
ABOUT = ("about", "sha256")

#: Seconds after which a case is given up.
TIMEOUT = 600.0


def command(name: str, about: dict[str, Any], folder: Path, output: Path) -> list[str]:
    """Command line that solves one case into `output`."""
    python, case = [sys.executable, "-m", "spinepnp"], CASES / about["case"]
    if "batch" in about:
        sweep = tomllib.loads(case.read_text()) | {"axes": about["batch"], "fields": True}
        sweep["base"]["case"] = str((case.parent / sweep["base"]["case"]).resolve())
        file = folder / f"{name}.toml"
        file.write_text(tomli_w.dumps(sweep))
        return [*python, "batch", str(file), "--output", str(output)]
    return [*python, "run", str(case), "--output", str(output), *(part for s in about["set"] for part in ("--set", s))]


def solve(name: str, about: dict[str, Any], folder: Path) -> dict[str, str]:
    """Digests of all numbers of one case, by file and column or array."""
    output = folder / name
    shutil.rmtree(output, ignore_errors=True)
    variables = os.environ | {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(folder / "cache")}
    done = subprocess.run(
        command(name, about, folder, output), env=variables, capture_output=True, text=True, timeout=TIMEOUT
    )
    if done.returncode != 0:
        raise SystemExit(f"{name}: exit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return {
        f"{path.relative_to(output)}: {key}": hashlib.sha256(content).hexdigest()
        for path in sorted(output.rglob("*"))
        for key, content in _contents(path)
    }


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            rows = list(csv.reader(file))
        for column in zip(*rows, strict=True):
            if not any(word in column[0] for word in CLOCK):
                yield column[0], "\n".join(column).encode()
    elif path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            for key in arrays.files:
                if key not in ABOUT:
                    yield key, arrays[key].tobytes()
    elif path.suffix == ".vtu":
        import pyvista

        grid = pyvista.read(path)
        cells = grid.cells.astype(np.int64)  # whatever the width of integers in the file
        for key, array in (("points", grid.points), ("cells", cells), *sorted(grid.point_data.items())):
            yield key, np.ascontiguousarray(array).tobytes()
    elif path.name == "case.toml":
        yield "text", path.read_bytes().replace(str(ROOT).encode(), b"")


def main() -> int:
    """Keep or compare the digests; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["keep", "compare"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="cases; all by default")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve() / arguments.verb
    file = arguments.folder.resolve() / "kept.json"
    cases = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())
    chosen = {name: about for name, about in cases.items() if not arguments.names or name in arguments.names}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    before = json.loads(file.read_text()) if file.exists() else {}
    different = 0
    for name, about in chosen.items():
        now = solve(name, about, folder)
        if arguments.verb == "keep":
            before[name] = now
            file.write_text(json.dumps(before, indent=1))
            print(f"{name}: {len(now)} digests kept", flush=True)
            continue
        differ = sorted(key for key in before[name].keys() | now.keys() if before[name].get(key) != now.get(key))
        different += len(differ)
        print(f"{name}: {len(now)} digests, {'identical' if not differ else f'{len(differ)} differ'}", flush=True)
        for key in differ[:20]:
            print(f"  {key}{'' if key in now else ' (missing)'}{'' if key in before[name] else ' (new)'}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
