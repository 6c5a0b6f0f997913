"""Transients: time steps, their control, checkpoints."""
