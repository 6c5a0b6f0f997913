"""Studies of pores by their former path; see `spinepnp.validation.studies.pore`."""

from spinepnp.validation.studies.pore import *  # noqa: F403
