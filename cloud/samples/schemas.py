"""Samples on the HTTP API."""

from __future__ import annotations

from uuid import UUID

from cloud.kit.schemas import ApiModel
from contracts.base import UtcDatetime
from contracts.vision import Detection, ModelRef


class Opinion(ApiModel):
    """What one model says of a frame, from its own threshold on."""

    model: ModelRef | None
    detections: list[Detection]


class SamplePair(ApiModel):
    """A frame that the active model and a candidate on trial saw differently. Without labels nobody knows who is right."""

    id: UUID
    site: str
    unit: str
    unit_name: str | None
    """Null when the unit is not known here."""
    device: str
    camera: str
    captured_at: UtcDatetime
    score: float
    """Share of the boxes of both that have no partner, 0 to 1."""
    image_url: str
    """Signed address of the frame."""
    active: Opinion
    candidate: Opinion


class SamplePairs(ApiModel):
    """Frames of one candidate, those that differ most first."""

    items: list[SamplePair]
