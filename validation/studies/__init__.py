"""Studies of pores in full PNP against constant-field laws: the reduction (`pore`), access and time (`pore_limits`)."""
