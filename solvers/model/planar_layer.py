"""Debye layer at a flat wall, on the cells of a mesh and resolved: the error of its potential drop.

Ions beside a wall are in equilibrium with the solution beyond the layer, c_i = C_i exp(-z_i phi), so that

    -lambda^2 phi'' = sum_i z_i C_i exp(-z_i phi) + rho,      -lambda^2 phi'(0) = q,      phi'(D) = 0

in scaled units (potential in V_T). Solved with cells of the size of the solver's and with
much finer ones, this equation gives the error of the solver's layer, whether its cells are thinner than it or not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

#: Length of the interval on each side of an edge, in Debye lengths: exp(-12) = 6e-6 of the drop is left there.
EXTENT = 12.0

#: First cell of the fine mesh over the thickness of the layer.
FINE_FIRST_CELL = 0.02

#: Growth of the cells of the fine mesh.
FINE_GROWTH = 1.12

#: Largest change of the potential in a Newton step, V_T: exponentials of larger ones overshoot.
LARGEST_STEP = 1.5

#: Most Newton steps; they suffice for drops of 300 V_T at the largest change.
MOST_STEPS = 200


#: Largest change d of |z| phi within a cell, V_T, up to which concentrations on linear elements are right: the ratio of
#: those at the ends of a cell has the relative error d^3/12 (1 % at 0.5).
LARGEST_DROP_LINEAR = 0.5

#: Largest change d of |z| phi within a cell, V_T, for quadratic elements, with the error d^5/720 (1 % at 1.5).
LARGEST_DROP_QUADRATIC = 1.5


def largest_drop(element_degree: int) -> float:
    """Largest change of |z| phi within a cell, V_T, up to which concentrations as unknowns are right."""
    return LARGEST_DROP_LINEAR if element_degree == 1 else LARGEST_DROP_QUADRATIC


@dataclass(frozen=True)
class PlanarLayer:
    """Solution beside a wall.

    Attributes:
        valence: valences z_i, shape (N,).
        concentration: concentrations C_i where phi is zero, scaled, shape (N,).
        fixed: fixed charge rho, scaled.
        debye_squared: coefficient lambda^2 of the field, scaled.
    """

    valence: np.ndarray
    concentration: np.ndarray
    fixed: float
    debye_squared: float

    @property
    def debye_length(self) -> float:
        """Debye length sqrt(lambda^2 / sum z^2 C), scaled; infinite without ions."""
        strength = float(self.valence**2 @ self.concentration)
        return float(np.sqrt(self.debye_squared / strength)) if strength > 0.0 else np.inf

    def charge(self, phi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Charge density and minus its derivative by phi, at potentials of shape (n,)."""
        exponent = np.clip(-np.multiply.outer(phi, self.valence), -400.0, 400.0)
        c = self.concentration * np.exp(exponent)
        return c @ self.valence + self.fixed, c @ self.valence**2

    def neutral_trace(self, largest: float) -> float | None:
        """Potential w of the neutral solution relative to here, V_T: sum_i z_i C_i exp(-z_i w) + rho = 0.

        It is ``None`` where no |w| up to the largest one of the search makes the solution neutral.
        """
        from scipy.optimize import brentq

        def net(w: float) -> float:
            return float(self.charge(np.array([w]))[0][0])

        if not net(-largest) > 0.0 > net(largest):
            return None
        return float(brentq(net, -largest, largest, xtol=1e-14))

    def beyond(self, w: float) -> PlanarLayer:
        """Solution where the potential is higher by w, V_T."""
        concentration = self.concentration * np.exp(-self.valence * w)
        return PlanarLayer(self.valence, concentration, self.fixed, self.debye_squared)

    def charge_of_drop(self, drop: float) -> float:
        """Charge of a wall at a potential, scaled; Grahame, Chem. Rev. 41 (1947) 441.

        q^2 / (2 lambda^2) = sum_i C_i (exp(-z_i phi) - 1) - rho phi.
        """
        energy = float(self.concentration @ np.expm1(-self.valence * drop)) - self.fixed * drop
        return math.copysign(math.sqrt(2.0 * self.debye_squared * max(energy, 0.0)), drop)

    def thickness(self, charge: float) -> float:
        """Thickness of the layer of a wall charge: the smaller of Debye length and Gouy-Chapman length, scaled."""
        length = 2.0 * self.debye_squared / abs(charge) if charge else np.inf
        return min(self.debye_length, length)


def graded_heights(first: float, growth: float, largest: float, extent: float) -> np.ndarray:
    """Heights of cells that grow away from a wall up to a largest one, until they fill an extent.

    Args:
        first: height of the cell at the wall, scaled as all lengths.
        growth: ratio of the heights of neighbouring cells.
        largest: largest height of a cell.
        extent: length that the cells fill.

    Returns:
        Heights from the wall on, shape (cells,).
    """
    heights: list[float] = []
    total, height = 0.0, first
    while total < extent and len(heights) < 5000:
        heights.append(min(height, largest))
        total += heights[-1]
        height *= growth
    return np.array(heights) * (extent / total if total > extent else 1.0)


def drop(solution: PlanarLayer, charge: float, heights: np.ndarray, *, degree: int = 1, lumped: bool = True) -> float:
    """Potential drop of finite elements from the wall to the far end, V_T; see `potentials`.

    Args:
        solution: solution beside the wall.
        charge: charge of the wall, scaled.
        heights: heights of the cells, from the wall on, shape (cells,).
        degree: degree of the elements, 1 or 2.
        lumped: whether the mass matrix of linear elements is lumped.

    Raises:
        ArithmeticError: Newton does not converge.
    """
    phi = potentials(solution, charge, heights, degree=degree, lumped=lumped)
    return float(phi[0] - phi[-1])


def potentials(
    solution: PlanarLayer,
    charge: float,
    heights: np.ndarray,
    *,
    degree: int = 1,
    lumped: bool = True,
    more_fixed: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Nodal potentials of finite elements, V_T, from the wall on.

    Args:
        solution: solution beside the wall.
        charge: charge q of the wall, scaled.
        heights: heights of the cells, from the wall on, shape (cells,).
        degree: degree of the elements, 1 or 2.
        lumped: whether the mass matrix of linear elements is lumped.
        more_fixed: fixed charge at each node beyond that of the solution, scaled.

    Raises:
        ArithmeticError: Newton does not converge.
    """
    from scipy.linalg import solve_banded

    count = degree * len(heights) + 1
    stiffness, mass = _elements(degree, lumped)
    band = degree
    phi, first = np.zeros(count), np.arange(len(heights)) * degree
    dofs = first[:, None] + np.arange(degree + 1)
    if degree == 2:
        dofs = dofs[:, [0, 2, 1]]
    load = np.zeros(count)
    load[0] = charge
    for _ in range(MOST_STEPS):
        rho, slope = solution.charge(phi)
        rho = rho + more_fixed
        residual, matrix = -load, np.zeros((2 * band + 1, count))
        for a in range(degree + 1):
            for b in range(degree + 1):
                k = solution.debye_squared * stiffness[a, b] / heights
                m = mass[a, b] * heights
                residual = residual + np.bincount(dofs[:, a], k * phi[dofs[:, b]] - m * rho[dofs[:, b]], count)
                np.add.at(matrix, (band + dofs[:, a] - dofs[:, b], dofs[:, b]), k + m * slope[dofs[:, b]])
        step = solve_banded((band, band), matrix, residual)
        largest = float(np.abs(step).max())
        phi = phi - step * min(1.0, LARGEST_STEP / largest if largest > 0.0 else 1.0)
        if largest < 1e-9 * max(1.0, float(np.abs(phi).max())):
            return phi
    raise ArithmeticError("the flat layer does not converge")


def _elements(degree: int, lumped: bool) -> tuple[np.ndarray, np.ndarray]:
    """Stiffness and mass matrices of an element of height one; of a quadratic one the end nodes come first."""
    if degree == 1:
        stiffness = np.array([[1.0, -1.0], [-1.0, 1.0]])
        return stiffness, np.eye(2) / 2.0 if lumped else np.array([[2.0, 1.0], [1.0, 2.0]]) / 6.0
    stiffness = np.array([[7.0, 1.0, -8.0], [1.0, 7.0, -8.0], [-8.0, -8.0, 16.0]]) / 3.0
    return stiffness, np.array([[4.0, -1.0, 2.0], [-1.0, 4.0, 2.0], [2.0, 2.0, 16.0]]) / 30.0


def error_of_drop(
    solution: PlanarLayer, charge: float, heights: np.ndarray, *, degree: int, lumped: bool
) -> tuple[float, float]:
    """Error of the potential drop on cells of given heights, and the resolved drop; see `potentials`.

    Args:
        solution: solution beside the wall.
        charge: charge of the wall, scaled.
        heights: heights of the cells, from the wall on, shape (cells,).
        degree: degree of the elements, 1 or 2.
        lumped: whether the mass matrix of linear elements is lumped.

    Returns:
        (drop on these cells minus the resolved drop, the resolved drop), V_T; NaN where there is no solution.
    """
    if charge == 0.0 or not len(heights):
        return 0.0, 0.0
    thickness, extent = solution.thickness(charge), float(heights.sum())
    fine = graded_heights(FINE_FIRST_CELL * thickness, FINE_GROWTH, extent / 50.0, extent)
    try:
        exact = drop(solution, charge, fine, degree=2)
        return drop(solution, charge, heights, degree=degree, lumped=lumped) - exact, exact
    except (ArithmeticError, np.linalg.LinAlgError, ValueError):
        return float("nan"), float("nan")


def error_of_edge(
    solution: PlanarLayer, step: float, height: float, growth: float, largest: float, *, degree: int, lumped: bool
) -> np.ndarray:
    """Error of int dx/c_i across an edge of fixed charge, of each ion, scaled; shape (N,).

    A flux through the layer at the edge of a gel meets the resistance int dx/c_i of each ion, which is wrong on cells
    thicker than the layer, though both sides of the edge are right.

    Args:
        solution: neutral solution on one side.
        step: jump of the fixed charge to the other side, scaled.
        height: height of the cells on both sides of the edge.
        growth: growth of the cells from there on.
        largest: largest height of a cell.
        degree: degree of the elements, 1 or 2.
        lumped: whether the mass matrix of linear elements is lumped.
    """
    extent = max(EXTENT * solution.debye_length, 4.0 * height)
    fine = graded_heights(
        FINE_FIRST_CELL * solution.thickness(step * solution.debye_length), FINE_GROWTH, extent / 50.0, extent
    )
    resistances = []
    for heights, order, nodal in ((graded_heights(height, growth, largest, extent), degree, lumped), (fine, 2, False)):
        both = np.concatenate([heights[::-1], heights])
        nodes = order * len(heights)
        beyond = step * np.repeat([0.0, 0.5, 1.0], [nodes, 1, nodes])
        try:
            phi = potentials(solution, 0.0, both, degree=order, lumped=nodal, more_fixed=beyond)
        except (ArithmeticError, np.linalg.LinAlgError, ValueError):
            return np.full(len(solution.valence), np.nan)
        resistances.append(_resistances(solution, phi, both, order))
    return np.asarray(resistances[0] - resistances[1])


def _resistances(solution: PlanarLayer, phi: np.ndarray, heights: np.ndarray, degree: int) -> np.ndarray:
    """Resistances int dx/c_i of elements whose electrochemical potentials are linear or quadratic, shape (N,)."""
    z, concentration = solution.valence, solution.concentration[:, None]
    if degree == 1:  # fluxes along edges take the logarithmic mean of both ends
        s = 0.5 * np.multiply.outer(z, np.diff(phi))
        inverse = np.exp(0.5 * np.multiply.outer(z, phi[:-1] + phi[1:])) / concentration
        return np.asarray(
            (inverse * np.where(np.abs(s) < 1e-6, 1.0, s / np.sinh(np.where(s == 0.0, 1.0, s)))) @ heights
        )
    points, weights = np.polynomial.legendre.leggauss(6)
    basis = 0.5 * points * (points - 1.0), 1.0 - points**2, 0.5 * points * (points + 1.0)
    inside = sum(np.multiply.outer(part, b) for part, b in zip((phi[:-2:2], phi[1::2], phi[2::2]), basis, strict=True))
    c = concentration[:, :, None] * np.exp(-np.multiply.outer(z, inside))
    # Least dissipation of mu' = a + b s, -1 < s < 1, at a given difference.
    of_one, of_s, of_square = (c @ (0.5 * weights * points**power) for power in (0, 1, 2))
    return np.asarray((1.0 / (of_one - of_s**2 / of_square)) @ heights)
