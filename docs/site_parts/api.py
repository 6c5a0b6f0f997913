"""Reference of the Python interface: signatures and docstrings of the public names of a module, by autodoc.

A heading that is the name of a module in backticks, on docs/api.md or a page of docs/api, is followed on the site by
all names of the module's `__all__`; by its public classes, where the module has no such list. A name that stands at
several places is described at the first one and linked at the others; the package itself comes last.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from sphinx.application import Sphinx
from sphinx.domains.python import PyObject
from sphinx.ext.napoleon import Config, GoogleDocstring
from sphinx.pycode import ModuleAnalyzer

from spinepnp.reference.describe import Key, keys_of, meanings

#: A heading that stands for the names of a module.
HEADING = re.compile(r"^#+ `(spinepnp[\w.]*)`$", flags=re.M)

#: Longest value of a constant that is shown.
SHOWN = 60

#: Sections of docstrings; attributes become a list in the description of their class.
NAPOLEON = Config(napoleon_use_ivar=True)

#: Text between backticks, which stays as it is, and characters of prose that would be markup of reStructuredText.
MARKUP = re.compile(r"(``.*?``|(?<!`)`[^`]+`(?!`))|([|*\\]|\w_(?!\w))")


def names_of(module: Any) -> list[str]:
    """Public names of a module: those of `__all__`, else its own classes."""
    own = [n for n, thing in vars(module).items() if inspect.isclass(thing) and thing.__module__ == module.__name__]
    return list(getattr(module, "__all__", [n for n in own if not n.startswith("_")]))


def modules_of(folder: Path) -> list[str]:
    """Modules that the pages of the reference describe, the package itself last."""
    pages = [*sorted((folder / "api").glob("*.md")), folder / "api.md"]
    found = [name for page in pages if page.exists() for name in HEADING.findall(page.read_text())]
    return sorted(found, key="spinepnp".__eq__)


def described(folder: Path) -> dict[int, str]:
    """Full name under which each public class and function is described, by its identity."""
    places: dict[int, str] = {}
    for name in modules_of(folder):
        module = importlib.import_module(name)
        for own in names_of(module):
            thing = getattr(module, own)
            if inspect.isclass(thing) or inspect.isroutine(thing):
                places.setdefault(id(thing), f"{name}.{own}")
    return places


def members_of(cls: type, places: dict[int, str]) -> list[str]:
    """Public methods and properties that are described with a class.

    They are those of its own and of its bases in this project. Where a base has a description, what the class inherits
    or overrides is described there.
    """
    bases = [base for base in cls.__mro__[1:] if base.__module__.startswith("spinepnp")]
    based = any(id(base) in places for base in bases)
    known = {name for base in bases for name in vars(base)} if based else set()
    fields = {*getattr(cls, "model_fields", ()), *getattr(cls, "__dataclass_fields__", ())}
    found = []
    for part in [cls] if based else [*reversed(bases), cls]:
        for name, thing in vars(part).items():
            called = inspect.isroutine(getattr(part, name, None)) and not inspect.isclass(thing)
            property_ = isinstance(thing, property) or type(thing).__name__ == "cached_property"
            if (called or property_) and not name.startswith("_") and name not in known | fields:
                found.append(name)
    return list(dict.fromkeys(found))


def comment_of(module: Any, name: str) -> str:
    """Comment `#:` of a constant, from the module that defines it."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names] and node.module:
            return comment_of(importlib.import_module(node.module), name)
    return " ".join(ModuleAnalyzer.for_module(module.__name__).find_attr_docs().get(("", name), ()))


def entry(app: Sphinx, module: Any, name: str) -> Iterator[str]:
    """Lines of reStructuredText that describe one public name."""
    places = app.env.api_places  # type: ignore[attr-defined]
    thing, full = getattr(module, name), f"{module.__name__}.{name}"
    place = places.get(id(thing), full)
    if place != full:
        yield f"* :py:obj:`{name} <{place}>`: {summary_of(app, thing)}\n" if hasattr(module, "__all__") else ""
    elif inspect.isclass(thing):
        yield f".. auto{'exception' if issubclass(thing, Exception) else 'class'}:: {full}\n   :member-order: bysource"
        if any(id(base) in places for base in thing.__mro__[1:]):
            yield "   :show-inheritance:"
        members = members_of(thing, places)
        yield f"   :members: {', '.join(members)}\n" if members else ""
    elif inspect.isroutine(thing):
        yield f".. autofunction:: {full}\n"
    else:
        value = repr(thing)
        yield f".. py:data:: {full}"
        yield f"   :value: {value}\n" if len(value) <= SHOWN else ""  # not for tables of shapes, laws and the like
        yield f"   {escape(app, comment_of(module, name))}\n"


def summary_of(app: Sphinx, thing: Any) -> str:
    """First sentence of a docstring, as reStructuredText."""
    return escape(app, inspect.cleandoc(thing.__doc__ or "").partition("\n")[0])


def add_names(app: Sphinx, docname: str, source: list[str]) -> None:
    """Add the names of each module after its section, before Sphinx reads a page."""
    if not docname.startswith("docs/api"):
        return
    parts = re.split(r"(?m)^(?=#+ )", source[0])
    for i, part in enumerate(parts):
        match = HEADING.match(part)
        if match:
            module = importlib.import_module(match[1])
            lines = [line for name in names_of(module) for line in entry(app, module, name)]
            parts[i] += "\n".join(["\n```{eval-rst}", *lines, "```\n\n"])
    source[0] = "".join(parts)


# --- docstrings


def escape(app: Sphinx, text: str) -> str:
    """Prose as reStructuredText: bars, stars and trailing underscores are no markup, a described `name` is a link."""

    def written(match: re.Match[str]) -> str:
        code, sign = match.groups()
        if code is None:
            return re.sub(r"([\\|*_])", r"\\\1", sign)
        name = code.strip("`")
        place = app.env.api_names.get(name)  # type: ignore[attr-defined]
        return f":py:obj:`{name} <{place}>`" if place else f"``{name}``"

    return MARKUP.sub(written, text)


def rewrite_docstring(app: Sphinx, kind: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Docstring as reStructuredText: its prose is escaped, but not drawings after "::" and examples."""
    drawing: int | None = None
    for i, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if drawing is not None and line.strip() and indent <= drawing:
            drawing = None
        if line.strip() in ("::", "Examples:"):
            drawing = indent
        elif line.strip() == "Returns:":
            lines[i] = ":returns:"  # of "Returns", as of a property, napoleon takes text before a colon for a type
        elif drawing is None:
            lines[i] = escape(app, line)
    if hasattr(thing, "model_fields") and "Attributes:" not in lines:  # a table whose keys are those of its bases
        lines += ["Attributes:", ""]
    if kind == "class" and "Attributes:" in lines:
        start = lines.index("Attributes:") + 1
        end = next((i for i in range(start, len(lines)) if re.match(r"\S", lines[i])), len(lines))
        lines[start:end] = [*fields_of(app, thing, lines[start:end]), ""]
    what = "method" if kind == "property" else kind
    lines[:] = GoogleDocstring(list(lines), NAPOLEON, app, what, name, thing, options).lines()


def fields_of(app: Sphinx, cls: type, lines: list[str]) -> list[str]:
    """Section "Attributes" of a class: that of a table with the keys of its bases, and what each takes in a file."""
    if hasattr(cls, "model_fields"):
        said = meanings(cls)
        return [f"    {k.name} (``{k.takes}``): {escape(app, said[k.name])}" for k in _keys(cls) if k.name in said]
    types = {field.name: str(field.type) for field in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else {}
    return [re.sub(r"^    (\w+):", lambda m: f"    {m[1]} ({types[m[1]]}):" if m[1] in types else m[0], line)
            for line in lines]  # fmt: skip


def _keys(cls: type) -> list[Key]:
    """Keys of a table that have more than one possible value, the required ones first."""
    constant = {name for name, field in cls.model_fields.items() if len(get_args(field.annotation)) == 1}
    own = [key for key in keys_of(cls) if key.name in cls.model_fields]  # not those of its short form
    return sorted((key for key in own if key.name not in constant), key=lambda key: not key.required)


def short_signature(
    app: Sphinx, kind: str, name: str, thing: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str, None] | None:
    """Signature of a table or data class: names and defaults only, since its attributes have the types."""
    if kind == "class" and hasattr(thing, "model_fields"):
        keys = [_with_default(key, thing) for key in _keys(thing)]
        return f"({', '.join(['*', *keys] if keys else [])})", None
    if kind == "class" and dataclasses.is_dataclass(thing):
        parameters = inspect.signature(thing).parameters.values()
        return str(inspect.Signature([p.replace(annotation=inspect.Parameter.empty) for p in parameters])), None
    return None


def _with_default(key: Key, cls: Any) -> str:
    """Key of a table with its default as in Python; an ellipsis for one that depends on other keys."""
    field = cls.model_fields[key.name]
    python = {"true": "True", "false": "False", "": repr(field.get_default(call_default_factory=True))}
    default = python.get(key.default, key.default)
    return key.name if key.required else f"{key.name}={default if len(default) <= SHOWN else '...'}"


def show_described_bases(app: Sphinx, name: str, cls: type, options: Any, bases: list[Any]) -> None:
    """Name the nearest base that has a description in place of internal ones."""
    places = app.env.api_places  # type: ignore[attr-defined]
    bases[:] = [base for base in cls.__mro__[1:] if id(base) in places][:1]


def source_of(domain: str, info: dict[str, str]) -> str | None:
    """Address of the page with the source of an object, for `sphinx.ext.linkcode`; see `site_parts.sources`."""
    thing: Any = sys.modules.get(info["module"])
    for part in info["fullname"].split("."):
        thing = inspect.getattr_static(thing, part, None) or getattr(thing, part, None)
    thing = getattr(thing, "fget", None) or getattr(thing, "func", None) or getattr(thing, "__func__", thing)
    if not (inspect.isclass(thing) or inspect.isfunction(thing)):
        return None
    path = Path(inspect.getsourcefile(thing) or "").resolve()
    root = Path(__file__).resolve().parents[2]
    return f"repo:{path.relative_to(root)}#{thing.__qualname__}" if path.is_relative_to(root) else None


def show_as_code(app: Sphinx, env: Any, node: Any, text: Any) -> Any:
    """Text of a reference to a name that has no description: names of other packages, and of internal modules."""
    return text if node.get("refdomain") == "py" else None


def begin(app: Sphinx, *_: Any) -> None:
    """Find the places of all names at the start of each build; a name of two things is no link."""
    places = described(Path(app.srcdir) / "docs")
    short = [place.rpartition(".")[2] for place in places.values()]
    unique = {name: place for name, place in zip(short, places.values(), strict=True) if short.count(name) == 1}
    app.env.api_places, app.env.api_names = places, unique  # type: ignore[attr-defined]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    for name in ("sphinx.ext.autodoc", "sphinx.ext.linkcode"):
        app.setup_extension(name)
    next(kind for kind in PyObject.doc_field_types if kind.name == "variable").label = "Attributes"
    app.config.linkcode_resolve = source_of
    app.connect("env-before-read-docs", begin)
    app.connect("source-read", add_names)
    app.connect("autodoc-process-docstring", rewrite_docstring)
    app.connect("autodoc-process-bases", show_described_bases)
    app.connect("autodoc-process-signature", short_signature)
    app.connect("missing-reference", show_as_code)
    return {"parallel_read_safe": False, "parallel_write_safe": False}
