"""Parts of the volume over which means and extremes are taken: the [regions] table."""

from __future__ import annotations

from typing import Any

from pydantic import GetJsonSchemaHandler, model_serializer, model_validator

from spinepnp.units import Coordinate, Length, Table


class Region(Table):
    """Part of the volume between two planes and away from some boundaries; a list of two heights is short for it.

    Examples:
        >>> from spinepnp.solvers import Region
        >>> core = Region(z=["0.2 um", "0.8 um"], exclude=["wall"], margin="10 nm")
        >>> core.z  # m
        (2e-07, 8e-07)

    Attributes:
        z: heights of the two planes z = const, m; the whole body without them.
        exclude: boundaries whose surroundings are left out.
        margin: distance from these boundaries that is left out, m.
    """

    z: tuple[Coordinate, Coordinate] | None = None
    exclude: tuple[str, ...] = ()
    margin: Length | None = None

    @model_validator(mode="before")
    @classmethod
    def _planes_alone(cls, value: object) -> object:
        return {"z": value} if isinstance(value, list | tuple) else value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        table = handler.resolve_ref_schema(handler(core))
        return {"oneOf": [dict(table), {k: v for k, v in table["properties"]["z"].items() if k != "default"}]}

    @model_validator(mode="after")
    def _whole(self) -> Region:
        if self.z is not None and self.z[0] >= self.z[1]:
            raise ValueError('the lower end comes first, for example ["1 um", "2 um"]')
        if bool(self.exclude) != (self.margin is not None):
            raise ValueError('exclude = ["cap"] and margin = "100 nm" belong together; give both')
        return self

    @model_serializer(mode="wrap")
    def _short(self, handler: Any) -> Any:
        written = {key: value for key, value in handler(self).items() if value not in (None, (), [])}
        return list(written["z"]) if set(written) == {"z"} else written
