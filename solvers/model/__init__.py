"""Tables of a case that define its problem, with their checks. Nothing here imports DOLFINx."""
