"""torchvision's ssdlite320_mobilenet_v3_large under its name in the zoo."""

from __future__ import annotations

from models.detector.config import DetectorConfig
from models.zoo.torchvision_detector import TorchvisionDetector


def build(config: DetectorConfig, *, labels: int = 1, pretrained: bool = True) -> TorchvisionDetector:
    """Return the network, ready to be trained."""
    return TorchvisionDetector("ssdlite320", labels, config, pretrained=pretrained)
