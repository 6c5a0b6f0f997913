"""Terms of a user: densities as UFL expressions in SI units, from which residual and Jacobian follow."""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any, override

import numpy as np

from spinepnp.errors import CaseError, nearest
from spinepnp.runtime.communication import on_all
from spinepnp.runtime.stack import ufl
from spinepnp.solvers.model.problem_data import ProblemData
from spinepnp.solvers.pnp.fields import Fields
from spinepnp.solvers.pnp.step_data import StepData
from spinepnp.solvers.pnp.terms.ufl_term import Integral, UflTerm
from spinepnp.units import FARADAY

#: Place of a density in the whole volume.
VOLUME = "volume"

#: Quantity of a density that enters Poisson's equation.
POTENTIAL = "potential"

#: Densities that messages show.
EXAMPLE = '{("Na", "wall"): k * u.c["Na"]}'


@dataclass(frozen=True)
class Unknowns:
    """Unknowns and values on which densities may depend, as UFL expressions.

    Attributes:
        c: concentration of each species, mol/m^3, by name.
        V: potential, V.
        parameters: values of `Term.parameters`, by name.
        x: coordinates, m; the meridian has (r, z), a line its coordinate alone.
    """

    c: Mapping[str, Any]
    V: Any
    parameters: Mapping[str, Any]
    x: Any


class Term:
    """A physical term that a user adds to the equations; derive from it and give `densities`.

    Add it before a solve: `problem.terms.append(MyTerm())`, or `SteadyProblem(..., terms=[MyTerm()])`. A transient
    takes an added term when it begins. The electroneutral prediction and the analytic laws do not know it: the
    prediction is off.

    Examples:
        >>> import spinepnp as pnp
        >>> mesh = pnp.mesh(pnp.Cylinder(length="1 um", radius="100 nm", dimension="1d"), size="50 nm")
        >>> tracer = {"name": "T", "valence": 0, "diffusivity": "200 um^2/s", "concentration": "1 mM"}
        >>> class Leak(pnp.Term):
        ...     def parameters(self, time):
        ...         return {"k": 1e-5}
        ...     def densities(self, u):
        ...         return {("T", "top"): -u.parameters["k"] * u.c["T"]}
        >>> with pnp.SteadyProblem(mesh, {"species": [tracer]}, {"base": pnp.bath("0 mV")}, terms=[Leak()]) as problem:
        ...     print(round(problem.solve().boundary["top"].concentration["T"], 4), "mM")  # 1/(1 + k L/D)
        0.9524 mM

    Attributes:
        determines: species whose amount in a steady state the term determines, as an exchange with a solution outside
            does; give such a term at construction, where amounts are checked.
    """

    determines: Set[str] = frozenset()

    def densities(self, u: Unknowns) -> Mapping[tuple[str, str], Any]:
        """Densities by quantity and place, as UFL expressions of the unknowns.

        Args:
            u: concentrations, potential, parameters and coordinates.

        Returns:
            By (species, boundary): flux into the domain, mol/(m^2 s). By (species, "volume"): production,
            mol/(m^3 s). By ("potential", boundary): surface charge, C/m^2. By ("potential", "volume"): charge density,
            C/m^3. Numbers that change between solves belong to `parameters`.
        """
        raise CaseError(f"{_key(self)}.densities", f"is missing; define it, and return a dictionary such as {EXAMPLE}")

    def parameters(self, time: float) -> Mapping[str, float]:
        """Values that densities use by name and that may change between solves and in time.

        Args:
            time: time of the solve or of the stage, s; zero in a steady state.
        """
        return {}


class _Named(dict[str, Any]):
    """Values by name, of which an unknown one is a mistake of one line.

    Args:
        key: key of the message.
        values: values by name.
    """

    def __init__(self, key: str, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self._key = key

    def __missing__(self, name: object) -> Any:
        raise CaseError(self._key, f"no such name; {nearest(str(name), self)}", str(name))


def _key(term: Term) -> str:
    """Key of a term in messages."""
    return f"terms.{type(term).__name__}"


def determined_by(terms: Iterable[object]) -> frozenset[str]:
    """Species whose amounts terms of the user determine.

    Args:
        terms: terms of the user.

    Raises:
        CaseError: an object that is no term, or `determines` that is no set of names.
    """
    names: set[str] = set()
    for term in terms:
        if not isinstance(term, Term):
            raise CaseError("terms", "is no term; give an object of a class derived from spinepnp.Term", repr(term))
        determines: object = term.determines
        if not isinstance(determines, Set):
            raise CaseError(
                f"{_key(term)}.determines", 'is no set of species, such as frozenset({"Na"})', str(determines)
            )
        names |= determines
    return frozenset(names)


class CustomTerm(UflTerm):
    """A term of a user among those of the package.

    Args:
        fields: fields of the unknowns.
        problem_data: data of the case.
        term: term of the user.

    Raises:
        CaseError: a density of a quantity or a place that the problem does not have.
    """

    order = 108
    extra_degree = 2

    def __init__(self, fields: Fields, problem_data: ProblemData, term: Term) -> None:
        self._term, self._key = term, _key(term)
        self._ions = {s.name for s in problem_data.electrolyte.species if s.valence}
        for name in determined_by([term]) - set(fields.names):
            raise CaseError(f"{self._key}.determines", f"no such species; {nearest(name, fields.names)}", name)
        self._comm = fields.operators.space.mesh.comm
        self._parameters = {name: fields.constant(value) for name, value in self._given(0.0).items()}
        self._concentration, self._potential, self._zero, self._length, self._step = (
            fields.constant() for _ in range(5)
        )
        #: Scale of each kind of density, by whether it is of the potential and of the volume.
        self._units = {(p, v): fields.constant(1.0) for p in (False, True) for v in (False, True)}
        super().__init__(fields, problem_data)

    @override
    def integrals(self) -> Iterator[Integral]:
        fields = self.fields
        unknowns = Unknowns(
            c=_Named(
                f"{self._key}.densities",
                {
                    name: fields.variables.concentration(w) * self._concentration
                    for name, w in zip(fields.names, fields.functions[:-1], strict=True)
                },
            ),
            V=fields.phi * self._potential + self._zero,
            parameters=_Named(f"{self._key}.parameters", self._parameters),
            x=ufl.SpatialCoordinate(fields.operators.space.mesh) * self._length,
        )
        densities = on_all(self._comm, lambda: self._checked(self._term.densities(unknowns)), self._key)
        for (quantity, place), density in densities.items():
            of_potential, in_volume = quantity == POTENTIAL, place == VOLUME
            factor = self._units[of_potential, in_volume] * (1.0 if of_potential else self._step)
            component = fields.count if of_potential else fields.names.index(quantity)
            yield Integral(component, "" if in_volume else place, -(factor * density))

    def _checked(self, densities: object) -> dict[tuple[str, str], Any]:
        """Densities as expressions of UFL; refuse unknown quantities and places, and what is no real number."""
        where = f"{self._key}.densities"
        if not isinstance(densities, Mapping):
            raise CaseError(where, f"must be a dictionary such as {EXAMPLE}")
        if not densities:
            raise CaseError(where, f"gives no density; return one such as {EXAMPLE}")
        places, quantities = (VOLUME, *self.fields.boundary_dofs), (POTENTIAL, *self.fields.names)
        if len(set(quantities)) < len(quantities):
            raise CaseError(where, "could mean a species or the potential; give the species another name", POTENTIAL)
        for key in densities:
            if not (isinstance(key, tuple) and len(key) == 2):
                raise CaseError(where, f"is keyed by quantity and place, such as {EXAMPLE}", str(key))
            if key[0] not in quantities:
                raise CaseError(where, f"no such species; {nearest(str(key[0]), quantities)}", str(key[0]))
            if key[1] not in places:
                raise CaseError(where, f"no such boundary; {nearest(str(key[1]), places)}", str(key[1]))
            if key[0] in self._ions and key[1] in self.fields.signature.unknown_potentials:
                kind = "a floating potential" if key[1] in self.fields.signature.floating else "a load"
                raise CaseError(where, f"of ions has no place in the net current of {kind}", str(key))
        return {key: _real(f"{where}[{key[0]}, {key[1]}]", density) for key, density in densities.items()}

    def _given(self, time: float) -> dict[str, float]:
        """Parameters at a time, finite numbers on all ranks. Collective."""
        where = f"{self._key}.parameters"

        def given() -> dict[str, float]:
            values: Any = self._term.parameters(time)
            if not isinstance(values, Mapping):
                raise CaseError(where, 'must be a dictionary of numbers such as {"k": 1e-5}')
            for name, value in values.items():
                if not isinstance(value, int | float | np.number) or np.iscomplexobj(value):
                    raise CaseError(f"{where}.{name}", "is no number", str(value))
                if not math.isfinite(value):
                    raise CaseError(f"{where}.{name}", "is not finite", str(value))
            return {name: float(value) for name, value in values.items()}

        return on_all(self._comm, given, where)

    @override
    def update(self, step: StepData) -> None:
        super().update(step)
        scales = step.scales
        self._concentration.value, self._potential.value = scales.concentration, scales.potential
        self._zero.value, self._length.value, self._step.value = step.zero, scales.length, step.step_size
        flux = scales.diffusivity * scales.concentration / scales.length
        units = (flux, scales.rate, scales.surface_charge, FARADAY * scales.concentration)
        for constant, unit in zip(self._units.values(), units, strict=True):
            constant.value = 1.0 / unit
        given = self._given(step.problem_data.time)
        for name, constant in self._parameters.items():
            if name not in given:
                raise CaseError(f"{self._key}.parameters.{name}", "is missing; give the same names at all times")
            constant.value = given[name]


def _real(where: str, density: object) -> Any:
    """A density as a scalar, real expression of UFL."""
    try:
        expression = ufl.as_ufl(density)
    except (ValueError, TypeError):
        raise CaseError(where, "is no number and no expression of UFL", str(density)) from None
    if isinstance(expression, ufl.classes.Condition):
        raise CaseError(where, "is a condition; give values for both cases by ufl.conditional(condition, yes, no)")
    if expression.ufl_shape != ():
        raise CaseError(where, "is no scalar; give one number for each point")
    for number in ufl.algorithms.analysis.extract_type(expression, ufl.classes.ScalarValue):
        if not cmath.isfinite(complex(number)) or isinstance(number, ufl.classes.ComplexValue):
            raise CaseError(where, "contains a number that is not finite and real", str(number))
    return expression
