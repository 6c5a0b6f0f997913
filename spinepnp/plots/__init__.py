"""Pictures of a run: the cut-open domain, what was varied, and curves over time."""
