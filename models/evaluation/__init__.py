"""Evaluation: the exported bundle is judged through the runtime, per split and site, with the usual words."""
