"""Solution that mechanisms see at the nodes of a boundary: beside its Debye layer, or at the nodes themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinepnp.solvers.model.membrane.traces import neutral_trace
from spinepnp.solvers.model.scaling import Scales
from spinepnp.solvers.pnp.fields import Fields


@dataclass(frozen=True)
class WallSolution:
    """Potential and concentrations at n nodes of a boundary, and their derivatives by the unknowns.

    Attributes:
        potential: potential relative to that which counts as zero, scaled, shape (n,).
        concentrations: concentrations, mol/m^3, shape (n, N).
        charges: concentrations of the species that move times their valences, mol/m^3, shape (n, N).
        slope: derivative of the concentrations of the nodes by their unknowns, mol/m^3, shape (n, N).
        factors: factors e^(-z_i w) of the concentrations beside the layer, shape (n, N); ``None`` at the nodes.
        shift: derivative of w by each concentration of the nodes, m^3/mol, shape (n, N); ``None`` at the nodes.
    """

    potential: np.ndarray
    concentrations: np.ndarray
    charges: np.ndarray
    slope: np.ndarray
    factors: np.ndarray | None = None
    shift: np.ndarray | None = None

    def by_unknown(self, by_potential: np.ndarray, by_concentration: np.ndarray) -> np.ndarray:
        """Derivatives by the unknown of each species at the nodes.

        Args:
            by_potential: derivatives by the scaled potential, shape (n, S).
            by_concentration: derivatives by the concentrations, per mol/m^3, shape (n, S, N).

        Returns:
            Derivatives, shape (n, S, N).
        """
        if self.factors is not None and self.shift is not None:
            # c' = c e^(-z w): dc'_k/dc_j = e^(-z_k w) delta_kj - z_k c'_k dw/dc_j
            by_shift = by_potential - (by_concentration @ self.charges[:, :, None])[:, :, 0]
            own = by_concentration * self.factors[:, None, :]
            by_concentration = own + by_shift[:, :, None] * self.shift[:, None, :]
        return by_concentration * self.slope[:, None, :]


def wall_solution(fields: Fields, scales: Scales, at_nodes: np.ndarray, fixed: np.ndarray | None) -> WallSolution:
    """Solution at some nodes, or beside their Debye layer.

    Args:
        fields: fields of the unknowns.
        scales: scales of the unknowns.
        at_nodes: unknowns of the nodes, shape (n, N + 1).
        fixed: scaled fixed charge at the nodes, shape (n,); ``None`` for the solution at the nodes themselves.
    """
    c, phi, valence = fields.variables.concentrations(at_nodes[:, :-1]), at_nodes[:, -1], fields.coefficients.valence
    slope = fields.variables.slope(c) * scales.concentration
    if fixed is None:
        inside = c * scales.concentration
        return WallSolution(phi, inside, inside * valence, slope)
    trace = neutral_trace(c, valence, fixed, fields.moves)
    inside = trace.concentrations * scales.concentration
    shift = trace.shift_slopes / scales.concentration
    return WallSolution(phi + trace.shift, inside, inside * valence * fields.moves, slope, trace.factors, shift)
