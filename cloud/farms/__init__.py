"""Organizations, their sites, and the rearing units of each site."""
