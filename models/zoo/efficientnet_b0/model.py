"""EfficientNet-B0 of torchvision in nine stages, as torchvision numbers them."""

from __future__ import annotations

from torch import nn
from torchvision.models import efficientnet_b0

from models.zoo.network import Parts, Pooled, Weights, torchvision_network


def build(weights: Weights) -> Parts:
    """Return the backbone."""
    net = torchvision_network(efficientnet_b0, weights)
    stages = list(net.features)
    return Parts([*stages[:-1], nn.Sequential(stages[-1], Pooled())], 1280)
