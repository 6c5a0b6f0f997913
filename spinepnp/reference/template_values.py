"""Values of a template for each shape, for `spinepnp new`, from template_values.toml, which says what they are."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spinepnp.errors import CaseError

#: A triangulated spine that a checkout has.
SURFACE = Path(__file__).resolve().parents[2] / "cases" / "surfaces" / "spine.ply"


@dataclass(frozen=True)
class Starter:
    """Values of a template, by the keys of template_values.toml.

    Attributes:
        title: title of the case.
        sizes: keys of the shape that are set.
        ground: boundary with prescribed potential and concentrations; empty for a closed body.
        injector: boundary where the current enters.
        probe: place of the shape by its name, or coordinates of a point inside, as texts.
        options: keys of the shape that are shown and not set.
        wall: boundary that may carry charge; empty for none.
        law: law of [compare], where one fits.
        grade: size and growth toward the injector, as an alternative; empty for none.
        region: two heights within the body, as texts.
        mesh: keys of [mesh] that are set.
        living: whether the example of a living membrane is shown.
    """

    title: str
    sizes: dict[str, Any]
    ground: str
    injector: str
    probe: str | list[str]
    options: dict[str, Any] = field(default_factory=dict)
    wall: str = "wall"
    law: str = ""
    grade: dict[str, Any] = field(default_factory=lambda: {"size": "0.1 nm", "growth": 1.4})
    region: tuple[str, ...] = ("0.4 um", "0.6 um")
    mesh: dict[str, Any] = field(default_factory=dict)
    living: bool = False


#: Values of the template of each shape.
STARTERS = {
    name: Starter(**values)
    for name, values in tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")).items()
}


def starter_of(shape: str) -> Starter:
    """Template values of a shape.

    Raises:
        CaseError: the shape was added to the checkout without them.
    """
    if shape not in STARTERS:
        raise CaseError("new", "has no template values; add them to spinepnp/reference/template_values.toml", shape)
    return STARTERS[shape]
