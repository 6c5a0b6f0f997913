"""Reader of triangles in PLY files whose faces have labels: meshio loses its place in binary ones."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

#: NumPy types of the words of a PLY header.
TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip

#: Property of a face that is a list, in the header of a PLY file: types of its length and of its entries, and name.
LIST = re.compile(r"property\s+list\s+(\w+)\s+(\w+)\s+(\w+)")


def has_labelled_faces(data: bytes) -> bool:
    """Whether the faces of a PLY file have properties beside their corners."""
    faces = _elements(data)[0].get("face", (0, []))[1]
    return len(faces) > 2  # the list of corners has two: their number and themselves


def read_labelled_ply(data: bytes) -> Any:
    """The mesh of a PLY file of triangles, with the properties of its faces as data of cells.

    Raises:
        ValueError: a face is no triangle, or the file is cut off.
    """
    import meshio

    elements, body, order = _elements(data)
    tables = _tables_of_text(body, elements) if order is None else _tables_of_bytes(body, elements, order)
    vertices, faces = tables["vertex"], tables["face"]
    counts, corners = next(
        (f"{name} count", name) for name in ("vertex_indices", "vertex_index") if name in (faces.dtype.fields or ())
    )
    if (faces[counts] != 3).any():
        raise ValueError("has faces that are no triangles; triangulate them")
    labels = {name: [faces[name]] for name in faces.dtype.fields or () if name not in (corners, counts)}
    points = np.column_stack([vertices[name] for name in "xyz"]).astype(float)
    return meshio.Mesh(points, [("triangle", faces[corners].astype(int))], cell_data=labels)


def _elements(data: bytes) -> tuple[dict[str, tuple[int, list[Any]]], bytes, str | None]:
    """Number and fields of each element of the header, the bytes after it, and their order; ``None`` for text."""
    header, _, body = data.partition(b"end_header")
    body = body.partition(b"\n")[2]
    elements: dict[str, tuple[int, list[Any]]] = {}
    order: str | None = None
    fields: list[Any] = []
    for line in header.decode("latin-1").splitlines():
        words = line.split()
        if words[:1] == ["format"]:
            order = {"binary_little_endian": "<", "binary_big_endian": ">"}.get(words[1])
        elif words[:1] == ["element"]:
            fields = []
            elements[words[1]] = (int(words[2]), fields)
        elif match := LIST.match(line.strip()):
            count, entry, name = match.groups()
            fields += [(f"{name} count", TYPES[count]), (name, TYPES[entry], 3)]
        elif words[:1] == ["property"]:
            fields.append((words[2], TYPES[words[1]]))
    return elements, body, order


def _tables_of_bytes(body: bytes, elements: dict[str, tuple[int, list[Any]]], order: str) -> dict[str, np.ndarray]:
    tables, start = {}, 0
    for name, (number, fields) in elements.items():
        kind = np.dtype([(field[0], order + field[1], *field[2:]) for field in fields])
        tables[name] = np.frombuffer(body, kind, number, start)
        start += number * kind.itemsize
        if name == "face":  # what follows does not matter
            break
    return tables


def _tables_of_text(body: bytes, elements: dict[str, tuple[int, list[Any]]]) -> dict[str, np.ndarray]:
    tables, lines, start = {}, body.decode("latin-1").splitlines(), 0
    for name, (number, fields) in elements.items():
        rows = np.array([line.split() for line in lines[start : start + number]], dtype=float)
        table, column = np.empty(number, np.dtype(fields)), 0
        for field in fields:
            width = 3 if len(field) == 3 else 1
            values = rows[:, column : column + width]
            table[field[0]] = values if width == 3 else values[:, 0]
            column += width
        tables[name] = table
        start += number
        if name == "face":
            break
    return tables
