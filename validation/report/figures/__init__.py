"""Figures of the papers from solved cases: `list` names them, `drawing` shares them between the ranks.

cases, style    helpers: small solves, colours
neck, throat, spine, rings      paper 001
boxes, gnp      papers 000 and 002
overview, field                 all errors in one picture; a field in space
"""
