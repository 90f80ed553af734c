"""Model bundles: a folder with ``manifest.json``, an ONNX file, golden frames and a card.

The manifest says everything that is needed to run the model and to judge it on the device, so that any ONNX file with
a manifest runs through ``models/runtime`` without code.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal

from pydantic import Field

from contracts.base import Fraction, Sha256Hex, Slug, UtcDatetime, WireModel


class Task(str, Enum):
    """What the model's output means."""

    DETECTION = "detection"
    CLASSIFICATION = "classification"
    SCORES = "scores"


class ImageInput(WireModel):
    """The one image input of the graph."""

    name: str = "images"
    width: int = Field(ge=16)
    height: int = Field(ge=16)
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    dtype: Literal["uint8", "float32"] = "uint8"
    color: Literal["RGB", "BGR"] = "RGB"
    fit: Literal["letterbox", "stretch"] = "letterbox"
    """How an image of another shape is brought to width x height."""
    scale: float = 1.0
    """Multiplier before ``mean`` and ``std`` for float input; 1.0 when normalisation is inside the graph."""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    dynamic_batch: bool = True


class DetectionOutput(WireModel):
    """How to read a detector's tensors.

    ``boxes_scores``: ``boxes`` (N, K, 4) x0 y0 x1 y1 in input pixels, ``scores`` (N, K), optional ``classes`` (N, K):
    NMS already in the graph. ``yolo``: one tensor (N, 4 + C, A) cx cy w h in input pixels, NMS outside.
    """

    format: Literal["boxes_scores", "yolo"] = "boxes_scores"
    boxes: str = "boxes"
    scores: str = "scores"
    classes: str | None = None
    iou_threshold: Fraction = 0.5


class ClassificationOutput(WireModel):
    """``logits`` or ``probabilities`` (N, C)."""

    name: str = "logits"
    kind: Literal["logits", "probabilities", "sigmoid"] = "logits"
    unknown_below: Fraction | None = None
    """Below this confidence the answer is the class ``unknown``."""


class ProbationLimits(WireModel):
    """When a freshly activated model must be rolled back without asking anyone."""

    max_latency_ms: float | None = None
    max_errors: int = 3
    min_golden_iou: Fraction = 0.9


class DataSource(WireModel):
    """One data set that the model was trained or evaluated on."""

    name: str
    licence: str
    attribution: str
    images: int = Field(ge=0)
    sha256: Sha256Hex | None = None


class ModelManifest(WireModel):
    """``manifest.json`` of a bundle."""

    manifest_version: Literal[1] = 1
    name: Slug
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    task: Task
    file: str = "model.onnx"
    sha256: Sha256Hex
    """Of ``file``; the identity of the model everywhere in Shoal."""
    bytes: int = Field(ge=1)
    opset: int = Field(ge=11)
    input: ImageInput
    detection: DetectionOutput | None = None
    classification: ClassificationOutput | None = None
    labels: tuple[str, ...] = Field(min_length=1)
    threshold: Fraction = 0.3
    """Confidence below which a detection is not reported."""
    created_at: UtcDatetime
    licence: str
    attribution: tuple[str, ...] = ()
    data: tuple[DataSource, ...] = ()
    metrics: dict[str, float] = Field(default_factory=dict)
    golden: tuple[str, ...] = ()
    """Image files with expected results (``<name>.json`` beside each) for the self-test before use."""
    probation: ProbationLimits = ProbationLimits()
    training: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    """Lineage: script, config hash, seed, git sha."""
