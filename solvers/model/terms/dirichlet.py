"""Prescribed potential, constant or with a waveform (voltage clamp), and prescribed concentrations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, override

from pydantic import Discriminator, Tag, field_validator, model_validator

from spinepnp.errors import CaseError, nearest
from spinepnp.solvers.model.tables import read_columns
from spinepnp.solvers.model.term_keys import TermKeys
from spinepnp.solvers.model.terms.fixed_charge import charges_at
from spinepnp.solvers.model.waveforms import WaveformKeys
from spinepnp.units import FARADAY, POTENTIAL, TIME, Concentration, Potential, Table, format_quantity

if TYPE_CHECKING:
    from spinepnp.geometries import Geometry
    from spinepnp.solvers.model.boundaries import Boundaries, Boundary
    from spinepnp.solvers.model.electrolyte import Electrolyte
    from spinepnp.solvers.model.problem_data import ProblemData

#: Largest z V/V_T between a bath and a wall with a prescribed potential that blocks all species: beyond it the
#: concentrations at the wall leave no digits for the others.
LARGEST_BLOCKED = 22.0

#: Largest z V/V_T of a blocking wall whose layer is graded; exponentials stay far from overflow.
LARGEST_WALL_POTENTIAL = 300.0


class PotentialWaveform(WaveformKeys):
    """Prescribed potential that goes in time: V = before + (value - before) f(t), with the waveform f of height 1.

    A sine is V = before + value sin(2 pi f s + phase), a table the potential itself.

    Examples:
        >>> from spinepnp.solvers import Boundary, PotentialWaveform
        >>> step = PotentialWaveform(waveform="step", value="50 mV", onset="1 ms")
        >>> clamp = Boundary(potential=step, concentrations="bulk")
        >>> clamp.at(2e-3, 2e-3).potential  # V, after the step
        0.05

    Attributes:
        waveform: course of the potential in time.
        file: CSV table with the columns ``time_ms`` and ``potential_mV``, linear between its rows; the first and the
            last value hold before and after them.
        value: potential that the waveform reaches, V; the amplitude of a sine.
        before: potential before the waveform, and in a steady initial state, V; 0 mV by default.
    """

    column: ClassVar = POTENTIAL
    held: ClassVar = True

    waveform: Literal["step", "pulse", "alpha", "biexponential", "ramp", "sine", "table"]
    value: Potential | None = None
    before: Potential | None = None

    @model_validator(mode="after")
    def _whole(self) -> PotentialWaveform:
        given = self.value is not None or self.before is not None
        if self.waveform == "table" and given:
            raise ValueError("a table holds the potential itself; drop value and before")
        if self.waveform != "table" and self.value is None:
            raise ValueError('needs value = "50 mV", the potential that the waveform reaches')
        self.check_waveform(("value", "before"))
        return self

    def at(self, time: float, inside: float) -> float:
        """Potential at a time, V; ``inside`` lies in the same smooth interval, s."""
        factor, before = self.time_profile.factor(time, inside), self.before or 0.0
        if self.waveform == "table":
            return factor
        height = self.value or 0.0
        return before + (height if self.waveform == "sine" else height - before) * factor

    @property
    def first(self) -> float:
        """Potential before the waveform begins, V."""
        return self.at(-1.0, -1.0)

    def extremes(self) -> tuple[float, float]:
        """Two potentials between which it stays at all times, V."""
        height, before = self.value or 0.0, self.before or 0.0
        if self.waveform == "table":
            _, values = read_columns(self.file or "", TIME, POTENTIAL)
            return float(values.min()), float(values.max())
        if self.waveform == "sine":
            return before - height, before + height
        return before, before + self.time_profile.largest * (height - before)


ConcentrationData = Annotated[
    Annotated[Literal["bulk", "absorbing"], Tag("word")] | Annotated[dict[str, Concentration], Tag("table")],
    Discriminator(lambda value: "table" if isinstance(value, dict) else "word"),
]


def _kind_of_potential(value: object) -> str:
    if isinstance(value, dict | PotentialWaveform):
        return "table"
    return "word" if value == "floating" else "quantity"


PotentialData = Annotated[
    Annotated[Literal["floating"], Tag("word")]
    | Annotated[Potential, Tag("quantity")]
    | Annotated[PotentialWaveform, Tag("table")],
    Discriminator(_kind_of_potential),
]


class DirichletKeys(Table):
    """Prescribed values at a boundary.

    Attributes:
        potential: prescribed potential, V, or a table with its waveform in time; or "floating": one unknown value, at
            which no total current flows through the boundary (open circuit; needs `concentrations`): of the ions in a
            steady state, of ions and displacement in time. At least one boundary must have a potential, a
            load or a capacitance, unless the domain is closed.
        concentrations: "bulk", "absorbing" (zero), or a table by species in mol/m^3. Every species needs one
            somewhere, or an amount in [closed].
    """

    potential: PotentialData | None = None
    concentrations: ConcentrationData | None = None

    @field_validator("concentrations", mode="before")
    @classmethod
    def _word_or_table(cls, value: object) -> object:
        if not isinstance(value, dict) and value not in ("bulk", "absorbing", None):
            raise ValueError('write "bulk", "absorbing", or a table such as { Na = "12 mM", K = "155 mM" }')
        return value

    @property
    def prescribes_potential(self) -> bool:
        """Whether the potential is prescribed."""
        return self.potential is not None and self.potential != "floating"

    @property
    def prescribed_potential(self) -> float | None:
        """Prescribed potential, V, that before its waveform where it has one; ``None`` without one."""
        if isinstance(self.potential, PotentialWaveform):
            return self.potential.first
        return None if self.potential == "floating" else self.potential

    def prescribed(self, electrolyte: Electrolyte) -> dict[str, float]:
        """Prescribed concentration of each species that has one here, mol/m^3."""
        if self.concentrations is None:
            return {}
        if isinstance(self.concentrations, dict):
            return self.concentrations
        bulk = electrolyte.bulk
        return {name: bulk[name] if self.concentrations == "bulk" else 0.0 for name in electrolyte.mobile}


class Dirichlet(TermKeys):
    """Dirichlet conditions."""

    order = 10
    boundary = DirichletKeys
    file_keys = ("potential.file",)
    grading_keys = ("concentrations",)

    @override
    def check_boundary(self, key: str, boundary: Boundary, electrolyte: Electrolyte, geometry: Geometry) -> None:
        prescribed = boundary.prescribed(electrolyte)
        for species in prescribed:
            if species not in electrolyte.names:
                raise CaseError(
                    f"{key}.concentrations.{species}", f"no such species; {nearest(species, electrolyte.names)}"
                )
            if species in electrolyte.immobile:
                raise CaseError(f"{key}.concentrations.{species}", "does not move, so no boundary holds it; drop it")
        if isinstance(boundary.concentrations, dict) and set(prescribed) == set(electrolyte.mobile):
            fixed = charges_at(key.removeprefix("boundaries."), geometry, electrolyte)
            electrolyte.check_neutral(f"{key}.concentrations", prescribed, fixed)
        for waveform in self.waveforms(boundary):
            waveform.check_file(f"{key}.potential")

    @override
    def check(self, data: ProblemData, geometry: Geometry) -> None:
        """Refuse walls that attract so many ions that double precision loses the others."""
        ground = _bath(data.electrolyte, data.boundaries)
        for name, boundary in data.boundaries.items():
            if ground is None or not boundary.prescribes_potential or boundary.prescribed(data.electrolyte):
                continue
            potential = _farthest(boundary, ground)
            steps = data.electrolyte.largest_valence * abs(potential - ground) / data.electrolyte.V_T
            if steps > LARGEST_BLOCKED:
                raise CaseError(
                    f"boundaries.{name}.potential",
                    f"lets point ions crowd exp({steps:.3g}) times beside a wall that blocks all species; at most "
                    f"{LARGEST_BLOCKED:g} kT/e over the valence from the bath can be solved for",
                    format_quantity(potential, POTENTIAL),
                )

    @override
    def check_positive(self, key: str, boundary: Boundary, electrolyte: Electrolyte) -> None:
        for species, value in boundary.prescribed(electrolyte).items():
            if value == 0.0:
                what = "absorbing" if boundary.concentrations == "absorbing" else f"{species} = 0"
                way_out = 'use solver.formulation = "density", or a small concentration'
                raise CaseError(f"{key}.concentrations", f"{what} has no logarithm; {way_out}")

    @override
    def field_condition(self, boundary: Boundary) -> str:
        return "" if boundary.potential is None else "potential"

    @override
    def signature(self, data: ProblemData) -> tuple[tuple[str, bool, tuple[str, ...]], ...]:
        """Boundaries with prescribed values: name, whether the potential is, and the prescribed species."""
        return tuple(
            (name, b.prescribes_potential, tuple(b.prescribed(data.electrolyte)))
            for name, b in data.boundaries.items()
            if b.prescribes_potential or b.concentrations is not None
        )

    @override
    def waveforms(self, boundary: Boundary) -> tuple[WaveformKeys, ...]:
        return (boundary.potential,) if isinstance(boundary.potential, PotentialWaveform) else ()

    @override
    def at(self, boundary: Boundary, time: float, inside: float) -> dict[str, Any]:
        if not isinstance(boundary.potential, PotentialWaveform):
            return {}
        return {"potential": boundary.potential.at(time, inside)}

    @override
    def scaled(self, boundary: Boundary, fraction: float, electrolyte: Electrolyte, zero: float) -> dict[str, Any]:
        update: dict[str, Any] = {}
        if boundary.prescribed_potential is not None:
            update["potential"] = zero + fraction * (boundary.prescribed_potential - zero)
        if boundary.concentrations is not None:
            bulk, prescribed = electrolyte.bulk, boundary.prescribed(electrolyte)
            update["concentrations"] = {n: bulk[n] + fraction * (c - bulk[n]) for n, c in prescribed.items()}
        return update

    @override
    def carries(self, boundary: Boundary, electrolyte: Electrolyte) -> set[str]:
        return set(boundary.prescribed(electrolyte))

    @override
    def determines(self, boundary: Boundary, electrolyte: Electrolyte) -> set[str]:
        return set(boundary.prescribed(electrolyte))

    @override
    def grounds(self, boundary: Boundary) -> bool:
        return bool(boundary.prescribes_potential)

    @override
    def levels(self, boundary: Boundary) -> tuple[float, ...]:
        return () if boundary.prescribed_potential is None else (boundary.prescribed_potential,)

    @override
    def forms_layer(self, boundary: Boundary, electrolyte: Electrolyte, fixed: tuple[float, ...]) -> bool:
        """Whether values are prescribed that are not those of a neutral bath at a potential."""
        prescribed = boundary.prescribed(electrolyte)
        has_potential = boundary.potential is not None or boundary.load is not None
        if not prescribed and not has_potential:
            return False
        if set(prescribed) != set(electrolyte.mobile) or not has_potential:
            return True
        return not all(electrolyte.is_neutral(prescribed, charge) for charge in fixed)

    @override
    def source_of_layer(
        self, name: str, boundary: Boundary, data: ProblemData, height: float, element_degree: int
    ) -> str:
        electrolyte, prescribed = data.electrolyte, boundary.prescribed(data.electrolyte)
        if boundary.prescribes_potential and not prescribed:
            return f"the potential of {name} is held without any concentration"
        complete = boundary.prescribes_potential and len(prescribed) == len(electrolyte.mobile)
        if complete and not electrolyte.ions_balance(prescribed):
            if electrolyte.uniform_charge:
                return f"the concentrations of {name} and the fixed charge are not neutral"
            if {s.valence > 0 for s in electrolyte.species if s.valence and prescribed.get(s.name)} == {True, False}:
                return f"the concentrations of {name} are not neutral"
        return ""

    @override
    def bounds_potential(self, electrolyte: Electrolyte, boundaries: Boundaries) -> bool:
        """Whether all baths hold the bulk at one potential."""
        baths = [b for b in boundaries.values() if b.prescribed(electrolyte)]
        bulk = electrolyte.mobile_bulk
        at_bulk = all(b.prescribed(electrolyte) == bulk and b.prescribes_potential for b in baths)
        return at_bulk and len({b.prescribed_potential for b in baths}) == 1

    @override
    def why_not_electroneutral(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        prescribing = [b for b in boundaries.values() if b.potential is not None or b.concentrations is not None]
        grounded = [
            b
            for b in prescribing
            if b.ground_potential() is not None and b.prescribed(electrolyte) == electrolyte.mobile_bulk
        ]
        if not grounded:
            return "no boundary holds both the potential and the bulk concentrations"
        if len({b.potential for b in prescribing}) > 1 or len(grounded) < len(prescribing):
            return "a boundary holds something else than the ground and the bulk"
        return ""

    @override
    def law_needs(self, electrolyte: Electrolyte, boundaries: Boundaries) -> str:
        return ""  # every law says itself what must be prescribed, and where


def _bath(electrolyte: Electrolyte, boundaries: Boundaries) -> float | None:
    """Potential of the first boundary with concentrations and a potential (of a load: at rest), V."""
    baths = [b.ground_potential() for b in boundaries.values() if b.prescribed(electrolyte)]
    return next((V for V in baths if V is not None), None)


def _farthest(boundary: Boundary, ground: float) -> float:
    """Prescribed potential of a boundary that is farthest from a ground at any time, V."""
    if isinstance(boundary.potential, PotentialWaveform):
        return max(boundary.potential.extremes(), key=lambda V: abs(V - ground))
    return float(boundary.prescribed_potential or 0.0)


def blocking_charges(electrolyte: Electrolyte, boundaries: Boundaries) -> dict[str, float]:
    """Charge of each blocking wall with a prescribed potential, C/m^2, by Grahame's equation; see `PlanarLayer`."""
    ground, charges = _bath(electrolyte, boundaries) or 0.0, {}
    for name, boundary in boundaries.items():
        if not boundary.prescribes_potential or boundary.prescribed(electrolyte):
            continue
        u = (_farthest(boundary, ground) - ground) / electrolyte.V_T
        if 0.0 < abs(u) * electrolyte.largest_valence < LARGEST_WALL_POTENTIAL:
            energy = sum(s.concentration * math.expm1(-s.valence * u) for s in electrolyte.species)
            unit = 2.0 * electrolyte.absolute_permittivity * FARADAY * electrolyte.V_T
            charges[name] = math.sqrt(unit * max(energy, 0.0))
    return {name: charge for name, charge in charges.items() if charge > 0.0}
