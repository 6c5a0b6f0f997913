"""Independent references: a one-dimensional solver (`onedimensional`), and numbers with their sources (`table`)."""
