"""Limits of pores by their former path; see `spinepnp.validation.studies.pore_limits`."""

from spinepnp.validation.studies.pore_limits import *  # noqa: F403
