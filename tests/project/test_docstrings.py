"""Docstrings: the examples of public classes run, and a function with several parameters describes each of them."""

import ast
import doctest
import importlib
import inspect
import re
import sys
from collections.abc import Iterator

import pytest

from support import ROOT

sys.path.insert(0, str(ROOT / "docs"))

from site_parts import api

PLACES = api.described(ROOT / "docs")

#: Section of examples of a docstring.
EXAMPLES = re.compile(r"^Examples:\n((?:    .*\n?|\n)*)", flags=re.M)

#: Classes that need an example, by the name under which the reference describes them: those of some `__all__`. Other
#: classes are parts of these, and may have one.
CLASSES = {
    PLACES[id(thing)]: thing
    for module in map(importlib.import_module, api.modules_of(ROOT / "docs"))
    for thing in (getattr(module, name) for name in api.names_of(module))
    if inspect.isclass(thing) and (hasattr(module, "__all__") or EXAMPLES.search(inspect.getdoc(thing) or ""))
}


@pytest.mark.parametrize("name", CLASSES)
def test_the_example_of_a_public_class_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an example may write files
    section = EXAMPLES.search(inspect.getdoc(CLASSES[name]) or "")
    assert section, f"{name} needs an example"
    example = doctest.DocTestParser().get_doctest(section[1], {}, name, None, None)
    assert any(part.want for part in example.examples), f"the example of {name} shows no result"
    failures: list[str] = []
    doctest.DocTestRunner(verbose=False).run(example, out=failures.append)
    assert not failures, "".join(failures)


#: Rooms of the package.
ROOMS = ("geometries", "meshes", "solvers", "validation", "spinepnp")

#: Number of parameters from which on a docstring describes each of them.
SEVERAL = 3

FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for room in ROOMS
    for path in (ROOT / room).rglob("*.py")
    if not any(parent.is_symlink() for parent in path.parents)
)


def parameters_of(node: ast.AST) -> list[str]:
    """Names of the parameters of a function, or of the fields of a class whose constructor is made from them."""
    if isinstance(node, ast.FunctionDef):
        a = node.args
        every = [*a.posonlyargs, *a.args, a.vararg, *a.kwonlyargs, a.kwarg]
        return [p.arg for p in every if p is not None and p.arg not in ("self", "cls")]
    made = [*node.decorator_list, *node.bases]
    if not re.search(r"dataclass|NamedTuple|Table", " ".join(map(ast.unparse, made))):
        return []
    fields = [n for n in node.body if isinstance(n, ast.AnnAssign)]
    return [n.target.id for n in fields if "ClassVar" not in ast.unparse(n.annotation)]


def several(body: list[ast.stmt], place: str = "") -> Iterator[tuple[str, list[str], str]]:
    """Public functions and classes with several parameters: name, parameters that are described, docstring.

    The docstring of a class describes its constructor. Verbs of the command line describe their parameters in --help,
    and a method that is marked as an override has those of the method of the base. A parameter whose name begins with
    an underscore is not used.
    """
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        name, constructor = f"{place}{node.name}", node
        if isinstance(node, ast.ClassDef):
            yield from several(node.body, f"{name}.")
            own = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
            constructor = own[0] if own else node
        decorators = " ".join(map(ast.unparse, node.decorator_list))
        parameters = parameters_of(constructor)
        if len(parameters) >= SEVERAL and not re.search(r"\bapp\.command|\boverride\b", decorators):
            yield name, [p for p in parameters if not p.startswith("_")], ast.get_docstring(node) or ""


def described_in(text: str) -> set[str]:
    """Names that the sections Args and Attributes of a docstring describe."""
    sections = re.findall(r"^(?:Args|Attributes):\n((?:    .*\n?|\n)*)", text, flags=re.M)
    lines = [line for section in sections for line in re.findall(r"^    (\w[\w, ]*):", section, flags=re.M)]
    return {name for line in lines for name in line.split(", ")}


@pytest.mark.parametrize("file", FILES)
def test_a_docstring_describes_several_parameters(file):
    found = several(ast.parse((ROOT / file).read_text()).body)
    missing = {name: sorted(set(parameters) - described_in(text)) for name, parameters, text in found}
    missing = {name: left for name, left in missing.items() if left}
    assert not missing, f"{file}: not under Args: {missing}"


def test_parameters_and_their_descriptions_are_found():
    source = '''
def f(a, /, b, *c, d=1, **e):
    """Sum.

    Args:
        a, b: two numbers: of
            any kind, c: not a name.
    """
class A(Table):
    x: int
    y: int
    z: int
    k: ClassVar[int] = 1
class B:
    def __init__(self, p, q, r): ...
    def _private(self, p, q, r): ...
    def public(self, p, q, _r): ...
    def short(self, p, q): ...
    @override
    def base(self, p, q, r): ...
@app.command()
def verb(a, b, c): ...
'''
    found = {name: (parameters, described_in(text)) for name, parameters, text in several(ast.parse(source).body)}
    assert found == {
        "f": (["a", "b", "c", "d", "e"], {"a", "b"}),
        "A": (["x", "y", "z"], set()),
        "B.public": (["p", "q"], set()),
        "B": (["p", "q", "r"], set()),
    }
