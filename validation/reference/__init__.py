"""Independent solvers and reference numbers."""
