"""Links from a page to a file of the checkout: the file becomes a page of the site, with an anchor for each function.

A link such as `[drift](../solvers/fem/forms.py#drift)` opens the file on a code host, and the function on the site. A
link to a missing function is a warning, and therefore an error.
"""

from __future__ import annotations

import ast
import json
import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from markdown_it import MarkdownIt
from markupsafe import escape
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.osutil import relative_uri

LOGGER = logging.getLogger(__name__)

#: Folder of these pages on the site.
FOLDER = "files"

#: Language of a file by the end of its name, for colours.
LANGUAGES = {".py": "python", ".toml": "toml", ".cff": "yaml", ".sh": "bash", ".ipynb": "json", ".csv": "text"}

#: A link that is no picture: its text, path and anchor.
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|!?\[[^\]]*\](?:\([^)]*\))?)*)\]\(([^)#:\s]+)(#[\w.]+)?\)")


def functions_of(text: str) -> dict[str, int]:
    """Line number of every function, class, method and constant of a Python file, by name."""
    found: dict[str, int] = {}

    def walk(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found[prefix + node.name] = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                if isinstance(node, ast.ClassDef):
                    walk(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found.update({prefix + t.id: node.lineno for t in targets if isinstance(t, ast.Name)})

    walk(ast.parse(text).body, "")
    return found


def mark_links(app: Sphinx, docname: str, source: list[str]) -> None:
    """Give the scheme "repo" to links that lead to files which are not pages, before Sphinx reads a page."""
    root = Path(app.srcdir)
    folder = posixpath.dirname(docname)

    def marked(match: re.Match[str]) -> str:
        text, target, anchor = match.groups()
        path = posixpath.normpath(posixpath.join(folder, target))
        is_page = path.endswith(".md") and path[:-3] in app.env.all_docs | dict.fromkeys(app.env.found_docs)
        if is_page or not (root / path).exists() or path.startswith(".."):
            return match[0]
        return f"[{text}](repo:{path}{anchor or ''})"

    source[0] = LINK.sub(marked, source[0])


def resolve_links(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Set the addresses of the marked links, and collect the files that become pages."""
    here = app.builder.get_target_uri(docname)
    for node in doctree.findall(nodes.reference):
        uri = node.get("refuri", "")
        if not uri.startswith("repo:"):
            continue
        path, _, anchor = uri.removeprefix("repo:").partition("#")
        file = Path(app.srcdir, path)
        if anchor and (file.suffix != ".py" or anchor not in functions_of(file.read_text())):
            LOGGER.warning("%s has no %s", path, anchor, location=node)
        app.env.repo_files.add(path)  # type: ignore[attr-defined]
        node["refuri"] = relative_uri(here, f"{FOLDER}/{path}.html") + (f"#{anchor}" if anchor else "")
        node["internal"] = True
        node["classes"] = [name for name in node["classes"] if name != "external"]


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Generate the pages of files, and the pages of folders, which list their files."""
    waiting = sorted(app.env.repo_files)  # type: ignore[attr-defined]
    done: set[str] = set()
    known: dict[Any, str] = {}
    while waiting:
        path = waiting.pop()
        if path in done:
            continue
        done.add(path)
        file = Path(app.srcdir, path)
        if file.is_dir():
            inside = sorted(f.name for f in file.iterdir() if f.is_file() and f.suffix in {*LANGUAGES, ".md", ".ply"})
            waiting += [f"{path}/{name}" for name in inside]
            rows = "".join(f'<li><a href="{file.name}/{name}.html">{name}</a></li>' for name in inside)
            body = f"<ul>{rows}</ul>"
        else:
            body = _listing(app, file)
        page = f"{FOLDER}/{path}"
        context = {"title": path, "body": f"<h1>{escape(path)}</h1>\n{body}", "toctree": _navigation(app, page, known)}
        yield page, context, "page.html"


def _navigation(app: Sphinx, page: str, known: dict[Any, str]) -> Callable[..., str]:
    """Navigation of a page of a file, made once for all pages at its depth: it takes longer than the page itself."""

    def toctree(**options: Any) -> str:
        key = page.count("/"), tuple(options.items())
        if key not in known:
            known[key] = app.builder._get_local_toctree(page, **options)  # type: ignore[attr-defined]
        return known[key]

    return toctree


def _listing(app: Sphinx, file: Path) -> str:
    """HTML of a file in colours, with anchors at its functions; HTML of a notebook cell by cell."""
    try:
        text = file.read_text()
    except UnicodeDecodeError:
        return f"<p>No text; {file.stat().st_size / 1000:.0f} kB.</p>"
    if file.suffix == ".ipynb":
        return "\n".join(_cell(app, cell["cell_type"], "".join(cell["source"])) for cell in json.loads(text)["cells"])
    language = LANGUAGES.get(file.suffix, "bash" if text.startswith("#!/usr/bin/env bash") else "text")
    lines = app.builder.highlighter.highlight_block(text, language).splitlines()  # type: ignore[attr-defined]
    if file.suffix == ".py":
        # The highlighter drops blank lines at the top; no file of this project begins with one.
        for name, number in functions_of(text).items():
            lines[number - 1] = f'<span id="{name}"></span>{lines[number - 1]}'
    return "\n".join(lines)


def _cell(app: Sphinx, kind: str, text: str) -> str:
    if kind == "code":
        return str(app.builder.highlighter.highlight_block(text, "ipython3"))  # type: ignore[attr-defined]
    return str(MarkdownIt().render(text))


def begin(app: Sphinx, *_: Any) -> None:
    """Clear the collected files at the start of each build."""
    app.env.repo_files = set()  # type: ignore[attr-defined]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("env-before-read-docs", begin)
    app.connect("source-read", mark_links)
    app.connect("doctree-resolved", resolve_links)
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": False, "parallel_write_safe": False}
