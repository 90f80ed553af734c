"""Dead letters into their table, and dead letters made of messages that the store itself refuses."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from contracts.dead_letters import DeadLetter

MAX_PAYLOAD_BYTES = 4_000_000
MAX_DETAIL_CHARACTERS = 2_000
MAX_ID_CHARACTERS = 128  # a longer one would not fit the index; ours have 64

_INSERT = """
INSERT INTO dead_letter (id, received_at, stage, reason, detail, origin, site, device, payload)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET
    count = dead_letter.count + (excluded.received_at > dead_letter.received_at)::int,
    state = CASE WHEN excluded.received_at > dead_letter.received_at THEN 'open' ELSE dead_letter.state END,
    received_at = greatest(dead_letter.received_at, excluded.received_at)
"""


def refused(
    payload: bytes,
    *,
    origin: str,
    received_at: datetime,
    reason: str,
    detail: str,
    site: str | None = None,
    device: str | None = None,
) -> DeadLetter:
    """The letter for a message that the store cannot take."""
    return DeadLetter(
        id=hashlib.sha256(origin.encode() + b"\0" + payload).hexdigest(),
        received_at=received_at,
        stage="store",
        reason=reason,
        detail=detail[:MAX_DETAIL_CHARACTERS],
        origin=origin,
        site=site,
        device=device,
        payload=payload[:MAX_PAYLOAD_BYTES],
    )


def write(database: Connection[Any], letters: Sequence[DeadLetter]) -> None:
    """Store letters within the caller's transaction; the same poison again only counts and is open again (a redelivery is neither)."""
    if not letters:
        return
    rows = sorted((_row(letter) for letter in letters), key=lambda row: str(row[0]))
    with database.cursor() as cursor:
        cursor.executemany(_INSERT, rows)


def _row(letter: DeadLetter) -> tuple[Any, ...]:
    """Letters carry whatever was wrong, so their texts are cleaned of what PostgreSQL refuses in a text."""
    return (
        _clean(letter.id)[:MAX_ID_CHARACTERS],
        letter.received_at,
        letter.stage,
        *(_clean(text) for text in (letter.reason, letter.detail, letter.origin)),
        *(None if text is None else _clean(text) for text in (letter.site, letter.device)),
        letter.payload,
    )


def _clean(text: str) -> str:
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
