"""Tables of results as labelled arrays of xarray, whose dimensions are what was varied."""

from __future__ import annotations

from typing import Any

from spinepnp.batch.table import AXES
from spinepnp.errors import CaseError, MissingStackError
from spinepnp.solvers.problem.columns import Column


def to_xarray(frame: Any) -> Any:
    """Dataset (`xarray.Dataset`) of a table of results.

    Args:
        frame: table of `spinepnp.load` or of `Sweep.to_frame`, whose ``attrs["axes"]`` lists the columns of varied
            values (of a transient the time).

    Returns:
        A variable for each column with its unit as the attribute `units`, along one dimension for each axis (without
        an axis, along the rows); combinations that the table lacks are not a number.

    Raises:
        CaseError: two rows have the same varied values.
        MissingStackError: xarray is not installed.
    """
    try:
        import xarray
    except ImportError:
        raise MissingStackError('xarray is needed for this; get it by pip install "spinepnp[xarray]"') from None
    axes = list(frame.attrs.get(AXES, ()))
    if axes and frame.duplicated(axes).any():
        raise CaseError(", ".join(axes), "two rows have the same values; select rows that differ before")
    dataset = xarray.Dataset.from_dataframe(frame.set_index(axes) if axes else frame)
    for name, variable in dataset.variables.items():
        kind = Column(str(name), "").kind
        if kind is not None:
            variable.attrs["units"] = kind.unit
    return dataset
