"""Figures of paper 002 by the Gauss-Nernst-Planck models."""
