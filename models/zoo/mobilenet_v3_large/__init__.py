"""MobileNetV3-Large as a classifier of fish."""
