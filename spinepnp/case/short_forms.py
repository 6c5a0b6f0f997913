"""Keys of short forms, which presets expand into the tables that are checked and solved."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from spinepnp.solvers.model.electrolyte import Electrolyte, Species
from spinepnp.solvers.model.membrane.mechanism import Mechanism
from spinepnp.units import (
    BindingRate,
    Concentration,
    Coordinate,
    Diffusivity,
    Flag,
    Number,
    Table,
    UnbindingRate,
    Whole,
)

#: Media in which diffusivities of species are known.
Medium = Literal["water", "cytosol", "cleft"]

#: Medium where none is given.
MEDIUM: Medium = "water"


class SpeciesShort(Table):
    """Short form of a species.

    Attributes:
        use: name of a preset, which gives name, valence and diffusivity where they are not given;
            `./spine list presets`.
        medium: medium of which the preset's diffusivity is taken.
    """

    use: str | None = None
    medium: Medium = MEDIUM


class Buffer(Table):
    """A buffer or indicator of calcium: its species at binding equilibrium with the bulk, and their reactions.

    Attributes:
        use: name of a preset, see `./spine list presets`; a buffer of one site of its own needs `name`, `forward`,
            `backward` and, unless it is immobile, `diffusivity` instead.
        name: beginning of the names of its species and reactions; by default that of the preset.
        concentration: bulk concentration of the molecule, free and bound together, mol/m^3.
        capacity: ratio of the change of bound calcium to that of free calcium in the bulk, in place of the
            concentration of a buffer with one calcium at one site.
        mobile: false for one that is fixed to the cytoskeleton.
        diffusivity: diffusivity of all its forms, m^2/s, in place of that of the preset.
        valence: charge number of the free form, of each class of sites.
        forward: rate constant of binding of a buffer with one kind of site.
        backward: rate constant of unbinding of a buffer with one kind of site.
        region: heights z of two planes between which it binds, m; by default everywhere.
    """

    use: str | None = None
    name: Annotated[str, Field(pattern="^[A-Za-z][A-Za-z0-9_]{0,19}$")] | None = None
    concentration: Concentration | None = None
    capacity: Annotated[Number, Field(gt=0.0)] | None = None
    mobile: Flag | None = None
    diffusivity: Diffusivity | None = None
    valence: Annotated[Whole, Field(ge=-16, le=16)] = 0
    forward: BindingRate | None = None
    backward: UnbindingRate | None = None
    region: tuple[Coordinate, Coordinate] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Buffer:
        if (self.concentration is None) == (self.capacity is None):
            problem = "is missing" if self.capacity is None else "and capacity exclude each other"
            raise ValueError(f'concentration {problem}; write concentration = "40 uM", or capacity = 20')
        if self.mobile is False and self.diffusivity is not None:
            raise ValueError("a buffer that is not mobile has no diffusivity; drop one of them")
        if (self.forward is None) != (self.backward is None):
            raise ValueError("needs both forward and backward, or neither")
        return self


class ElectrolyteShort(Table):
    """Short forms of an electrolyte.

    Attributes:
        buffers: buffers and indicators of calcium.
        balance: ion whose bulk concentration is changed so that the bulk is neutral with the charge that buffers bind.
    """

    buffers: tuple[Buffer, ...] | None = None
    balance: str | None = None


class MechanismShort(Table):
    """Short form of a mechanism.

    Attributes:
        use: name of a preset, which gives the keys that are not given; `./spine list presets`.
    """

    use: str | None = None


#: Short forms by the table that they become.
SHORT_FORMS: dict[type[Table], type[Table]] = {
    Species: SpeciesShort,
    Electrolyte: ElectrolyteShort,
    Mechanism: MechanismShort,
}
