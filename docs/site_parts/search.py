"""Excerpts of pages in the results of the site's search, also where the site is read from a disk.

Sphinx asks for the text of each page that is found by `fetch`, which browsers refuse for files. The search page has the
texts by section in a script of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

#: File with the texts of all pages, and the script that gives them to the search.
TEXTS, SCRIPT = "texts.js", "search.js"

#: Signs of LaTeX that are not read.
SIGNS = re.compile(r"\\[,;:! ]|[\\{}]")


def text_of(node: nodes.Node) -> str:
    """Text of a node on one line; formulas without the signs of LaTeX."""
    blocks = node.findall(lambda one: isinstance(one, nodes.TextElement) and not isinstance(one, nodes.Inline))
    return " ".join(" ".join("".join(map(_words, block.findall(nodes.Text))).split()) for block in blocks)


def _words(text: nodes.Text) -> str:
    formula = isinstance(text.parent, nodes.math | nodes.math_block)
    return SIGNS.sub(" ", text).strip() if formula else str(text)


def sections(doctree: nodes.document) -> Iterator[tuple[list[str], str]]:
    """Anchors and own text of each section, without the sections in it."""
    for section in doctree.findall(nodes.section):
        own = [child for child in section.children if not isinstance(child, nodes.section | nodes.comment)]
        yield section["ids"], " ".join(text_of(child) for child in own)


def add_scripts(app: Sphinx, pagename: str, *_: Any) -> None:
    """Add the scripts to the search page only."""
    if pagename == "search":
        for name in (TEXTS, SCRIPT):
            app.add_js_file(name)


def begin(app: Sphinx, *_: Any) -> None:
    """Clear the collected texts at the start of each build."""
    app.env.page_texts = {}  # type: ignore[attr-defined]


def read_texts(app: Sphinx, doctree: nodes.document) -> None:
    """Collect the texts of a page."""
    app.env.page_texts[app.env.current_document.docname] = list(sections(doctree))  # type: ignore[attr-defined]


def write_texts(app: Sphinx, error: Exception | None) -> None:
    """Write the texts of all pages."""
    if error is None and app.builder.format == "html":
        texts = json.dumps(app.env.page_texts, ensure_ascii=False, sort_keys=True)  # type: ignore[attr-defined]
        Path(app.outdir, "_static", TEXTS).write_text(f"const PAGE_TEXTS = {texts};\n")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("env-before-read-docs", begin)
    app.connect("doctree-read", read_texts)
    app.connect("html-page-context", add_scripts)
    app.connect("build-finished", write_texts)
    return {"parallel_read_safe": False, "parallel_write_safe": False}
