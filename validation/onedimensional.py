"""The independent one-dimensional solver by its former path; see `spinepnp.validation.reference.onedimensional`."""

from spinepnp.validation.reference.onedimensional import *  # noqa: F403
