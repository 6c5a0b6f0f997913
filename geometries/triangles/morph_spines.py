"""Reader of morph-spines HDF5 files, run as a program of its own: h5py and DOLFINx bring different HDF5 libraries.

    python morph_spines.py FILE [NUMBER]

writes one spine (arrays points, triangles, root) or, without a number, the number of spines as an npz file to standard
output. Spines of several neurons are numbered one neuron after the other. A reason why not goes to standard error, with
exit code 2.
"""

import io
import sys
from typing import Any

import numpy as np

#: Columns of the table of spines with the place at which a spine leaves its dendrite.
SURFACE = ("afferent_surface_x", "afferent_surface_y", "afferent_surface_z")

#: Distance from the box around a spine, over its diagonal, within which a place belongs to it.
NEAR = 0.5


def main(path: str, number: int | None) -> None:
    """Write a spine, or how many there are; exit with a reason where that is impossible."""
    try:
        import h5py  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        sys.exit(_refused("needs h5py: pip install 'spinepnp[surface]'"))
    result = io.BytesIO()
    try:
        with h5py.File(path) as file:
            meshes = file.get("spines/meshes") or {}
            fitting = [name for name in meshes if {"vertices", "triangles", "offsets"} <= set(meshes[name])]
            if not fitting:
                sys.exit(_refused("has no spines/meshes/NAME with vertices, triangles, offsets; give morph-spines"))
            counts = [len(meshes[name]["offsets"]) - 1 for name in fitting]
            if number is None:
                np.savez(result, count=sum(counts))
            elif not 0 <= number < sum(counts):
                sys.exit(_refused(f"has no spine {number}; give 0 to {sum(counts) - 1}"))
            else:
                which = int(np.searchsorted(np.cumsum(counts), number, side="right"))
                name, number = fitting[which], number - sum(counts[:which])
                group = meshes[name]
                (v0, t0), (v1, t1) = group["offsets"][number : number + 2]
                points = group["vertices"][v0:v1]
                root = _root(file, name, number, points)
                np.savez(result, points=points, triangles=group["triangles"][t0:t1], root=root)
    except (OSError, KeyError, ValueError, TypeError):
        sys.exit(_refused("is no HDF5 file, or damaged; give a morph-spines file"))
    sys.stdout.buffer.write(result.getvalue())


def _root(file: Any, name: str, number: int, points: np.ndarray) -> np.ndarray:
    """Place at which a spine leaves its dendrite, shape (3,), or (0,) where the file has none.

    The table has it in coordinates of the neuron; a spine in coordinates of its own has it at their origin. Without a
    table the skeleton begins there.
    """
    candidates = []
    row = _row(file, name, number)
    if row is not None:
        candidates += [row, np.zeros(3)]
    skeleton = (file.get("spines/skeletons") or {}).get(name)
    if skeleton is not None and {"points", "structure"} <= set(skeleton):
        structure = skeleton["structure"][:]
        starts = structure[structure[:, 2] == -1, 0]
        if number < len(starts):
            candidates.append(np.asarray(skeleton["points"][starts[number], :3], dtype=float))
    low, high = points.min(axis=0), points.max(axis=0)
    for place in candidates:
        outside = np.maximum(0.0, np.maximum(low - place, place - high))
        if np.linalg.norm(outside) <= NEAR * np.linalg.norm(high - low):
            return place
    return np.empty(0)


def _row(file: Any, name: str, number: int) -> np.ndarray | None:
    """Place in the table of spines, of either version: a group of arrays, or one that pandas wrote (never unpickled)."""
    for neuron, table in (file.get("edges") or {}).items():
        if "axis0" in table:
            columns = {}
            for i in range(int(table.attrs.get("nblocks", 0))):
                values = table[f"block{i}_values"]
                if values.dtype != object and values.ndim == 2:
                    for j, item in enumerate(table[f"block{i}_items"][:]):
                        columns[item.decode()] = values[:, j]
            here = np.full(len(table["axis1"]), neuron == name)
        else:
            columns = {key: table[key][:] for key in (*SURFACE, "spine_id", "spine_morphology") if key in table}
            names = [n.decode() if isinstance(n, bytes) else str(n) for n in columns.get("spine_morphology", ())]
            here = np.array(names) == name
        if {*SURFACE, "spine_id"} <= set(columns):
            rows = np.flatnonzero(here & (columns["spine_id"] == number))
            if len(rows):
                return np.array([columns[key][rows[0]] for key in SURFACE], dtype=float)
    return None


def _refused(reason: str) -> int:
    sys.stderr.write(reason)
    return 2


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None)
