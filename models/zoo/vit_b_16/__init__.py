"""ViT-B/16 as a classifier of fish."""
