"""The discrete Poisson-Nernst-Planck equations."""
