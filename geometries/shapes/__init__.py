"""Shapes of geometries, one in each file."""
