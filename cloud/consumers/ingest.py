"""The writer that everything goes through: batches in, one transaction each, watermarks out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psycopg

from cloud.consumers.batch import Batch
from cloud.consumers.prepare import Prepared, Preparing
from cloud.consumers.records import IngestResult, StreamRecord
from cloud.db import bulk
from cloud.db.session import psycopg_url
from cloud.db.timeseries import MissingRoomError, Room, engine_of
from cloud.devices.directory import Directory
from cloud.devices.rules import Identity
from cloud.metrics import INGEST_BATCH_SECONDS, INGEST_DEAD_LETTERS, INGEST_MESSAGES, INGEST_ROWS
from cloud.telemetry.columns import Definition
from contracts.dead_letters import DeadLetter
from contracts.devices import Watermark
from contracts.errors import RetryableError, ShoalError

_COLLISION = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
_TRIES = 3
_MARKS_KEPT = 100_000
"""Streams whose watermark is remembered; every new outbox file of a device is a stream."""


class RefusedAgainError(ShoalError):
    """A message that was to be stored whole or not at all was not.

    Args:
        letters: why, at least one.
    """

    def __init__(self, letters: Sequence[DeadLetter]) -> None:
        super().__init__("; ".join(f"{letter.reason}: {letter.detail}" for letter in letters[:3]))
        self.letters = letters


class Ingest:
    """Writes batches. One connection; calls from several threads take turns.

    Args:
        database_url: ``postgresql://user:password@host:port/name``, migrated to the newest schema.
        storage_dir: folder of the image store.
        auto_register: False refuses messages of devices that nobody provisioned.
        clock: UTC now.
    """

    def __init__(
        self,
        database_url: str,
        *,
        storage_dir: Path,
        auto_register: bool = True,
        clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._url = psycopg_url(database_url)
        self._storage_dir = storage_dir
        self._clock = clock
        self._auto_register = auto_register
        self._directory = Directory(auto_register=auto_register)
        self._database: psycopg.Connection[Any] | None = None
        self._room: Room | None = None
        self._committed: dict[tuple[str, str, str], int] = {}
        self._turn = threading.Lock()

    def write(self, records: Sequence[StreamRecord]) -> IngestResult:
        """Store a batch in one transaction and return after its commit.

        Raises:
            RetryableError: the database or the storage folder is away; nothing of the batch counts, send it again.
        """
        return self.store(self.prepare(records))

    def write_whole(self, record: StreamRecord) -> IngestResult:
        """Store one message whole; when any of it cannot be stored nothing changes, the ledger included.

        Raises:
            RefusedAgainError: with the letters that the message would have become.
            RetryableError: the database or the storage folder is away; try again.
        """
        with self._turn:
            result, _ = self._stored(self.prepare([record]), whole=True)
        INGEST_ROWS.inc(result.rows)
        return result

    def preparing(self) -> Preparing:
        """A batch to be filled while another one is being stored; any thread may."""
        return Preparing(self._is_repeat, self._id_of)

    def prepare(self, records: Sequence[StreamRecord]) -> Prepared:
        """A whole batch at once."""
        preparing = self.preparing()
        preparing.add(records)
        return preparing.prepared()

    def store(self, prepared: Prepared) -> IngestResult:
        """The same of a batch that is prepared already (``cloud.consumers.prepare``).

        Raises:
            RetryableError: nothing of the batch counts; the same may be stored again.
        """
        if not prepared.items:
            return IngestResult(0, 0, 0, 0, ())
        with self._turn:
            started = time.perf_counter()
            result, letters = self._stored(prepared)
            INGEST_BATCH_SECONDS.observe(time.perf_counter() - started)
        self._remember(result.watermarks)
        INGEST_MESSAGES.labels("new").inc(result.messages_new)
        INGEST_MESSAGES.labels("repeated").inc(result.messages_repeated)
        INGEST_ROWS.inc(result.rows)
        for letter in letters:
            INGEST_DEAD_LETTERS.labels(letter.reason).inc()
        return result

    def close(self) -> None:
        """Close the connection; the next ``write`` would open another. Safe twice."""
        with self._turn:
            self._disconnect()

    def _is_repeat(self, identity: Identity) -> bool:
        """Whether this process has seen the message, or one behind it, being stored."""
        return identity.sequence <= self._committed.get((identity.site, identity.device, identity.stream), 0)

    def _id_of(self, definition: Definition) -> int | None:
        """Asked while another thread writes; what it adds or takes back meanwhile shows when the batch's turn comes."""
        return self._directory.known_channel(definition.site, definition.device, definition.key)

    def _remember(self, marks: Sequence[Watermark]) -> None:
        if len(self._committed) > _MARKS_KEPT:
            self._committed = {}
        for mark in marks:
            self._committed[mark.site, mark.device, mark.stream] = mark.committed

    def _stored(self, prepared: Prepared, *, whole: bool = False) -> tuple[IngestResult, Sequence[DeadLetter]]:
        """The batch in one committed transaction, tried again after what a batch may run into."""
        collisions = 0
        while True:
            try:
                return self._try(prepared, whole=whole)
            except MissingRoomError as missing:  # noqa: PERF203  (a loop of retries)
                self._directory.rolled_back()
                self._make_room(missing)
            except _COLLISION as error:
                self._directory.rolled_back()
                collisions += 1
                if collisions == _TRIES:
                    raise RetryableError(f"other writers were in the way {_TRIES} times: {error}") from error
            except (psycopg.Error, OSError) as error:
                self._disconnect()
                raise RetryableError(f"database: {type(error).__name__}: {error}") from error
            except BaseException:
                self._directory.rolled_back()
                raise

    def _try(self, prepared: Prepared, *, whole: bool) -> tuple[IngestResult, Sequence[DeadLetter]]:
        database, room = self._connected()
        self._directory.learn(database, {name for item in prepared.items for name in item.names()})
        batch = Batch(prepared, database, self._directory, room, storage_dir=self._storage_dir, now=self._clock())
        with database.transaction():
            result = batch.run()
            if whole and batch.letters:
                raise RefusedAgainError(batch.letters)
        self._directory.committed()
        return result, batch.letters

    def _make_room(self, missing: MissingRoomError) -> None:
        database, room = self._connected()
        try:
            room.make(database, missing)
        except psycopg.Error as error:
            self._disconnect()
            raise RetryableError(f"database: {type(error).__name__}: {error}") from error

    def _connected(self) -> tuple[psycopg.Connection[Any], Room]:
        if self._database is None or self._database.closed or self._room is None:
            self._disconnect()
            database = psycopg.connect(
                self._url,
                autocommit=True,
                application_name="shoal-ingest",
                connect_timeout=5,
                keepalives_idle=10,
                keepalives_interval=5,
                keepalives_count=3,
                tcp_user_timeout=30_000,
            )
            bulk.register(database)
            self._database, self._room = database, Room(engine_of(database))
        return self._database, self._room

    def _disconnect(self) -> None:
        # Behind the next connection there may be another database: ids are looked up again.
        self._directory = Directory(auto_register=self._auto_register)
        if self._database is not None:
            self._database.close()
        self._database = None
