"""What comes in and what comes out of the ingest, and the one place where a payload is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from cloud.dead_letters import writer as dead_letters
from cloud.devices.rules import Identity, identity_in, is_storable
from contracts.dead_letters import DeadLetter
from contracts.devices import Status, Watermark
from contracts.envelope import Envelope, decode
from contracts.errors import InvalidMessageError
from contracts.topics import Kind

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
        refused: those of them that were made here, of messages that the store cannot take.
        watermarks: where each stream of the batch stands now, for the devices; repeats get one too.
    """

    messages_new: int
    messages_repeated: int
    rows: int
    dead_letters: int
    watermarks: tuple[Watermark, ...]
    refused: int = 0


@dataclass(frozen=True, slots=True)
class ReadingsHead:
    """What is left of a message of readings once these are columns (``cloud.telemetry.columns``).

    Attributes:
        rows: how many readings it carried.
    """

    rows: int


Message: TypeAlias = Envelope | ReadingsHead | Status | DeadLetter


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """A record after reading: a sequenced message, a status, or a letter, which may still have an identity."""

    record: StreamRecord
    message: Message
    identity: Identity | None

    def names(self) -> tuple[tuple[str, str], ...]:
        """The (site, device) that must be known for it."""
        if isinstance(self.message, Status):
            return ((self.message.site, self.message.device),)
        return () if self.identity is None else ((self.identity.site, self.identity.device),)


def read(record: StreamRecord) -> ReadRecord:
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
        return ReadRecord(record, message, Identity(message.site, message.device, message.stream, message.seq))
    if isinstance(message, DeadLetter) and message.stage in _REFUSED_WITH_IDENTITY:
        identity = identity_in(message.payload)
        # The topic, which the broker has authorized, says who it was; the payload may say anything.
        same = identity is not None and (identity.site, identity.device) == (message.site, message.device)
        return ReadRecord(record, message, identity if same else None)
    return ReadRecord(record, message, None)


def _refused(record: StreamRecord, error: InvalidMessageError) -> ReadRecord:
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
    return ReadRecord(record, letter, identity)


def _letter_in(value: bytes) -> DeadLetter:
    try:
        return DeadLetter.model_validate_json(value)
    except ValueError as error:
        raise InvalidMessageError("bad_dead_letter", str(error)) from error
