"""Trials in some units: a release in part of the tanks of each box, beside the model of the box, and what the difference is."""
