"""Every number and effect of paper 002 against what the library computes: `rows`.

What the paper prints stands in `paper.toml`; what is computed comes from `table_channels` and `table_neurons`.
"""

from __future__ import annotations

import functools
import math
import tomllib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

from spinepnp.validation.gnp import table_channels, table_neurons

Verdict = Literal["agrees", "differs", "vanishes"]
Value = float | str

#: States of a neuron by what a stimulus does to it: falling short of the paper's is an effect that vanishes.
EFFECTS = ("rest", "phasic", "tonic", "block")


@dataclass(frozen=True)
class Row:
    """One quantity.

    Attributes:
        section: part of the paper.
        quantity: what it is.
        paper: printed number, state or direction; ``"< 0.1"`` is a bound.
        computed: the same from the library.
        unit: of both.
        tolerance: within which they agree, in that unit.
        verdict: of the comparison: agrees, differs, or vanishes (an effect that the paper has and we do not).
        expected: verdict that a reader of the paper, its code and its data expects.
        reason: why, in a sentence.
    """

    section: str
    quantity: str
    paper: Value
    computed: Value
    unit: str
    tolerance: float
    verdict: Verdict
    expected: Verdict
    reason: str


@functools.cache
def paper() -> dict[str, Any]:
    """The contents of `paper.toml`."""
    text = resources.files("spinepnp.validation.gnp").joinpath("paper.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


#: What computes each section of `paper.toml`.
SECTIONS: dict[str, Callable[[], dict[str, Value]]] = {
    "electrodiffusion": table_channels.electrodiffusion,
    "channels": table_channels.channels,
    "table1": lambda: table_channels.table1({row[0]: row[2] for row in paper()["channels"]["rows"]}),
    "rest": table_neurons.rest,
    "firing": table_neurons.firing,
    "pump": table_neurons.pump,
    "fits": lambda: table_neurons.fits({"K": paper()["fits"]["code_K"], "Na": paper()["fits"]["code_Na"]}),
    "gated": table_neurons.gated,
    "equilibria": table_neurons.equilibria,
    "persistence": table_neurons.persistence,
    "printed": table_neurons.printed,
    "printed_long": table_neurons.printed_long,
}


def judge(printed: Value, computed: Value, tolerance: float) -> Verdict:
    """Compare a computed value with a printed one.

    Args:
        printed: number, word, or bound (``"< 0.1"``).
        computed: number or word; not a number for an event that does not happen.
        tolerance: of numbers, in their unit.

    Returns:
        The verdict. A number vanishes where it is zero within the tolerance (or not one) and the printed one is not, a
        state where it falls short of the printed one (`EFFECTS`).
    """
    if isinstance(printed, str) and printed.startswith("<"):
        return "agrees" if float(computed) < float(printed[1:]) + tolerance else "differs"
    if isinstance(printed, str) or isinstance(computed, str):
        if printed == computed:
            return "agrees"
        weaker = printed in EFFECTS and computed in EFFECTS and EFFECTS.index(computed) < EFFECTS.index(printed)
        return "vanishes" if weaker else "differs"
    if abs(computed - printed) <= tolerance * (1.0 + 1e-9):
        return "agrees"
    return "vanishes" if math.isnan(computed) or abs(computed) <= tolerance else "differs"


def rows(quick: bool = False, sections: Collection[str] | None = None) -> list[Row]:
    """The table.

    Args:
        quick: without the sections that need long runs.
        sections: of `SECTIONS`; all by default.

    Returns:
        One row a quantity, in the paper's order.

    Raises:
        KeyError: a quantity of `paper.toml` that nothing computes, or the other way round.
    """
    found = []
    for key, section in paper().items():
        if (quick and section.get("slow", False)) or (sections is not None and key not in sections):
            continue
        computed = SECTIONS[key]()
        unknown = set(computed) ^ {row[0] for row in section["rows"]}
        if unknown:
            raise KeyError(f"{key}: computed or printed only: {', '.join(sorted(unknown))}")
        for name, quantity, printed, unit, tolerance, expected, reason in section["rows"]:
            value = computed[name]
            verdict = judge(printed, value, tolerance)
            found.append(Row(section["title"], quantity, printed, value, unit, tolerance, verdict, expected, reason))
    return found
