"""EfficientNet-B0 as a classifier of fish."""
