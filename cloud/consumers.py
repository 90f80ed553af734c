"""The ingest: records from a bridge or from Kafka become rows, in one transaction per batch.

    records -> read -> lock ledger -> admit -> write by kind -> advance ledger -> commit -> watermarks

In the box the bridge calls ``Ingest.write``; in a cluster ``run_consumers`` does, with what Kafka delivers, and commits
offsets only afterwards. A message that can never be stored becomes a dead letter and does not hold up the others.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psycopg
import structlog

from cloud.alarms import writer as alarms
from cloud.db import bulk
from cloud.db.session import psycopg_url
from cloud.db.timeseries import Room, engine_of
from cloud.dead_letters import writer as dead_letters
from cloud.devices import ledger
from cloud.devices import writer as devices
from cloud.devices.directory import Directory
from cloud.devices.ledger import StreamEntry, StreamKey
from cloud.devices.messages import Accepted, DeviceRef, Quarantine, Stored
from cloud.devices.rules import MAX_SEQUENCE, Identity, admit, identity_in, is_storable, watermark
from cloud.metrics import (
    INGEST_BATCH_SECONDS,
    INGEST_DEAD_LETTERS,
    INGEST_MESSAGES,
    INGEST_ROWS,
)
from cloud.observations import writer as observations
from cloud.telemetry import writer as telemetry
from contracts.alarms import AlarmBatch
from contracts.dead_letters import DeadLetter
from contracts.devices import EventBatch, Health, Status, Watermark
from contracts.envelope import Envelope, decode
from contracts.errors import InvalidMessageError, RetryableError
from contracts.telemetry import ReadingBatch
from contracts.topics import Kind
from contracts.vision import ObservationBatch

log = structlog.get_logger()

_POISON = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
    InvalidMessageError,
    ValueError,
    OverflowError,
)
"""What one message can cause by itself, however often it is tried. Everything else is the world's fault."""
_COLLISION = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
_TRIES = 3
_REFUSED_WITH_IDENTITY = frozenset({"decode", "route", "store"})
"""Stages whose letters count as received. Not ``authorize``: a forged message must not move another's ledger."""


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One message as it arrived.

    Attributes:
        value: payload exactly as received; for a dead letter the JSON of ``DeadLetter``.
        kind: what the topic says it is; None for a dead letter.
        received_at: when the cloud first received it, UTC.
        origin: MQTT topic, or Kafka ``topic/partition/offset``.
        message: the same as ``value``, where the process has decoded it already.
    """

    value: bytes
    kind: Kind | None
    received_at: datetime
    origin: str
    message: Envelope | Status | DeadLetter | None = None


@dataclass(frozen=True)
class IngestResult:
    """What one committed batch did.

    Attributes:
        messages_new: messages that were stored (with those that became dead letters here).
        messages_repeated: messages that had been stored before.
        rows: rows that are new in the database.
        dead_letters: letters stored.
        watermarks: where each stream of the batch stands now, for the devices; repeats get one too.
    """

    messages_new: int
    messages_repeated: int
    rows: int
    dead_letters: int
    watermarks: tuple[Watermark, ...]


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
        self._directory = Directory(auto_register=auto_register)
        self._database: psycopg.Connection[Any] | None = None
        self._room: Room | None = None
        self._turn = threading.Lock()

    def write(self, records: Sequence[StreamRecord]) -> IngestResult:
        """Store a batch in one transaction and return after its commit.

        Raises:
            RetryableError: the database or the storage folder is away; nothing of the batch counts, send it again.
        """
        if not records:
            return IngestResult(0, 0, 0, 0, ())
        with self._turn:
            started = time.perf_counter()
            for attempt in range(1, _TRIES + 1):
                try:
                    result = self._write(records)
                    break
                except _COLLISION as error:
                    self._rolled_back()
                    if attempt == _TRIES:
                        raise RetryableError(f"other writers were in the way {_TRIES} times: {error}") from error
                except (psycopg.Error, OSError) as error:
                    self._disconnect()
                    raise RetryableError(f"database: {type(error).__name__}: {error}") from error
                except BaseException:
                    self._rolled_back()
                    raise
            INGEST_BATCH_SECONDS.observe(time.perf_counter() - started)
        INGEST_MESSAGES.labels("new").inc(result.messages_new)
        INGEST_MESSAGES.labels("repeated").inc(result.messages_repeated)
        INGEST_ROWS.inc(result.rows)
        return result

    def close(self) -> None:
        """Close the connection; the next ``write`` would open another. Safe twice."""
        with self._turn:
            self._disconnect()

    def _write(self, records: Sequence[StreamRecord]) -> IngestResult:
        database, room = self._connected()
        now = self._clock()
        read = [_read(record) for record in records]
        self._directory.learn(database, {name for item in read for name in item.names()})
        batch = _Batch(database, self._directory, room, self._storage_dir, now)
        with database.transaction():
            result = batch.run(read)
        self._directory.committed()
        room.committed()
        return result

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
        self._rolled_back()
        if self._database is not None:
            self._database.close()
        self._database = None

    def _rolled_back(self) -> None:
        self._directory.rolled_back()
        if self._room is not None:
            self._room.rolled_back()


@dataclass(frozen=True, slots=True)
class _Read:
    """A record after reading: a sequenced message, a status, or a letter, which may still have an identity."""

    record: StreamRecord
    message: Envelope | Status | DeadLetter
    identity: Identity | None

    def names(self) -> tuple[tuple[str, str], ...]:
        """The (site, device) that must be known for it."""
        if isinstance(self.message, Status):
            return ((self.message.site, self.message.device),)
        return () if self.identity is None else ((self.identity.site, self.identity.device),)


def _read(record: StreamRecord) -> _Read:
    """Decode a record if that is still to be done; what cannot be read is a dead letter."""
    message = record.message
    if message is None:
        try:
            message = _letter_in(record.value) if record.kind is None else decode(record.value, record.kind)
        except InvalidMessageError as error:
            return _refused(record, error)
    if isinstance(message, Envelope):
        if not is_storable(message.stream, message.seq):
            return _refused(record, InvalidMessageError("bad_identity", "stream or seq cannot be stored"))
        return _Read(record, message, Identity(message.site, message.device, message.stream, message.seq))
    if isinstance(message, DeadLetter) and message.stage in _REFUSED_WITH_IDENTITY:
        identity = identity_in(message.payload)
        # The topic, which the broker has authorized, says who it was; the payload may say anything.
        same = identity is not None and (identity.site, identity.device) == (message.site, message.device)
        return _Read(record, message, identity if same else None)
    return _Read(record, message, None)


def _refused(record: StreamRecord, error: InvalidMessageError) -> _Read:
    identity = identity_in(record.value)
    letter = dead_letters.refused(
        record.value,
        origin=record.origin,
        received_at=record.received_at,
        reason=error.reason,
        detail=error.detail,
        site=None if identity is None else identity.site,
        device=None if identity is None else identity.device,
    )
    return _Read(record, letter, identity)


def _letter_in(value: bytes) -> DeadLetter:
    try:
        return DeadLetter.model_validate_json(value)
    except ValueError as error:
        raise InvalidMessageError("bad_dead_letter", str(error)) from error


@dataclass(frozen=True, slots=True)
class _Placed:
    """A sequenced record with its place in the ledger."""

    item: _Read
    device: DeviceRef
    key: StreamKey
    sequence: int


class _Batch:
    """One batch within one transaction."""

    def __init__(
        self, database: psycopg.Connection[Any], directory: Directory, room: Room, storage_dir: Path, now: datetime
    ) -> None:
        self._database = database
        self._directory = directory
        self._room = room
        self._storage_dir = storage_dir
        self._now = now
        self._letters: list[DeadLetter] = []

    def run(self, read: Sequence[_Read]) -> IngestResult:
        """Lock, admit, write, advance."""
        placed, statuses = self._place(read)
        entries = ledger.lock(self._database, (one.key for one in placed))
        new = _admitted(entries, placed)
        rows = self._store([one for one in new if isinstance(one.item.message, Envelope)])
        for device, item in statuses:
            self._store_status(device, item)
        devices.touch(self._database, _last_seen(placed, statuses))
        entries = _advanced(entries, placed, new)
        ledger.save(self._database, entries, self._now)
        dead_letters.write(self._database, self._letters)
        for letter in self._letters:
            INGEST_DEAD_LETTERS.labels(letter.reason).inc()
        return IngestResult(
            messages_new=len(new) + len(statuses),
            messages_repeated=len(placed) - len(new),
            rows=rows,
            dead_letters=len(self._letters),
            watermarks=_watermarks(entries, placed),
        )

    def _place(self, read: Sequence[_Read]) -> tuple[list[_Placed], list[tuple[DeviceRef, _Read]]]:
        """Sort records into sequenced ones and statuses; letters, and what no known device sent, go to the letters."""
        placed: list[_Placed] = []
        statuses: list[tuple[DeviceRef, _Read]] = []
        for item in read:
            if isinstance(item.message, DeadLetter):
                self._letters.append(item.message)
            try:
                if isinstance(item.message, Status):
                    statuses.append((self._directory.device(item.message.site, item.message.device), item))
                elif item.identity is not None:
                    device = self._directory.device(item.identity.site, item.identity.device)
                    key = StreamKey(device.id, item.identity.stream)
                    placed.append(_Placed(item, device, key, item.identity.sequence))
            except InvalidMessageError as error:
                if not isinstance(item.message, DeadLetter):
                    self._bury(item, error.reason, error.detail)
        return placed, statuses

    def _store(self, messages: Sequence[_Placed]) -> int:
        """Write messages; when one of them cannot be stored, find it by halving and bury it."""
        if not messages:
            return 0
        try:
            with self._database.transaction():
                rows, letters = self._store_kinds(messages)
        except _POISON as error:
            self._directory.rolled_back()
            self._room.rolled_back()
            if len(messages) == 1:
                reason, detail = _named(error)
                self._bury(messages[0].item, reason, detail)
                return 0
            half = len(messages) // 2
            return self._store(messages[:half]) + self._store(messages[half:])
        self._letters += letters
        return rows

    def _store_kinds(self, messages: Sequence[_Placed]) -> tuple[int, list[DeadLetter]]:
        by_kind: dict[Kind, list[_Placed]] = defaultdict(list)
        for one in messages:
            if isinstance(one.item.message, Envelope):
                by_kind[one.item.message.kind].append(one)
        rows = 0
        letters: list[DeadLetter] = []
        for kind, group in by_kind.items():
            stored = self._write(kind, [_accepted(one) for one in group])
            rows += stored.rows
            letters += [_quarantined(group[part.message].item, part) for part in stored.quarantined]
        return rows, letters

    def _write(self, kind: Kind, messages: Sequence[Accepted]) -> Stored:
        """The writer of each kind."""
        database, directory, room, now = self._database, self._directory, self._room, self._now
        if kind is Kind.READINGS:
            return telemetry.write(database, directory, room, messages, now)
        if kind is Kind.OBSERVATIONS:
            return observations.write(database, directory, room, messages, now)
        if kind is Kind.EVIDENCE:
            return observations.write_evidence(database, directory, self._storage_dir, messages, now)
        if kind is Kind.ALARMS:
            return alarms.write(database, directory, messages, now)
        if kind is Kind.EVENTS:
            return devices.write_events(database, directory, messages)
        return devices.write_health(database, room, messages, now)

    def _store_status(self, device: DeviceRef, item: _Read) -> None:
        assert isinstance(item.message, Status)  # noqa: S101  (sorted by _place)
        try:
            with self._database.transaction():
                devices.write_status(self._database, self._directory, device, item.message, item.record.received_at)
        except _POISON as error:
            self._directory.rolled_back()
            reason, detail = _named(error)
            self._bury(item, reason, detail)

    def _bury(self, item: _Read, reason: str, detail: str) -> None:
        log.warning("message.refused", reason=reason, detail=detail, origin=item.record.origin)
        self._letters.append(_letter(item, reason, detail))


def _accepted(one: _Placed) -> Accepted:
    envelope = one.item.message
    assert isinstance(envelope, Envelope)  # noqa: S101  (only messages are written)
    return Accepted(one.device, envelope, one.item.record.received_at)


def _quarantined(item: _Read, part: Quarantine) -> DeadLetter:
    log.warning("message.quarantined", reason=part.reason, detail=part.detail, origin=item.record.origin)
    return _letter(item, part.reason, part.detail)


def _letter(item: _Read, reason: str, detail: str) -> DeadLetter:
    names = item.names()
    site, device = names[0] if names else (None, None)
    record = item.record
    return dead_letters.refused(
        record.value,
        origin=record.origin,
        received_at=record.received_at,
        reason=reason,
        detail=detail,
        site=site,
        device=device,
    )


def _named(error: BaseException) -> tuple[str, str]:
    """Reason and detail of a message that the database would not take."""
    if isinstance(error, InvalidMessageError):
        return error.reason, error.detail
    return "not_storable", f"{type(error).__name__}: {error}"


def _admitted(entries: Mapping[StreamKey, StreamEntry], placed: Sequence[_Placed]) -> list[_Placed]:
    """The records that the ledger has not seen, in their order."""
    by_stream: dict[StreamKey, list[_Placed]] = defaultdict(list)
    for one in placed:
        by_stream[one.key].append(one)
    new = {
        id(one)
        for key, group in by_stream.items()
        for one, is_new in zip(group, admit(entries[key].state.seen, [one.sequence for one in group]), strict=True)
        if is_new
    }
    return [one for one in placed if id(one) in new]


def _advanced(
    entries: Mapping[StreamKey, StreamEntry], placed: Sequence[_Placed], new: Sequence[_Placed]
) -> dict[StreamKey, StreamEntry]:
    """The entries after this batch."""
    received = Counter(one.key for one in placed)
    stored: dict[StreamKey, list[_Placed]] = {key: [] for key in entries}
    for one in new:
        stored[one.key].append(one)
    return {
        key: entry.advanced(
            [one.sequence for one in stored[key]],
            repeats=received[key] - len(stored[key]),
            floor=max((_floor(one.item.message) for one in stored[key]), default=1),
            rows=sum(_size(one.item.message) for one in stored[key]),
        )
        for key, entry in entries.items()
    }


def _floor(message: Envelope | Status | DeadLetter) -> int:
    body = message.body if isinstance(message, Envelope) else None
    return min(body.outbox_floor, MAX_SEQUENCE) if isinstance(body, Health) else 1


def _size(message: Envelope | Status | DeadLetter) -> int:
    """Rows that a message carries."""
    if not isinstance(message, Envelope):
        return 0
    body = message.body
    if isinstance(body, ReadingBatch):
        return len(body.readings)
    if isinstance(body, ObservationBatch):
        return len(body.observations)
    if isinstance(body, AlarmBatch):
        return len(body.alarms)
    if isinstance(body, EventBatch):
        return len(body.events)
    return 1


def _last_seen(placed: Sequence[_Placed], statuses: Sequence[tuple[DeviceRef, _Read]]) -> dict[int, datetime]:
    """When each device was last heard of; a last will is the broker speaking."""
    seen: dict[int, datetime] = {}
    heard = [(one.device, one.item) for one in placed]
    heard += [(device, item) for device, item in statuses if devices.is_sign_of_life(item.message)]
    for device, item in heard:
        seen[device.id] = max(seen.get(device.id, item.record.received_at), item.record.received_at)
    return seen


def _watermarks(entries: Mapping[StreamKey, StreamEntry], placed: Sequence[_Placed]) -> tuple[Watermark, ...]:
    """One per stream of the batch, in the order in which the streams were last heard of."""
    devices_by_key = {one.key: one.device for one in reversed(placed)}
    marks = []
    for key, device in reversed(devices_by_key.items()):
        committed, above = watermark(entries[key].state)
        marks.append(
            Watermark(site=device.site, device=device.device, stream=key.stream, committed=committed, above=above)
        )
    return tuple(marks)
