"""Messages that were stamped by a clock which did not know the time, and what makes their stamps right (decision 0009).

A device's timeline has one row; whoever stores something of it or learns its offset locks that row first. So a message
either sees the offset or is remembered before it comes, in whatever order and in whichever process messages arrive.
Readings, which are many, are remembered as columns (``cloud.telemetry.clocks``); every other message here, as it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from psycopg import Connection
from psycopg.types.json import Jsonb

from cloud.devices.messages import Accepted, DeviceRef
from cloud.devices.rules import is_plausible
from contracts.alarms import AlarmBatch
from contracts.base import WireModel
from contracts.devices import CLOCK_SYNCED, DeviceEvent, EventBatch, Health
from contracts.envelope import Body, Envelope, FreeClock
from contracts.vision import Evidence, ObservationBatch

SHOWN_FOR = timedelta(days=7)
"""How long what is shown can still be moved. A box that never learns the time is right or nobody's loss."""

_KNOW = "INSERT INTO device_timeline (device_id, timeline) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_LOCK = "SELECT offset_us FROM device_timeline WHERE device_id = %s AND timeline = %s FOR UPDATE"
_LEARN = "UPDATE device_timeline SET offset_us = %s, learned_at = %s WHERE device_id = %s AND timeline = %s"
_HOLD = """
INSERT INTO message_free (device_id, timeline, received_at, shown, envelope) VALUES (%s, %s, %s, %s, %s)
"""
_EXPIRE = "DELETE FROM message_free WHERE device_id = %s AND timeline = %s AND shown AND received_at < %s"
_RELEASE = """
DELETE FROM message_free WHERE device_id = %s AND timeline = %s RETURNING id, received_at, envelope
"""
_Model = TypeVar("_Model", bound=WireModel)


@dataclass(frozen=True, slots=True)
class Moved:
    """A message by the stamps that it came with, and by those that are right."""

    before: Accepted
    after: Accepted


def offset_in(event: DeviceEvent) -> FreeClock | None:
    """What an event says of a timeline; None when it speaks of something else."""
    if event.name != CLOCK_SYNCED:
        return None
    try:
        clock = FreeClock.model_validate(event.detail)
    except ValueError:
        return None
    return None if clock.offset_us is None else clock


def offsets_in(message: Accepted) -> list[FreeClock]:
    """Every offset that a message tells, beside its body or in an event of it."""
    envelope = message.envelope
    clock = envelope.free_clock
    told = [clock] if clock is not None and clock.offset_us is not None else []
    if isinstance(envelope.body, EventBatch):
        told += [found for event in envelope.body.events if (found := offset_in(event)) is not None]
    return told


def lock(database: Connection[Any], timelines: Iterable[tuple[int, str]]) -> dict[tuple[int, str], int | None]:
    """Offsets of these timelines, whose rows are locked until the transaction ends."""
    found = {}
    for key in sorted(timelines):
        database.execute(_KNOW, key)
        row = database.execute(_LOCK, key).fetchone()
        found[key] = None if row is None else row[0]
    return found


def learn(database: Connection[Any], device_id: int, clock: FreeClock, now: datetime) -> None:
    """Remember the offset of a timeline that is locked and had none."""
    database.execute(_LEARN, (clock.offset_us, now, device_id, clock.timeline))


def at_its_time(message: Accepted, offset_us: int) -> Accepted:
    """The message with right stamps. Readings stay: their writer moves them as columns."""
    envelope = message.envelope
    body = moved(envelope.body, timedelta(microseconds=offset_us))
    return replace(message, envelope=envelope.model_copy(update={"body": body}))


def without_false_stamps(message: Accepted) -> Accepted | None:
    """What of a message can be shown while its clock is not known; None when nothing can.

    Alarms and events are always shown (their writers take the receipt when the stamp cannot be true), evidence too.
    """
    body: Body = message.envelope.body
    if isinstance(body, Health):
        return message if is_plausible(body.observed_at, message.received_at) else None
    if not isinstance(body, ObservationBatch):
        return message
    kept = tuple(one for one in body.observations if is_plausible(one.observed_at, message.received_at))
    if not kept:
        return None
    shown = body.model_copy(update={"observations": kept})
    return replace(message, envelope=message.envelope.model_copy(update={"body": shown}))


def hold(database: Connection[Any], message: Accepted, now: datetime) -> None:
    """Remember a message until the offset of its clock is known; for seven days when all of it is shown."""
    envelope = message.envelope
    assert envelope.free_clock is not None  # noqa: S101  (the caller sorts by it)
    key = (message.device.id, envelope.free_clock.timeline)
    body = envelope.body
    if isinstance(body, Evidence):  # the image is in storage; only its moment may change
        envelope = envelope.model_copy(update={"body": body.model_copy(update={"data": b""})})
    shown = isinstance(body, (AlarmBatch, EventBatch, Evidence)) or not _has_false_stamps(message)
    document = Jsonb(envelope.model_dump(mode="json", exclude_none=True))
    database.execute(_HOLD, (*key, message.received_at, shown, document))
    if shown:
        database.execute(_EXPIRE, (*key, now - SHOWN_FOR))


def release(database: Connection[Any], device: DeviceRef, clock: FreeClock, now: datetime) -> list[Moved]:
    """Take out what waits for this offset. What it would move to where it cannot be true goes on waiting."""
    found = []
    for _, received_at, document in sorted(database.execute(_RELEASE, (device.id, clock.timeline)).fetchall()):
        before = Accepted(device, Envelope.model_validate(document), received_at)
        try:
            after = at_its_time(before, clock.offset_us or 0)
        except OverflowError:
            after = before
        if after is before or _has_false_stamps(after):
            hold(database, before, now)
        else:
            found.append(Moved(before, after))
    return found


def moved(body: Body, by: timedelta) -> Body:
    """The body with every stamp moved; readings are left alone.

    Raises:
        OverflowError: a stamp would leave the calendar.
    """
    if isinstance(body, ObservationBatch):
        observations = (
            _moved(one, by, ("observed_at", "started_at", "image_observed_at")) for one in body.observations
        )
        return body.model_copy(update={"observations": tuple(observations)})
    if isinstance(body, AlarmBatch):
        alarms = (_moved(one, by, ("occurred_at", "condition_since", "shelved_until")) for one in body.alarms)
        return body.model_copy(update={"alarms": tuple(alarms)})
    if isinstance(body, EventBatch):
        return body.model_copy(update={"events": tuple(_moved(one, by, ("occurred_at",)) for one in body.events)})
    if isinstance(body, (Health, Evidence)):
        return _moved(body, by, ("observed_at",))
    return body


def _moved(model: _Model, by: timedelta, names: Sequence[str]) -> _Model:
    stamps = {name: getattr(model, name) for name in names}
    return model.model_copy(update={name: stamp + by for name, stamp in stamps.items() if stamp is not None})


def _has_false_stamps(message: Accepted) -> bool:
    return not all(is_plausible(stamp, message.received_at) for stamp in _stamps(message.envelope.body))


def _stamps(body: Body) -> list[datetime]:
    if isinstance(body, ObservationBatch):
        return [one.observed_at for one in body.observations]
    if isinstance(body, AlarmBatch):
        return [one.occurred_at for one in body.alarms]
    if isinstance(body, EventBatch):
        return [one.occurred_at for one in body.events]
    return [body.observed_at] if isinstance(body, (Health, Evidence)) else []
