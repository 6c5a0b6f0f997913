"""Results and cached meshes know all code that can change them."""

import pytest

from spinepnp.runtime import versions
from spinepnp.runtime.versions import MESH_SOURCES, PACKAGE, RESULT_SOURCES, source_files
from support import ROOT
from support.commands import imports

#: Reached from a run or a mesh, but unable to change a number: messages and pictures.
WITHOUT_NUMBERS = {
    "spinepnp/errors.py", "spinepnp/messages.py", "spinepnp/figure_style.py", "spinepnp/plots", "spinepnp/pages",
}  # fmt: skip


def reached(start):
    """Files of the package that a module imports, directly or not, anywhere in its code."""
    found, to_do = set(), [start]
    while to_do:
        module = to_do.pop()
        path = ROOT.joinpath(*module.split("."))
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file() and file not in found:
                found.add(file)
                to_do += [name for name in imports(file) if name.startswith("spinepnp.")]
    return found


@pytest.mark.parametrize(
    ("start", "parts"), [("spinepnp.run.steady", RESULT_SOURCES), ("spinepnp.meshes.generation", MESH_SOURCES)]
)
def test_every_file_that_can_change_a_number_is_in_the_digest(start, parts):
    held = {path.resolve() for path in source_files(parts)}
    exempt = [ROOT / name for name in WITHOUT_NUMBERS]
    missing = {
        path
        for path in reached(start)
        if path.resolve() not in held and not any(path == e or e in path.parents for e in exempt)
    }
    assert not missing, sorted(str(path.relative_to(ROOT)) for path in missing)


def test_what_is_exempt_exists():
    for name in WITHOUT_NUMBERS:
        assert (ROOT / name).exists(), name


def test_a_change_deep_in_a_room_changes_the_digest(tmp_path, monkeypatch):
    (tmp_path / "solvers" / "deep").mkdir(parents=True)
    file = tmp_path / "solvers" / "deep" / "term.py"
    file.write_text("x = 1\n")
    monkeypatch.setattr(versions, "PACKAGE", tmp_path)
    before = versions.source_digest.__wrapped__(("solvers",))
    file.write_text("x = 2\n")
    assert versions.source_digest.__wrapped__(("solvers",)) != before


def test_every_part_exists():
    for part in (*RESULT_SOURCES, *MESH_SOURCES):
        assert (PACKAGE / part).exists(), part
