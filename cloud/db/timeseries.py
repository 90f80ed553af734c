"""What differs between PostgreSQL and TimescaleDB, and nothing else does.

Three tables are time series. On TimescaleDB they are hypertables; on plain PostgreSQL they are partitioned by range
of ``observed_at``, with a default partition for rows that are far from now. All queries are the same on both.
The engine is chosen by ``pg_extension``. It works on a psycopg connection and leaves the transaction to the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol, TypeAlias

from psycopg import Connection
from psycopg.sql import SQL, Identifier, Literal

Database: TypeAlias = Connection[Any]

TIME_COLUMN = "observed_at"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class TimeseriesTable:
    """A table that grows with time.

    Attributes:
        name: of the table.
        chunk: time span of one partition or chunk: short where rows are many, long where they are few.
    """

    name: str
    chunk: timedelta

    def start_of(self, moment: datetime) -> datetime:
        """First moment of the chunk that ``moment`` falls in; chunks are aligned to 1970."""
        return EPOCH + (moment - EPOCH) // self.chunk * self.chunk


READING = TimeseriesTable("reading", timedelta(days=1))
OBSERVATION = TimeseriesTable("observation", timedelta(days=7))
DEVICE_HEALTH = TimeseriesTable("device_health", timedelta(days=7))
TABLES = (READING, OBSERVATION, DEVICE_HEALTH)


@dataclass(frozen=True)
class TimeseriesHealth:
    """What an operator should know of one time series table.

    Attributes:
        chunks: partitions or chunks, without the default partition.
        bytes: with indexes and compressed data.
        stray_rows: rows that no chunk takes (far from now); more than a few mean a device with a wrong clock.
    """

    table: str
    chunks: int
    bytes: int
    stray_rows: int


class TimeseriesEngine(Protocol):
    """How one database keeps tables that grow with time."""

    name: str

    def partition_by(self) -> str | None:
        """``PARTITION BY`` clause that the table must be created with, or None."""

    def create(self, database: Database, table: TimeseriesTable) -> None:
        """Turn the freshly created, empty table into a time series."""

    def ensure_range(self, database: Database, table: TimeseriesTable, start: datetime, end: datetime) -> None:
        """Make room for rows of ``start <= observed_at <= end``; waits for whoever does the same."""

    def drop_old(self, database: Database, table: TimeseriesTable, before: datetime) -> int:
        """Drop whole chunks that end at or before ``before``; returns how many."""

    def health(self, database: Database, table: TimeseriesTable) -> TimeseriesHealth:
        """Size and state of the table."""


def engine_of(database: Database) -> TimeseriesEngine:
    """The engine of this database."""
    found = database.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
    return TimescaleEngine() if found else PlainEngine()


class TimescaleEngine:
    """Hypertables. The extension makes chunks by itself."""

    name = "timescaledb"

    def partition_by(self) -> str | None:
        """A hypertable starts as an ordinary table."""
        return None

    def create(self, database: Database, table: TimeseriesTable) -> None:
        """Make the table a hypertable; every index that it needs is its primary key or its own migration's."""
        database.execute(
            "SELECT create_hypertable(%s::regclass, by_range(%s, %s::interval), create_default_indexes => false)",
            (table.name, TIME_COLUMN, table.chunk),
        )

    def ensure_range(self, database: Database, table: TimeseriesTable, start: datetime, end: datetime) -> None:
        """Nothing to do: the first row of a chunk makes it."""

    def drop_old(self, database: Database, table: TimeseriesTable, before: datetime) -> int:
        """Drop chunks through the extension, which keeps continuous aggregates as they are."""
        return len(
            database.execute("SELECT drop_chunks(%s::regclass, older_than => %s)", (table.name, before)).fetchall()
        )

    def health(self, database: Database, table: TimeseriesTable) -> TimeseriesHealth:
        """Ask the extension."""
        row = database.execute(
            "SELECT (SELECT count(*) FROM timescaledb_information.chunks"
            " WHERE hypertable_schema = current_schema() AND hypertable_name = %s),"
            " coalesce(hypertable_size(%s::regclass), 0)",
            (table.name, table.name),
        ).fetchone()
        assert row is not None  # noqa: S101  (an aggregate always answers with one row)
        return TimeseriesHealth(table.name, chunks=row[0], bytes=row[1], stray_rows=0)


class PlainEngine:
    """Range partitions ``<table>_p<YYYYMMDD>``, made on demand, and ``<table>_default``."""

    name = "postgresql"

    def partition_by(self) -> str | None:
        """By range of time."""
        return f"RANGE ({TIME_COLUMN})"

    def create(self, database: Database, table: TimeseriesTable) -> None:
        """Make the default partition, so that no row is ever refused for its time."""
        database.execute(
            SQL("CREATE TABLE {} PARTITION OF {} DEFAULT").format(
                Identifier(_default_of(table)), Identifier(table.name)
            )
        )

    def ensure_range(self, database: Database, table: TimeseriesTable, start: datetime, end: datetime) -> None:
        """Make missing partitions. Rows of theirs that sit in the default partition move over."""
        wanted = _chunk_starts(table, start, end)
        if not wanted - self._existing(database, table).keys():
            return
        # Behind a reader that takes minutes all new readers would queue; rather give up and be tried again.
        database.execute("SET LOCAL lock_timeout = '5s'")
        # One maker at a time per table. After the lock another one may have been here.
        database.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"partitions of {table.name}",))
        for chunk_start in sorted(wanted - self._existing(database, table).keys()):
            self._attach(database, table, chunk_start)

    def drop_old(self, database: Database, table: TimeseriesTable, before: datetime) -> int:
        """Drop old partitions and delete old rows of the default partition."""
        old = [
            partition for start, partition in self._existing(database, table).items() if start + table.chunk <= before
        ]
        for partition in old:
            database.execute(SQL("DROP TABLE {}").format(Identifier(partition)))
        database.execute(
            SQL("DELETE FROM {} WHERE {} < {}").format(
                Identifier(_default_of(table)), Identifier(TIME_COLUMN), Literal(table.start_of(before))
            )
        )
        return len(old)

    def health(self, database: Database, table: TimeseriesTable) -> TimeseriesHealth:
        """Add up the partitions."""
        existing = self._existing(database, table)
        row = database.execute(
            SQL(
                "SELECT (SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint"
                " FROM pg_inherits WHERE inhparent = {}::regclass), (SELECT count(*) FROM {})"
            ).format(Literal(table.name), Identifier(_default_of(table)))
        ).fetchone()
        assert row is not None  # noqa: S101  (an aggregate always answers with one row)
        return TimeseriesHealth(table.name, chunks=len(existing), bytes=row[0], stray_rows=row[1])

    def _attach(self, database: Database, table: TimeseriesTable, start: datetime) -> None:
        """Make one partition beside the table and attach it: unlike PARTITION OF this does not block readers."""
        partition = _partition_of(table, start)
        end = start + table.chunk
        names = {"partition": Identifier(partition), "table": Identifier(table.name), "time": Identifier(TIME_COLUMN)}
        bounds = {"start": Literal(start), "end": Literal(end)}
        database.execute(SQL("CREATE TABLE {partition} (LIKE {table} INCLUDING ALL)").format(**names))
        database.execute(
            SQL(
                "WITH moved AS (DELETE FROM {default} WHERE {time} >= {start} AND {time} < {end} RETURNING *)"
                " INSERT INTO {partition} SELECT * FROM moved"
            ).format(default=Identifier(_default_of(table)), **names, **bounds)
        )
        database.execute(
            SQL("ALTER TABLE {table} ATTACH PARTITION {partition} FOR VALUES FROM ({start}) TO ({end})").format(
                **names, **bounds
            )
        )

    def _existing(self, database: Database, table: TimeseriesTable) -> dict[datetime, str]:
        """Attached partitions by their start, read from their names."""
        rows = database.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = %s::regclass AND c.relname <> %s",
            (table.name, _default_of(table)),
        ).fetchall()
        return {_start_of_partition(table, name): name for (name,) in rows}


class MissingRoomError(Exception):
    """A table has no chunk for some rows yet: roll back, ``Room.make`` it, and write again."""

    def __init__(self, table: TimeseriesTable, starts: Sequence[datetime]) -> None:
        super().__init__(f"{table.name} has no room at {', '.join(start.isoformat() for start in starts)}")
        self.table = table
        self.starts = starts


class Room:
    """Remembers where one writer has room, and makes more.

    Making room needs strong locks, so it happens in transactions of its own: a batch that already holds locks of
    other tables could deadlock with a reader. Stamps that are far from now go where they can (the default partition):
    a broken clock must not make thousands of partitions.

    Args:
        engine: of the writer's database.
    """

    PAST = timedelta(days=400)
    AHEAD = timedelta(days=2)

    def __init__(self, engine: TimeseriesEngine) -> None:
        self._engine = engine
        self._made: set[tuple[str, datetime]] = set()

    def check(self, table: TimeseriesTable, moments: Iterable[datetime], now: datetime) -> None:
        """Before rows of these moments are written.

        Raises:
            MissingRoomError: for some of them room must be made first.
        """
        starts = {table.start_of(moment) for moment in moments}
        missing = [
            start
            for start in sorted(starts)
            if (table.name, start) not in self._made and now - self.PAST <= start <= now + self.AHEAD
        ]
        if missing:
            raise MissingRoomError(table, missing)

    def make(self, database: Database, missing: MissingRoomError) -> None:
        """Make what was missing; the connection must not be in a transaction."""
        for start in missing.starts:
            with database.transaction():
                self._engine.ensure_range(database, missing.table, start, start)
            self._made.add((missing.table.name, start))


def _default_of(table: TimeseriesTable) -> str:
    return f"{table.name}_default"


def _partition_of(table: TimeseriesTable, start: datetime) -> str:
    return f"{table.name}_p{start:%Y%m%d}"


def _start_of_partition(table: TimeseriesTable, name: str) -> datetime:
    day = name.removeprefix(f"{table.name}_p")
    return datetime.strptime(day, "%Y%m%d").replace(tzinfo=timezone.utc)


def _chunk_starts(table: TimeseriesTable, start: datetime, end: datetime) -> set[datetime]:
    first = table.start_of(start)
    count = (table.start_of(end) - first) // table.chunk + 1
    return {first + index * table.chunk for index in range(count)}
