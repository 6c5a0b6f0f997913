"""Pages of HTML that need no network: parts that all pages share, and the report of a run.

page            environment of the templates, style, scripts, and data within a page
words           names of quantities in words
viewer          a body to turn, with its script viewer.js
curves          curves with values under the pointer, with their script curves.js
body            body of a run for the viewer, from files of fields
profiles        curves along a line, or along the axis of a body
traces          curves over time or over a varied value, from tables
facts           tables of a run: currents, what was resolved, versions
outcome         what a run prints at its end
report          report.html of a run
drawing         pictures and report of a run
background      process of its own that draws
"""
