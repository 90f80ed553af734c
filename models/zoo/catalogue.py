"""A network of the zoo by name; its own module is loaded when it is built."""

from __future__ import annotations

import importlib

from contracts.errors import ConfigurationError
from models.zoo.names import CLASSIFIERS
from models.zoo.network import ImageClassifier, Weights


def build_classifier(
    name: str, labels: int, *, weights: Weights = "imagenet", frozen_blocks: int = 0, dropout: float = 0.2
) -> ImageClassifier:
    """Build a classifier for this many labels.

    Raises:
        ConfigurationError: no such network, or its weights are not to be had.
    """
    if name not in CLASSIFIERS:
        raise ConfigurationError("network", name, f"The zoo has the classifiers {', '.join(CLASSIFIERS)}.")
    parts = importlib.import_module(f"models.zoo.{name}.model").build(weights)
    return ImageClassifier(parts, labels, frozen_blocks=frozen_blocks, dropout=dropout)
