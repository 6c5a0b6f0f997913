"""Errors of currents beyond the limiting one, with the limit in digits that tell them apart."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from spinepnp.errors import CaseError
from spinepnp.geometries import MODEL_UNIT
from spinepnp.solvers.model.boundaries import Boundaries
from spinepnp.solvers.model.electrolyte import Electrolyte
from spinepnp.units import CURRENT, format_quantity


def shown_limit(limit: float, value: float) -> float:
    """The limit in four digits, or in enough to distinguish it from a value just beyond it, rounded to its own side."""
    exact, rounded = Decimal(repr(limit)), Decimal(0)
    beyond = max(abs(value - limit), 1e-9 * abs(value))
    in_four = float(f"{limit:.4g}")
    if abs(in_four) < abs(value) and abs(in_four - limit) <= 0.1 * beyond:
        return in_four
    for digits in range(5, 13):
        step = Decimal(1).scaleb(exact.adjusted() - digits + 1)
        rounded = exact.quantize(step, rounding=ROUND_DOWN)
        if abs(float(rounded)) >= abs(value):
            rounded -= step.copy_sign(rounded)
        if abs(limit - float(rounded)) <= beyond:
            break
    return float(rounded)


def beyond_limit(
    electrolyte: Electrolyte, boundaries: Boundaries, areas: dict[str, float], injected: str, fraction: float
) -> CaseError:
    """Error of currents of which only a fraction can flow.

    Args:
        electrolyte: species.
        boundaries: conditions by boundary name.
        areas: area of each boundary, um^2.
        injected: name of the injected species.
        fraction: fraction of the currents that uses it up somewhere.
    """
    valence = electrolyte.species[electrolyte.index(injected)].valence
    injections = [
        (name, injection.total(areas[name] * MODEL_UNIT**2))
        for name, boundary in boundaries.items()
        for injection in boundary.injections
        if injection.flows
    ]
    # The patch to blame is the one that takes most of the species out.
    name, value = min(injections, key=lambda item: item[1] * valence)
    if len(injections) > 1:
        return CaseError(
            f"boundaries.{name}.current.value",
            f"beyond the limit: all currents together can be {shown_limit(100.0 * fraction, 100.0)!r} % of these, "
            f"where the concentration of {injected} reaches zero; choose weaker ones",
            format_quantity(value, CURRENT),
        )
    limit = format_quantity(shown_limit(value * fraction, value), CURRENT)
    direction = "above" if value < 0 else "below"
    return CaseError(
        f"boundaries.{name}.current.value",
        f"beyond the limiting current {limit}, where the concentration of {injected} reaches zero; "
        f"choose one {direction} it",
        format_quantity(value, CURRENT),
    )
