"""Model bundles: a folder with ``manifest.json``, an ONNX file, golden frames and a card.

The manifest says everything that is needed to run the model and to judge it on the device, so that any ONNX file with
a manifest runs through ``models/runtime`` without code.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Literal

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
    """How to read a detector's tensors (models/runtime/README.md has an example of every form).

    ``boxes_scores``: ``boxes`` (N, K, 4) and ``scores`` (N, K), or (N, K, C) with a score for every class; optional
    ``classes`` (N, K) and ``count`` (N). CenterNet, SSD, DETR. ``rows``: one tensor ``boxes`` (N, K, 6) with corners, score
    and class: YOLOv10 and other graphs that suppress duplicates themselves. ``yolo``: one tensor ``boxes`` (N, 4 + C, A), or
    (N, 4 + 1 + C, A) with objectness.
    """

    format: Literal["boxes_scores", "rows", "yolo"] = "boxes_scores"
    boxes: str = "boxes"
    scores: str = "scores"
    classes: str | None = None
    count: str | None = None
    """Tensor with the number of valid boxes per image; None when unused boxes have a score of 0."""
    iou_threshold: Fraction = 0.5
    """Overlap from which the weaker of two boxes of a class is a duplicate."""
    box_format: Literal["xyxy", "yxyx", "xywh", "cxcywh"] | None = None
    """Order of a box's numbers; None is ``cxcywh`` for ``yolo`` and ``xyxy`` for the others."""
    box_unit: Literal["pixels", "fraction"] = "pixels"
    """Of the model's input."""
    nms: Literal["graph", "runtime"] | None = None
    """Who suppresses duplicates; None is the runtime for ``yolo`` and the graph for the others."""
    objectness: bool = False
    """``yolo``: a fifth number that every class score is multiplied by (YOLOv3 to v7, YOLOX)."""
    anchors_first: bool = False
    """``yolo``: the tensor is (N, A, numbers), as YOLOv5 and YOLOX export it."""
    score_kind: Literal["probabilities", "logits"] = "probabilities"
    """``logits`` go through the logistic function."""
    background: int | None = Field(default=None, ge=0)
    """Class that means "nothing" (0 in most SSD graphs); it is no label, and the classes after it move down by one."""
    batched: bool = True
    """False when the tensors lack the first dimension (torchvision); then ``input.dynamic_batch`` is false too."""
    max_detections: int = Field(default=1000, ge=1, le=10_000)
    """Detections per image, the best by score; bounds memory and messages, far above a school in view."""


class ClassificationOutput(WireModel):
    """``logits`` or ``probabilities`` (N, C)."""

    name: str = "logits"
    kind: Literal["logits", "probabilities", "sigmoid"] = "logits"
    unknown_below: Fraction | None = None
    """Below this confidence the answer is the class ``unknown``."""


class ScoresOutput(WireModel):
    """Independent scores (N, C), one per label: lesions, fin damage, lice. Several may be high at once, or none."""

    name: str = "scores"
    kind: Literal["logits", "probabilities"] = "logits"
    thresholds: dict[str, Fraction] = Field(default_factory=dict)
    """Score from which a label is present; a label that is not named takes the manifest's ``threshold``."""


class EmbeddingOutput(WireModel):
    """An extra tensor (N, C): a frame in C numbers as the network sees it, and where the frames of the training lay.

    A device makes one number of it (``models/runtime/embedding.py``): how far a frame lies from what the model was taught.
    """

    name: str = "embedding"
    mean: tuple[float, ...] = Field(min_length=1, max_length=4096)
    """Of every number over the frames of the training."""
    spread: tuple[Annotated[float, Field(gt=0)], ...] = Field(min_length=1, max_length=4096)
    """Standard deviation of every number over the same frames. Shoal raises small ones to half the usual: none decides alone."""
    frames: int = Field(ge=2)
    """How many frames both were measured on."""


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
    scores: ScoresOutput | None = None
    embedding: EmbeddingOutput | None = None
    """None when the graph does not tell how a frame looks to it."""
    labels: tuple[str, ...] = Field(min_length=1)
    threshold: Fraction = 0.3
    """Confidence below which a detection is not reported, and a label not present."""
    created_at: UtcDatetime
    licence: str
    attribution: tuple[str, ...] = ()
    data: tuple[DataSource, ...] = ()
    metrics: dict[str, float] = Field(default_factory=dict)
    golden: tuple[str, ...] = ()
    """Image files with expected results (``<name>.json`` beside each) for the self-test before use."""
    probation: ProbationLimits = ProbationLimits()
    training: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    """Lineage: command, git sha (``-dirty`` where files differed from it), hashes of configuration and data, seed."""
