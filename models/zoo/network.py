"""What all classifiers of the zoo have in common: camera pixels → normalisation → backbone → features → linear head.

Suffixes: B batch, H W input size, C channels, F features, K labels.
"""

from __future__ import annotations

import urllib.error
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from contracts.errors import ConfigurationError

Weights = Literal["imagenet", "none"]
IMAGENET_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
IMAGENET_STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)
"""What torchvision's ImageNet weights were trained with, in levels of 0 to 255."""


class Parts(NamedTuple):
    """A backbone in pieces. ``stages`` run one after the other and end in (B, F); the first ones may be frozen."""

    stages: Sequence[nn.Module]
    features: int
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD


class ImageClassifier(nn.Module):
    """The graph that is trained and exported: uint8 RGB (B, H, W, 3) in, logits (B, K) out.

    Args:
        parts: of the backbone.
        labels: how many.
        frozen_blocks: first stages that are never changed, their batch statistics neither.
        dropout: share of features that are left out in training.
    """

    def __init__(self, parts: Parts, labels: int, *, frozen_blocks: int = 0, dropout: float = 0.2) -> None:
        super().__init__()
        self.backbone = nn.ModuleList(parts.stages)
        self.frozen_blocks = min(frozen_blocks, len(parts.stages))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(parts.features, labels)
        # All labels equally likely at first: the first steps then change the head, not the features.
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.register_buffer("mean", torch.tensor(parts.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(parts.std).view(1, 3, 1, 1), persistent=False)
        for stage in self.backbone[: self.frozen_blocks]:
            stage.requires_grad_(requires_grad=False)

    def forward(self, images_BHWC: Tensor) -> Tensor:
        """Return the logits."""
        logits_BK: Tensor = self.head(self.dropout(self.features(images_BHWC)))
        return logits_BK

    def features(self, images_BHWC: Tensor) -> Tensor:
        """Return (B, F): what the head sees, also for embeddings.

        Pictures are uint8. What is half precision already went through :meth:`frozen`.
        """
        x = images_BHWC.float() if images_BHWC.dtype == torch.float16 else self.frozen(images_BHWC)
        for stage in self.backbone[self.frozen_blocks :]:
            x = stage(x)
        return x

    def frozen(self, images_BHWC: Tensor) -> Tensor:
        """Normalise, and go through the stages that never change; without gradients."""
        with torch.no_grad():
            x = (images_BHWC.permute(0, 3, 1, 2).float() - self.mean) / self.std
            for stage in self.backbone[: self.frozen_blocks]:
                x = stage(x)
        return x

    def train(self, mode: bool = True) -> ImageClassifier:  # noqa: FBT001, FBT002 - torch's own signature
        """Keep the batch statistics of what is frozen."""
        super().train(mode)
        for stage in self.backbone[: self.frozen_blocks]:
            stage.eval()
        return self


class Pooled(nn.Module):
    """Feature maps (B, F, h, w) become their mean (B, F)."""

    def forward(self, x_BFhw: Tensor) -> Tensor:
        """Return the mean over the picture."""
        return x_BFhw.mean(dim=(2, 3))


class Mirrored(nn.Module):
    """A classifier that looks at the picture and at its mirror: twice the time, a little surer. Exported as one graph.

    Args:
        network: to ask twice.
        independent: labels have probabilities of their own.
    """

    def __init__(self, network: ImageClassifier, *, independent: bool = False) -> None:
        super().__init__()
        self.network = network
        self.independent = independent

    def forward(self, images_BHWC: Tensor) -> Tensor:
        """Return the logits (B, K) of the mean probability."""
        both = (self.network(images_BHWC), self.network(images_BHWC.flip(2)))
        if self.independent:
            mean_BK = torch.stack([logits.sigmoid() for logits in both]).mean(0)
            return torch.logit(mean_BK, eps=1e-6)
        mean_BK = torch.stack([logits.softmax(1) for logits in both]).mean(0)
        return mean_BK.clamp_min(1e-9).log()


def torchvision_network(builder: Callable[..., nn.Module], weights: Weights, **options: Any) -> Any:
    """Build a network of torchvision; its ImageNet weights are fetched once and kept in torch's own cache.

    Raises:
        ConfigurationError: the weights are not in the cache and cannot be fetched.
    """
    try:
        return builder(weights="DEFAULT" if weights == "imagenet" else None, **options)
    except (urllib.error.URLError, OSError, RuntimeError) as error:
        if weights == "none" and options.get("weights_backbone") is None:
            raise
        raise ConfigurationError(
            "weights",
            "imagenet",
            f"The weights of {builder.__name__} could not be fetched ({error}). Copy the file into "
            f"{torch.hub.get_dir()}/checkpoints, choose network: efficientnet_lite0 whose weights come with the package, "
            "or write weights: none.",
        ) from error
