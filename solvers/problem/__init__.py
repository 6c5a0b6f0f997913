"""A problem on a mesh, its solution, and estimates of its error."""
