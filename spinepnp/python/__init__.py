"""Python interface: meshes and boundary conditions in one call, sweeps, tables with axes. Exported by `spinepnp`."""
