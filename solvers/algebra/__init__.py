"""Nonlinear and linear solvers. Nothing here knows an equation of physics."""
