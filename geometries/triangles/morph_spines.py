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

#: Columns with the rotation from a spine's own coordinates to those of the neuron, as a quaternion.
ROTATION = ("spine_rotation_x", "spine_rotation_y", "spine_rotation_z", "spine_rotation_w")

#: Kind of the soma in a skeleton.
SOMA = 1

#: Distance of neighbouring points on a skeleton, um: a fraction of the radius of a dendrite.
STEP = 0.05

#: Distance of the dendrite from the middle of a spine, over its diagonal, up to which it is its dendrite.
REACH = 2.0

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

    It is the point of the spine that is nearest to the skeleton of the dendrite: the place in the table, which should
    be the same, lies at the other end for half of the spines of real files. Without a dendrite that place counts (in
    coordinates of the neuron, or as the origin of the spine's own), without a table the beginning of the skeleton.
    """
    size, candidates = float(np.linalg.norm(np.ptp(points, axis=0))), []
    neuron, row = _row(file, name, number)
    if row:
        place = np.array([row[key] for key in SURFACE])
        own = _distance(place, points) > NEAR * size
        dendrite = _skeleton(file.get(f"morphology/{neuron}"))
        if dendrite is not None and (not own or set(ROTATION) <= set(row)):
            turned = _turned(points, [row[key] for key in ROTATION]) + place if own else points
            near = dendrite[np.linalg.norm(dendrite - turned.mean(axis=0), axis=1) <= REACH * size]
            if len(near):
                distance = np.array([np.linalg.norm(near - x, axis=1).min() for x in turned])
                return np.asarray(points[np.argmin(distance)], dtype=float)
        candidates = [place, np.zeros(3)]
    skeleton = file.get(f"spines/skeletons/{name}")
    if skeleton is not None and {"points", "structure"} <= set(skeleton):
        structure = skeleton["structure"][:]
        starts = structure[structure[:, 2] == -1, 0]
        if number < len(starts):
            candidates.append(np.asarray(skeleton["points"][starts[number], :3], dtype=float))
    return next((place for place in candidates if _distance(place, points) <= NEAR * size), np.empty(0))


def _distance(place: np.ndarray, points: np.ndarray) -> float:
    """Distance of a place from the box around points."""
    return float(np.linalg.norm(np.maximum(0.0, np.maximum(points.min(axis=0) - place, place - points.max(axis=0)))))


def _turned(points: np.ndarray, quaternion: list[float]) -> np.ndarray:
    """Points turned by a quaternion (x, y, z, w)."""
    q = np.array(quaternion) / np.linalg.norm(quaternion)
    cross = 2.0 * np.cross(q[:3], points)
    return np.asarray(points + q[3] * cross + np.cross(q[:3], cross))


def _skeleton(group: Any) -> np.ndarray | None:
    """Points along the sections of a skeleton, at distances of at most `STEP`, without the first rows, its soma."""
    if group is None or not {"points", "structure"} <= set(group):
        return None
    points, structure = group["points"][:, :3].astype(float), group["structure"][:]
    ends = [*structure[1:, 0].tolist(), len(points)]
    found = []
    for (start, kind, _), end in zip(structure.tolist(), ends, strict=True):
        for a, b in zip(points[start : end - 1], points[start + 1 : end], strict=True):
            if kind != SOMA:
                count = 1 + int(np.linalg.norm(b - a) / STEP)
                found.append(a + np.linspace(0.0, 1.0, count + 1)[:, None] * (b - a))
    return np.concatenate(found) if found else None


def _row(file: Any, name: str, number: int) -> tuple[str, dict[str, float]]:
    """Neuron and row in the table of spines, of either version: arrays, or what pandas wrote (never unpickled)."""
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
            wanted = (*SURFACE, *ROTATION, "spine_id", "spine_morphology")
            columns = {key: table[key][:] for key in wanted if key in table}
            names = [n.decode() if isinstance(n, bytes) else str(n) for n in columns.get("spine_morphology", ())]
            here = np.array(names) == name
        if {*SURFACE, "spine_id"} <= set(columns):
            rows = np.flatnonzero(here & (columns["spine_id"] == number))
            if len(rows):
                return neuron, {k: float(columns[k][rows[0]]) for k in (*SURFACE, *ROTATION) if k in columns}
    return "", {}


def _refused(reason: str) -> int:
    sys.stderr.write(reason)
    return 2


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None)
