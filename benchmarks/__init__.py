"""Speed and scaling of the solver, in units of one scalar Poisson solve on the same mesh in the same run."""
