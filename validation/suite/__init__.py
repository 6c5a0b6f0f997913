"""Validation cases: results held against laws, tables and independent solutions, with the error that is left.

plan            what a validation case is, and its files
formulas        references that follow from a case by a law (`formulas_flow`, `formulas_ions`), given what `context` has
one_dimension   references from the independent solver in one dimension
solve           observables of a case, and of finer ones
judge           error, estimate and verdict of each number
neurons         the rows of the table on paper 002 as verdicts
suite           all cases over the ranks
report          report.json
page            report.html; `earlier`, `statistics`, `environment` are what it tells
figures         how figures are drawn and shared; `figures_list` names them, `figures_*` draw them
findings        where the papers are wrong or silent, with the sentences of `statements` on numbers of `evidence`
solid           a body to turn on the page
verb            all of it, for the command line
"""
