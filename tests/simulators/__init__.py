"""Devices of a farm that speak the real protocols, for tests."""
