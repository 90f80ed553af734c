"""Sensor readings: written in bulk, read as the latest value and as series."""
