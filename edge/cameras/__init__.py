"""Cameras: source -> capture (bounded, drop-oldest) -> evidence image."""
