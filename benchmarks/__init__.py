"""Benchmarks: speed and scaling in units of one scalar Poisson solve on the same mesh, accuracy, other programs."""
