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


class LineFlow(WireModel):
    """Fish over one counting line in one window, each way."""

    name: Slug
    entered: int = Field(ge=0)
    left: int = Field(ge=0)
    entered_interval: tuple[float, float]
    """95 % interval of what really crossed: tracks that were lost or found on the line may have."""
    left_interval: tuple[float, float]


class ImageParts(WireModel):
    """What the image quality is made of; each from 0 (useless) to 1 (good)."""

    light: Fraction
    """Bright enough to see anything."""
    glare: Fraction
    """Free of overexposed parts."""
    live: Fraction
    """The picture changes as a live one does."""
    clarity: Fraction
    """Contrast against the camera's own clear picture."""
    clean: Fraction
    """Share of the structured picture that has kept its contrast lastingly (fouling of the lens takes it)."""


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
    """The worst of ``image_parts``, median over the window's frames."""
    quality: QualityFlag = QualityFlag.NOT_EVALUATED
    quality_test: str | None = Field(default=None, max_length=64)
    """The test that failed when the quality is SUSPECT, e.g. ``image_clarity``."""
    image_parts: ImageParts | None = None
    count_interval: tuple[float, float] | None = None
    """95 % confidence interval of ``count_mean`` over the window's frames, which are not independent; sampling only, without
    the model's own count error."""
    tracks: int | None = Field(default=None, ge=0)
    """Tracks seen in the window. Not individuals: in a school ids are exchanged."""
    lines: tuple[LineFlow, ...] = ()
    activity_bl_s: float | None = Field(default=None, ge=0)
    """Median swimming speed across the picture, body lengths per second."""
    classes: dict[str, float] = Field(default_factory=dict)
    """Mean number per frame by label; sums to ``count_mean``."""
    health: dict[str, Fraction] = Field(default_factory=dict)
    """Mean score by health label, over the fish that a health model looked at in this window."""
    health_fish: int = Field(default=0, ge=0)
    """How many looks at fish ``health`` is the mean of; one fish may be looked at in several frames."""
    embedding_distance: float | None = Field(default=None, ge=0)
    """How far the pictures lie from those that the model was trained on, in spreads of the training (those lie about 1 away);
    median over the window's frames. None when the model does not tell."""


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
