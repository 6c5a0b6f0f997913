"""Formulas of users in one variable and concentrations: parsed, checked for dimensions, compiled to closures.

Nothing of a formula is executed as code: its syntax tree is read, and only numbers, quantities, the variable,
arithmetic and the functions of a `Grammar` can stand in it.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from spinepnp.errors import nearest
from spinepnp.units import Kind, parse_quantity

#: Function of the variable, real or complex, in SI units; see `Formula` for one with concentrations.
Function = Callable[[np.ndarray], np.ndarray]

#: Powers of kinds of quantities by their names; a plain number has none.
Dimension = dict[str, float]

#: Operators of a formula.
OPERATORS: dict[type, Callable[..., np.ndarray]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}

#: A number, and the word that follows it: its unit. The number is taken whole: "1e3" has no unit.
_QUANTITY = re.compile(r"(?<![\w.])((?>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))\s*([^\W\d_]\w*)")

#: A concentration in a formula: the name of a species in brackets.
_CONCENTRATION = re.compile(r"\[\s*([A-Za-z]\w*)\s*\]")

#: Characters of the longest formula: a longer one is none that a person wrote.
MAX_LENGTH = 500

#: Deepest nesting of a formula: reading it is recursive.
MAX_DEPTH = 40

#: Largest magnitude of an exponent, to bound powers.
MAX_EXPONENT = 100


@dataclass(frozen=True)
class Grammar:
    """Words of a formula.

    Attributes:
        variable: name of the variable.
        kind: kind of the variable.
        units: kinds of the units that can stand in it, behind a number or alone.
        functions: functions of one argument, by name.
        example: a formula, for messages.
        concentration: kind of a species in brackets, such as [Ca]; ``None`` where none can stand in it.
    """

    variable: str
    kind: Kind
    units: Mapping[str, Kind]
    functions: Mapping[str, Callable[..., np.ndarray]]
    example: str
    concentration: Kind | None = None


@dataclass(frozen=True)
class Formula:
    """A formula as a function.

    Attributes:
        function: value of the formula, of the shape of the variable or a number. With concentrations its argument is a
            sequence of arrays: the variable, then each concentration.
        denominators: functions whose zeros are the poles of the formula, or its removable singularities.
        species: names of the species whose concentrations stand in it, sorted.
    """

    function: Function
    denominators: tuple[Function, ...]
    species: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Part:
    """A part of a formula: its function, its dimension, and its value where the variable is not in it."""

    function: Function
    dimension: Dimension
    constant: np.ndarray | None = None


def _constant(value: float | np.ndarray, dimension: Dimension) -> _Part:
    number = np.asarray(value, dtype=float)
    if not np.isfinite(number):
        raise ValueError("a number in it is not finite")
    return _Part(lambda _x: number, dimension, number)


def read_formula(text: str, grammar: Grammar, wanted: Dimension) -> Formula:
    """A formula from its text.

    Args:
        text: the formula, such as "0.07/ms * exp(-(V + 65 mV)/(20 mV))".
        grammar: words that it can have.
        wanted: dimension that its value must have.

    Raises:
        ValueError: the text is no such formula; says why.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError("it is too long")
    species = tuple(sorted(set(_CONCENTRATION.findall(text)))) if grammar.concentration is not None else ()
    variable: Function = (lambda x: x[0]) if species else (lambda x: x)
    names = {grammar.variable: _Part(variable, {grammar.kind.name: 1.0}), "pi": _constant(np.pi, {})}
    for number in range(1, 1 + len(species)):
        assert grammar.concentration is not None
        names[f"_species{number}"] = _Part(operator.itemgetter(number), {grammar.concentration.name: 1.0})

    def remember(match: re.Match[str]) -> str:
        number, unit = match[1], match[2]
        if unit == grammar.variable:
            problem = (
                f'"{match[0]}" is unclear, since {unit} is the variable; write {number}*{unit}, or use another unit'
            )
            raise ValueError(problem)
        if unit not in grammar.units:
            raise ValueError(f'the unit "{unit}" is not known; {nearest(unit, grammar.units)}')
        name = f"_quantity{len(names)}"
        names[name] = _quantity(f"{number} {unit}", grammar.units[unit])
        return name

    if species:
        text = _CONCENTRATION.sub(lambda match: f"(_species{1 + species.index(match[1])})", text)
    text = _QUANTITY.sub(remember, text).strip()
    try:
        with warnings.catch_warnings(action="ignore"):  # SyntaxWarning of Python on odd numbers
            tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f'it cannot be read; write a formula such as "{grammar.example}"') from None
    reader = _Reader(grammar, names)
    with np.errstate(all="ignore"):
        whole = reader.part(tree)
        if whole.dimension != wanted:
            raise ValueError(f"its value is {_described(whole.dimension)}, not {_described(wanted)}")
        return Formula(whole.function, tuple(reader.part(node).function for node in _denominators(tree)), species)


def _quantity(text: str, kind: Kind) -> _Part:
    return _constant(parse_quantity(text, kind, tiny=True), {kind.name: 1.0})


def _described(dimension: Dimension) -> str:
    """Dimension in words: "a length", "a plain number", "1/time", "potential^2 time"."""
    if not dimension:
        return "a plain number"
    ((name, power), *rest) = sorted(dimension.items(), key=lambda item: -item[1])
    if not rest and power in (1.0, -1.0):
        return f"1/{name}" if power < 0.0 else f"{'an' if name[0] in 'aeio' else 'a'} {name}"
    return " ".join(n if p == 1.0 else f"{n}^{p:g}" for n, p in [(name, power), *rest])


def _denominators(tree: ast.AST) -> Iterator[ast.AST]:
    """Factors of all denominators, without their powers: a zero of a power has no change of sign."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            yield from _factors(node.right)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            yield from _factors(node.left)  # the exponent may be negative


def _factors(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div | ast.Pow):
        yield from _factors(node.left)
        if isinstance(node.op, ast.Mult):
            yield from _factors(node.right)
    elif isinstance(node, ast.UnaryOp):
        yield from _factors(node.operand)
    else:
        yield node


class _Reader:
    """Compiler of the nodes of a syntax tree.

    Args:
        grammar: words of the formula.
        names: parts that stand for names.
    """

    def __init__(self, grammar: Grammar, names: Mapping[str, _Part]) -> None:
        self.grammar, self.names = grammar, names

    def part(self, node: ast.AST, depth: int = 0) -> _Part:
        """Function and dimension of a node.

        Raises:
            ValueError: the node cannot stand in a formula, or dimensions do not fit.
        """
        if depth > MAX_DEPTH:
            raise ValueError("it is nested too deeply")
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
            return _constant(float(node.value), {})
        if isinstance(node, ast.Name):
            return self._named(node.id)
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            return self._binary(type(node.op), self.part(node.left, depth + 1), self.part(node.right, depth + 1))
        if isinstance(node, ast.UnaryOp) and type(node.op) in OPERATORS:
            inner = self.part(node.operand, depth + 1)
            return _applied(OPERATORS[type(node.op)], inner, inner.dimension)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1 and not node.keywords:
            return self._call(node.func.id, self.part(node.args[0], depth + 1))
        example = f'for example "{self.grammar.example}"'
        species = "" if self.grammar.concentration is None else "species as [Ca], "
        raise ValueError(
            f"only numbers, quantities, {self.grammar.variable}, {species}pi, + - * / ** and functions of one argument "
            f"can stand in it, {example}"
        )

    def _named(self, name: str) -> _Part:
        if name in self.names:
            return self.names[name]
        if name in self.grammar.units:
            return _quantity(f"1 {name}", self.grammar.units[name])
        known = (self.grammar.variable, "pi", *self.grammar.functions, *self.grammar.units)
        raise ValueError(f'"{name}" is not known; {nearest(name, known)}')

    def _call(self, name: str, inner: _Part) -> _Part:
        functions = self.grammar.functions
        if name not in functions:
            raise ValueError(f'the function "{name}" is not known; {nearest(name, functions)}')
        dimension = inner.dimension
        if name == "sqrt":
            dimension = {kind: power / 2.0 for kind, power in dimension.items()}
        elif name != "abs" and dimension:
            raise ValueError(f"the argument of {name} must be a plain number, not {_described(dimension)}")
        return _applied(functions[name], inner, dimension)

    @staticmethod
    def _binary(kind: type, left: _Part, right: _Part) -> _Part:
        operate, one, other = OPERATORS[kind], left.function, right.function
        if kind in (ast.Add, ast.Sub):
            if left.dimension != right.dimension:
                raise ValueError(
                    f"{_described(left.dimension)} and {_described(right.dimension)} cannot be added or subtracted"
                )
            dimension = left.dimension
        elif kind is ast.Pow:
            if right.dimension or right.constant is None:
                raise ValueError("an exponent must be a plain number")
            exponent = float(right.constant)
            if not abs(exponent) <= MAX_EXPONENT:
                raise ValueError("an exponent is too large")
            dimension = {name: power * exponent for name, power in left.dimension.items() if exponent}
            return _applied(lambda x: np.asarray(x) ** exponent, left, dimension)
        else:
            if kind is ast.Div and right.constant == 0.0:
                raise ValueError("it divides by zero")
            sign = 1.0 if kind is ast.Mult else -1.0
            powers = {
                name: left.dimension.get(name, 0.0) + sign * right.dimension.get(name, 0.0)
                for name in (*left.dimension, *right.dimension)
            }
            dimension = {name: power for name, power in powers.items() if power}
        if left.constant is not None and right.constant is not None:
            return _constant(operate(left.constant, right.constant), dimension)
        return _Part(lambda x: operate(one(x), other(x)), dimension)


def _applied(function: Callable[..., np.ndarray], inner: _Part, dimension: Dimension) -> _Part:
    """A function of a part."""
    if inner.constant is not None:
        return _constant(function(inner.constant), dimension)
    of = inner.function
    return _Part(lambda x: function(of(x)), dimension)
