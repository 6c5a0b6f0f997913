"""Report of a validation: report.json, and report.html with verdicts, figures and errata of the papers.

record          report.json and the folder of the report
page            report.html, with `previous` (changes), `error_bars` (counts) and `environment` at its foot
errata          errors and gaps of the papers; `statements` has the sentences, `evidence` their numbers
figures         figures of the papers, drawn from solved cases
"""
