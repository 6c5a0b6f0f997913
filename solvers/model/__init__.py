"""What is solved: tables of the case with their checks. Nothing here imports DOLFINx."""
