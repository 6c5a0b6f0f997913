"""The tube: a body of revolution with any radius profile, such as a corrugated neck."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.geometries.base import digest_of
from spinepnp.geometries.extruded import Extruded
from spinepnp.geometries.profile import is_table, read_profile, table_range
from spinepnp.geometries.sizes import MODEL_UNIT
from spinepnp.units import LENGTH, Length, format_quantity

#: Heights at which a profile is looked at before meshing.
SAMPLES = 2001

#: A radius below this, over the largest, is zero.
PINCHED = 1e-9


class Tube(Extruded):
    r"""A body of revolution on the z axis, radius given by a profile r(z).

    ::

             |   |      top    z = length
             /   \
            |     |     wall   radius r(z)
             \   /
             |___|      base   z = 0

    Attributes:
        length: height, m.
        profile: an expression in z, such as "60 nm + 30 nm*cos(2*pi*z/(500 nm))", or the path of a CSV table with the
            columns z_nm and radius_nm.
    """

    takes_obstacle: ClassVar[bool] = False
    smooth: ClassVar[bool] = True

    shape: Literal["tube"] = "tube"
    length: Length
    profile: str

    def radius(self, z: np.ndarray) -> np.ndarray:
        """Radius in m at heights in m."""
        return read_profile(self.profile)(z)

    def check(self) -> None:
        """The profile must be readable, and positive and finite along the whole length.

        Raises:
            CaseError: says what is wrong with it, or where.
        """
        super().check()
        z = np.linspace(0.0, self.length, SAMPLES)
        try:
            radius = self.radius(z)
            if is_table(self.profile):
                self._check_table_covers(*table_range(self.profile))
        except ValueError as error:
            raise CaseError("geometry.profile", str(error), self.profile) from None
        # Zero up to rounding is zero.
        bad = ~(np.isfinite(radius) & (radius > PINCHED * np.nanmax(np.abs(radius), initial=0.0)))
        if bad.any():
            at = int(np.argmax(bad))
            what = "is not positive" if np.isfinite(radius[at]) else "has no finite value"
            raise CaseError(
                "geometry.profile", f"the radius {what} at z = {z[at] * 1e9:.4g} nm; change it there", self.profile
            )

    def _check_table_covers(self, first: float, last: float) -> None:
        """A table from ``first`` to ``last`` (m) reaches from the base to the top.

        Raises:
            CaseError: says where it starts or ends.
        """
        hair = 1e-9 * self.length
        if first > hair:
            problem = f"the table starts at z = {first * 1e9:.6g} nm; add a row at z = 0"
            raise CaseError("geometry.profile", problem, self.profile)
        if last < self.length - hair:
            ends, wanted = f"{last * 1e9:.6g} nm", format_quantity(self.length, LENGTH)
            problem = (
                f"the table ends at z = {ends}, before geometry.length = {wanted}; add rows or set length = {ends}"
            )
            raise CaseError("geometry.profile", problem, self.profile)

    def files(self) -> dict[str, str]:
        """The table of the profile, where it is one."""
        return {"profile": digest_of(self.profile)} if is_table(self.profile) else {}

    def _radii(self) -> np.ndarray:
        return self.radius(np.linspace(0.0, self.length, SAMPLES))

    def default_size(self) -> float:
        """A quarter of the largest radius; cells shrink with the cross-section."""
        return float(min(self._radii().max() / 4.0, self.length / 4.0))

    def reference(self) -> tuple[float, float, float]:
        """The cylinder around the tube."""
        return float(self._radii().max()) / MODEL_UNIT, self.length / MODEL_UNIT, 0.0

    def relative_size(self, z: np.ndarray) -> np.ndarray:
        """Radius over the largest one."""
        return self.radius(np.clip(z * MODEL_UNIT, 0.0, self.length)) / self._radii().max()

    def stretch(self, x: np.ndarray) -> np.ndarray:
        """Scale every cross-section to its radius."""
        z = x[:, 2] * MODEL_UNIT
        # Rounding must not leave the domain of a table.
        radius = self.radius(np.clip(z, 0.0, self.length)) / MODEL_UNIT
        return np.column_stack([x[:, :2] * (radius / self.reference()[0])[:, None], x[:, 2]])
