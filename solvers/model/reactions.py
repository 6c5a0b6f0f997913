"""Chemical reactions by mass action: their equations as text, stoichiometry, rates and conserved totals.

A reaction "2 Ca + B <-> CaB" with the rate constants k_f and k_b has the turnover

    r = k_f c_Ca^2 c_B - k_b c_CaB     (mol/(m^3 s)),     dc_i/dt = (right_i - left_i) r,

with the molecules left_i and right_i of species i on both sides. A total l . c, sum of concentrations with the weights
l, is conserved where l . (right - left) = 0 for every reaction: l is in the left null space of the stoichiometry.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from pydantic import field_validator, model_validator

from spinepnp import units
from spinepnp.solvers.model.membrane.strength import Strength, strength_of
from spinepnp.solvers.model.profiles import Planes
from spinepnp.solvers.model.totals import Total, conserved_totals

#: Largest order of a reaction: more than three molecules never meet at once.
HIGHEST_ORDER = 3

#: Kinds of rate constants by the order of the reaction.
KINDS = (units.RATE, units.FIRST_ORDER, units.SECOND_ORDER, units.THIRD_ORDER)

#: Words of the order of a reaction, for messages.
ORDERS = ("order zero", "first order", "second order", "third order")

#: Net rate of a reaction over the sum of both directions up to which a solution is in equilibrium: concentrations of a
#: case are rounded.
EQUILIBRIUM_TOLERANCE = 1e-6

#: One kind of molecule in an equation, with its number.
_MOLECULE = re.compile(r"(\d{1,3})?\s*([A-Za-z][A-Za-z0-9_+-]*)")

#: Arrow of an equation.
_ARROW = re.compile(r"<->|->")

#: Longest equation.
LONGEST_EQUATION = 300

#: Rate constant, of which the unit says the order.
RateConstant = Annotated[Strength, *strength_of((units.FIRST_ORDER, units.SECOND_ORDER, units.THIRD_ORDER, units.RATE))]


@dataclass(frozen=True)
class Equation:
    """Equation of a reaction.

    Attributes:
        left: number of molecules of each species on the left side.
        right: number of molecules of each species on the right side.
        reversible: whether its arrow goes both ways.
    """

    left: dict[str, int]
    right: dict[str, int]
    reversible: bool

    @classmethod
    def of(cls, text: str) -> Equation:
        """Equation of a text such as "2 Ca + B <-> CaB".

        Raises:
            ValueError: it is none; the message says why.
        """
        sides = _ARROW.split(text) if len(text) <= LONGEST_EQUATION else []
        if len(sides) != 2:
            raise ValueError('needs one arrow, "->" or "<->", for example "Ca + B <-> CaB"')
        left, right = map(_side, sides)
        if left == right:
            raise ValueError("has equal sides, and changes nothing; drop it or correct it")
        return cls(left, right, "<->" in text)

    @property
    def names(self) -> tuple[str, ...]:
        """Species that take part, in their order."""
        return tuple(dict.fromkeys((*self.left, *self.right)))


def _side(text: str) -> dict[str, int]:
    molecules: dict[str, int] = {}
    for part in re.split(r"\s\+\s", text.strip()) if text.strip() else ():
        match = _MOLECULE.fullmatch(part.strip())
        if match is None or match[1] == "0":
            raise ValueError(f'"{part.strip()}" is no species with its number; write "2 Ca + B", with spaces around +')
        molecules[match[2]] = molecules.get(match[2], 0) + int(match[1] or 1)
    if sum(molecules.values()) > HIGHEST_ORDER:
        raise ValueError(f"has more than {HIGHEST_ORDER} molecules on one side; write its steps as reactions")
    return molecules


class Reaction(units.Table):
    """One reaction by mass action.

    Examples:
        >>> from spinepnp.solvers import Reaction
        >>> binding = Reaction(equation="Ca + B <-> CaB", forward="1e8 1/(M s)", backward="10 1/s")
        >>> binding.forward.value, binding.backward.value  # m^3/(mol s), 1/s
        (100000.0, 10.0)

    Attributes:
        name: name for sweeps and messages; by default its number.
        equation: molecules on both sides, with spaces around "+": "Ca + B <-> CaB", "2 Ca + B -> X"; "->" is one way,
            at most three molecules stand on each side that reacts. "X ->" removes, "-> X" supplies an uncharged
            species.
        forward: rate constant from left to right; its unit is that of the order: mM/s, 1/s, 1/(M s), 1/(M^2 s).
        backward: rate constant from right to left, of a reaction with "<->".
        region: heights z of two planes between which it takes place, m; everywhere by default.
    """

    name: str | None = None
    equation: str
    forward: RateConstant
    backward: RateConstant | None = None
    region: Planes | None = None

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,39}", name):
            raise ValueError("must be a letter, then letters, digits or _, at most 40 in all; choose another name")
        return name

    @field_validator("equation")
    @classmethod
    def _is_an_equation(cls, text: str) -> str:
        Equation.of(text)
        return text

    @model_validator(mode="after")
    def _constants_fit(self) -> Reaction:
        parsed = self.parsed
        _check_order("forward", self.forward, parsed.left)
        if parsed.reversible != (self.backward is not None):
            raise ValueError(
                'a reaction with "<->" needs backward, its rate constant from right to left'
                if parsed.reversible
                else 'a reaction with "->" has no backward; drop it, or write "<->"'
            )
        if self.backward is not None:
            _check_order("backward", self.backward, parsed.right)
        return self

    @property
    def parsed(self) -> Equation:
        """Molecules of both sides."""
        return Equation.of(self.equation)


def _check_order(key: str, constant: Strength, molecules: dict[str, int]) -> None:
    """Refuse a rate constant whose unit is that of another order."""
    order = sum(molecules.values())
    if constant.kind is not KINDS[order]:
        kind = KINDS[order]
        what = "supply has a rate" if order == 0 else f"reaction of {ORDERS[order]} has a rate constant"
        joined = next((name for name in molecules if "+" in name.rstrip("+")), "")
        hint = f'; put spaces around "+" if {joined} is not one species' if joined else ""
        raise ValueError(f'{key}: a {what} such as "{kind.example}"; correct the unit, or the equation{hint}')


@dataclass(frozen=True)
class ReactionNetwork:
    """Reactions of N species, with arrays of their stoichiometry.

    Attributes:
        names: names of the species.
        mobile: whether each species moves, shape (N,).
        reactions: reactions.
    """

    names: tuple[str, ...]
    mobile: tuple[bool, ...]
    reactions: tuple[Reaction, ...]

    @cached_property
    def left(self) -> np.ndarray:
        """Molecules on the left sides, shape (R, N)."""
        return self._molecules([r.parsed.left for r in self.reactions])

    @cached_property
    def right(self) -> np.ndarray:
        """Molecules on the right sides, shape (R, N)."""
        return self._molecules([r.parsed.right for r in self.reactions])

    def _molecules(self, sides: list[dict[str, int]]) -> np.ndarray:
        return np.array([[side.get(name, 0) for name in self.names] for side in sides], dtype=int).reshape(
            len(sides), len(self.names)
        )

    @cached_property
    def net(self) -> np.ndarray:
        """Molecules that each reaction makes, shape (R, N)."""
        return self.right - self.left

    @cached_property
    def constants(self) -> np.ndarray:
        """Rate constants forward and backward, SI, shape (2, R)."""
        return np.array(
            [
                [r.forward.value for r in self.reactions],
                [0.0 if r.backward is None else r.backward.value for r in self.reactions],
            ]
        )

    @property
    def reacts(self) -> np.ndarray:
        """Whether each species is changed by a reaction, shape (N,)."""
        return np.any(self.net != 0, axis=0)

    @property
    def coupled(self) -> list[tuple[int, int]]:
        """Pairs of a species that a reaction changes, and one that its rate depends on."""
        pairs = set()
        for k, reaction in enumerate(self.reactions):
            seen = self.left[k] + (self.right[k] if reaction.backward is not None else 0)
            pairs |= {(int(i), int(j)) for i in np.flatnonzero(self.net[k]) for j in np.flatnonzero(seen)}
        return sorted(pairs)

    def rates(self, c: np.ndarray) -> np.ndarray:
        """Rates forward and backward, mol/(m^3 s), of concentrations (n, N), mol/m^3; shape (2, n, R)."""
        powers = [np.prod(c[:, None, :] ** side, axis=2) for side in (self.left, self.right)]
        return np.asarray(self.constants[:, None, :] * np.stack(powers))

    def rate_slopes(self, c: np.ndarray) -> np.ndarray:
        """Derivative of the net rates by the concentrations, 1/s, shape (n, R, N)."""
        slopes = np.zeros((len(c), len(self.reactions), len(self.names)))
        for sign, constants, sides in zip((1.0, -1.0), self.constants, (self.left, self.right), strict=True):
            for k, (constant, side) in enumerate(zip(constants, sides, strict=True)):
                for j in np.flatnonzero(side) if constant else ():
                    others = side.copy()
                    others[j] -= 1
                    slopes[:, k, j] += sign * constant * side[j] * np.prod(c**others, axis=1)
        return slopes

    @cached_property
    def local_totals(self) -> tuple[Total, ...]:
        """Totals of immobile species alone, which are conserved at every point; with distinct pivots."""
        fixed = [i for i, moves in enumerate(self.mobile) if not moves]
        return conserved_totals(self.net, fixed, fixed)

    @cached_property
    def totals(self) -> tuple[Total, ...]:
        """Totals that are conserved where nothing passes boundaries: a basis, those of immobile species first."""
        moving = [i for i, moves in enumerate(self.mobile) if moves]
        return (*self.local_totals, *self.open_totals({*()}, moving))

    @cached_property
    def total_weights(self) -> np.ndarray:
        """Weights of the species in `totals`, shape (totals, N)."""
        return self._weights(self.totals)

    @cached_property
    def local_weights(self) -> np.ndarray:
        """Weights of the species in `local_totals`, shape (totals, N)."""
        return self._weights(self.local_totals)

    def _weights(self, totals: tuple[Total, ...]) -> np.ndarray:
        return np.array([total.weights for total in totals]).reshape(-1, len(self.names))

    def open_totals(self, held: set[str], pivots: list[int] | None = None) -> tuple[Total, ...]:
        """Totals without a species that a boundary holds, beyond those of immobile species alone.

        Args:
            held: species whose amount a boundary determines.
            pivots: indices of species that may stand for a total; all mobile ones by default.
        """
        free = [i for i, name in enumerate(self.names) if name not in held]
        moving = [i for i in free if self.mobile[i]] if pivots is None else pivots
        return conserved_totals(self.net, free, moving)


@functools.lru_cache(maxsize=64)
def network_of(names: tuple[str, ...], mobile: tuple[bool, ...], reactions: tuple[Reaction, ...]) -> ReactionNetwork:
    """The network of some reactions, made once.

    Args:
        names: names of the species.
        mobile: whether each species moves, shape (N,).
        reactions: reactions.
    """
    return ReactionNetwork(names, mobile, reactions)
