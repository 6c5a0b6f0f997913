"""Validation cases: results of case files against laws, tables and independent solutions, with error and estimate.

plan            a validation case and its file
context         what a formula may use of a case; a formula itself
formulas        references by an analytic law (`formulas_flow`, `formulas_ions`)
stimuli         currents and channels, written independently of the solvers
one_dimension   references from the independent solver in one dimension
solve           observables of a case, and of finer cases
assess          error, estimate and verdict of each number, and of each row of the table on paper 002
run             all cases, shared between the ranks
"""
