"""Analytic laws in closed form: NumPy and SciPy only, nothing of the finite-element side."""

from __future__ import annotations

from spinepnp.validation.analytic.cylinder import CylinderLaw

__all__ = ["CylinderLaw"]
