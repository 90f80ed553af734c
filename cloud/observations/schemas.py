"""Observations on the HTTP API."""

from __future__ import annotations

from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from contracts.base import UtcDatetime
from contracts.quality import QualityFlag
from contracts.vision import Detection, ModelRef


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
    """Clarity between 0 and 1."""
    model: ModelRef | None
    """The model that counted: the sha256 is the one of the running session's file."""
    quality: QualityFlag


class ObservationPage(Page[ObservationOut]):
    """Some observations, newest first."""
