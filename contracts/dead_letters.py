"""Messages that could not be processed, kept whole with the reason and where they came from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.base import UtcDatetime, WireModel


class DeadLetter(WireModel):
    """One refused message on Kafka ``error-messages`` and in the table ``dead_letter``."""

    v: Literal[1] = 1
    id: str
    """sha256 of origin and payload: the same poison twice is one letter."""
    received_at: UtcDatetime
    stage: Literal["decode", "authorize", "route", "store", "predict"]
    reason: str
    detail: str
    origin: str
    """MQTT topic, or Kafka ``topic/partition/offset``."""
    site: str | None = None
    device: str | None = None
    payload: bytes = Field(max_length=4_000_000)
