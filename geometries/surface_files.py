"""Completeness and format of surface files, checked before meshio reads them: it may loop for ever on damaged ones."""

from __future__ import annotations

import re
from pathlib import Path

#: Bytes of a binary STL file before its triangles: 80 of text, 4 for their number.
STL_HEADER = 84

#: Bytes of each triangle of a binary STL file: twelve floats and two bytes of attributes.
STL_TRIANGLE = 50

#: Bytes at the beginning of a file in which its format must be seen.
BEGINNING = 4096

_VERTEX = re.compile(rb"^v\s+[-+.\d]", re.MULTILINE)


def check_whole(path: str, suffix: str) -> None:
    """Refuse a file that is empty, cut off, or of another format than its suffix (".stl", ".obj", ...) says.

    Raises:
        ValueError: says what is wrong and what to do.
    """
    data = Path(path).read_bytes()
    if not data.strip():
        raise ValueError("is empty; give a closed surface")
    content, named = format_of(data), suffix[1:].upper()
    if content is None and not (suffix == ".stl" and len(data) >= STL_HEADER and b"\0" in data):
        raise ValueError(f"is no {named} file, or damaged at its beginning; export the surface again")
    if content not in (suffix, None):
        raise ValueError(f"holds {content[1:].upper()}, not {named}; let its name end in {content}")
    {".stl": _check_stl, ".ply": _check_ply, ".msh": _check_msh, ".obj": lambda data: None}[suffix](data)


def format_of(data: bytes) -> str | None:
    """The suffix that fits the content of a file, or ``None`` for none."""
    if _is_binary_stl(data):
        return ".stl"
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    start = text[:BEGINNING]
    if re.match(rb"ply\s", start):
        return ".ply"
    if start.startswith(b"$"):
        return ".msh"
    if start.startswith(b"solid"):
        return ".stl"
    return ".obj" if _VERTEX.search(text) and b"\0" not in start else None


def _is_binary_stl(data: bytes) -> bool:
    return len(data) >= STL_HEADER and len(data) == STL_HEADER + STL_TRIANGLE * _stl_count(data)


def _stl_count(data: bytes) -> int:
    """Number of triangles that the header of a binary STL file announces."""
    return int.from_bytes(data[80:84], "little")


def _check_stl(data: bytes) -> None:
    if _is_binary_stl(data):
        if _stl_count(data) == 0:
            raise ValueError("holds no triangles; give a closed surface")
        return
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"solid") and b"\0" not in data[STL_HEADER:BEGINNING]:
        words = data.split()
        if b"endsolid" not in words:
            raise ValueError("is cut off: it has no line endsolid; export the surface again")
        facets, vertices = words.count(b"facet"), words.count(b"vertex")
        if facets == 0:
            raise ValueError("holds no triangles; give a closed surface")
        if vertices != 3 * facets:
            raise ValueError(f"is damaged: {facets} triangles have {vertices} corners; export the surface again")
        return
    room = (len(data) - STL_HEADER) / STL_TRIANGLE
    raise ValueError(
        f"is cut off or damaged: it announces {_stl_count(data)} triangles and has room for {room:.6g}; "
        "export the surface again"
    )


def _check_ply(data: bytes) -> None:
    header, end, _ = data.partition(b"end_header")
    if not end:
        raise ValueError("is cut off within its header; export the surface again")
    for name in (b"x", b"y", b"z"):
        if not re.search(rb"^property\s+\w+\s+" + name + rb"\s*$", header, re.MULTILINE):
            raise ValueError(f"has vertices without {name.decode()}; export the surface again")


def _check_msh(data: bytes) -> None:
    sections = re.findall(rb"^\$(\w+)\s*$", data, re.MULTILINE)
    for name in sections:
        if not name.startswith(b"End") and b"End" + name not in sections:
            raise ValueError(f"is cut off: ${name.decode()} does not end; save it from Gmsh again")
    for name in (b"Nodes", b"Elements"):
        if name not in sections:
            raise ValueError(f"has no ${name.decode()}; mesh the model in Gmsh, then save it")
