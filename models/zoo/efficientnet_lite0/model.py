"""EfficientNet-Lite0 in eighteen stages: stem, sixteen blocks, top; its ImageNet weights come as a Python package."""

from __future__ import annotations

from torch import nn

from models.classifier.model import FEATURES, Features
from models.zoo.network import Parts, Pooled, Weights


def build(weights: Weights) -> Parts:
    """Return the backbone; (x - 127) / 128 is how it was trained (mean and deviation of ImageNet cost nine points)."""
    net = Features(pretrained=weights == "imagenet")
    return Parts(
        [net.stem, *net.blocks, nn.Sequential(net.top, Pooled())], FEATURES, mean=(127.0,) * 3, std=(128.0,) * 3
    )
