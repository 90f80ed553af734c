"""EfficientNet-Lite0 as a classifier of fish: what Shoal takes when nothing else is said."""
