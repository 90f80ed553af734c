"""Frames that boxes offer for labels: resumable upload, a bounded store, and how much each is worth."""
