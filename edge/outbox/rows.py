"""The nouns of the outbox: a draft goes in, a row lies there, the depth says how full it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from contracts.envelope import Body
from contracts.topics import Kind
from edge.outbox.rules import Priority, Usage


@dataclass(frozen=True)
class Draft:
    """One message body, encoded, before it has a sequence. ``items`` is what the counters count (readings, alarms)."""

    kind: Kind
    body: bytes
    items: int = 1
    timeline: str | None = None
    """The free-running clock that stamped the readings; None when their stamps are final. Other kinds are stamped by the
    box itself, so the outbox fills in its own clock where none is named."""

    @classmethod
    def of(cls, body: Body, *, timeline: str | None = None) -> Draft:
        """Encode a body; its items are the things in its batch."""
        kind = Kind(body.type)
        batch = getattr(body, kind.value, None)
        encoded = body.model_dump_json(exclude_none=True).encode()
        return cls(kind, encoded, len(batch) if isinstance(batch, tuple) else 1, timeline)


@dataclass(frozen=True)
class Row:
    """One persisted message, ready to be sent."""

    seq: int
    kind: Kind
    boot: str
    stream: str
    sent_at: datetime
    trusted: bool
    items: int
    body: bytes
    timeline: str | None = None


@dataclass(frozen=True)
class Depth:
    """How full the outbox is."""

    rows: int
    bytes: int
    floor: int
    oldest_at: datetime | None
    usage: Mapping[Priority, Usage]
