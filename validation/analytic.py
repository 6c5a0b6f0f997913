"""Analytic laws by their former path; see `spinepnp.validation.laws`."""

from spinepnp.validation.laws import *  # noqa: F403
