"""Docstrings: the examples of public classes run, and a function with several parameters describes each of them."""

import doctest
import importlib
import inspect
import re
import sys

import pytest

from support import ROOT

sys.path.insert(0, str(ROOT / "docs"))

from site_parts import api

PLACES = api.described(ROOT / "docs")

#: Public classes by the name under which the reference describes them. Classes of modules without `__all__` are parts
#: of these, and stand in their examples.
CLASSES = {
    PLACES[id(thing)]: thing
    for module in map(importlib.import_module, api.modules_of(ROOT / "docs"))
    for thing in (getattr(module, name) for name in getattr(module, "__all__", ()))
    if inspect.isclass(thing)
}


@pytest.mark.parametrize("name", CLASSES)
def test_the_example_of_a_public_class_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an example may write files
    section = re.search(r"^Examples:\n((?:    .*\n?|\n)*)", inspect.getdoc(CLASSES[name]), flags=re.M)
    assert section, f"{name} needs an example"
    example = doctest.DocTestParser().get_doctest(section[1], {}, name, None, None)
    assert any(part.want for part in example.examples), f"the example of {name} shows no result"
    failures: list[str] = []
    doctest.DocTestRunner(verbose=False).run(example, out=failures.append)
    assert not failures, "".join(failures)
