"""Physics of membrane mechanisms in NumPy: currents at points of a membrane, kinetics of gates, expressions."""
