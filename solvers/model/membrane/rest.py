"""Rest of a well-stirred cell: potential and concentrations at which all flows through its membranes end.

The state relaxes in implicit steps of growing size (pseudo-transient continuation) from that of the start; once it
hardly changes, Newton's method solves for the rest itself. So the rest is one to which the start leads, and amounts
that never change are those of the start to rounding. Unknowns are the potential and the logarithms of concentrations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spinepnp.solvers.model.membrane.well_stirred import WellStirredCell, molar_flows, outside_of
from spinepnp.units import CONCENTRATION, FARADAY, TIME, format_quantity

#: Beginning of a reason that says that there is no rest, not only that it was not looked for.
NO_REST = "no rest"

#: Remedy where there is none.
REMEDY = (
    "no leak is strong enough against that: weaken the mechanism that moves it, or add one that comes to rest at a "
    'concentration (law = "ghk" or reversal = "nernst")'
)

#: Time, s, up to which it is told when a concentration leaves all bounds: no study is longer.
LONGEST_TIME = 1e4

#: Distance from the potentials outside up to which a rest is looked for, V; no membrane stands half a volt.
FARTHEST = 0.5

#: Distance of the potentials at which the net current is evaluated to find its zeros, V.
SPACING = 1e-3

#: Largest change of ln c and of V/V_T in an iteration of Newton's method.
LONGEST = 2.0

#: Change of the unknowns at which Newton's method has converged.
CONVERGED = 1e-10

#: Largest number of iterations of Newton's method: in a step in time, and for the rest itself.
ITERATIONS_OF_STEP, ITERATIONS = 12, 60

#: First step over the time in which the fastest flow would fill the inside or a compartment; or s where nothing flows.
FIRST_STEP = 0.1

#: Factors of a step that was solved, and of one that was not.
GROWTH, CUT = 3.0, 0.2

#: Change of the unknowns within a step below which the rest is near.
NEAR = 0.05

#: Largest number of steps.
MOST_STEPS = 400

#: Smallest step over the first one.
SMALLEST_STEP = 1e-6

#: Concentration over the ionic strength of the start below which an ion is used up, or one over which it has no bound.
LEAST, MOST = 1e-12, 1e6

#: Net flow of a species over its changes by kT/e and by ln c that is rounding.
BALANCED = 1e-7

#: Distance of potentials of two rests that are different, V.
DIFFERENT = 1e-4

#: Concentration from which a species starts that is not inside but may enter, over the ionic strength.
TRACE = 1e-9


class RestError(ValueError):
    """Reason why there is no rest."""


@dataclass(frozen=True)
class Rest:
    """A rest of a well-stirred cell.

    Attributes:
        potential: potential inside, V.
        inside: concentrations inside, mol/m^3, shape (N,).
        places: compartment and species of each concentration in `exchanged`.
        exchanged: concentrations in compartments, mol/m^3.
        currents: current of each moved species into the inside, A, by name, by patch and mechanism.
        load_current: current from the rest of the cell, A.
        others: potentials of other rests of the same cell, V.
    """

    potential: float
    inside: np.ndarray
    places: tuple[tuple[int, int], ...]
    exchanged: np.ndarray
    currents: dict[tuple[str, str], dict[str, float]]
    load_current: float
    others: tuple[float, ...] = ()


def find_rest(cell: WellStirredCell, *way: WellStirredCell) -> Rest:
    """Rest of a cell.

    Args:
        cell: the cell.
        way: cells that differ from it by the strengths of mechanisms, in the order in which they lead to it: each rest
            is the start for the next one.

    Raises:
        RestError: it has no rest, with the reason.
    """
    return _held(cell, way) if cell.is_held and not cell.exchanged else _relaxed(cell, way)


# --- concentrations that a bath holds, without compartments: the potential is the only unknown


def _held(cell: WellStirredCell, way: Sequence[WellStirredCell]) -> Rest:
    start = _first_exchanged(cell)
    V: float | None = None
    for present in (*way, cell):
        found = _zeros(present, cell.inside, start)
        if not found:
            raise RestError(f"{NO_REST}: the net current has one direction up to {FARTHEST:g} V from outside; {REMEDY}")
        V = _nearest(found, V)
    assert V is not None
    return _rest(cell, V, cell.inside, start, [other for other in found if other != V])


def _zeros(cell: WellStirredCell, inside: np.ndarray, exchanged: np.ndarray) -> list[float]:
    """Potentials without net current at given concentrations, V; that of a bath where one holds it."""
    if cell.potential is not None:
        return [cell.potential]
    from scipy.optimize import brentq  # a third of a second, and few cases need it

    levels = cell.levels + [cell.load_rest] * bool(cell.load_conductance)
    low, high = min(levels, default=0.0) - FARTHEST, max(levels, default=0.0) + FARTHEST
    grid, beyond = np.arange(low, high, SPACING) + SPACING / np.pi, outside_of(cell, exchanged)
    net = cell.net_current(grid, inside, beyond)

    def at(V: float) -> float:
        return float(cell.net_current(np.array([V]), inside, beyond)[0])

    crossed = np.flatnonzero(np.sign(net[:-1]) * np.sign(net[1:]) < 0.0)
    return [float(brentq(at, grid[k], grid[k + 1], xtol=1e-15)) for k in crossed]


def potential_without_current(cell: WellStirredCell) -> float | None:
    """Potential of the inside at the concentrations of the start, V: that of a bath, or one without net current.

    Of several the lowest one; ``None`` where the net current has one direction.
    """
    found = _zeros(cell, cell.inside, _first_exchanged(cell))
    return _nearest(found, None) if found else None


def _nearest(found: list[float], V: float | None) -> float:
    """Nearest of several potentials; the lowest one where there is none before."""
    return min(found) if V is None else min(found, key=lambda other: abs(other - V))


# --- concentrations that change


def _first_exchanged(cell: WellStirredCell) -> np.ndarray:
    return np.array([cell.compartment_starts[k][i] for k, i in cell.exchanged], dtype=float)


class _Equations:
    """Equations of a cell in the unknowns V/V_T, ln c of the species that are inside, and ln c of compartments.

    A step of size h solves (n - n_old)/h = flow for each species; h is infinite for the rest. The equation of a
    species whose total never changes is that total, in the row of its first compartment if there is one; that of a
    counter-ion in a compartment is the charge of the compartment, which never changes. The equation of the potential is
    that of a neutral inside; where a bath holds the concentrations, it is the net current.
    """

    def __init__(self, cell: WellStirredCell) -> None:
        self.cell, N = cell, len(cell.names)
        self.strength = float(np.abs(cell.valences) @ cell.inside) or 1.0
        free = [] if cell.is_held else [i for i in range(N) if cell.inside[i] > 0.0 or i in cell.moved]
        self.active = np.array(free, dtype=int)
        self.z = cell.valences[self.active]
        self.first_exchanged = _first_exchanged(cell)
        self.first = {i: k for k, (_, i) in reversed(list(enumerate(cell.exchanged)))}  # compartment of its total

    def start(self, V: float, inside: np.ndarray, exchanged: np.ndarray) -> np.ndarray:
        """Unknowns of a state."""
        least = TRACE * self.strength
        c, outside = np.maximum(inside[self.active], least), np.maximum(exchanged, least)
        return np.concatenate([[V / self.cell.thermal_voltage], np.log(c), np.log(outside)])

    def state(self, x: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Potential, concentrations inside (all) and in compartments."""
        inside, n = self.cell.inside * self.cell.is_held, 1 + len(self.active)
        inside[self.active] = np.exp(x[1:n])
        return float(x[0] * self.cell.thermal_voltage), inside, np.exp(x[n:])

    def amounts(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Amounts of the active species and of those in compartments, mol, with derivatives by the unknowns."""
        cell, n, z = self.cell, len(self.active), self.z
        V, inside, exchanged = self.state(x)
        c = inside[self.active]
        (Q, capacitance), S = cell.charge(V), float(z**2 @ c)
        volumes = np.array([cell.compartment_volumes[k] for k, _ in cell.exchanged])
        values = np.concatenate([cell.volume * c, volumes * exchanged])
        slopes = np.zeros((len(values), len(x)))
        slopes[np.arange(len(values)), np.arange(1, len(x))] = values
        if S > 0.0:
            share = z * c / S
            values[:n] += share * Q / FARADAY
            slopes[:n, 0] = share * capacitance * cell.thermal_voltage / FARADAY
            slopes[:n, 1 : 1 + n] += (np.diag(share) - np.outer(share, z**2 * c / S)) * Q / FARADAY
        return values, slopes

    def newton_step(self, x: np.ndarray, old: np.ndarray, rate: float) -> np.ndarray:
        """Change of the unknowns by one iteration.

        Args:
            x: unknowns.
            old: amounts at the start of the step, mol.
            rate: reciprocal of its size, 1/s; zero for the rest.
        """
        cell, n = self.cell, len(self.active)
        V, inside, exchanged = self.state(x)
        flows, (amounts, slopes) = molar_flows(cell, V, inside, exchanged), self.amounts(x)
        # Derivatives by the unknowns from those by V and c.
        columns = np.concatenate([[0], 1 + self.active, np.arange(1 + len(inside), flows.inflow_slopes.shape[1])])
        unit = np.concatenate([[cell.thermal_voltage], inside[self.active], exchanged])
        flow = np.concatenate([flows.inflow[self.active], -flows.outflow])
        flow_slopes = np.vstack([flows.inflow_slopes[self.active], -flows.outflow_slopes])[:, columns] * unit
        residual = np.empty(len(x))
        matrix = np.empty((len(x), len(x)))
        if not cell.is_held:
            residual[0] = self.z @ inside[self.active] + cell.fixed_charge
            matrix[0] = np.concatenate([[0.0], self.z * inside[self.active], np.zeros(len(exchanged))])
        elif cell.potential is not None:
            residual[0], matrix[0] = x[0] - cell.potential / cell.thermal_voltage, np.eye(len(x))[0]
        else:
            charge = FARADAY * cell.valences
            residual[0] = charge @ flows.inflow + cell.load_conductance * (cell.load_rest - V)
            matrix[0] = (charge @ flows.inflow_slopes)[columns] * unit
            matrix[0, 0] -= cell.load_conductance * cell.thermal_voltage
        residual[1:] = rate * (amounts - old) - flow
        matrix[1:] = rate * slopes - flow_slopes
        for place, i in enumerate(self.active):
            if np.isnan(cell.totals[i]):
                continue
            everywhere = [place] + [n + k for k, (_, j) in enumerate(cell.exchanged) if j == i]
            row = everywhere[0] if len(everywhere) == 1 else n + self.first[i]
            residual[1 + row] = amounts[everywhere].sum() - cell.totals[i]
            matrix[1 + row] = slopes[everywhere].sum(axis=0)
        for k, i in cell.counters:
            row = 1 + n + cell.exchanged.index((k, i))
            z = np.array([cell.valences[j] * (place == k) for place, j in cell.exchanged])
            residual[row] = z @ (amounts[n:] - cell.compartment_volumes[k] * self.first_exchanged)
            matrix[row] = z @ slopes[n:]
        size = np.abs(matrix).max(axis=1)
        size[size == 0.0] = 1.0
        return np.linalg.solve(matrix / size[:, None], -residual / size)

    def solve(self, x: np.ndarray, old: np.ndarray, rate: float, iterations: int) -> np.ndarray | None:
        """Unknowns at the end of a step, or of the rest; ``None`` where Newton's method fails."""
        for _ in range(iterations):
            try:
                with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                    change = self.newton_step(x, old, rate)
            except np.linalg.LinAlgError:
                return None
            largest = float(np.abs(change).max())
            if not np.isfinite(largest):
                return None
            x = x + change * min(1.0, LONGEST / max(largest, LONGEST))
            if largest < CONVERGED:
                return x
        return None

    def is_at_rest(self, x: np.ndarray) -> bool:
        """Whether the flows of each species end to rounding, and nothing is beyond all bounds."""
        V, inside, exchanged = self.state(x)
        flows, c = molar_flows(self.cell, V, inside, exchanged), np.concatenate([inside[self.active], exchanged])
        unit = np.concatenate([[self.cell.thermal_voltage], inside, exchanged])
        levels = self.cell.levels
        near = min(levels, default=0.0) - FARTHEST < V < max(levels, default=0.0) + FARTHEST
        net, slopes = flows.inflow, flows.inflow_slopes
        if self.cell.is_held:  # what enters leaves through the bath
            net, slopes = flows.outflow, flows.outflow_slopes
        balanced = np.all(np.abs(net) <= BALANCED * (np.abs(slopes) @ unit))
        return bool(near and balanced and c.min() > LEAST * self.strength and c.max() < MOST * self.strength)

    def relax(self, x: np.ndarray) -> np.ndarray:
        """Unknowns at the rest to which a state leads.

        Raises:
            RestError: it leads to none.
        """
        flows = molar_flows(self.cell, *self.state(x))
        if not flows.size.any():
            raise RestError("nothing flows through the membranes, so that they prefer no potential")
        rates = np.concatenate([flows.size[self.active], np.abs(flows.outflow)]) / self.amounts(x)[0]
        first = step = FIRST_STEP / float(rates.max()) if rates.any() else FIRST_STEP
        time = 0.0
        for _ in range(MOST_STEPS):
            end = self.solve(x, self.amounts(x)[0], 1.0 / step, ITERATIONS_OF_STEP)
            if end is None:
                step *= CUT
                if step < SMALLEST_STEP * first:
                    break
                continue
            change, time, x = float(np.abs(end - x).max()), time + step, end
            if change < NEAR:
                rest = self.solve(x, self.amounts(x)[0], 0.0, ITERATIONS)
                if rest is not None and self.is_at_rest(rest) and float(np.abs(rest - x).max()) < LONGEST:
                    return rest
            step *= GROWTH
            if x[1:].min() < np.log(LEAST * self.strength) or x[1:].max() > np.log(MOST * self.strength):
                break
        raise RestError(self._why_none(x, time))

    def _why_none(self, x: np.ndarray, time: float) -> str:
        """Reason by the concentration that changes fastest."""
        cell, state = self.cell, self.state(x)
        flows, (_, inside, exchanged) = molar_flows(cell, *state), state
        amounts, n = self.amounts(x)[0], len(self.active)
        rates = np.concatenate([flows.inflow[self.active], -flows.outflow]) / amounts
        fastest = int(np.argmax(np.abs(rates)))
        if fastest < n:
            i, where, c = self.active[fastest], "inside", inside[self.active[fastest]]
        else:
            k, i = cell.exchanged[fastest - n]
            where, c = f"in {cell.compartments[k]}", exchanged[fastest - n]
        way, bound = ("falls", "is used up") if rates[fastest] < 0.0 else ("rises", "has no bound")
        at = f" ({format_quantity(_short(c), CONCENTRATION)} after {format_quantity(_short(time), TIME)})"
        return f"{NO_REST}: {cell.names[i]} {where} {way} until it {bound}{at if time < LONGEST_TIME else ''}; {REMEDY}"


def _short(value: float) -> float:
    return float(f"{value:.3g}")


def _relaxed(cell: WellStirredCell, way: Sequence[WellStirredCell]) -> Rest:
    exchanged, inside = _first_exchanged(cell), cell.inside
    first = _zeros((*way, cell)[0], inside, exchanged)
    V = _nearest(first, None) if first else float(np.mean(cell.levels or [0.0]))
    for present in (*way, cell):
        equations = _Equations(present)
        x = equations.relax(equations.start(V, inside, exchanged))
        V, inside, exchanged = equations.state(x)
    others: list[float] = []
    for candidate in _zeros(cell, inside, exchanged):
        found = equations.solve(equations.start(candidate, inside, exchanged), equations.amounts(x)[0], 0.0, ITERATIONS)
        if found is not None and equations.is_at_rest(found):
            other = equations.state(found)[0]
            if all(abs(other - known) > DIFFERENT for known in (V, *others)):
                others.append(other)
    return _rest(cell, V, inside, exchanged, others)


def _rest(
    cell: WellStirredCell, V: float, inside: np.ndarray, exchanged: np.ndarray, others: Sequence[float] = ()
) -> Rest:
    """A rest with the currents of each mechanism."""
    currents = {}
    for patch, beyond in zip(cell.patches, outside_of(cell, exchanged), strict=True):
        for mechanism in patch.mechanisms:
            found = patch.current(mechanism, np.array([V]), inside[None, :], beyond)
            values = (patch.area * found.current[0] * mechanism.current.is_charged).tolist()
            names = [cell.names[i] for i in mechanism.current.moved]
            currents[patch.name, mechanism.name] = dict(zip(names, values, strict=True))
    load = cell.load_conductance * (cell.load_rest - V)
    return Rest(V, inside, tuple(cell.exchanged), exchanged, currents, load, tuple(sorted(others)))
