"""The detector of ``models/detector``, under its name in the zoo."""

from __future__ import annotations

from models.detector.config import DetectorConfig
from models.detector.model import FishDetector


def build(config: DetectorConfig, *, pretrained: bool = True) -> FishDetector:
    """Return the network, ready to be trained."""
    return FishDetector(config, pretrained=pretrained)
