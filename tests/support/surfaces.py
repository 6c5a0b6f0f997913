"""Surfaces of some hundred triangles: bodies of revolution, and files of them."""

import subprocess
import sys

import numpy as np


def revolved(profile, around=16):
    """Points and outward triangles of a body of revolution.

    Args:
        profile: points (r, z) from the lower end of the axis to the upper one, shape (n, 2), r = 0 at both ends.
        around: number of points on a circle, whose polygons have the area of the circles.
    """
    r, z = np.array(profile, dtype=float).T
    angle = 2.0 * np.pi * np.arange(around) / around
    r = r * np.sqrt(2.0 * np.pi / around / np.sin(2.0 * np.pi / around))
    rings = np.stack([np.outer(r[1:-1], np.cos(angle)), np.outer(r[1:-1], np.sin(angle))], axis=-1)
    rings = np.concatenate([rings, np.broadcast_to(z[1:-1, None, None], (*rings.shape[:2], 1))], axis=-1)
    points = np.vstack([[[0.0, 0.0, z[0]]], rings.reshape(-1, 3), [[0.0, 0.0, z[-1]]]])
    i = np.arange(around)
    j, top, count = (i + 1) % around, len(points) - 1, len(r) - 2
    parts = [np.column_stack([0 * i, 1 + j, 1 + i])]
    for k in range(count - 1):
        low, high = 1 + k * around, 1 + (k + 1) * around
        parts += [np.column_stack([low + i, low + j, high + j]), np.column_stack([low + i, high + j, high + i])]
    last = 1 + (count - 1) * around
    parts.append(np.column_stack([0 * i + top, last + i, last + j]))
    return points, np.vstack(parts)


def spine_profile(neck=0.07, length=0.4, head=0.2, step=0.05):
    """Profile of a ball of radius ``head`` on a neck with its base at z = 0, in um."""
    middle = length + np.sqrt(head**2 - neck**2)
    heights = np.linspace(0.0, length, 1 + round(length / step))
    angles = np.linspace(np.arcsin(neck / head), np.pi, 1 + round(np.pi * head / step))[1:]
    ball = np.column_stack([head * np.sin(angles), middle - head * np.cos(angles)])
    ball[-1, 0] = 0.0
    flat = np.column_stack([[0.0, 0.5 * neck], [0.0, 0.0]])
    return np.vstack([flat, np.column_stack([np.full(len(heights), neck), heights]), ball])


def ball(middle, radius, count=8):
    """Profile of a sphere on the axis."""
    angle = np.linspace(0.0, np.pi, count + 1)
    profile = np.column_stack([radius * np.sin(angle), middle - radius * np.cos(angle)])
    profile[[0, -1], 0] = 0.0
    return profile


def rod(low, high, radius, step=0.03):
    """Profile of a closed cylinder on the axis."""
    heights = np.linspace(low, high, 1 + round((high - low) / step))
    side = np.column_stack([np.full(len(heights), radius), heights])
    return np.vstack([[0.0, low], [0.5 * radius, low], side, [0.5 * radius, high], [0.0, high]])


def together(*parts):
    """One list of points and of triangles."""
    numbers = np.cumsum([0, *(len(points) for points, _ in parts)])
    return np.vstack([p for p, _ in parts]), np.vstack([t + n for (_, t), n in zip(parts, numbers, strict=False)])


def write(path, points, triangles):
    """A file of triangles in the format of its suffix; returns its path."""
    import meshio

    mesh = meshio.Mesh(np.asarray(points, dtype=float), [("triangle", np.asarray(triangles, dtype=np.int32))])
    meshio.write(path, mesh)
    return path


def volume_of(profile):
    """Volume of the body of revolution of straight pieces."""
    r, z = np.array(profile).T
    return float(np.pi / 3.0 * ((r[:-1] ** 2 + r[:-1] * r[1:] + r[1:] ** 2) * np.diff(z)).sum())


def above(profile, height):
    """The part of a profile above a height, with a flat lower end."""
    r, z = np.array(profile).T
    i = int(np.flatnonzero(z >= height - 1e-12)[0])
    rim = r[i] if z[i] - height < 1e-9 else np.interp(height, z[i - 1 : i + 1], r[i - 1 : i + 1])
    return np.vstack([[0.0, height], [rim, height], np.column_stack([r, z])[i:]])


def meridian_conductance(profile, holes, cap, size=0.008):
    """G of a body of revolution from its half plane, by linear elements of our own: the flat base against the cap.

    Args:
        profile: profile of the body, its flat base first.
        holes: profiles of what lies within, from below.
        cap: lowest height of the injector on the profile.
        size: edge of the elements.
    """
    import gmsh
    from scipy.sparse import coo_array
    from scipy.sparse.linalg import spsolve

    r, z = np.array(profile).T
    i = int(np.flatnonzero(z > cap + 1e-9)[0])
    rim = [np.interp(cap, z[i - 1 : i + 1], r[i - 1 : i + 1]), cap]
    below = np.array(profile)[:i] if z[i - 1] < cap - 1e-9 else np.array(profile)[: i - 1]
    outer, i = np.vstack([below, rim, np.array(profile)[i:]]), len(below)
    corners = np.vstack([outer, *(np.array(hole)[::-1] for hole in holes[::-1])])
    gmsh.initialize(["", "-v", "0"], readConfigFiles=False, interruptible=False)
    try:
        geo, mesh = gmsh.model.geo, gmsh.model.mesh
        points = [geo.addPoint(x, y, 0.0, size) for x, y in corners]
        lines = [geo.addLine(a, b) for a, b in zip(points, [*points[1:], points[0]], strict=True)]
        geo.addPlaneSurface([geo.addCurveLoop(lines)])
        geo.synchronize()
        mesh.generate(2)
        tags, x, _ = mesh.getNodes()
        number = np.zeros(int(tags.max()) + 1, dtype=int)
        number[tags] = np.arange(len(tags))
        x = x.reshape(-1, 3)[:, :2]
        triangles = number[mesh.getElementsByType(2)[1]].reshape(-1, 3)
        edges = [number[np.array(mesh.getElements(1, line)[2][0])].reshape(-1, 2) for line in lines]
    finally:
        gmsh.finalize()
    a, b, c = (x[triangles[:, k]] for k in range(3))
    twice = np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
    slopes = np.stack([(c - b), (a - c), (b - a)], axis=1)  # gradients, turned by a right angle
    weight = 2.0 * np.pi * x[triangles, 0].mean(axis=1) / (2.0 * twice)
    entries = np.einsum("tid,tjd,t->tij", slopes, slopes, weight)
    rows, columns = np.repeat(triangles, 3, axis=1).ravel(), np.tile(triangles, (1, 3)).ravel()
    matrix = coo_array((entries.ravel(), (rows, columns)), shape=(len(x),) * 2).tocsr()
    load = np.zeros(len(x))
    for p, q in np.concatenate(edges[i : len(outer) - 1]):
        length = np.linalg.norm(x[p] - x[q])
        load[p] += np.pi / 3.0 * length * (2.0 * x[p, 0] + x[q, 0])
        load[q] += np.pi / 3.0 * length * (x[p, 0] + 2.0 * x[q, 0])
    load /= load.sum()
    free = x[:, 1] > outer[0, 1] + 1e-9
    return float(load[free] @ spsolve(matrix[free][:, free], load[free]))


#: Program that writes HDF5 files: h5py cannot stand beside DOLFINx in one process.
_HDF5 = """
import sys, h5py, numpy as np
data, folder = np.load(sys.argv[1]), sys.argv[2] + "/"
points, triangles, dendrite = data["points"], data["triangles"], data["dendrite"]
columns = {"afferent_surface_" + c: data["places"][:, i] for i, c in enumerate("xyz")}
columns |= {"spine_rotation_" + c: data["rotations"][:, i] for i, c in enumerate("xyzw")}
names = [n.encode() for n in columns]
number = np.arange(2)
def meshes(file):
    group = file.create_group("spines/meshes/cell")
    group["vertices"], group["triangles"] = np.vstack([points, points]), np.vstack([triangles, triangles])
    group["offsets"] = np.array([[0, 0], [len(points), len(triangles)], [2 * len(points), 2 * len(triangles)]])
def neurite(file):
    group = file.create_group("morphology/cell")
    group["points"], group["structure"] = np.column_stack([dendrite, 0 * dendrite[:, 0]]), np.array([[0, 3, -1]])
with h5py.File(folder + "table.h5", "w") as file:
    meshes(file)
    neurite(file)
    for name, values in columns.items():
        file["edges/cell/" + name] = values
    file["edges/cell/spine_id"], file["edges/cell/spine_morphology"] = number, np.array([b"cell", b"cell"])
for name, has_neurite in (("pandas.h5", True), ("origin.h5", False)):
    with h5py.File(folder + name, "w") as file:
        meshes(file)
        if has_neurite:
            neurite(file)
        frame = file.create_group("edges/cell")
        frame["axis0"], frame["axis1"] = np.array([*names, b"spine_id"]), number
        frame["block0_items"], frame["block0_values"] = np.array(names), np.column_stack(list(columns.values()))
        frame["block1_items"], frame["block1_values"] = np.array([b"spine_id"]), number[:, None]
        frame.attrs["nblocks"] = 2
with h5py.File(folder + "skeleton.h5", "w") as file:
    meshes(file)
    group = file.create_group("spines/skeletons/cell")
    top = points[points[:, 2].argmax()]
    group["points"] = np.array([[*top, 0.1], [*points[0], 0.1], [-9, -9, -9, 0], [-9, -9, -9, 0]])
    group["structure"] = np.array([[0, 2, -1], [2, 2, -1]])
with h5py.File(folder + "other.h5", "w") as file:
    file["data"] = np.arange(3)
"""


def write_morph_spines(folder, points, triangles, dendrite, places, rotations):
    """Two equal spines in files of morph-spines: table.h5, pandas.h5, origin.h5, skeleton.h5; and other.h5.

    Args:
        folder: directory of the files.
        points: coordinates of a spine in its own frame.
        triangles: its triangles.
        dendrite: points along the dendrite, in the frame of the neuron, shape (n, 3).
        places: origin of each spine there, shape (2, 3).
        rotations: quaternion (x, y, z, w) from each spine's frame to the neuron's, shape (2, 4).
    """
    np.savez(
        folder / "spines.npz", points=points, triangles=triangles, dendrite=dendrite, places=places, rotations=rotations
    )
    command = [sys.executable, "-c", _HDF5, str(folder / "spines.npz"), str(folder)]
    subprocess.run(command, check=True, timeout=60)
