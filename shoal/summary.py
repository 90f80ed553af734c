"""The books at the end of a demo: what the outboxes accepted against what the database holds.

Both sides count things, not messages: readings, observations and alarm changes. They are compared only when the outboxes
are empty; what one still holds is safe on its disk and counted apart. So are readings that an outbox thinned: the least and the
greatest of their minute stand for them.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

KINDS = ("readings", "observations", "alarms")

_STORED = {
    "readings": "SELECT count(*) FROM reading",
    "observations": "SELECT count(*) FROM observation",
    # What people did in the dashboard never was in an outbox.
    "alarms": "SELECT count(*) FROM alarm_change WHERE actor LIKE 'device:%'",
}


@dataclass(frozen=True)
class Books:
    """Counts by kind: accepted by the outboxes (ever), still held by them, rows in the database, and thinned by the outboxes.

    What was thinned may be stored all the same: it was on its way before the store had said so.
    """

    accepted: dict[str, int]
    held: dict[str, int]
    stored: dict[str, int]
    thinned: dict[str, int] = field(default_factory=dict)

    @property
    def lost(self) -> int:
        """Things that were accepted, are held no more, and are not in the database."""
        return sum(
            max(0, self.accepted[kind] - self.thinned.get(kind, 0) - self.held[kind] - self.stored[kind])
            for kind in KINDS
        )

    @property
    def duplicates(self) -> int:
        """Things that the database holds more often than they were accepted."""
        return sum(max(0, self.stored[kind] - self.accepted[kind]) for kind in KINDS)


@dataclass(frozen=True)
class Summary:
    """What ``--summary`` writes; counts are of the whole life of the data folder, restarts of this run."""

    readings: int
    observations: int
    alarms: int
    accepted: int
    stored: int
    held: int
    lost: int
    duplicates: int
    thinned: int
    processes_restarted: int
    started_in_s: float
    ran_s: float

    @property
    def is_good(self) -> bool:
        """Nothing lost, nothing counted twice, nothing left on the way."""
        return self.lost == 0 and self.duplicates == 0 and self.held == 0

    def write(self, path: Path) -> None:
        """As one JSON object."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def summarise(books: Books, *, processes_restarted: int, started_in_s: float, ran_s: float) -> Summary:
    """The books as a summary."""
    return Summary(
        **{kind: books.accepted[kind] for kind in KINDS},
        accepted=sum(books.accepted.values()),
        stored=sum(books.stored.values()),
        held=sum(books.held.values()),
        lost=books.lost,
        duplicates=books.duplicates,
        thinned=sum(books.thinned.values()),
        processes_restarted=processes_restarted,
        started_in_s=round(started_in_s, 1),
        ran_s=round(ran_s, 1),
    )


def take_books(outboxes: Iterable[Path], dsn: str) -> Books:
    """Read both sides.

    Raises:
        psycopg.OperationalError: the database cannot be reached.
    """
    import psycopg

    books = outbox_side(outboxes)
    with psycopg.connect(dsn, connect_timeout=5) as database:
        stored = {kind: _count(database.execute(query).fetchone()) for kind, query in _STORED.items()}
    return replace(books, stored=stored)


def outbox_side(outboxes: Iterable[Path]) -> Books:
    """The books as the outboxes know them, with nothing stored yet."""
    accepted, held, thinned = (dict.fromkeys(KINDS, 0) for _ in range(3))
    for path in outboxes:
        counters = _counters(path)
        for kind in KINDS:
            accepted[kind] += counters.get(kind, 0)
            thinned[kind] += counters.get(f"thinned_{kind}", 0)
        for kind, number in _held(path).items():
            held[kind] += number
    return Books(accepted, held, dict.fromkeys(KINDS, 0), thinned)


def messages_held(outboxes: Iterable[Path]) -> int:
    """Messages of any kind that still wait in the outboxes."""
    return sum(_scalar(path, "SELECT count(*) FROM message") for path in outboxes)


def _counters(outbox: Path) -> dict[str, int]:
    from edge.outbox.store import read_counters

    try:
        return read_counters(outbox)
    except FileNotFoundError:
        return {}


def _held(outbox: Path) -> dict[str, int]:
    if not outbox.exists():
        return {}
    with _opened(outbox) as connection:
        rows = connection.execute("SELECT kind, sum(items) FROM message GROUP BY kind").fetchall()
    return {kind: int(number) for kind, number in rows if kind in KINDS}


def _scalar(outbox: Path, query: str) -> int:
    if not outbox.exists():
        return 0
    with _opened(outbox) as connection:
        return int(connection.execute(query).fetchone()[0])


def _opened(outbox: Path) -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(sqlite3.connect(f"{outbox.absolute().as_uri()}?mode=ro", uri=True, timeout=5))


def _count(row: tuple[object, ...] | None) -> int:
    return int(str(row[0])) if row else 0
