"""What differs between PostgreSQL and TimescaleDB, and nothing else does.

Three tables are time series. On TimescaleDB they are hypertables; on plain PostgreSQL they are partitioned by range
of ``observed_at``, with a default partition for rows that are far from now. Readings have rollups (``cloud.db.rollups``):
continuous aggregates there, partitioned tables here. All queries are the same on both. The engine is chosen by
``pg_extension``. It works on a psycopg connection and leaves the transaction to the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection
from psycopg.sql import SQL, Identifier, Literal

from cloud.db import rollups
from cloud.db.bulk import TIMESTAMPTZ, PgArray
from cloud.db.rollups import DAY, HOUR, ROLLUPS, FreshReadings

Database: TypeAlias = Connection[Any]

TIME_COLUMN = "observed_at"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class TimeseriesTable:
    """A table that grows with time.

    Attributes:
        name: of the table.
        chunk: time span of one partition or chunk: short where rows are many, long where they are few.
        time: column that it grows by.
        fillfactor: percent of a page that inserts fill; the rest is room for rows that change.
    """

    name: str
    chunk: timedelta
    time: str = TIME_COLUMN
    fillfactor: int = 100

    def start_of(self, moment: datetime) -> datetime:
        """First moment of the chunk that ``moment`` falls in; chunks are aligned to 1970."""
        return EPOCH + (moment - EPOCH) // self.chunk * self.chunk


READING = TimeseriesTable("reading", timedelta(days=1))
OBSERVATION = TimeseriesTable("observation", timedelta(days=7))
DEVICE_HEALTH = TimeseriesTable("device_health", timedelta(days=7))
TABLES = (READING, OBSERVATION, DEVICE_HEALTH)
READING_1M = TimeseriesTable("reading_1m", timedelta(days=30), "bucket", fillfactor=90)
READING_1H = TimeseriesTable("reading_1h", timedelta(days=360), "bucket", fillfactor=70)
READING_1D = TimeseriesTable("reading_1d", timedelta(days=3600), "bucket", fillfactor=70)
ROLLUP_TABLES = (READING_1M, READING_1H, READING_1D)
"""Partitions of the rollups on plain PostgreSQL; continuous aggregates choose chunks of their own."""


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

    def create_rollups(self, database: Database) -> None:
        """Make the rollups of the readings that there are; within a migration."""

    def drop_rollups(self, database: Database) -> None:
        """Undo ``create_rollups``."""

    def roll_up(self, database: Database, fresh: FreshReadings) -> None:
        """Tell the rollups of readings that this transaction has added; none of them was there before."""

    def taken_out(self, database: Database, channel: NDArray[np.int32], observed_us: NDArray[np.int64]) -> None:
        """Tell the rollups of readings that this transaction has deleted."""

    def refresh(self, database: Database, start: datetime, end: datetime) -> None:
        """Make the rollups of ``[start, end)``, whole days, again. Their readings must all be there still: what the
        readings do not say is forgotten. Outside a transaction.
        """

    def refresh_changed(self, database: Database, now: datetime) -> int:
        """Refresh the days that got readings since the last call, but none whose readings have been dropped; returns
        how many days. Outside a transaction.
        """

    def compress(self, database: Database, table: TimeseriesTable, before: datetime) -> int:
        """Turn whole chunks that end at or before ``before`` into columns; returns how many."""

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

    def create_rollups(self, database: Database) -> None:
        """Continuous aggregates, the hour on the minute and the day on the hour; every day is still to be refreshed."""
        for rollup in ROLLUPS:
            database.execute(rollups.continuous_aggregate(rollup))
        database.execute(
            "CREATE TABLE rollup_change (id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, day timestamptz NOT NULL)"
        )
        database.execute("CREATE TABLE rollup_horizon (before timestamptz NOT NULL)")
        database.execute("INSERT INTO rollup_horizon VALUES ('-infinity')")
        database.execute(
            SQL(
                "INSERT INTO rollup_change (day) SELECT DISTINCT date_bin('1 day', observed_at, {}) FROM reading"
            ).format(Literal(EPOCH))
        )
        database.execute(
            "ALTER TABLE reading SET (timescaledb.enable_columnstore = true, timescaledb.segmentby = 'channel_id',"
            " timescaledb.orderby = 'observed_at DESC')"
        )

    def drop_rollups(self, database: Database) -> None:
        """Drop the aggregates, and make rows of the columns again."""
        for rollup in reversed(ROLLUPS):
            database.execute(SQL("DROP MATERIALIZED VIEW {}").format(Identifier(rollup.name)))
        database.execute("DROP TABLE rollup_change, rollup_horizon")
        for chunk in self._chunks(database, READING, "is_compressed"):
            database.execute("SELECT decompress_chunk(%s::regclass)", (chunk,))
        database.execute("ALTER TABLE reading SET (timescaledb.enable_columnstore = false)")

    def roll_up(self, database: Database, fresh: FreshReadings) -> None:
        """Note the days, so that ``refresh_changed`` finds them; a note is inserted only, so writers never wait."""
        self._note(database, fresh.observed_us)

    def taken_out(self, database: Database, channel: NDArray[np.int32], observed_us: NDArray[np.int64]) -> None:
        """Note the days; the extension knows which rows have gone."""
        del channel
        self._note(database, observed_us)

    def _note(self, database: Database, observed_us: NDArray[np.int64]) -> None:
        days = np.unique(observed_us // _DAY_US)
        database.execute(
            "INSERT INTO rollup_change (day) SELECT unnest(%s::timestamptz[])", (PgArray(days * _DAY_US, TIMESTAMPTZ),)
        )

    def refresh(self, database: Database, start: datetime, end: datetime) -> None:
        """Through the extension, which computes only what changed since the last time."""
        for rollup in ROLLUPS:
            self._refresh(database, rollup.name, start, end)

    def refresh_changed(self, database: Database, now: datetime) -> int:
        """Oldest day first: a refresh moves the point up to which nothing else is computed at the time of a query.

        The running hour and the running day are left to real-time aggregation for the same reason.
        """
        noted = database.execute(
            "SELECT array_agg(id), coalesce(array_agg(DISTINCT day) FILTER (WHERE day >= before), '{}')"
            " FROM rollup_change, rollup_horizon"
        ).fetchone()
        assert noted is not None  # noqa: S101  (an aggregate always answers with one row)
        seen, due = noted
        if seen is None:
            return 0
        hour, today = (EPOCH + (now - EPOCH) // rollup.width * rollup.width for rollup in (HOUR, DAY))
        for day in sorted(due):
            for rollup in ROLLUPS:
                self._refresh(database, rollup.name, day, min(day + DAY.width, today if rollup is DAY else hour))
        with database.transaction():
            # Only notes that were seen: one with a lower number may have been committed meanwhile.
            database.execute("DELETE FROM rollup_change WHERE id = ANY(%s)", (seen,))
            running = [day for day in due if day >= today]
            database.execute("INSERT INTO rollup_change (day) SELECT unnest(%s::timestamptz[])", (running,))
        return len(due)

    def compress(self, database: Database, table: TimeseriesTable, before: datetime) -> int:
        """One chunk after the other, so that no lock is held for long outside a transaction."""
        chunks = self._chunks(database, table, "NOT is_compressed", before)
        for chunk in chunks:
            database.execute("SELECT compress_chunk(%s::regclass)", (chunk,))
        return len(chunks)

    def drop_old(self, database: Database, table: TimeseriesTable, before: datetime) -> int:
        """Drop chunks through the extension, which keeps continuous aggregates as they are.

        The horizon remembers up to where readings are gone: a refresh there would make their rollups forget them.
        """
        if table == READING:
            horizon = table.start_of(before)
            database.execute("UPDATE rollup_horizon SET before = %s WHERE before < %s", (horizon, horizon))
        return len(
            database.execute("SELECT drop_chunks(%s::regclass, older_than => %s)", (table.name, before)).fetchall()
        )

    def health(self, database: Database, table: TimeseriesTable) -> TimeseriesHealth:
        """Ask the extension."""
        row = database.execute(
            "SELECT (SELECT count(*) FROM show_chunks(%s::regclass)), coalesce(hypertable_size(%s::regclass), 0)",
            (table.name, table.name),
        ).fetchone()
        assert row is not None  # noqa: S101  (an aggregate always answers with one row)
        return TimeseriesHealth(table.name, chunks=row[0], bytes=row[1], stray_rows=0)

    def _refresh(self, database: Database, name: str, start: datetime, end: datetime) -> None:
        if start < end:
            database.execute(
                SQL("CALL refresh_continuous_aggregate({}, {}, {})").format(Literal(name), Literal(start), Literal(end))
            )

    def _chunks(
        self, database: Database, table: TimeseriesTable, state: str, before: datetime | None = None
    ) -> list[str]:
        """Names of the chunks in a state, those that end at or before a moment, oldest first."""
        query = SQL(
            "SELECT format('%I.%I', chunk_schema, chunk_name) FROM timescaledb_information.chunks"
            " WHERE hypertable_schema = current_schema() AND hypertable_name = {} AND {} AND range_end <= {}"
            " ORDER BY range_end"
        ).format(Literal(table.name), SQL(state), Literal(before or datetime.max.replace(tzinfo=timezone.utc)))
        return [name for (name,) in database.execute(query).fetchall()]


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

    def create_rollups(self, database: Database) -> None:
        """Tables with partitions, filled from the readings that there are."""
        found = database.execute("SELECT min(observed_at), max(observed_at) FROM reading").fetchone()
        for rollup, table in zip(ROLLUPS, ROLLUP_TABLES, strict=True):
            database.execute(
                SQL("CREATE TABLE {} ({}) PARTITION BY RANGE (bucket)").format(
                    Identifier(rollup.name), SQL(rollups.COLUMNS_SQL)
                )
            )
            self.create(database, table)
        if found is not None and found[0] is not None:
            first, last = (READING.start_of(moment) for moment in found)
            for table in ROLLUP_TABLES:
                # Strays of broken clocks stay in the default partition, as they do among the readings.
                self.ensure_range(database, table, max(first, last - Room.PAST), last)
            rollups.rebuild(database, first, last + DAY.width)

    def drop_rollups(self, database: Database) -> None:
        """Drop the tables."""
        for rollup in ROLLUPS:
            database.execute(SQL("DROP TABLE {}").format(Identifier(rollup.name)))

    def roll_up(self, database: Database, fresh: FreshReadings) -> None:
        """Merge the readings into the tables."""
        rollups.merge(database, fresh)

    def taken_out(self, database: Database, channel: NDArray[np.int32], observed_us: NDArray[np.int64]) -> None:
        """Count again what is left in the buckets that these readings were in."""
        rollups.recount(database, channel, observed_us)

    def refresh(self, database: Database, start: datetime, end: datetime) -> None:
        """Rebuild in one transaction. Needed only after readings were changed or deleted by hand."""
        with database.transaction():
            rollups.rebuild(database, start, end)

    def refresh_changed(self, database: Database, now: datetime) -> int:
        """Nothing to do: the tables change with the readings."""
        del database, now
        return 0

    def compress(self, database: Database, table: TimeseriesTable, before: datetime) -> int:
        """Nothing to do: PostgreSQL has no columnstore."""
        del database, table, before
        return 0

    def drop_old(self, database: Database, table: TimeseriesTable, before: datetime) -> int:
        """Drop old partitions and delete old rows of the default partition."""
        old = [
            partition for start, partition in self._existing(database, table).items() if start + table.chunk <= before
        ]
        for partition in old:
            database.execute(SQL("DROP TABLE {}").format(Identifier(partition)))
        database.execute(
            SQL("DELETE FROM {} WHERE {} < {}").format(
                Identifier(_default_of(table)), Identifier(table.time), Literal(table.start_of(before))
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
        names = {"partition": Identifier(partition), "table": Identifier(table.name), "time": Identifier(table.time)}
        bounds = {"start": Literal(start), "end": Literal(end)}
        database.execute(
            SQL("CREATE TABLE {partition} (LIKE {table} INCLUDING ALL) WITH (fillfactor = {fill})").format(
                fill=Literal(table.fillfactor), **names
            )
        )
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
        self.engine = engine
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
            if (table.name, start) not in self._made
            and now - self.PAST < start + table.chunk
            and start <= now + self.AHEAD
        ]
        if missing:
            raise MissingRoomError(table, missing)

    def make(self, database: Database, missing: MissingRoomError) -> None:
        """Make what was missing; the connection must not be in a transaction."""
        for start in missing.starts:
            with database.transaction():
                self.engine.ensure_range(database, missing.table, start, start)
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
