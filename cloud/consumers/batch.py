"""One batch within one transaction: place, lock, admit, write by kind, advance.

A message that the database will never take is found by halving the batch and becomes a dead letter; it still counts
as received, so that its device stops sending it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import structlog

from cloud.alarms import writer as alarms
from cloud.consumers import free_clocks
from cloud.consumers.prepare import Prepared
from cloud.consumers.records import IngestResult, Message, ReadingsHead, ReadRecord
from cloud.db.timeseries import Room
from cloud.dead_letters import writer as dead_letters
from cloud.devices import ledger
from cloud.devices import writer as devices
from cloud.devices.directory import Directory
from cloud.devices.ledger import StreamEntry, StreamKey
from cloud.devices.messages import Accepted, DeviceRef, Quarantine, Stored
from cloud.devices.rules import MAX_SEQUENCE, admit, watermark
from cloud.observations import writer as observations
from cloud.telemetry import writer as telemetry
from cloud.telemetry.columns import extract
from contracts.alarms import AlarmBatch
from contracts.dead_letters import DeadLetter
from contracts.devices import EventBatch, Health, Status, Watermark
from contracts.envelope import Envelope
from contracts.errors import InvalidMessageError
from contracts.telemetry import ReadingBatch
from contracts.topics import Kind
from contracts.vision import ObservationBatch

log = structlog.get_logger()

POISON = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
    InvalidMessageError,
    ValueError,
    OverflowError,
)
"""What one message can cause by itself, however often it is tried. Everything else is the world's fault."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """A sequenced record with its position in the batch and its place in the ledger."""

    position: int
    item: ReadRecord
    device: DeviceRef
    key: StreamKey
    sequence: int


class Batch:
    """One batch within one transaction."""

    def __init__(
        self,
        prepared: Prepared,
        database: psycopg.Connection[Any],
        directory: Directory,
        room: Room,
        *,
        storage_dir: Path,
        now: datetime,
    ) -> None:
        self._prepared = prepared
        self._database = database
        self._directory = directory
        self._room = room
        self._storage_dir = storage_dir
        self._now = now
        self.letters: list[DeadLetter] = []
        """Dead letters that came with the batch or were made of it."""
        self._refused: Counter[str] = Counter()
        self._first_refused: dict[str, str] = {}

    def run(self) -> IngestResult:
        """Lock, admit, write, advance."""
        read = self._prepared.items
        placed, statuses = self._place(read)
        entries = ledger.lock(self._database, (one.key for one in placed))
        new = _admitted(entries, placed)
        rows = self._store([one for one in new if isinstance(one.item.message, (Envelope, ReadingsHead))])
        for device, item in statuses:
            self._store_status(device, item)
        devices.touch(self._database, _last_seen(placed, statuses))
        entries = _advanced(entries, placed, new)
        ledger.save(self._database, entries, self._now)
        dead_letters.write(self._database, self.letters)
        if self._refused:  # one line for a batch: a flood of poison must not become one of log lines
            log.warning("messages.refused", reasons=dict(self._refused), first=self._first_refused)
        return IngestResult(
            messages_new=len(new) + len(statuses),
            messages_repeated=len(placed) - len(new),
            rows=rows,
            dead_letters=len(self.letters),
            watermarks=_watermarks(entries, placed),
            refused=len(self.letters) - sum(item.record.kind is None for item in read),
        )

    def _place(self, read: Sequence[ReadRecord]) -> tuple[list[_Placed], list[tuple[DeviceRef, ReadRecord]]]:
        """Sort records into sequenced ones and statuses; letters, and what no known device sent, go to the letters."""
        placed: list[_Placed] = []
        statuses: list[tuple[DeviceRef, ReadRecord]] = []
        for position, item in enumerate(read):
            if isinstance(item.message, DeadLetter):
                self.letters.append(item.message)
            try:
                if isinstance(item.message, Status):
                    statuses.append((self._directory.device(item.message.site, item.message.device), item))
                elif item.identity is not None:
                    device = self._directory.device(item.identity.site, item.identity.device)
                    key = StreamKey(device.id, item.identity.stream)
                    placed.append(_Placed(position, item, device, key, item.identity.sequence))
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
        except POISON as error:
            self._directory.rolled_back()
            if len(messages) == 1:
                reason, detail = _named(error)
                self._bury(messages[0].item, reason, detail)
                return 0
            half = len(messages) // 2
            return self._store(messages[:half]) + self._store(messages[half:])
        self.letters += letters
        return rows

    def _store_kinds(self, messages: Sequence[_Placed]) -> tuple[int, list[DeadLetter]]:
        """Readings that are columns already, and the other messages by kind, once their clocks are settled."""
        rows = 0
        letters: list[DeadLetter] = []
        ready = [one for one in messages if isinstance(one.item.message, ReadingsHead)]
        if ready:
            incoming = [telemetry.Incoming(one.position, one.device) for one in ready]
            stored = telemetry.write(
                self._database, self._directory, self._room, self._prepared.readings, incoming, self._now
            )
            rows += stored.rows
            letters += [self._quarantined(ready[part.message].item, part) for part in stored.quarantined]
        envelopes = [one for one in messages if isinstance(one.item.message, Envelope)]
        accepted = free_clocks.settle(
            self._database, self._directory, self._room, [_accepted(one) for one in envelopes], self._now
        )
        by_kind: dict[Kind, list[tuple[ReadRecord, Accepted]]] = defaultdict(list)
        for one, message in zip(envelopes, accepted, strict=True):
            if message is not None:
                by_kind[message.envelope.kind].append((one.item, message))
        for kind, group in by_kind.items():
            stored = self._write(kind, [message for _, message in group])
            rows += stored.rows
            letters += [self._quarantined(group[part.message][0], part) for part in stored.quarantined]
        return rows, letters

    def _write(self, kind: Kind, messages: Sequence[Accepted]) -> Stored:
        """The writer of each kind."""
        database, directory, room, now = self._database, self._directory, self._room, self._now
        if kind is Kind.READINGS:
            incoming = [
                telemetry.Incoming(position, message.device, message.envelope.free_clock)
                for position, message in enumerate(messages)
            ]
            return telemetry.write(database, directory, room, extract(messages), incoming, now)
        if kind is Kind.OBSERVATIONS:
            return observations.write(database, directory, room, messages, now)
        if kind is Kind.EVIDENCE:
            return observations.write_evidence(database, directory, self._storage_dir, messages, now)
        if kind is Kind.ALARMS:
            return alarms.write(database, directory, messages, now)
        if kind is Kind.EVENTS:
            return devices.write_events(database, directory, messages)
        return devices.write_health(database, room, messages, now)

    def _store_status(self, device: DeviceRef, item: ReadRecord) -> None:
        assert isinstance(item.message, Status)  # noqa: S101  (sorted by _place)
        try:
            with self._database.transaction():
                devices.write_status(self._database, self._directory, device, item.message, item.record.received_at)
        except POISON as error:
            self._directory.rolled_back()
            reason, detail = _named(error)
            self._bury(item, reason, detail)

    def _bury(self, item: ReadRecord, reason: str, detail: str) -> None:
        self._tell(item, reason, detail)
        self.letters.append(_letter(item, reason, detail))

    def _quarantined(self, item: ReadRecord, part: Quarantine) -> DeadLetter:
        self._tell(item, part.reason, part.detail)
        return _letter(item, part.reason, part.detail)

    def _tell(self, item: ReadRecord, reason: str, detail: str) -> None:
        self._refused[reason] += 1
        if not self._first_refused:
            self._first_refused = {"reason": reason, "detail": detail, "origin": item.record.origin}


def _accepted(one: _Placed) -> Accepted:
    envelope = one.item.message
    assert isinstance(envelope, Envelope)  # noqa: S101  (only messages are written)
    return Accepted(one.device, envelope, one.item.record.received_at)


def _letter(item: ReadRecord, reason: str, detail: str) -> DeadLetter:
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


_PARTS = {ReadingBatch: "readings", ObservationBatch: "observations", AlarmBatch: "alarms", EventBatch: "events"}


def _floor(message: Message) -> int:
    body = message.body if isinstance(message, Envelope) else None
    return min(body.outbox_floor, MAX_SEQUENCE) if isinstance(body, Health) else 1


def _size(message: Message) -> int:
    """Rows that a message carries."""
    if isinstance(message, ReadingsHead):
        return message.rows
    if not isinstance(message, Envelope):
        return 0
    parts = _PARTS.get(type(message.body))
    return 1 if parts is None else len(getattr(message.body, parts))


def _last_seen(placed: Sequence[_Placed], statuses: Sequence[tuple[DeviceRef, ReadRecord]]) -> dict[int, datetime]:
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
