"""Problems with a known answer, and the settings that suite `accuracy` tries on them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.places import CASES
from spinepnp.case.case import Case, load_case
from spinepnp.meshes import MeshOptions
from spinepnp.units import FARADAY
from spinepnp.validation.reference import table as references

#: Faraday constant of the reference numbers, C/mol.
THEIR_FARADAY = 96485.0

#: Thermal voltage of the reference numbers, mV.
V_T = 25.26

#: Pairs of a cell size, relative to the default of the dimension, and a number of refinements.
Sizes = tuple[tuple[float, int], ...]

#: Sizes on meridians, by degree of the elements; the default size is that of quadratic ones.
MERIDIAN: dict[int, Sizes] = {1: ((1, 0), (0.5, 0), (0.25, 0), (0.125, 0)), 2: ((2, 0), (1, 0), (0.5, 0), (0.25, 0))}

#: Sizes in three dimensions, by degree; the default size is that of linear elements.
SOLID: dict[int, Sizes] = {1: ((2, 0), (1.4, 0), (1, 0), (0.72, 0)), 2: ((4, 0), (2.8, 0), (2, 0))}

#: Unknowns that are compared, by degree: quadratic elements have no edge fluxes, and "nodal" errs there as "log" does.
FORMULATIONS = {1: ("density", "nodal", "log"), 2: ("density", "log")}


@dataclass(frozen=True)
class Variant:
    """Settings that a user can choose: cells of order 2 are curved, and sizes are over the default of the dimension."""

    degree: int
    order: int
    graded: bool
    dimension: str
    formulation: str
    size: float
    refine: int

    @property
    def name(self) -> str:
        """Settings in words, without the size."""
        return ", ".join(
            (
                "3D" if self.dimension == "3d" else "meridian",
                "linear" if self.degree == 1 else "quadratic",
                "curved" if self.order == 2 else "straight",
                "graded" if self.graded else "uniform",
                self.formulation,
            )
        )


@dataclass(frozen=True)
class AccuracyProblem:
    """A case whose answer is known.

    Attributes:
        name: name of the problem and of the quantity, as plots show it.
        case: case file.
        overrides: keys of the file that are changed.
        grade: TOML of `mesh.grade` in graded variants; empty where there is no layer to resolve.
        graded: whether a user who knows the problem would grade the mesh.
        place: probe or boundary whose potential is compared.
        answer: potential there, mV.
        curved_meridian: whether a meridian has curved sides.
        solid: sizes of cells in three dimensions, by degree.
    """

    name: str
    case: str
    overrides: tuple[str, ...]
    grade: str
    graded: bool
    place: str
    answer: float
    curved_meridian: bool
    solid: dict[int, Sizes] = field(default_factory=lambda: SOLID)

    def load(self, variant: Variant) -> Case:
        """Case with these settings."""
        keys = {
            "geometry.dimension": f'"{variant.dimension}"',
            "mesh.element_degree": variant.degree,
            "mesh.order": variant.order,
            "mesh.grade": self.grade if variant.graded else "{}",
            "mesh.refine": variant.refine,
            "solver.formulation": f'"{variant.formulation}"',
        }
        case = load_case(CASES / self.case, (*self.overrides, *(f"{key}={value}" for key, value in keys.items())))
        default = MeshOptions().resolved(case.geometry).size
        return case.with_value("mesh.size", f"{variant.size * default * 1e9!r} nm")

    def variants(self, dimension: str) -> Iterator[Variant]:
        """Variants of a dimension, grouped by kind of mesh, coarse meshes first."""
        orders = (2, 1) if dimension == "3d" or self.curved_meridian else (2,)
        sizes = self.solid if dimension == "3d" else MERIDIAN
        for graded, order, degree in itertools.product((False, True) if self.grade else (False,), orders, (1, 2)):
            for size, refine in sizes[degree]:
                for formulation in FORMULATIONS[degree]:
                    yield Variant(degree, order, graded, dimension, formulation, size, refine)

    def is_default(self, variant: Variant) -> bool:
        """Whether these are the default settings, but with the grading that the problem needs."""
        degree = self.load(variant).geometry.default_degree()
        plain = variant.degree == degree and variant.order == 2 and variant.formulation == "density"
        return plain and (variant.size, variant.refine) == (1, 0) and variant.graded == self.graded


def _ours(potential: float) -> float:
    """Potential of the electroneutral law, mV, converted to the Faraday constant of this program."""
    return V_T * math.log1p(math.expm1(potential / V_T) * THEIR_FARADAY / FARADAY)


def _neck(name: str, answer: float, grade: str = "", *more: str) -> AccuracyProblem:
    """Problem of V(L) of the neck of 50 nm at 100 pA."""
    return AccuracyProblem(
        name=f"cylinder, {name}", case="cylinder_iv.toml",
        overrides=('geometry.radius="50 nm"', 'study={kind="steady"}', 'boundaries.top.current.value="100 pA"', *more),
        grade=grade, graded=bool(grade), place="top", answer=answer, curved_meridian=False,
    )  # fmt: skip


def cylinder() -> AccuracyProblem:
    """Problem of a neck with the Debye layer at the boundary where the current enters."""
    row = next(r for r in references.rows("cylinder") if (r["radius"], r["current"]) == (50, 100))
    answer = row["V_full"] + _ours(row["V_law"]) - row["V_law"]
    return _neck("full PNP", answer, '{top={size="0.1 nm",growth=1.4}}')


def neutral_cylinder() -> AccuracyProblem:
    """Problem of a neck with a matched field at the top, so that no layer forms and the electroneutral law holds."""
    flux = 100e-12 / (FARADAY * 200e-12 * math.pi * 50e-9**2)
    law = V_T * math.log1p(flux * 1e-6 / (2.0 * 167.0))
    return _neck("no layer", law, "", "boundaries.top.field_matched=true")


def ball_neck() -> AccuracyProblem:
    """Problem of the potential at the centre of a spine head at 50 pA, from G = 34.65305 1/um."""
    row = next(r for r in references.rows("spine") if r["radius"] == 100)
    strength = 2.0 * FARADAY * 167.0 * 200e-12
    return AccuracyProblem(
        name="ball_neck, head centre", case="ball_neck_steady.toml",
        overrides=('probes.centre=["0 nm","0 nm","1.489898 um"]',),
        grade='{cap={size="1 nm",growth=1.3}}', graded=False, place="centre",
        answer=V_T * math.log1p(50e-12 * row["centre"] * 1e6 / strength), curved_meridian=True,
        # Most cells lie at the cap and in the neck, for any size.
        solid={1: ((1.6, 0), (1, 0), (1.6, 1)), 2: ((1.6, 0),)},
    )  # fmt: skip


def hyperboloid() -> AccuracyProblem:
    """Problem of the potential at the middle of the end of a throat of 50 nm at 50 pA, without a layer."""
    row = next(r for r in references.rows("throat_voltage") if (r["c"], r["a"]) == (100, 50))
    return AccuracyProblem(
        name="hyperboloid, end", case="hyperboloid_constriction.toml",
        overrides=(
            'geometry.a="50 nm"', 'study={kind="steady"}', "boundaries.top.field_matched=true",
            'probes.end=["0 nm","0 nm","500 nm"]',
        ),
        grade='{top={size="4 nm",growth=1.4}}', graded=False, place="end",
        answer=_ours(row["centre_50"]), curved_meridian=True,
        solid={1: ((1.25, 0), (0.9, 0), (0.62, 0), (0.42, 0)), 2: ((2.5, 0), (1.6, 0), (1, 0))},
    )  # fmt: skip


#: Every problem by the name that the suite has for it.
PROBLEMS = {
    "cylinder": cylinder,
    "neutral cylinder": neutral_cylinder,
    "ball_neck": ball_neck,
    "hyperboloid": hyperboloid,
}
