"""Configuration of Sphinx for the site of docs/, which `./spine docs` builds.

Sphinx with MyST-Parser reads the pages as they are, plain Markdown with relative links, and warns of every link and
anchor without a target. The source folder is the checkout, so that CHANGELOG.md and ARCHITECTURE.md are pages, too.
Neither the build nor the pages need the network: formulas become MathML.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(HERE)]

from spinepnp import __version__  # noqa: E402

#: Pages outside docs/.
PAGES = ("ARCHITECTURE.md", "CHANGELOG.md")

project = "spinepnp"
author = "The spinepnp developers"
copyright = "2026 The spinepnp developers"
version = release = __version__

extensions = ["myst_parser", *(f"site_parts.{name}" for name in ("formulas", "sources", "contents", "api", "search"))]
root_doc = "docs/index"
include_patterns = [*PAGES, "docs/*.md", "docs/api/*.md"]
exclude_patterns = [path.name for path in ROOT.iterdir() if path.name not in {*PAGES, "docs"}]
exclude_patterns += [f"docs/{path.name}" for path in HERE.iterdir() if path.is_dir() and path.name != "api"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
myst_url_schemes = {"http": None, "https": None, "mailto": None, "repo": None}
highlight_language = "text"
nitpicky = True

autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 140
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"spinepnp {__version__}"
html_math_renderer = "mathml"
html_static_path = ["site_parts/static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = html_show_sphinx = False
html_use_index = False
