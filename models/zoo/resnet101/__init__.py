"""ResNet-101 as a classifier of fish."""
