"""Faster R-CNN on MobileNetV3-Large with a feature pyramid of torchvision, as a detector of fish."""
