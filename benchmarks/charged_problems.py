"""Charged walls, gels, strong fields and smooth bulks with known answers, for suite `formulations`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.accuracy_problems import PROBLEMS, V_T, Variant
from benchmarks.problems import GROUND
from spinepnp.case.case import Case, make_case

Data = dict[str, Any]

#: Current into the base between 100 and 10 mM at 1 V, pA: full PNP of the line by the independent solver of
#: `validation.reference.onedimensional`.
TWO_BATHS = -15684.396

#: A mesh of a problem: dimension, degree of the elements, and keys of [mesh].
MeshKeys = tuple[str, int, Data]

#: Constants of the gels, membranes and cones.
ROOM = {"temperature": "298.15 K", "permittivity": 78.36}

#: Constants of the others.
USUAL = {"thermal_voltage": f"{V_T} mV", "permittivity": 80}

#: Body of most problems.
NECK = {"shape": "cylinder", "length": "1 um", "radius": "100 nm"}

#: Debye length of 167 mM with the usual constants, um.
DEBYE_LENGTH = 1e6 * math.sqrt(80 * 8.8541878128e-12 * V_T * 1e-3 / (2.0 * 167.0 * 96485.33212331))

#: Default meshes of a meridian with linear and quadratic elements, and of the body.
DEFAULT: tuple[MeshKeys, ...] = (("axisymmetric", 1, {}), ("axisymmetric", 2, {}), ("3d", 1, {}))

#: The same and a line.
WITH_LINE: tuple[MeshKeys, ...] = (("1d", 1, {}), *DEFAULT)

#: Meshes of cells of 50 nm and half of that, whose error tells the order.
TWICE: tuple[MeshKeys, ...] = tuple(
    (dimension, degree, {"size": size})
    for dimension, degree in (("axisymmetric", 1), ("axisymmetric", 2), ("3d", 1))
    for size in ("50 nm", "25 nm")
)


@dataclass(frozen=True)
class KnownProblem:
    """Problem whose answer is known.

    Attributes:
        name: name of the problem.
        data: tables of the case without mesh and solver.
        place: probe or boundary whose potential is compared; "current of NAME" is the current into a boundary.
        answer: potential, mV, or current, pA.
        meshes: dimension, degree and other keys of each mesh.
        charged: whether a layer or a field is too steep for concentrations.
    """

    name: str
    data: Data
    place: str
    answer: float
    meshes: tuple[MeshKeys, ...]
    charged: bool = True

    def cases(self) -> Iterator[tuple[str, Case]]:
        """Each mesh in words, with the case on it."""
        for dimension, degree, keys in self.meshes:
            geometry = {**self.data["geometry"], "dimension": dimension}
            mesh = {"element_degree": degree, **keys}
            words = {"1d": "line", "axisymmetric": "meridian", "3d": "3D"}[dimension]
            size = ", ".join(str(value) for name, value in keys.items() if name != "grade") or "default"
            yield (
                f"{words}, {'linear' if degree == 1 else 'quadratic'}, {size}",
                make_case({**self.data, "geometry": geometry, "mesh": mesh}),
            )


@dataclass(frozen=True)
class SmoothProblem:
    """Problem of suite `accuracy`, with its default cells and others.

    Attributes:
        name: name in that suite.
        sizes: size of the cells over the default one, by dimension and degree.
    """

    name: str
    sizes: dict[tuple[str, int], tuple[float, ...]]
    charged: bool = False

    @property
    def place(self) -> str:
        """Probe or boundary whose potential is compared."""
        return PROBLEMS[self.name]().place

    @property
    def answer(self) -> float:
        """Potential there, mV."""
        return PROBLEMS[self.name]().answer

    def cases(self) -> Iterator[tuple[str, Case]]:
        """Each mesh in words, with the case on it."""
        given = PROBLEMS[self.name]()
        for (dimension, degree), sizes in self.sizes.items():
            for size, graded in itertools.product(sizes, {given.graded, bool(given.grade)}):
                variant = Variant(degree, 2, graded, dimension, "auto", size, 0)
                words = "3D" if dimension == "3d" else "meridian"
                shown = f"size {size:g}{', graded' if graded else ''}"
                yield f"{words}, {'linear' if degree == 1 else 'quadratic'}, {shown}", given.load(variant)


def ions(*species: tuple[str, int, float, float]) -> list[Data]:
    """Tables of species from (name, valence, diffusivity in um^2/s, concentration in mM)."""
    return [
        {"name": n, "valence": z, "diffusivity": f"{d} um^2/s", "concentration": f"{c} mM"} for n, z, d, c in species
    ]


def salt(concentration: float, diffusivity: float = 1330) -> list[Data]:
    """Tables of sodium and chloride."""
    return ions(("Na", 1, diffusivity, concentration), ("Cl", -1, 2030, concentration))


def _middle(name: str, answer: float, species: list[Data], charge: str) -> KnownProblem:
    """Neck with fixed charge between 300 and 700 nm, and the Donnan potential in its middle."""
    fixed = [{"region": ["300 nm", "700 nm"], "value": charge}]
    data = {
        "geometry": NECK,
        "electrolyte": {**USUAL, "fixed_charge": fixed, "species": species},
        "boundaries": {"base": GROUND, "top": GROUND},
        "probes": {"middle": ["0 um", "0 um", "0.5 um"]},
    }
    return KnownProblem(name, data, "middle", answer, WITH_LINE)


def _gel() -> KnownProblem:
    fixed = [{"region": ["0 um", "1 um"], "value": "-100 mM"}]
    electrolyte = {**ROOM, "fixed_charge": fixed, "species": salt(10)}
    data = {"geometry": NECK, "electrolyte": electrolyte, "boundaries": {"base": GROUND}}
    return KnownProblem("gel, -100 mM in 10 mM", data, "top", -59.4125, WITH_LINE)


def _membrane() -> KnownProblem:
    """Membrane of 5 um between 10 and 100 mM; full PNP by an independent solver."""
    data = {
        "geometry": {"shape": "cylinder", "length": "5 um", "radius": "10 nm"},
        "electrolyte": {
            **ROOM,
            "fixed_charge": [{"region": ["0 um", "5 um"], "value": "-100 mM"}],
            "species": salt(10),
        },
        "boundaries": {
            "base": GROUND,
            "top": {"potential": "floating", "concentrations": {"Na": "100 mM", "Cl": "100 mM"}},
        },
    }
    return KnownProblem("membrane, 10 and 100 mM", data, "top", -42.102, (("1d", 1, {}), *DEFAULT[:2]))


def _cone(voltage: str, current: float) -> KnownProblem:
    """Conical nanopore with a charged wall; an independent solver of full PNP."""
    data = {
        "geometry": {"shape": "cone", "length": "500 nm", "base_radius": "40 nm", "top_radius": "3 nm"},
        "electrolyte": {**ROOM, "species": salt(100, 1960)},
        "boundaries": {
            "base": GROUND,
            "top": {**GROUND, "potential": voltage},
            "wall": {"surface_charge": "-0.08 C/m^2"},
        },
    }
    return KnownProblem(f"charged cone, {voltage}", data, "current of base", current, DEFAULT[:2])


def _wall() -> KnownProblem:
    """Wall of 20 V_T that no ion passes: the potential a Debye length away, by Gouy and Chapman."""
    data = {
        "geometry": NECK,
        "electrolyte": {**USUAL, "species": salt(167)},
        "boundaries": {"base": GROUND, "top": {"potential": f"{20.0 * V_T!r} mV"}},
        "probes": {"near": ["0 um", "0 um", f"{1.0 - DEBYE_LENGTH!r} um"]},
    }
    answer = 4.0 * V_T * math.atanh(math.tanh(20.0 / 4.0) / math.e)
    return KnownProblem("wall of 20 V_T", data, "near", answer, (("1d", 1, {}), *DEFAULT[:2]))


def _injection(name: str, current: float, answer: float, *, charged: bool = True) -> KnownProblem:
    """Current into a neck with 167 mM; full PNP of the line by SciPy's collocation."""
    data = {
        "geometry": NECK,
        "electrolyte": {**USUAL, "species": ions(("C", 1, 200, 167), ("A", -1, 200, 167))},
        "boundaries": {"base": GROUND, "top": {"current": {"species": "C", "value": f"{current!r} pA"}}},
    }
    return KnownProblem(name, data, "top", answer, WITH_LINE, charged)


def _charged_end(charge: str, answer: float, size: str) -> KnownProblem:
    """Charge on the end of a neck in a graded mesh, by Gouy and Chapman."""
    data = {
        "geometry": NECK,
        "electrolyte": {**USUAL, "species": ions(("C", 1, 200, 167), ("A", -1, 200, 167))},
        "boundaries": {"base": GROUND, "top": {"surface_charge": charge}},
    }
    grade = {"grade": {"top": {"size": size}}}
    meshes = tuple((dimension, degree, grade) for dimension, degree, _ in WITH_LINE)
    return KnownProblem(f"end of {charge}, cells of {size}", data, "top", answer, meshes)


def _two_baths() -> KnownProblem:
    """100 and 10 mM at 1 V: a strong current through a bulk; the independent solver of the line."""
    top = {"potential": "1 V", "concentrations": {"Na": "10 mM", "Cl": "10 mM"}}
    data = {
        "geometry": NECK,
        "electrolyte": {**USUAL, "species": salt(100)},
        "boundaries": {"base": GROUND, "top": top},
    }
    return KnownProblem("100 and 10 mM at 1 V", data, "current of base", TWO_BATHS, TWICE)


#: Ions with calcium.
CALCIUM = ions(("Na", 1, 1330, 100), ("Ca", 2, 790, 20), ("Cl", -1, 2030, 140))

#: Sizes of the cells in smooth problems.
SIZES: dict[tuple[str, int], tuple[float, ...]] = {
    ("axisymmetric", 1): (1, 0.5),
    ("axisymmetric", 2): (2, 1),
    ("3d", 1): (1.4, 1),
}


def known_problems() -> dict[str, KnownProblem | SmoothProblem]:
    """Every problem by its name."""
    found = [
        _gel(),
        _middle("Donnan step, -100 mM", -22.2635, salt(50), "-100 mM"),
        _middle("Donnan step with calcium", 22.9190, CALCIUM, "300 mM"),
        _middle("gel, -1000 mM", -45.886, salt(167), "-1000 mM"),
        _membrane(),
        _cone("1 V", -4265.0),
        _cone("-1 V", 1409.0),
        _wall(),
        _injection("-99 % of the limit", -200.46, -105.19614),
        _injection("1e5 pA into a neck", 1e5, 156.71753),
        _charged_end("-0.02 C/m^2", -20.4739, "0.5 nm"),
        _two_baths(),
        _injection("100 pA into a neck", 100.0, 10.1335091, charged=False),
    ]
    known: dict[str, KnownProblem | SmoothProblem] = {problem.name: problem for problem in found}
    return known | {name: SmoothProblem(name, SIZES) for name in PROBLEMS}
