"""What the ingest hands to the writers of each feature, and what they hand back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from contracts.envelope import Envelope


@dataclass(frozen=True, slots=True)
class DeviceRef:
    """A registered device."""

    id: int
    site_id: int
    site: str
    device: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that the ledger has not seen before."""

    device: DeviceRef
    envelope: Envelope
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A message of which a part cannot be stored; the rest is.

    Attributes:
        message: position in the batch that the writer was given.
        reason: short stable code, used as a metric label.
        detail: which part and why, for a person.
    """

    message: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What a writer did."""

    rows: int = 0
    """Rows that are new in the database."""
    quarantined: Sequence[Quarantine] = field(default=())
