"""One transaction on the outbox's file, and what it changes beside the rows."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge.outbox.rows import Row
from edge.outbox.rules import PRIORITY_OF_KIND, Priority, Usage

ROW_BYTES = 150
"""What a row takes beside its body, measured: its other columns and its place in two trees."""

INSERT = (
    "INSERT INTO message (seq, priority, kind, boot, sent_at, trusted, items, bytes, body, timeline, thinned)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_COUNT = "INSERT INTO counter VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"


@dataclass
class Transaction:
    """What one transaction changes beside the message table; adopted by the outbox only after the commit."""

    connection: sqlite3.Connection
    next_seq: int
    usage: dict[Priority, Usage]
    counts: Counter[str] = field(default_factory=Counter)
    state: dict[str, str | None] = field(default_factory=dict)

    def add(self, priority: Priority, rows: int, size: int) -> None:
        """Note rows that came, or went."""
        have = self.usage.get(priority, Usage())
        self.usage[priority] = Usage(have.rows + rows, have.bytes + size)

    def delete(self, where: str, arguments: tuple[int, ...]) -> None:
        """Delete messages."""
        counted = f"SELECT priority, count(*), sum(bytes) FROM message WHERE {where} GROUP BY priority"  # noqa: S608
        for priority, rows, size in self.connection.execute(counted, arguments).fetchall():
            self.add(Priority(priority), -rows, -size)
        self.connection.execute(f"DELETE FROM message WHERE {where}", arguments)  # noqa: S608  (fixed texts)

    def drop(self, where: str, arguments: tuple[int, ...]) -> None:
        """Delete messages that the store will never get, and count what was in them by kind; the agent makes it an event."""
        query = f"SELECT kind, sum(items) FROM message WHERE {where} GROUP BY kind"  # noqa: S608  (fixed texts)
        dropped = self.connection.execute(query, arguments).fetchall()
        self.counts.update({f"dropped_{kind}": items for kind, items in dropped})
        self.delete(where, arguments)

    def insert(self, row: Row, stored: bytes, *, thinned: bool = False) -> None:
        """Put a row with its packed body under the next sequence."""
        priority, size = PRIORITY_OF_KIND[row.kind], len(stored) + ROW_BYTES
        at = row.sent_at.isoformat()
        told = (row.kind.value, row.boot, at, row.trusted, row.items, size, stored, row.timeline, thinned)
        self.connection.execute(INSERT, (self.next_seq, priority, *told))
        self.add(priority, 1, size)
        self.next_seq += 1

    def evict(self, plan: Mapping[Priority, int]) -> None:
        """Drop the oldest rows of each class until so many bytes are free."""
        for priority, needed in plan.items():
            freed, last = 0, 0
            query = "SELECT seq, bytes FROM message WHERE priority = ? ORDER BY seq"
            for seq, size in self.connection.execute(query, (priority,)):
                freed, last = freed + size, seq
                if freed >= needed:
                    break
            self.drop("priority = ? AND seq <= ?", (priority, last))

    def finish(self) -> None:
        """Write what was gathered: one statement per counter and key, however many messages came."""
        self.connection.executemany(_COUNT, self.counts.items())
        for key, value in self.state.items():
            if value is None:
                self.connection.execute("DELETE FROM state WHERE key = ?", (key,))
            else:
                self.connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, value))
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES ('next_seq', ?)", (str(self.next_seq),))
