"""Shoal's own detector; its code is models/detector."""
