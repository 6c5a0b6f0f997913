"""Finite elements: one scalar space, its matrices, weights and probes. Nothing here knows an ion."""
