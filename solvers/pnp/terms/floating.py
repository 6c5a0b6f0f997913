"""Floating potentials: one unknown potential of a boundary, at which no total current passes (open circuit)."""

from __future__ import annotations

from typing import override

from spinepnp.solvers.model.problem_data import ProblemSignature
from spinepnp.solvers.pnp.terms.net_current import NetCurrent


class Floating(NetCurrent):
    """Potentials of floating boundaries, whose net currents are zero."""

    order = 110

    @staticmethod
    @override
    def boundaries(signature: ProblemSignature) -> tuple[str, ...]:
        return signature.floating
