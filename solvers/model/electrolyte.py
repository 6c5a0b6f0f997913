"""Ions and the medium they move in: the [electrolyte] table."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import (
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    field_serializer,
    field_validator,
    model_validator,
)

from spinepnp import units
from spinepnp.errors import CaseError
from spinepnp.solvers.model.equilibrium import equilibrium
from spinepnp.solvers.model.profiles import (
    ROUNDING_OF_HEIGHTS,
    ChargedRegion,
    DiffusivityByRegion,
    FixedCharge,
    Part,
    PermittivityByRegion,
    Profile,
    refuse_overlap,
)
from spinepnp.solvers.model.reactions import ReactionNetwork, network_of
from spinepnp.solvers.model.terms import TERM_KEYS, keys_of_terms

#: kT/e of the papers (paper 001, Table I, with its unit corrected to mV).
DEFAULT_THERMAL_VOLTAGE = 25.26e-3

#: Charge over the sum of absolute charges below which a solution is neutral (concentrations of a case are rounded).
NEUTRALITY_TOLERANCE = 1e-9

#: Names of species: they stand in names of columns and files.
NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_+-]*$")

#: Most characters of a name.
LONGEST_NAME = 40

if TYPE_CHECKING:

    class _KeysOfTerms(units.Table):
        """Keys of the terms of the volume, which are found when the program starts."""

        def __getattr__(self, name: str) -> Any: ...

else:
    _KeysOfTerms = keys_of_terms("electrolyte")


class Species(units.Table):
    """One dissolved species.

    Examples:
        >>> from spinepnp.solvers import Species
        >>> sodium = Species(name="Na", valence=1, diffusivity="200 um^2/s", concentration="150 mM")
        >>> sodium.diffusivity, sodium.concentration  # m^2/s, mol/m^3
        (2e-10, 150.0)

    Attributes:
        name: name in boundaries and results: a letter, then letters, digits, `_`, `+` or `-`.
        valence: charge number z; zero for a neutral tracer.
        diffusivity: free diffusivity D, m^2/s: uniform, or a list of regions, in which an entry without `region` is the
            value elsewhere; zero for an immobile species, which no boundary holds.
        concentration: bulk concentration, mol/m^3 (= mM).
        source: uniform rate of production in the whole domain, mol/(m^3 s); negative where the species is used up.
    """

    name: str = Field(json_schema_extra={"pattern": NAME.pattern, "maxLength": LONGEST_NAME})
    valence: units.Whole = Field(ge=-20, le=20)
    diffusivity: DiffusivityByRegion
    concentration: units.Concentration
    source: units.Rate = 0.0

    @property
    def moves(self) -> bool:
        """Whether it moves: its diffusivity is not zero."""
        return self.diffusivity != 0.0

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            raise ValueError(
                f"must be a letter, then letters, digits, _, + or -, at most {LONGEST_NAME} in all; choose another name"
            )
        if name in {"total", "displacement"}:
            raise ValueError("is a word of the results; choose another name")
        return name


class Electrolyte(_KeysOfTerms):
    """Species and the medium.

    Examples:
        >>> import spinepnp as pnp
        >>> ion = {"diffusivity": "200 um^2/s", "concentration": "150 mM"}
        >>> salt = pnp.Electrolyte(species=[{"name": "Na", "valence": 1, **ion}, {"name": "Cl", "valence": -1, **ion}])
        >>> round(salt.debye_length() * 1e9, 3)  # nm
        0.786
        >>> salt.names, salt.bulk  # mol/m^3
        (('Na', 'Cl'), {'Na': 150.0, 'Cl': 150.0})

    Attributes:
        species: ions and neutral tracers, at least one.
        thermal_voltage: kT/e, V, by default 25.26 mV; or give `temperature` instead.
        temperature: absolute temperature, K, in place of `thermal_voltage`.
        permittivity: relative permittivity: uniform, or a list of regions, in which an entry without `region` is the
            value elsewhere.
        tortuosity: the effective diffusivity is D / tortuosity^2.
        fixed_charge: concentration of immobile unit charges, mol/m^3, signed: uniform, or a list of regions (the bulk
            then has none).
        neutral: false to allow a bulk that is not neutral.
    """

    thermal_voltage: units.ThermalVoltage | None = None
    temperature: units.Temperature | None = None
    permittivity: PermittivityByRegion = 80.0
    tortuosity: units.Number = Field(default=1.0, ge=1.0, le=1e3)
    fixed_charge: FixedCharge = 0.0
    neutral: units.Flag = True
    species: tuple[Species, ...] = Field(min_length=1)
    _brought: tuple[tuple[Species, ...], tuple[Species, ...]] | None = PrivateAttr(None)  # to equilibrium: from, to

    @model_validator(mode="after")
    def _one_thermal_voltage(self) -> Electrolyte:
        if self.thermal_voltage is not None and self.temperature is not None:
            raise ValueError("thermal_voltage and temperature say the same twice; give one of them")
        return self

    def resolved(self) -> Electrolyte:
        """Electrolyte with the default thermal voltage filled in, unless it or a temperature is given."""
        if self.thermal_voltage is None and self.temperature is None:
            return self.model_copy(update={"thermal_voltage": DEFAULT_THERMAL_VOLTAGE})
        return self

    @model_validator(mode="after")
    def _at_equilibrium(self) -> Electrolyte:
        """Bring the bulk to equilibrium where that is asked for."""
        names = [name for reaction in self.reactions for name in reaction.parsed.names]
        if self.equilibrate and self._brought is None and set(names) <= set(self.names):
            bulk = equilibrium(self.network, np.array([*self.bulk.values()])).tolist()
            species = (s.model_copy(update={"concentration": c}) for s, c in zip(self.species, bulk, strict=True))
            self._brought = self.species, tuple(species)
            self.__dict__["species"] = self._brought[1]
        return self

    @property
    def given(self) -> tuple[Species, ...]:
        """Species as they were given, before `equilibrate` brought them to rest."""
        return self._brought[0] if self._brought is not None and self.species is self._brought[1] else self.species

    @field_serializer("species", mode="wrap")
    def _as_given(self, species: tuple[Species, ...], write: SerializerFunctionWrapHandler) -> Any:
        """Species with the concentrations that were given: a sweep varies those, not their equilibrium."""
        return write(self.given if species is self.species else species)

    @property
    def V_T(self) -> float:
        """Thermal voltage kT/e, V."""
        if self.temperature is not None:
            return units.BOLTZMANN * self.temperature / units.ELEMENTARY_CHARGE
        return DEFAULT_THERMAL_VOLTAGE if self.thermal_voltage is None else self.thermal_voltage

    @property
    def absolute_permittivity(self) -> float:
        """Absolute permittivity, F/m; the largest one where it differs by region."""
        return Profile.of(self.permittivity).largest * units.VACUUM_PERMITTIVITY

    @property
    def smallest_permittivity(self) -> float:
        """Smallest absolute permittivity, F/m: that of the strongest field of a charge."""
        return Profile.of(self.permittivity).smallest * units.VACUUM_PERMITTIVITY

    @property
    def permittivity_profile(self) -> Profile:
        """Permittivity over the largest one, along z."""
        return Profile.of(self.permittivity).relative

    @property
    def has_profiles(self) -> bool:
        """Whether the permittivity or the diffusivity of any species differs by region."""
        return any(profile.planes for profile in self.profiles())

    def profiles(self) -> tuple[Profile, ...]:
        """Diffusivity of each species and the permittivity, along z, each over its largest value."""
        return (*map(self.diffusivity_profile, self.species), self.permittivity_profile)

    @property
    def uniform_charge(self) -> float:
        """Uniform fixed charge, the bulk included, mol/m^3."""
        return self.fixed_charge if isinstance(self.fixed_charge, float) else 0.0

    @property
    def charged_regions(self) -> tuple[ChargedRegion, ...]:
        """Regions of fixed charge; none where it is uniform."""
        return self.fixed_charge if isinstance(self.fixed_charge, tuple) else ()

    @property
    def has_fixed_charge(self) -> bool:
        """Whether there is any fixed charge, uniform or by region."""
        return bool(self.uniform_charge) or any(region.value for region in self.charged_regions)

    @property
    def has_ions(self) -> bool:
        """Whether any species carries charge; without one there is only diffusion, and no Debye layer."""
        return any(s.valence != 0 for s in self.species)

    @property
    def largest_valence(self) -> int:
        """Largest absolute valence |z| of the species."""
        return max(abs(s.valence) for s in self.species)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the species in their order."""
        return tuple(s.name for s in self.species)

    @property
    def bulk(self) -> dict[str, float]:
        """Bulk concentration of each species, mol/m^3."""
        return {s.name: s.concentration for s in self.species}

    @property
    def immobile(self) -> tuple[str, ...]:
        """Names of the immobile species."""
        return tuple(s.name for s in self.species if not s.moves)

    @property
    def mobile(self) -> tuple[str, ...]:
        """Names of the species that move."""
        return tuple(s.name for s in self.species if s.moves)

    @property
    def mobile_bulk(self) -> dict[str, float]:
        """Bulk concentration of each species that moves, mol/m^3."""
        return {s.name: s.concentration for s in self.species if s.moves}

    @property
    def has_chemistry(self) -> bool:
        """Whether species react, or one does not move: then every species is as exact as the ions."""
        return bool(self.reactions or self.immobile)

    @property
    def network(self) -> ReactionNetwork:
        """Reactions with their stoichiometry."""
        return network_of(self.names, tuple(s.moves for s in self.species), self.reactions)

    def index(self, name: str) -> int:
        """Index of a species."""
        return self.names.index(name)

    def effective_diffusivity(self, species: Species) -> float:
        """Effective diffusivity D / tortuosity^2, m^2/s; the largest one where it differs by region."""
        return Profile.of(species.diffusivity).largest / self.tortuosity**2

    def diffusivity_profile(self, species: Species) -> Profile:
        """Diffusivity of a species over its largest one, along z."""
        return Profile.of(species.diffusivity).relative

    def ionic_strength(self) -> float:
        """Ionic strength of the mobile ions of the bulk, half the sum of z_i^2 c_i, mol/m^3."""
        return 0.5 * sum(s.valence**2 * s.concentration for s in self.species if s.moves)

    def debye_length(self, strength: float | None = None, relative: float = 1.0) -> float:
        """Debye length sqrt(eps eps_0 V_T / (F sum z_i^2 c_i)), m; infinite without ions.

        Args:
            strength: sum z_i^2 c_i, mol/m^3; that of the bulk by default.
            relative: permittivity over the largest one.
        """
        strength = 2.0 * self.ionic_strength() if strength is None else strength
        if strength <= 0.0:
            return math.inf
        return math.sqrt(relative * self.absolute_permittivity * self.V_T / (units.FARADAY * strength))

    def net_charge(self, concentrations: dict[str, float]) -> float:
        """Net charge sum z_i c_i + uniform fixed charge of a solution, mol/m^3."""
        c = self._complete(concentrations)
        return sum(s.valence * c[s.name] for s in self.species) + self.uniform_charge

    def _complete(self, concentrations: dict[str, float]) -> dict[str, float]:
        """Concentrations with those of immobile species, which are the bulk's where they are not given."""
        return {s.name: s.concentration for s in self.species if not s.moves} | concentrations

    def charges_between(self, low: float, high: float) -> tuple[float, ...]:
        """Every fixed charge between two heights, adjacent regions included, mol/m^3.

        Args:
            low: lower height z, m.
            high: upper height z, m; equal to the lower one for a plane.
        """
        near = ROUNDING_OF_HEIGHTS * max(abs(low), abs(high))
        regions = [r for r in self.charged_regions if r.region[0] <= high + near and r.region[1] >= low - near]
        covered = low  # from below, by regions without a gap
        for region in sorted(regions, key=lambda r: r.region):
            if region.region[0] <= covered + near:
                covered = max(covered, region.region[1])
        free = () if regions and covered >= high - near else (self.uniform_charge,)
        return (*(region.value for region in regions), *free)

    def is_neutral(self, concentrations: dict[str, float], fixed: float) -> bool:
        """Whether concentrations (mol/m^3, by name) and a fixed charge (mol/m^3) add up to no charge."""
        c = self._complete(concentrations)
        charges = [*(s.valence * c[s.name] for s in self.species), fixed]
        return abs(sum(charges)) <= NEUTRALITY_TOLERANCE * sum(map(abs, charges))

    def ions_balance(self, concentrations: dict[str, float], regional: float = 0.0) -> bool:
        """Whether ions (mol/m^3, by name) balance the fixed charges, uniform and of a region, to their rounding."""
        excess = abs(self.net_charge(concentrations) + regional)
        c = self._complete(concentrations)
        return excess <= NEUTRALITY_TOLERANCE * sum(abs(s.valence) * c[s.name] for s in self.species)

    def check_neutral(self, key: str, concentrations: dict[str, float], regional: tuple[float, ...] = ()) -> None:
        """Refuse concentrations that are not neutral, unless `neutral` is false.

        Args:
            key: key of the case file that gives the concentrations.
            concentrations: concentrations of all species, mol/m^3.
            regional: fixed charges of regions that reach the boundary, mol/m^3. The solution may be neutral with one of
                them instead: a bath before a gel is neutral alone, an end within the gel together with its charge.

        Raises:
            CaseError: names the net charge and three remedies.
        """
        if not self.neutral or any(
            self.is_neutral(concentrations, fixed) for fixed in (self.uniform_charge, *regional)
        ):
            return
        net = float(f"{self.net_charge(concentrations):.9g}")
        charge, rest = (units.format_quantity(value, units.CONCENTRATION) for value in (net, -net))
        fixed = (units.format_quantity(fixed, units.CONCENTRATION) for fixed in dict.fromkeys(regional) if fixed)
        there = " or ".join(f'"{value}"' for value in fixed)
        raise CaseError(
            key,
            f"the charges sum z c + fixed_charge leave {charge}"
            + (
                f" without the fixed charge by region, which is {there} there; change a concentration"
                if there
                else f'; change a concentration, balance it by electrolyte.fixed_charge = "{rest}"'
            )
            + ", or set electrolyte.neutral = false if it is meant",
        )

    def check(self) -> None:
        """Refuse what the checks of single keys cannot see.

        Raises:
            CaseError: a name used twice, regions that overlap, or a bulk that is not neutral.
        """
        if not self.mobile:
            raise CaseError("electrolyte.species", "no species moves; give one a diffusivity above zero")
        for position, name in enumerate(self.names):
            if name in self.names[:position]:
                key = f"electrolyte.species.{position}.name"
                raise CaseError(key, "is used twice; give every species its own name", name)
        regions = (charged.region for charged in self.charged_regions)
        refuse_overlap("electrolyte.fixed_charge", regions, " (the sum, if both are there)")
        self.check_neutral("electrolyte.species.concentration", self.bulk)
        for term in TERM_KEYS:
            term.check_electrolyte(self)

    def coefficients(self) -> dict[str, float | tuple[Part, ...]]:
        """Coefficients that can differ by region, by their keys."""
        diffusivities = {f"electrolyte.species.{s.name}.diffusivity": s.diffusivity for s in self.species}
        return {"electrolyte.permittivity": self.permittivity, **diffusivities}
