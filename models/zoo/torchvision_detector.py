"""torchvision's detectors as the training loop and the runtime want them: uint8 pictures in, losses or boxes out.

Their graphs take one picture at a time and come out of the older exporter only: ``torch.export`` cannot follow their loops.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn

from models.detector.config import DetectorConfig
from models.zoo.network import torchvision_network


class Boxes(NamedTuple):
    """Pictures uint8 (B, H, W, 3), and for each of them corner boxes (N, 4) in pixels and classes (N,) from 1."""

    images: Tensor
    boxes: tuple[Tensor, ...]
    labels: tuple[Tensor, ...]


class TorchvisionDetector(nn.Module):
    """``ssdlite320`` or ``fasterrcnn``; normalisation is inside torchvision's own transform.

    Args:
        name: which.
        labels: how many, without the background.
        config: input size and boxes kept.
        pretrained: the backbone from ImageNet (fetched once); the detector itself always starts new.
    """

    def __init__(self, name: str, labels: int, config: DetectorConfig, *, pretrained: bool = True) -> None:
        super().__init__()
        self.config = config
        self.net = _BUILD[name](labels + 1, config, pretrained)

    def forward(
        self, images_BHWC: Tensor, boxes: tuple[Tensor, ...] = (), labels: tuple[Tensor, ...] = ()
    ) -> dict[str, Tensor] | tuple[Tensor, Tensor, Tensor]:
        """In training the losses by name; else ``boxes`` (K, 4), ``scores`` (K,) and ``classes`` (K,) of the one picture."""
        pictures = list(images_BHWC.permute(0, 3, 1, 2).float() / 255.0)
        if self.training:
            targets = [{"boxes": box, "labels": label} for box, label in zip(boxes, labels, strict=True)]
            losses: dict[str, Tensor] = self.net(pictures, targets)
            return losses
        (found,) = self.net(pictures)
        return found["boxes"], found["scores"], found["labels"]


def _ssdlite(classes: int, config: DetectorConfig, pretrained: bool) -> Any:  # noqa: FBT001 - one of two builders
    from torchvision.models.detection import ssdlite320_mobilenet_v3_large

    return torchvision_network(
        ssdlite320_mobilenet_v3_large,
        "none",
        weights_backbone="DEFAULT" if pretrained else None,
        num_classes=classes,
        detections_per_img=config.max_boxes,
        nms_thresh=config.iou_threshold,
    )


def _fasterrcnn(classes: int, config: DetectorConfig, pretrained: bool) -> Any:  # noqa: FBT001 - one of two builders
    from torchvision.models.detection import fasterrcnn_mobilenet_v3_large_320_fpn

    return torchvision_network(
        fasterrcnn_mobilenet_v3_large_320_fpn,
        "none",
        weights_backbone="DEFAULT" if pretrained else None,
        num_classes=classes,
        box_detections_per_img=config.max_boxes,
        box_nms_thresh=config.iou_threshold,
        min_size=config.height,
        max_size=config.width,
    )


_BUILD = {"ssdlite320": _ssdlite, "fasterrcnn": _fasterrcnn}
