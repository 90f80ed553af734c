"""ResNet-50 as a classifier of fish."""
