"""What stands for a species among the unknowns: its density c, or its logarithm w = ln c.

With logarithms every density is positive by construction; what vanishes (absorbing boundaries, an empty bulk) has none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spinepnp.meshes.stack import ufl


@dataclass(frozen=True)
class Formulation:
    """The unknown of a species and its way to the density, in UFL and in NumPy.

    Attributes:
        density: c of an unknown, in UFL.
        gradient: grad c of an unknown, in UFL.
        densities: c of nodal unknowns.
        unknowns: nodal unknowns of c.
        slope: dc/d(unknown) at nodal values of c.
        extra_degree: by which quadrature must exceed that of a polynomial density.
    """

    density: Callable[[Any], Any]
    gradient: Callable[[Any], Any]
    densities: Callable[[np.ndarray], np.ndarray]
    unknowns: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    extra_degree: int


FORMULATIONS = {
    "density": Formulation(
        density=lambda c: c,
        gradient=ufl.grad,
        densities=lambda c: c,
        unknowns=lambda c: c,
        slope=np.ones_like,
        extra_degree=0,
    ),
    "log": Formulation(
        density=ufl.exp,
        gradient=lambda w: ufl.exp(w) * ufl.grad(w),
        densities=np.exp,
        unknowns=np.log,
        slope=lambda c: c,
        extra_degree=2,
    ),
}
