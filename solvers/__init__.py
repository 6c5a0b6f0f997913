"""The model: species, boundaries, weak forms, Newton, currents."""
