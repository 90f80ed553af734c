"""What changed before, on the HTTP API."""

from __future__ import annotations

from cloud.kit.schemas import ApiModel
from cloud.timeline.rules import Kind
from contracts.base import UtcDatetime


class Happening(ApiModel):
    """One thing that happened."""

    at: UtcDatetime
    kind: Kind
    words: str
    link: str
    """Id of the record (diary), alarm, channel (quality, departure), event (device) or image."""
    image_url: str | None
    """Signed address, for images."""


class Before(ApiModel):
    """What is known of a unit in the hours before a moment, oldest first."""

    unit_id: int
    unit: str
    start: UtcDatetime
    at: UtcDatetime
    items: list[Happening]
    cut: list[Kind]
    """Kinds of which there is more: only the newest 200 are shown."""
