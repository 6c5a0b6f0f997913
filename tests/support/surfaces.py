"""Surfaces of some hundred triangles: bodies of revolution, and files of them."""

import numpy as np


def revolved(profile, around=16, tube=None):
    """Points and outward triangles of a body of revolution.

    Args:
        profile: points (r, z) from the lower end of the axis to the upper one, shape (n, 2), r = 0 at both ends.
        around: number of points on a circle, whose polygons have the area of the circles.
        tube: place (x, y) of the axis.
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
    return points + [*(tube or (0.0, 0.0)), 0.0], np.vstack(parts)


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
    ends = [[0.0, low], [0.5 * radius, low]], [[0.5 * radius, high], [0.0, high]]
    return np.vstack([ends[0], np.column_stack([np.full(len(heights), radius), heights]), ends[1]])


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
