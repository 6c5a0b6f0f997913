"""Formulas as MathML, which browsers draw without scripts and without additional fonts."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)

#: Name of a function that no bracket follows; a thin space separates it from its argument.
NAMED = re.compile(r"(<m[io]>(?:ln|min|arctan|sinh)</m[io]>)(?!<mo)")

#: Spaces between formulas that stand on one line.
WIDE = re.compile(r"\\q?quad\b")


def _mathml(formula: str, display: str, node: nodes.Element) -> str:
    """MathML of a formula of a node."""
    try:
        return NAMED.sub(r'\1<mspace width="0.167em"/>', convert(formula, display=display))
    except Exception as error:
        LOGGER.warning("formula %r: %s: %s", formula, type(error).__name__, error, location=node)
        return ""


def visit_inline(translator: Any, node: nodes.math) -> None:
    """Write a formula within a line."""
    translator.body.append(_mathml(node.astext(), "inline", node))
    raise nodes.SkipNode


def visit_block(translator: Any, node: nodes.math_block) -> None:
    """Write a formula on lines of its own; parts between wide spaces stand below each other on narrow screens."""
    shown = "".join(_mathml(part, "block", node) for part in WIDE.split(node.astext()))
    translator.body.append(f'<div class="formula">{shown}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
