"""Samples: frames that are worth a label, and the labels that people give them."""

from __future__ import annotations

from enum import Enum
from typing import Literal

from pydantic import Field

from contracts.base import Fraction, Sha256Hex, Slug, UtcDatetime, WireModel
from contracts.vision import Box, Detection, ModelRef


class SampleReason(str, Enum):
    """Why the edge kept a frame."""

    NEAR_THRESHOLD = "near_threshold"
    RARE_CLASS = "rare_class"
    DISAGREEMENT = "disagreement"
    DRIFT = "drift"
    RANDOM = "random"
    OPERATOR = "operator"


class Sample(WireModel):
    """A frame offered to the label queue."""

    v: Literal[1] = 1
    site: Slug
    device: Slug
    camera: Slug
    unit: Slug
    observed_at: UtcDatetime
    image_sha256: Sha256Hex
    reason: SampleReason
    score: Fraction
    detections: tuple[Detection, ...] = ()
    model: ModelRef | None = None
    other: tuple[Detection, ...] | None = None
    """What a candidate on trial says of the same frame; None where none was asked."""
    other_model: ModelRef | None = None


class LabelledBox(WireModel):
    """A box that a person drew or confirmed."""

    label: str
    box: Box


class Label(WireModel):
    """One person's answer for one sample."""

    v: Literal[1] = 1
    image_sha256: Sha256Hex
    annotator: str
    labelled_at: UtcDatetime
    boxes: tuple[LabelledBox, ...] = ()
    classes: tuple[str, ...] = ()
    """Of the whole frame."""
    scores: dict[str, Fraction] = Field(default_factory=dict)
    """Of the whole frame by name, such as signs of bad health."""
    accepted: bool = False
    note: str | None = Field(default=None, max_length=1000)
