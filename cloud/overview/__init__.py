"""A site at a glance: what the features below know about it, put together for one page."""
