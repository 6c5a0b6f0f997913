"""Batches: many cases over groups of ranks, kept so that nothing is solved twice."""
