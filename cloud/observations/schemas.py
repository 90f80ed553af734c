"""Observations on the HTTP API."""

from __future__ import annotations

from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from contracts.base import UtcDatetime
from contracts.quality import QualityFlag
from contracts.vision import Detection, ImageParts, ModelRef


class Interval(ApiModel):
    """95 % interval of a number."""

    low: float
    high: float


class LineFlow(ApiModel):
    """Fish over one counting line in the window, each way."""

    name: str
    entered: int
    left: int
    entered_interval: Interval
    """Of what really crossed: tracks that were lost or found on the line may have."""
    left_interval: Interval


class ObservationOut(ApiModel):
    """What one camera saw over one window (ten seconds by default), with the image and the model behind it."""

    id: str
    """``{camera_id}-{microseconds since 1970}``."""
    camera: str
    unit_id: int
    observed_at: UtcDatetime
    """End of the window, at the tank."""
    started_at: UtcDatetime
    frames: int
    """Frames that went through the model."""
    frames_dropped: int
    """Frames captured and not processed."""
    count_mean: float | None
    """Fish in view, mean over the frames; null when the frames could not be judged."""
    count_min: int | None
    count_max: int | None
    confidence_mean: float | None
    latency_ms: float | None
    """Mean time from capture to result, in milliseconds."""
    detections: list[Detection]
    """What the model found in the evidence image; boxes are fractions of it (left, top, width, height)."""
    image_url: str | None
    """Signed address of the evidence image; null until the image has arrived."""
    image_sha256: str | None
    image_observed_at: UtcDatetime | None
    image_quality: float | None
    """Between 0 and 1: the worst of ``image_parts``, median over the frames."""
    image_parts: ImageParts | None
    """Light, glare, liveness, clarity and cleanness of the picture, each from 0 (useless) to 1 (good)."""
    model: ModelRef | None
    """The model that counted: the sha256 is the one of the running session's file."""
    quality: QualityFlag
    quality_test: str | None
    """The test that failed when the quality is suspect, e.g. ``image_clarity``."""
    count_interval: Interval | None
    """Of ``count_mean`` over the frames; without the model's own error."""
    tracks: int | None
    """Tracks seen in the window; not individuals."""
    lines: list[LineFlow]
    """Fish over the counting lines, each way."""
    activity_bl_s: float | None
    """Median swimming speed across the picture, body lengths per second."""
    classes: dict[str, float]
    """Mean number per frame by label."""
    health: dict[str, float]
    """Mean score by health label, over the fish that a health model looked at."""
    embedding_distance: float | None
    """How far the pictures lie from those that the model was trained on, which lie about 1 away; null when it does not tell."""


class ObservationPage(Page[ObservationOut]):
    """Some observations, newest first."""
