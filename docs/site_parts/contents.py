"""Table of contents at the side of the site: the sections of docs/index.md and the pages that they link to.

The front page stays plain Markdown and is the only place for the order of the pages; below the page of the Python
interface, docs/api.md is the place for those of its modules. A page without a link from them is a warning of Sphinx,
and therefore an error.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

#: Page with links to the pages of modules.
API = "docs/api"

#: The page index.html of the folder, which leads to the front page.
FIRST = '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={0}"><a href="{0}">{0}</a>\n'


def add_contents(app: Sphinx, docname: str, source: list[str]) -> None:
    """Add a table of contents for each section of the pages that lead to others, before Sphinx reads them."""
    if docname not in (app.config.root_doc, API):
        return
    for heading, text in re.findall(r"^## (.*)\n((?:(?!## ).*\n?)*)", source[0], flags=re.M):
        pages = re.findall(r"^- \[[^\]]*\]\(([^)#:]+)\.md\)", text, flags=re.M)
        if pages:
            source[0] += "\n".join(["\n```{toctree}", ":hidden:", f":caption: {heading}", "", *pages, "```\n"])


def add_first(app: Sphinx, error: Exception | None) -> None:
    """Write the page that leads from the folder of the site to its front page."""
    if error is None and app.builder.format == "html":
        target = app.builder.get_target_uri(app.config.root_doc)
        Path(app.outdir, "index.html").write_text(FIRST.format(target))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("source-read", add_contents)
    app.connect("build-finished", add_first)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
