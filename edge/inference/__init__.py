"""Frames through the model into ten-second observations with their evidence."""
