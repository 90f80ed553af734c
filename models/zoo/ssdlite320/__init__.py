"""SSDlite on MobileNetV3-Large (320 x 320) of torchvision, as a detector of fish."""
