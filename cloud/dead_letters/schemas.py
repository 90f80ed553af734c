"""Dead letters on the HTTP API."""

from __future__ import annotations

from cloud.kit.pagination import Page
from cloud.kit.schemas import ApiModel
from contracts.base import UtcDatetime


class DeadLetter(ApiModel):
    """A message that could not be processed; it is kept whole."""

    id: str
    received_at: UtcDatetime
    """When it came last."""
    stage: str
    """Step that refused it: ``decode``, ``authorize``, ``route``, ``store`` or ``predict``."""
    reason: str
    """Stable code, e.g. ``bad_json``."""
    detail: str
    origin: str
    """MQTT topic, or Kafka topic/partition/offset."""
    site: str | None
    device: str | None
    count: int
    """How often the same message came."""
    bytes: int
    """Size of the whole message."""
    preview: str
    """Its first 500 bytes as text; what is not UTF-8 is replaced."""


class DeadLetterPage(Page[DeadLetter]):
    """Some dead letters, newest first."""
