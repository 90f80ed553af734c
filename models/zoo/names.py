"""Names of what is in the zoo, and their cards; loads nothing."""

from __future__ import annotations

from pathlib import Path

from contracts.errors import ConfigurationError

CLASSIFIERS = ("efficientnet_lite0", "mobilenet_v3_large", "efficientnet_b0", "resnet50", "resnet101", "vit_b_16")
DETECTORS = ("fish_centernet", "ssdlite320", "fasterrcnn")
HEADS = ("health_scores",)
"""Configurations on top of a classifier's backbone."""
ZOO = (*CLASSIFIERS, *DETECTORS, *HEADS)


def card_of(name: str) -> Path:
    """The model card of an entry.

    Raises:
        ConfigurationError: no such entry.
    """
    if name not in ZOO:
        raise ConfigurationError("network", name, f"The zoo has {', '.join(ZOO)}.")
    return Path(__file__).parent / name / "README.md"
