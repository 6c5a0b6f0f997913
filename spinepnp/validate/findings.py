"""Where the papers are wrong or silent, each with the number of this run that says so.

Numbers come from the verdicts, the figures and the laws, so that the page never says more than was computed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from spinepnp.validate.evidence import Evidence


@dataclass(frozen=True)
class Finding:
    """Something that a paper has wrong, or does not say.

    Attributes:
        paper: "000", "001" or "002".
        kind: "wrong", "unclear", "silent" or "holds".
        title: in a line.
        text: what it is.
        proof: what this run computed; raises `MissingError` where it did not.
    """

    paper: str
    kind: str
    title: str
    text: str
    proof: Callable[[Evidence], Markup]


FINDINGS: tuple[Finding, ...] = ()
