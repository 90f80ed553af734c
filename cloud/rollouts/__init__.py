"""Rollouts: one release of a model goes to a fleet in waves, and stops by itself when it does harm."""
