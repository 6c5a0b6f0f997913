"""The tube: a body of revolution with any radius profile, such as a corrugated neck."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from spinepnp.errors import CaseError
from spinepnp.geometries.base import digest_of
from spinepnp.geometries.extruded import Extruded
from spinepnp.geometries.profile import is_table, read_profile, table_range
from spinepnp.geometries.rings import Ringed
from spinepnp.geometries.sizes import MODEL_UNIT
from spinepnp.units import LENGTH, Length, format_quantity

#: Heights at which a profile is checked before meshing, and its largest radius is found.
PROFILE_SAMPLES = 2001

#: Radius, over the largest one, at or below which a profile counts as zero: rounding.
ZERO_RADIUS = 1e-9

#: Distance of a table's end from the end of the tube, over the length, within which the table covers it: rounding.
END_TOLERANCE = 1e-9


class Tube(Ringed, Extruded):
    r"""A body of revolution on the z axis, radius given by a profile r(z).

    ::

             |   |      top    z = length
             /   \
            |     |     wall   radius r(z)
             #   #      ring   a band of the wall, as many as wanted
             |___|      base   z = 0

    Examples:
        >>> import numpy as np
        >>> from spinepnp.geometries import Tube
        >>> neck = Tube(length="1 um", profile="60 nm + 30 nm*cos(2*pi*z/(500 nm))")
        >>> neck.radius(np.array([0.0, 0.25e-6])).round(10)  # m
        array([9.e-08, 3.e-08])

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
        """Refuse a profile that cannot be read, or is not positive and finite along the whole length.

        Raises:
            CaseError: names the problem with the profile, and its height.
        """
        super().check()
        z = np.linspace(0.0, self.length, PROFILE_SAMPLES)
        try:
            radius = self.radius(z)
            if is_table(self.profile):
                self._check_table_covers(*table_range(self.profile))
        except ValueError as error:
            raise CaseError("geometry.profile", str(error), self.profile) from None
        bad = ~(np.isfinite(radius) & (radius > ZERO_RADIUS * np.nanmax(np.abs(radius), initial=0.0)))
        if bad.any():
            at = int(np.argmax(bad))
            what = "is not positive" if np.isfinite(radius[at]) else "has no finite value"
            raise CaseError(
                "geometry.profile", f"the radius {what} at z = {z[at] * 1e9:.4g} nm; change it there", self.profile
            )

    def _check_table_covers(self, first: float, last: float) -> None:
        """Refuse a table from ``first`` to ``last`` (m) that does not reach from the base to the top."""
        margin = END_TOLERANCE * self.length
        if first > margin:
            problem = f"the table starts at z = {first * 1e9:.6g} nm; add a row at z = 0"
            raise CaseError("geometry.profile", problem, self.profile)
        if last < self.length - margin:
            ends, length = f"{last * 1e9:.6g} nm", format_quantity(self.length, LENGTH)
            problem = (
                f"the table ends at z = {ends}, before geometry.length = {length}; add rows or set length = {ends}"
            )
            raise CaseError("geometry.profile", problem, self.profile)

    def files(self) -> dict[str, str]:
        """Digest of the profile's table, where it is one."""
        return {"profile": digest_of(self.profile)} if is_table(self.profile) else {}

    def _radii(self) -> np.ndarray:
        return self.radius(np.linspace(0.0, self.length, PROFILE_SAMPLES))

    def default_size(self) -> float:
        """Default edge length: a quarter of the largest radius; cells shrink with the cross-section."""
        return float(min(self._radii().max() / 4.0, self.length / 4.0))

    def reference(self) -> tuple[float, float, float]:
        """Reference cylinder: the one around the tube."""
        return float(self._radii().max()) / MODEL_UNIT, self.length / MODEL_UNIT, 0.0

    def relative_size(self, z: np.ndarray) -> np.ndarray:
        """Radius over the largest one."""
        return self.radius(np.clip(z * MODEL_UNIT, 0.0, self.length)) / self._radii().max()

    def map_cylinder(self, x: np.ndarray) -> np.ndarray:
        """Map from the cylinder: every cross-section is scaled to its radius."""
        z = x[:, 2] * MODEL_UNIT
        # Rounding must not leave the domain of a table.
        radius = self.radius(np.clip(z, 0.0, self.length)) / MODEL_UNIT
        return np.column_stack([x[:, :2] * (radius / self.reference()[0])[:, None], x[:, 2]])
