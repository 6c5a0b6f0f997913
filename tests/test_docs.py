"""The documentation: the site builds without a warning, links and anchors lead somewhere, commands are commands."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from conftest import ROOT


class Links(HTMLParser):
    """Addresses that a page loads or leads to, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: set[str] = set()
        self.leads: set[str] = set()
        self.anchors: set[str] = set()
        self.formulas = 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors |= {given[key] for key in ("id", "name") if given.get(key)}
        self.formulas += tag == "math"
        if tag == "a":
            self.leads.add(given.get("href") or "")
        elif tag != "use":  # parts of pictures that stand in the page itself
            self.loads |= {given[key] for key in ("src", "href") if given.get(key)}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "spinepnp", "docs", "--output", str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == [str(folder / "index.html")]
    return folder


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Links]:
    return {path: Links(path.read_text()) for path in site.rglob("*.html")}


def test_every_page_is_there(site):
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / "docs" / f"{page.stem}.html").exists()


def test_pages_load_nothing_from_elsewhere(site, pages):
    for path, page in pages.items():
        for address in page.loads:
            assert not urlsplit(address).netloc, f"{path}: {address}"
    for sheet in site.rglob("*.css"):
        assert not re.search(r"@import|url\(['\"]?(https?:)?//", sheet.read_text()), sheet


def test_links_and_anchors_of_the_site_lead_somewhere(pages):
    for path, page in pages.items():
        for address in page.leads | page.loads:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.exists(), f"{path}: {address}"
            if parts.fragment and target in pages and target.name != "search.html":
                assert unquote(parts.fragment) in pages[target].anchors | {""}, f"{path}: {address}"


def test_links_to_files_are_found():
    sys.path.insert(0, str(ROOT / "docs"))
    from site_parts.sources import LINK, functions_of

    assert [m[2] for m in LINK.finditer("[a](../x.py#f) ![b](y.png) [![c](z.png)](d.toml)")] == ["../x.py", "d.toml"]
    assert set(functions_of("class A:\n    def b(self): ...\n\nC = 1\n")) == {"A", "A.b", "C"}
