"""Work on triangulated surfaces before they are meshed: mending, remeshing, cutting, and the anatomy of spines."""
