"""Electrical loads of a boundary: linear networks with one terminal, whose potential is that of the boundary.

With the potentials v of its nodes, of which the first one is the terminal, a load obeys

    M dv/dt + (G + S) (v - rest) = I e_0

where I is the current into the terminal, M the capacitance and G the leak of the nodes, and S, whose rows add up to
zero, the conductance between them: the sum of all rows, I = sum_a (M dv/dt + G (v - rest))_a, is free of cancellation.
A resistor with a capacitor in parallel is one node, C dV/dt + (V - rest)/R = I. A passive cable (Rall 1962) is a line
of finite elements,

    c_m dV/dt = (1/r_a) V'' - (V - rest)/r_m,    -V'(0)/r_a = I,    V'(end) = 0,

and equal arms carry equal currents: they multiply all matrices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

#: Degree of the finite elements of a cable.
DEGREE = 6

#: Shortest time after a jump of the current that the elements resolve at the terminal, s; potentials of before are
#: small, because a cable has no resistance at first.
SHORTEST_TIME = 1e-6

#: Growth of the elements from the terminal on: those of a diffusion are in proportion to their distance.
GROWTH = 2.0

#: Largest element over the length constant.
LARGEST_ELEMENT = 2.0

#: Length over the length constant at which a longer cable is cut: its input resistance differs by 2 exp(-36) = 5e-16.
LONGEST = 18.0


@dataclass(frozen=True)
class LoadStep:
    """Implicit step of a load from `start`, with its inner nodes eliminated.

    Attributes:
        slope: derivative of the current by the potential of the terminal at the end, S.
        held: current into the terminal that stays at its potential, A.
        start: potentials of the nodes at the start, V, shape (nodes,).
        response: change of all potentials for a unit change of that of the terminal, shape (nodes,).
        drift: change of all potentials where the terminal stays at its potential, V, shape (nodes,).
    """

    slope: float
    held: float
    start: np.ndarray
    response: np.ndarray
    drift: np.ndarray

    def current(self, potential: float) -> float:
        """Current into the terminal, A, by its potential at the end, V."""
        return self.slope * (potential - float(self.start[0])) + self.held

    def end(self, potential: float) -> np.ndarray:
        """Potentials of all nodes at the end, V, shape (nodes,), by that of the terminal."""
        return self.start + self.response * (potential - self.start[0]) + self.drift


class LoadModel:
    """A load as a linear network.

    Examples:
        >>> soma = resistor(resistance=200e6, capacitance=20e-12, rest=0.0)
        >>> round(soma.step(soma.at_rest, 1e-3).current(1e-3) * 1e12, 6)  # pA: into R and into C
        25.0

    Args:
        storage: capacitances M, F, shape (nodes, nodes), symmetric.
        leak: conductances G to the outside, S, of the same shape, symmetric.
        between: conductances S between the nodes, S, of the same shape, symmetric; its rows add up to zero.
        rest: potential at which no current flows, V.

    Attributes:
        rest: potential at which no current flows, V.
        count: number of nodes.
    """

    def __init__(self, storage: np.ndarray, leak: np.ndarray, between: np.ndarray, rest: float) -> None:
        self._storage, self._leak, self._between, self.rest = storage, leak, between, rest
        self.count = len(storage)
        steady = leak + between
        self._profile = _with_terminal(1.0, -np.linalg.solve(steady[1:, 1:], steady[1:, 0]))

    @property
    def at_rest(self) -> np.ndarray:
        """Potentials of the nodes at rest, V, shape (nodes,)."""
        return np.full(self.count, self.rest)

    @property
    def conductance(self) -> float:
        """Steady current over the potential of the terminal relative to rest, S."""
        return float(self._leak.sum(axis=0) @ self._profile)

    def steady(self, potential: float) -> np.ndarray:
        """Potentials of all nodes in a steady state, V, shape (nodes,), by that of the terminal."""
        return self.rest + (potential - self.rest) * self._profile

    def step(self, start: np.ndarray, length: float) -> LoadStep:
        """Implicit step.

        Args:
            start: potentials of the nodes at the start, V, shape (nodes,).
            length: factor of the rate at the end, s; infinite for a steady state.
        """
        to_ground = self._storage / length + self._leak
        matrix, above_rest = to_ground + self._between, start - self.rest
        driven = (self._leak + self._between) @ above_rest  # currents of the present potentials
        inner = -np.linalg.solve(matrix[1:, 1:], np.column_stack([matrix[1:, 0], driven[1:]]))
        response, drift = _with_terminal(1.0, inner[:, 0]), _with_terminal(0.0, inner[:, 1])
        sums = to_ground.sum(axis=0)
        return LoadStep(
            slope=float(sums @ response),
            held=float(self._leak.sum(axis=0) @ above_rest + sums @ drift),
            start=start,
            response=response,
            drift=drift,
        )


def resistor(*, resistance: float, capacitance: float, rest: float) -> LoadModel:
    """Load of a resistor with a capacitor in parallel.

    Args:
        resistance: resistance R, Ohm.
        capacitance: capacitance C, F; zero for none.
        rest: potential behind the resistor, V.
    """
    return LoadModel(np.array([[capacitance]]), np.array([[1.0 / resistance]]), np.zeros((1, 1)), rest)


@dataclass(frozen=True)
class PassiveCable:
    """A passive cable of one or two equal arms with sealed ends (Rall 1962).

    Examples:
        >>> dendrite = PassiveCable(diameter=1e-6, length=math.inf, axial_resistivity=1.0, membrane_resistance=2.0,
        ...                         membrane_capacitance=0.01, arms=2)
        >>> round(dendrite.length_constant * 1e6, 1), round(dendrite.input_resistance / 1e6, 1)  # um, MOhm
        (707.1, 450.2)

    Attributes:
        diameter: diameter, m.
        length: length of an arm, m; may be infinite.
        axial_resistivity: resistivity of the inside R_i, Ohm m.
        membrane_resistance: resistance of a unit area of the membrane R_m, Ohm m^2.
        membrane_capacitance: capacitance per area C_m, F/m^2.
        arms: number of arms that begin at the terminal.
    """

    diameter: float
    length: float
    axial_resistivity: float
    membrane_resistance: float
    membrane_capacitance: float
    arms: int

    @property
    def axial_resistance(self) -> float:
        """Resistance of the inside per length r_a = R_i / (pi a^2), Ohm/m."""
        return self.axial_resistivity / (math.pi * (0.5 * self.diameter) ** 2)

    @property
    def leak(self) -> float:
        """Conductance of the membrane per length 1/r_m = 2 pi a / R_m, S/m."""
        return math.pi * self.diameter / self.membrane_resistance

    @property
    def capacitance(self) -> float:
        """Capacitance of the membrane per length c_m = 2 pi a C_m, F/m."""
        return math.pi * self.diameter * self.membrane_capacitance

    @property
    def length_constant(self) -> float:
        """Length constant lambda = sqrt(r_m / r_a), m."""
        return 1.0 / math.sqrt(self.axial_resistance * self.leak)

    @property
    def input_resistance(self) -> float:
        """Steady input resistance r_a lambda coth(length / lambda) / arms, Ohm."""
        unit = self.axial_resistance * self.length_constant / self.arms
        return unit / math.tanh(self.length / self.length_constant)

    def _edges(self) -> np.ndarray:
        """Ends of the elements of an arm, m, from the terminal on."""
        constant = self.length_constant
        end = min(self.length, LONGEST * constant)
        finest = math.sqrt(SHORTEST_TIME / (self.axial_resistance * self.capacitance))
        size, edges = min(finest, LARGEST_ELEMENT * constant), [0.0]
        while edges[-1] + 1.5 * size < end:  # the last one is between one half and three halves of its size
            edges.append(edges[-1] + size)
            size = min(GROWTH * size, LARGEST_ELEMENT * constant)
        return np.array([*edges, end])

    def model(self, rest: float) -> LoadModel:
        """The cable as a load, with a resting potential, V."""
        edges = self._edges()
        mass, stiffness = _element()
        nodes = DEGREE * (len(edges) - 1) + 1
        lengths, between = np.zeros((nodes, nodes)), np.zeros((nodes, nodes))
        for k, size in enumerate(np.diff(edges).tolist()):
            own = slice(DEGREE * k, DEGREE * k + DEGREE + 1)
            lengths[own, own] += self.arms * size * mass
            between[own, own] += self.arms / (self.axial_resistance * size) * stiffness
        return LoadModel(self.capacitance * lengths, self.leak * lengths, between, rest)


def _with_terminal(terminal: float, inner: np.ndarray) -> np.ndarray:
    return np.concatenate([[terminal], inner])


def _element() -> tuple[np.ndarray, np.ndarray]:
    """Mass and stiffness matrices of an element of length one, with the nodes of Gauss and Lobatto, its ends included.

    Each has shape (degree + 1, degree + 1). Quadrature with degree + 1 points is exact for both.
    """
    legendre = np.polynomial.legendre
    inside = np.sort(legendre.legroots(legendre.legder(np.eye(DEGREE + 1)[DEGREE])).real)
    to_modes = np.linalg.inv(legendre.legvander(np.array([-1.0, *inside, 1.0]), DEGREE))
    points, weights = legendre.leggauss(DEGREE + 1)
    values = legendre.legvander(points, DEGREE) @ to_modes
    slopes = legendre.legvander(points, DEGREE - 1) @ legendre.legder(np.eye(DEGREE + 1)) @ to_modes
    return 0.5 * values.T * weights @ values, 2.0 * slopes.T * weights @ slopes
