"""ViT-B/16 of torchvision in fourteen stages: patches, twelve encoder layers, the class token."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models import vit_b_16

from models.zoo.network import Parts, Weights, torchvision_network

SIZE = 224
"""Position embeddings are learnt for this size alone."""


class _Patches(nn.Module):
    """Pictures become tokens with a class token in front and their places added."""

    def __init__(self, projection: nn.Module, token: nn.Parameter, places: nn.Parameter) -> None:
        super().__init__()
        self.projection = projection
        self.token = token
        self.places = places

    def forward(self, x_BCHW: Tensor) -> Tensor:
        patches_BTF = self.projection(x_BCHW).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(patches_BTF.shape[0], -1, -1), patches_BTF], dim=1)
        return tokens + self.places


class _ClassToken(nn.Module):
    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, tokens_BTF: Tensor) -> Tensor:
        x_BF: Tensor = self.norm(tokens_BTF)[:, 0]
        return x_BF


def build(weights: Weights) -> Parts:
    """Return the backbone; it takes pictures of 224 pixels a side only."""
    net = torchvision_network(vit_b_16, weights)
    patches = _Patches(net.conv_proj, net.class_token, net.encoder.pos_embedding)
    return Parts([patches, *net.encoder.layers, _ClassToken(net.encoder.ln)], 768)
