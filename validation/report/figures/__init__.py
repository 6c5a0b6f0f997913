"""Figures of the papers from solved cases."""
