"""Figures of paper 002 by the Gauss-Nernst-Planck models: `catalogue` lists and draws them.

parts       options, shared runs, tables, panels
channels    Fig 2, Fig 3, S1, S2; leak (Fig 5), pump (Figs 6, 7), gated (Fig 8, S3), bistability (Fig 9)
run         table and picture of one run
"""
