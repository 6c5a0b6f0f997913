"""Finite elements: one scalar space with its matrices, weights and probes, without any physics of ions."""
