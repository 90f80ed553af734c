"""A foreign JSON message becomes an envelope of ours: mapped readings under an identity that a repeat finds again.

A foreign message has no sequence, so its identity is a digest of topic and payload; where the payload carries the moment
of measurement, two measurements never look the same, and a redelivery gets the number that it had before. Without that
moment an unchanged value and a repeat cannot be told apart: every receipt then counts as a measurement of its own.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import from_json

from bridge.adapters import Mapping, ReadingMapping, TimeUnit, fill
from bridge.routes import matches
from contracts.base import SLUG_PATTERN
from contracts.envelope import Envelope
from contracts.errors import InvalidMessageError
from contracts.quantities import QUANTITIES
from contracts.telemetry import Reading, ReadingBatch
from contracts.topics import Kind, UplinkTopic, parse_uplink, uplink

if TYPE_CHECKING:
    from collections.abc import Sequence

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Adapted:
    """A foreign message, understood but not yet numbered.

    Attributes:
        identity: 16 bytes that the same message has again.
        source: what is numbered without gaps: one mapping and one device.
    """

    uplink: UplinkTopic
    body: ReadingBatch
    sent_at: datetime
    identity: bytes
    source: str


def mapping_of(mappings: Sequence[Mapping], topic: str) -> Mapping | None:
    """The mapping for a foreign topic."""
    return next((mapping for mapping in mappings if matches(mapping.filter, topic)), None)


def adapt(mapping: Mapping, topic: str, payload: bytes, received_at: datetime) -> Adapted:
    """Understand one foreign message.

    Raises:
        InvalidMessageError: ``bad_json``, ``bad_time``, ``bad_value``, ``bad_topic`` (a level that no name can hold),
            or ``no_reading`` when none of the mapped numbers is there.
    """
    try:
        document = from_json(payload, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidMessageError("bad_json", str(error)) from error
    levels = mapping.levels(topic)
    target = _uplink(fill(mapping.site, levels), fill(mapping.device, levels))
    observed_at = received_at if mapping.time is None else _moment(mapping, document)
    readings = [
        reading for part in mapping.readings if (reading := _reading(part, levels, document, observed_at)) is not None
    ]
    if not readings:
        raise InvalidMessageError(
            "no_reading", f"none of {', '.join(part.pointer for part in mapping.readings)} is there"
        )
    digest = hashlib.sha256(topic.encode() + b"\0" + payload)
    if mapping.time is None:
        digest.update(received_at.isoformat().encode())
    return Adapted(
        uplink=target,
        body=ReadingBatch(readings=tuple(readings)),
        sent_at=received_at,
        identity=digest.digest()[:16],
        source=f"{mapping.filter} {target.site}/{target.device}",
    )


def number(adapted: Adapted, *, counter: str, seq: int, boot: str) -> Envelope:
    """The envelope, once ``counter`` (the file that counts) has given it its number."""
    stream = hashlib.sha256(f"{counter} {adapted.source}".encode()).hexdigest()[:24]
    return Envelope(
        site=adapted.uplink.site,
        device=adapted.uplink.device,
        boot=boot,
        stream=f"adapt-{stream}",
        seq=seq,
        sent_at=adapted.sent_at,
        body=adapted.body,
    )


def _uplink(site: str, device: str) -> UplinkTopic:
    try:
        return parse_uplink(uplink(site, device, Kind.READINGS))
    except ValueError as error:
        raise InvalidMessageError("bad_topic", f"{error} ({SLUG_PATTERN})") from error


def _reading(part: ReadingMapping, levels: list[str], document: Any, observed_at: datetime) -> Reading | None:
    value = find(document, part.pointer)
    if value is _ABSENT or value is None:
        return None
    try:
        number_ = float(value) if not isinstance(value, bool) else float("nan")
    except (TypeError, ValueError, OverflowError):
        number_ = float("nan")
    if not math.isfinite(number_):
        raise InvalidMessageError("bad_value", f"{part.pointer} is {str(value)[:100]!r}, not a number")
    try:
        return Reading(
            channel=fill(part.channel, levels),
            unit=fill(part.unit, levels),
            quantity=part.quantity,
            value=number_ * part.scale + part.offset,
            ucum=QUANTITIES[part.quantity].ucum,
            observed_at=observed_at,
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise InvalidMessageError("bad_topic", f"{first['loc'][0]}: {first['msg']}") from error


def _moment(mapping: Mapping, document: Any) -> datetime:
    value = find(document, mapping.time or "")
    try:
        moment = _iso(value) if mapping.time_unit is TimeUnit.ISO else _epoch(value, mapping.time_unit)
        return moment.astimezone(timezone.utc)
    except (ValueError, TypeError, OverflowError, OSError) as error:
        shown = "absent" if value is _ABSENT else repr(value)[:100]
        raise InvalidMessageError("bad_time", f"{mapping.time} is {shown}: {error}") from error


def _iso(value: Any) -> datetime:
    moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    if moment.tzinfo is None:
        raise ValueError("it has no time zone")
    return moment


def _epoch(value: Any, unit: TimeUnit) -> datetime:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise TypeError("it is no number")
    return datetime.fromtimestamp(float(value) / (1000 if unit is TimeUnit.MILLISECONDS else 1), timezone.utc)


def find(document: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) names, or a marker that is no JSON value when there is nothing."""
    for raw in pointer.split("/")[1:]:
        step = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and step in document:
            document = document[step]
        elif isinstance(document, list) and step.isdecimal() and int(step) < len(document):
            document = document[int(step)]
        else:
            return _ABSENT
    return document
