"""The contents at the side of the site: the sections of docs/index.md and the pages that they link to.

So the page stays plain Markdown, and says the order of the pages once. A page that it does not link to is a warning of
Sphinx, and so an error.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

#: What a browser that opens the folder sees first.
FIRST = '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={0}"><a href="{0}">{0}</a>\n'


def add_contents(app: Sphinx, docname: str, source: list[str]) -> None:
    """Before the front page is read: a table of contents for each of its sections."""
    if docname != app.config.root_doc:
        return
    for heading, text in re.findall(r"^## (.*)\n((?:(?!## ).*\n?)*)", source[0], flags=re.M):
        pages = re.findall(r"^- \[[^\]]*\]\(([^)#:]+)\.md\)", text, flags=re.M)
        if pages:
            source[0] += "\n".join(["\n```{toctree}", ":hidden:", f":caption: {heading}", "", *pages, "```\n"])


def add_first(app: Sphinx, error: Exception | None) -> None:
    """Lead from the folder of the site to its front page."""
    if error is None and app.builder.format == "html":
        target = app.builder.get_target_uri(app.config.root_doc)
        Path(app.outdir, "index.html").write_text(FIRST.format(target))


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("source-read", add_contents)
    app.connect("build-finished", add_first)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
