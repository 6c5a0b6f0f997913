"""Analytic laws, reductions and validation cases."""
