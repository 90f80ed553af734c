"""MobileNetV3-Large of torchvision in seventeen stages, and its own hidden layer before the head."""

from __future__ import annotations

from torch import nn
from torchvision.models import mobilenet_v3_large

from models.zoo.network import Parts, Pooled, Weights, torchvision_network


def build(weights: Weights) -> Parts:
    """Return the backbone."""
    net = torchvision_network(mobilenet_v3_large, weights)
    stages = list(net.features)
    hidden = nn.Sequential(net.classifier[0], nn.Hardswish())
    return Parts([*stages[:-1], nn.Sequential(stages[-1], Pooled(), hidden)], 1280)
