"""SQL of the advisor, on its own connection: streams with complete buckets, their memories, and the advice itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from aquaculture.abnormal import Judgement
from cloud.abnormal.rules import HISTORY, JUDGED, STALE, WIDTH

_DUE = """
SELECT c.id, c.quantity, d.site_id, d.id AS device_id, u.id AS unit_id, u.name AS unit, s.timezone, b.looked_until, b.memory,
       coalesce(setting.mode, 'advise') AS mode
FROM channel AS c
JOIN device AS d ON d.id = c.device_id
JOIN site AS s ON s.id = d.site_id
JOIN unit AS u ON u.id = c.unit_id
JOIN reading_latest AS latest ON latest.channel_id = c.id
LEFT JOIN abnormal_baseline AS b ON b.channel_id = c.id
LEFT JOIN advice_setting AS setting ON setting.site_id = s.id AND setting.quantity = c.quantity
WHERE c.quantity = ANY(%(quantities)s) AND coalesce(setting.mode, 'advise') <> 'off'
  AND (b.looked_until IS NULL OR (b.looked_until < %(until)s AND latest.observed_at >= b.looked_until))
ORDER BY b.looked_until IS NULL, b.looked_until, d.site_id, c.quantity, c.id
LIMIT %(rows)s
"""
_BUCKETS = """
SELECT reading_1m.channel_id, date_bin(%(width)s, reading_1m.bucket, TIMESTAMPTZ '2000-01-03 00:00:00+00') AS at,
       sum(reading_1m.sum) / sum(reading_1m.usable)
FROM unnest(%(ids)s::int4[], %(starts)s::timestamptz[]) AS wanted (id, start)
JOIN reading_1m ON reading_1m.channel_id = wanted.id AND reading_1m.bucket >= wanted.start
WHERE reading_1m.bucket >= %(first)s AND reading_1m.bucket < %(until)s AND reading_1m.usable > 0
GROUP BY 1, 2 ORDER BY 1, 2
"""
_KEEP = """
INSERT INTO abnormal_baseline (channel_id, looked_until, memory, judgement)
VALUES (%(id)s, %(until)s, %(memory)s, %(judgement)s)
ON CONFLICT (channel_id) DO UPDATE SET looked_until = excluded.looked_until, memory = excluded.memory,
    judgement = coalesce(excluded.judgement, abnormal_baseline.judgement)
"""
_NEIGHBOURS = """
SELECT d.site_id, c.quantity, c.id, u.id, u.name, b.judgement
FROM abnormal_baseline AS b
JOIN channel AS c ON c.id = b.channel_id
JOIN device AS d ON d.id = c.device_id
JOIN unit AS u ON u.id = c.unit_id
WHERE d.site_id = ANY(%s) AND c.quantity = ANY(%s) AND b.judgement IS NOT NULL
ORDER BY u.name, c.id
"""
_OPEN = "SELECT channel_id, started_at, shared FROM advice WHERE ended_at IS NULL AND channel_id = ANY(%s)"
_TELL = """
INSERT INTO advice (id, site_id, unit_id, channel_id, quantity, started_at, told_at, value, expected, spread, shared, text)
VALUES (%(id)s, %(site_id)s, %(unit_id)s, %(channel_id)s, %(quantity)s, %(since)s, %(now)s, %(value)s, %(expected)s,
    %(spread)s, %(shared)s, %(text)s)
ON CONFLICT (channel_id, started_at) DO UPDATE SET value = excluded.value, expected = excluded.expected,
    spread = excluded.spread, shared = advice.shared OR excluded.shared, text = excluded.text
"""
_END = "UPDATE advice SET ended_at = %s WHERE channel_id = %s AND ended_at IS NULL AND started_at <> %s"
_END_STALE = """
UPDATE advice SET ended_at = %(now)s FROM abnormal_baseline AS b, channel AS c, device AS d
WHERE advice.ended_at IS NULL AND b.channel_id = advice.channel_id AND c.id = b.channel_id AND d.id = c.device_id
  AND ((b.judgement ->> 'at')::timestamptz < %(before)s OR EXISTS (
      SELECT FROM advice_setting AS setting
      WHERE setting.site_id = d.site_id AND setting.quantity = c.quantity AND setting.mode = 'off'))
"""
# What should be an alarm and is none, and the other way round.
_ALARMS = """
SELECT advice.id, advice.alarm_id, advice.site_id, advice.unit_id, advice.channel_id, c.name AS channel, c.device_id, advice.quantity,
       advice.started_at, advice.value, advice.expected, advice.text
FROM advice
JOIN channel AS c ON c.id = advice.channel_id
LEFT JOIN advice_setting AS setting ON setting.site_id = advice.site_id AND setting.quantity = advice.quantity
WHERE (advice.ended_at IS NULL OR advice.alarm_id IS NOT NULL)
  AND (advice.alarm_id IS NOT NULL)
      <> (advice.ended_at IS NULL AND NOT advice.shared AND coalesce(setting.mode, 'advise') = 'alarm')
ORDER BY advice.started_at
"""


@dataclass(frozen=True)
class Due:
    """A stream with complete buckets that were not judged yet."""

    id: int
    quantity: str
    site_id: int
    device_id: int
    unit_id: int
    unit: str
    timezone: str
    looked_until: datetime | None
    memory: dict[str, Any] | None
    mode: str


@dataclass(frozen=True)
class Turning:
    """Advice that must become an alarm, or must cease to be one (``alarm_id`` is the one that it is)."""

    id: UUID
    alarm_id: UUID | None
    site_id: int
    unit_id: int
    channel_id: int
    channel: str
    device_id: int
    quantity: str
    started_at: datetime
    value: float
    expected: float
    text: str


def due(database: Connection[Any], until: datetime, *, rows: int) -> list[Due]:
    """Streams to judge, those that waited longest first, new ones last."""
    with database.cursor(row_factory=class_row(Due)) as cursor:
        return cursor.execute(_DUE, {"quantities": list(JUDGED), "until": until, "rows": rows}).fetchall()


def buckets(database: Connection[Any], streams: Sequence[Due], until: datetime) -> list[tuple[int, datetime, float]]:
    """Complete buckets with usable values that were not judged yet, by stream and time."""
    starts = [
        until - HISTORY if one.looked_until is None else max(one.looked_until, until - HISTORY) for one in streams
    ]
    return database.execute(
        _BUCKETS,
        {
            "width": WIDTH,
            "ids": [one.id for one in streams],
            "starts": starts,
            "first": min(starts, default=until),
            "until": until,
        },
    ).fetchall()


def keep(
    database: Connection[Any], rows: Iterable[tuple[int, dict[str, Any], dict[str, Any] | None]], until: datetime
) -> None:
    """Write memories and newest judgements down."""
    with database.cursor() as cursor:
        cursor.executemany(
            _KEEP,
            [
                {"id": key, "until": until, "memory": Jsonb(memory), "judgement": judgement and Jsonb(judgement)}
                for key, memory, judgement in rows
            ],
        )


def neighbours(
    database: Connection[Any], sites: Sequence[int], quantities: Sequence[str]
) -> list[tuple[int, str, int, int, str, dict[str, Any]]]:
    """Site, quantity, channel, unit, name of the unit and newest judgement of every stream that was judged."""
    return database.execute(_NEIGHBOURS, (list(sites), list(quantities))).fetchall()


def is_open(database: Connection[Any], channel_ids: Sequence[int]) -> dict[int, datetime]:
    """When the open advice of these streams began."""
    return {key: started_at for key, started_at, _ in database.execute(_OPEN, (list(channel_ids),))}


def tell(database: Connection[Any], stream: Due, judged: Judgement, *, shared: bool, text: str, now: datetime) -> None:
    """Write advice down, or what it says by now."""
    database.execute(
        _TELL,
        {
            "id": uuid4(),
            "site_id": stream.site_id,
            "unit_id": stream.unit_id,
            "channel_id": stream.id,
            "quantity": stream.quantity,
            "since": judged.since,
            "now": now,
            "value": judged.value,
            "expected": judged.expected,
            "spread": judged.spread,
            "shared": shared,
            "text": text,
        },
    )


def end(database: Connection[Any], channel_id: int, at: datetime, *, but: datetime | None) -> None:
    """End what is open of a stream, but not what began at ``but``."""
    database.execute(_END, (at, channel_id, but or datetime.min.replace(tzinfo=at.tzinfo)))


def end_stale(database: Connection[Any], now: datetime) -> None:
    """End what nobody can judge any more, or what a farm does not want."""
    database.execute(_END_STALE, {"now": now, "before": now - STALE})


def turning(database: Connection[Any]) -> list[Turning]:
    """Advice that is not yet, or no longer, the alarm that it should be."""
    with database.cursor(row_factory=class_row(Turning)) as cursor:
        return cursor.execute(_ALARMS).fetchall()


def turned(database: Connection[Any], advice_id: UUID, alarm_id: UUID | None) -> None:
    """Note which alarm the advice is now."""
    database.execute("UPDATE advice SET alarm_id = %s WHERE id = %s", (alarm_id, advice_id))
