"""The envelope around every sequenced uplink message, and the two functions that write and read it.

Identity of a message is (device, stream, seq): ``stream`` names one outbox file and ``seq`` counts within it without
gaps, so the store can tell what is new, what is a repeat and what is still missing (decision 0002).
"""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from contracts.alarms import AlarmBatch
from contracts.base import Slug, UtcDatetime, WireModel
from contracts.devices import EventBatch, Health, Status
from contracts.errors import InvalidMessageError, UnsupportedVersionError
from contracts.telemetry import ReadingBatch
from contracts.topics import Kind
from contracts.vision import Evidence, ObservationBatch

ENVELOPE_VERSION = 1
MAX_MESSAGE_BYTES = 2_000_000
"""Larger messages are refused by name; an evidence image of 1 MB is 1.34 MB in base64."""

Body: TypeAlias = Annotated[
    ReadingBatch | ObservationBatch | Evidence | AlarmBatch | EventBatch | Health, Field(discriminator="type")
]


class FreeClock(WireModel):
    """The clock of a box that did not know the time: it only counts. What it stamped is moved when the offset is known."""

    timeline: str = Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")
    """Names the count, from one start of the machine to the moment when it learned the time; unique within the device."""
    offset_us: int | None = Field(default=None, ge=-(10**16), le=10**16)
    """Microseconds to add to every stamp of this timeline; None while the box does not know it itself."""


class Envelope(WireModel):
    """A sequenced message from a device."""

    v: int = ENVELOPE_VERSION
    site: Slug
    device: Slug
    boot: str = Field(min_length=8, max_length=64)
    """Boot during which the message was persisted."""
    stream: str = Field(min_length=8, max_length=64)
    """The outbox that counts ``seq``; a new outbox file is a new stream."""
    seq: int = Field(ge=1)
    sent_at: UtcDatetime
    """When the message was persisted for sending."""
    time_trusted: bool = True
    """False when the clock had not been synchronised at ``sent_at``."""
    backfill: bool = False
    """True when the message waited through an outage, so it must not be taken for live."""
    free_clock: FreeClock | None = None
    """The clock that stamped the body, when it was a free-running one. None: its stamps are final."""
    body: Body

    @property
    def kind(self) -> Kind:
        """The kind, and so the topic, that this body travels on."""
        return Kind(self.body.type)


_ENVELOPE: TypeAdapter[Envelope] = TypeAdapter(Envelope)
_STATUS: TypeAdapter[Status] = TypeAdapter(Status)


def encode(message: Envelope | Status) -> bytes:
    """JSON bytes of a message, by pydantic's own encoder; fields that are None are left out."""
    return message.model_dump_json(exclude_none=True).encode()


def decode(payload: bytes, kind: Kind) -> Envelope | Status:
    """Read one uplink message of the kind that its topic named.

    Raises:
        UnsupportedVersionError: the version is not known to this program.
        InvalidMessageError: ``too_large``, ``bad_json``, ``bad_schema`` or ``kind_mismatch``.
    """
    if len(payload) > MAX_MESSAGE_BYTES:
        raise InvalidMessageError("too_large", f"{len(payload)} bytes; the limit is {MAX_MESSAGE_BYTES}")
    try:
        if kind is Kind.STATUS:
            return _STATUS.validate_json(payload)
        envelope = _ENVELOPE.validate_json(payload)
    except ValidationError as error:
        raise _named(payload, error) from error
    if envelope.v != ENVELOPE_VERSION:
        raise UnsupportedVersionError("envelope", envelope.v, (ENVELOPE_VERSION,))
    if envelope.kind is not kind:
        raise InvalidMessageError("kind_mismatch", f"topic says {kind.value}, body is {envelope.body.type}")
    return envelope


def _named(payload: bytes, error: ValidationError) -> InvalidMessageError:
    """Tell bad JSON, an unknown version and a schema fault apart, after the fast path has failed."""
    try:
        raw: Any = from_json(payload)
    except ValueError as bad:
        return InvalidMessageError("bad_json", str(bad))
    if not isinstance(raw, dict):
        return InvalidMessageError("bad_schema", f"expected a JSON object, got {type(raw).__name__}")
    version = raw.get("v")
    if version is not None and version != ENVELOPE_VERSION:
        return UnsupportedVersionError("envelope", version, (ENVELOPE_VERSION,))
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return InvalidMessageError("bad_schema", f"{where}: {first['msg']} ({error.error_count()} faults)")
