"""ARCHITECTURE.md holds against the tree: what it names exists, and it names every room."""

import re

import pytest

from support import ROOT

TEXT = (ROOT / "ARCHITECTURE.md").read_text()

#: Words in backticks that name a file or a folder of the checkout.
NAMED = sorted(set(re.findall(r"`([\w/]+(?:\.(?:py|md|toml)|/\w+))`", TEXT)))


@pytest.mark.parametrize("name", NAMED)
def test_every_file_and_folder_exists(name):
    if "/" in name:
        assert (ROOT / name).exists()
    else:  # a file of the room that the line is about
        assert next(ROOT.glob(f"*/**/{name}"), None) is not None


def test_every_room_is_named():
    rooms = {
        path.parent.relative_to(ROOT)
        for top in ("geometries", "meshes", "solvers", "validation", "spinepnp")
        for path in (ROOT / top).rglob("*.py")
        if not path.parent.is_symlink()
    }
    parents = {room for room in rooms if any(room in other.parents for other in rooms)}
    missing = [
        str(room) for room in sorted(rooms - parents)
        if f"`{room}" not in TEXT and not any(f"`{p}`" in TEXT for p in room.parents)
    ]  # fmt: skip
    assert not missing
