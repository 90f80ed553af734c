"""ResNet-101 of torchvision in five stages: stem and four groups of residual blocks."""

from __future__ import annotations

from torch import nn
from torchvision.models import resnet101

from models.zoo.network import Parts, Pooled, Weights, torchvision_network


def build(weights: Weights) -> Parts:
    """Return the backbone."""
    net = torchvision_network(resnet101, weights)
    stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
    return Parts([stem, net.layer1, net.layer2, net.layer3, nn.Sequential(net.layer4, Pooled())], 2048)
