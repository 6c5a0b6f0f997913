"""Table of every number and effect of paper 002 against the values that the library computes: `rows`.

Printed values are in `paper.toml`; computed values come from `table_channels` and `table_neurons`.
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

#: Verdict of a comparison; "vanishes" is an effect that the paper has and the computation has not.
Verdict = Literal["agrees", "differs", "vanishes"]

#: Number, word or bound of a row.
Value = float | str

#: States of a neuron by the strength of the effect of a stimulus; a weaker one than in the paper counts as vanished.
EFFECTS = ("rest", "phasic", "tonic", "block")


@dataclass(frozen=True)
class Row:
    """Row of one quantity.

    Attributes:
        section: part of the paper.
        quantity: name of the quantity.
        paper: printed number, state or direction; ``"< 0.1"`` is a bound.
        computed: computed number, state or direction.
        unit: unit of both.
        tolerance: largest difference at which both agree, in that unit.
        verdict: verdict of the comparison.
        expected: verdict that a reader of the paper, its code and its data expects.
        reason: reason for the expected verdict, in a sentence.
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
    """Contents of `paper.toml`."""
    text = resources.files("spinepnp.validation.gnp").joinpath("paper.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


#: Function that computes the values of each section of `paper.toml`.
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


def assess(printed: Value, computed: Value, tolerance: float) -> Verdict:
    """Compare a computed value with a printed one.

    Args:
        printed: printed number, word, or bound (``"< 0.1"``).
        computed: computed number or word; NaN for an event that does not happen.
        tolerance: largest difference of numbers that agree, in their unit.

    Returns:
        The verdict. A number vanishes if it is NaN, or zero within the tolerance where the printed one is not; a state
        vanishes if it is weaker than the printed one (`EFFECTS`).
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
    """Rows of the table, one for each quantity, in the paper's order.

    Args:
        quick: whether to leave out the sections that need long runs.
        sections: names of sections; all by default.

    Raises:
        KeyError: a quantity of `paper.toml` is not computed, or a computed quantity is not in `paper.toml`.
    """
    table = []
    for key, section in paper().items():
        if (quick and section.get("slow", False)) or (sections is not None and key not in sections):
            continue
        computed = SECTIONS[key]()
        unknown = set(computed) ^ {row[0] for row in section["rows"]}
        if unknown:
            raise KeyError(f"{key}: computed or printed only: {', '.join(sorted(unknown))}")
        for name, quantity, printed, unit, tolerance, expected, reason in section["rows"]:
            value = computed[name]
            verdict = assess(printed, value, tolerance)
            table.append(Row(section["title"], quantity, printed, value, unit, tolerance, verdict, expected, reason))
    return table
