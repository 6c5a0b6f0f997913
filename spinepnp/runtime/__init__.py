"""Processes, MPI, caches, files, and the one import of the finite-element packages."""
