"""What the cameras saw: detections, tracks, ten-second observations and the evidence image behind them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.base import Fraction, Sha256Hex, Slug, UtcDatetime, WireModel
from contracts.quality import QualityFlag


class Box(WireModel):
    """Axis-aligned box as fractions of the image: left, top, width, height."""

    x: Fraction
    y: Fraction
    w: Fraction
    h: Fraction


class Detection(WireModel):
    """One object that the detector found in one frame."""

    label: str
    confidence: Fraction
    box: Box
    track: int | None = None
    """Track id within the camera's current run, when a tracker is on."""


class Track(WireModel):
    """One object followed over frames."""

    id: int = Field(ge=0)
    label: str
    first_seen: UtcDatetime
    last_seen: UtcDatetime
    frames: int = Field(ge=1)


class ModelRef(WireModel):
    """Which model made a number: the sha256 is the one of the *running* session's file."""

    name: str
    version: str
    sha256: Sha256Hex


class Observation(WireModel):
    """Summary of one camera over one window (10 s by default)."""

    camera: Slug
    unit: Slug
    started_at: UtcDatetime
    observed_at: UtcDatetime
    """End of the window; unique within a camera."""
    frames: int = Field(ge=0)
    """Frames that went through the model in this window."""
    frames_dropped: int = Field(default=0, ge=0)
    """Frames captured and not processed, counted exactly."""
    count_mean: float | None = Field(default=None, ge=0)
    count_min: int | None = Field(default=None, ge=0)
    count_max: int | None = Field(default=None, ge=0)
    confidence_mean: Fraction | None = None
    latency_ms: float | None = Field(default=None, ge=0)
    """Mean time from capture to result in this window."""
    detections: tuple[Detection, ...] = ()
    """Detections of the evidence frame (the frame whose image is ``image_sha256``)."""
    image_sha256: Sha256Hex | None = None
    image_observed_at: UtcDatetime | None = None
    model: ModelRef | None = None
    image_quality: Fraction | None = None
    quality: QualityFlag = QualityFlag.NOT_EVALUATED


class ObservationBatch(WireModel):
    """Observations that travel together."""

    type: Literal["observations"] = "observations"
    observations: tuple[Observation, ...] = Field(min_length=1, max_length=100)


class Evidence(WireModel):
    """The image behind an observation; the lowest priority class of the outbox (decision 0003)."""

    type: Literal["evidence"] = "evidence"
    camera: Slug
    unit: Slug
    observed_at: UtcDatetime
    media_type: Literal["image/jpeg", "image/png"] = "image/jpeg"
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    sha256: Sha256Hex
    data: bytes = Field(max_length=1_000_000)
    """The image file itself; base64 in JSON."""
