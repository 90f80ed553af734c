"""Figures that say how a farm does, each with its target and where it comes from."""
