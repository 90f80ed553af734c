"""Data sets: importers, frozen snapshots with licence and provenance, honest splits, and frames for training."""
