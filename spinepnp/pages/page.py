"""Parts that all pages share: templates, style, scripts, and data that a script reads."""

from __future__ import annotations

import base64
import functools
import json
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

if TYPE_CHECKING:
    import jinja2

#: Package whose files the pages are made of.
PACKAGE = "spinepnp.pages"

#: Characters that would end a script or begin markup in it, with what stands for them in JSON.
HIDDEN = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


@functools.cache
def environment(package: str) -> jinja2.Environment:
    """Environment of the templates of a package, which may take parts of `PACKAGE`; all that they show is escaped.

    Functions in it: `style` and `script` (the text of a file of this package), `data` (JSON for a script).
    """
    import jinja2

    loaders = [jinja2.PackageLoader(name, ".") for name in (package, PACKAGE)]
    made = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    made.globals.update(style=part, script=part)
    made.filters.update(data=script_data, number=number)
    return made


def part(name: str) -> Markup:
    """Text of a file of this package, to stand in a page as it is."""
    return Markup(resources.files(PACKAGE).joinpath(name).read_text(encoding="utf-8"))


def script_data(value: Any) -> Markup:
    """JSON of plain data for ``<script type="application/json">``, in which nothing can end the script."""
    return Markup(json.dumps(value, allow_nan=False, ensure_ascii=False).translate(HIDDEN))


def packed(values: Any, kind: Any) -> str:
    """Numbers as text (base64, little endian) that a script turns into a typed array.

    Args:
        values: numbers of any shape; the last index runs fastest.
        kind: type of numpy, such as ``np.uint16``.
    """
    return base64.b64encode(np.ascontiguousarray(values, dtype=np.dtype(kind).newbyteorder("<")).tobytes()).decode()


def number(value: Any) -> str:
    """Text of a cell: six digits of a number, nothing where there is none."""
    if value is None or value != value:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
