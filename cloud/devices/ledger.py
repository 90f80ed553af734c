"""Which messages of each device are stored: exact, and locked while a batch is being written.

One row per stream. A batch locks the rows of all its streams in key order, decides what is new, writes, and advances
the rows in the same transaction; so a message counts once, whichever replica it reaches and however often.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import Connection

from cloud.devices.rules import Ranges, StreamState, forget_gaps, include

_RANGE = re.compile(r"\[(\d+),(\d+)\)")


class StreamKey(NamedTuple):
    """Identity of one stream; sorts in locking order."""

    device_id: int
    stream: str


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """One locked row, with what this batch adds to its counters."""

    state: StreamState
    messages: int = 0
    repeats: int = 0
    rows: int = 0

    def advanced(self, sequences: Sequence[int], *, repeats: int, floor: int, rows: int) -> StreamEntry:
        """The entry after new ``sequences`` with ``rows`` rows were stored."""
        state = StreamState(include(self.state.seen, sequences), max(self.state.floor, floor))
        return replace(
            self,
            state=forget_gaps(state),
            messages=self.messages + len(sequences),
            repeats=self.repeats + repeats,
            rows=self.rows + rows,
        )


_LOCK = """
SELECT device_id, stream, seen::text, floor FROM ingest_stream
WHERE (device_id, stream) IN (SELECT * FROM unnest(%s::int4[], %s::text[]))
ORDER BY device_id, stream FOR UPDATE
"""
_START = """
INSERT INTO ingest_stream (device_id, stream) SELECT * FROM unnest(%s::int4[], %s::text[])
ON CONFLICT DO NOTHING
"""
_ADVANCE = """
UPDATE ingest_stream SET seen = new.seen, floor = new.floor, messages = ingest_stream.messages + new.messages,
       repeats = ingest_stream.repeats + new.repeats, rows = ingest_stream.rows + new.rows, updated_at = new.at
FROM (SELECT unnest(%s::int4[]) AS device_id, unnest(%s::text[]) AS stream, unnest(%s::int8multirange[]) AS seen,
             unnest(%s::int8[]) AS floor, unnest(%s::int8[]) AS messages, unnest(%s::int8[]) AS repeats,
             unnest(%s::int8[]) AS rows, %s::timestamptz AS at) AS new
WHERE ingest_stream.device_id = new.device_id AND ingest_stream.stream = new.stream
"""


def lock(database: Connection[Any], keys: Iterable[StreamKey]) -> dict[StreamKey, StreamEntry]:
    """Lock the rows of these streams until the transaction ends, making those that are missing."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    found = _locked(database, wanted)
    missing = [key for key in wanted if key not in found]
    if missing:
        database.execute(_START, _columns(missing))
        found = _locked(database, wanted)
    return found


def save(database: Connection[Any], entries: Mapping[StreamKey, StreamEntry], at: datetime) -> None:
    """Write the entries back."""
    if not entries:
        return
    keys, values = list(entries), list(entries.values())
    database.execute(
        _ADVANCE,
        (
            *_columns(keys),
            [_multirange(entry.state.seen) for entry in values],
            [entry.state.floor for entry in values],
            [entry.messages for entry in values],
            [entry.repeats for entry in values],
            [entry.rows for entry in values],
            at,
        ),
    )


def _locked(database: Connection[Any], keys: list[StreamKey]) -> dict[StreamKey, StreamEntry]:
    rows = database.execute(_LOCK, _columns(keys)).fetchall()
    return {
        StreamKey(device_id, stream): StreamEntry(StreamState(_ranges(seen), floor))
        for device_id, stream, seen, floor in rows
    }


def _columns(keys: list[StreamKey]) -> tuple[list[int], list[str]]:
    return [key.device_id for key in keys], [key.stream for key in keys]


def _ranges(text: str) -> Ranges:
    """Read ``{[1,4),[6,7)}``; PostgreSQL's canonical form excludes the upper end."""
    return tuple((int(low), int(high) - 1) for low, high in _RANGE.findall(text))


def _multirange(ranges: Ranges) -> str:
    return "{" + ",".join(f"[{low},{high + 1})" for low, high in ranges) + "}"
