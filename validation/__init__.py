"""Validation: what the results of the solvers are compared with.

laws        analytic laws: NumPy and SciPy only
reference   an independent one-dimensional solver, and reference numbers
gnp         Gauss-Nernst-Planck models of channels and neurons (paper 002)
suite       validation cases: error, estimate and verdict of each result
report      the page of a validation run
studies     pores in full PNP against constant-field laws
"""
