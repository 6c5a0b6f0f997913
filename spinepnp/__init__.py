"""Full 3D Poisson-Nernst-Planck in dendritic spines and other neuronal nanodomains."""

__version__ = "0.1.0"
