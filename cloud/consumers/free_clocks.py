"""Messages of boxes that did not know the time: stamps made right on arrival, or remembered until they can be (decision 0009).

Offsets are learned first, wherever in the batch they stand, and what waited for one is moved at once by the writer of its
kind. Then every message of a free-running clock goes on with the stamps that are right, or as it came.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from psycopg import Connection

from cloud.alarms import writer as alarms
from cloud.db.timeseries import Room
from cloud.devices import clocks
from cloud.devices import writer as devices
from cloud.devices.directory import Directory
from cloud.devices.messages import Accepted, DeviceRef
from cloud.observations import writer as observations
from cloud.telemetry import writer as telemetry
from contracts.envelope import FreeClock
from contracts.topics import Kind

log = structlog.get_logger()


def settle(
    database: Connection[Any], directory: Directory, room: Room, messages: Sequence[Accepted], now: datetime
) -> list[Accepted | None]:
    """For each message, what of it can be written now; None when all of it waits. Readings are left to their writer."""
    told = [(message.device, clock) for message in messages for clock in clocks.offsets_in(message)]
    free = [message.envelope.free_clock for message in messages]
    if not told and not any(free):
        return list(messages)
    timelines = {(device.id, clock.timeline) for device, clock in told}
    timelines |= {(one.device.id, clock.timeline) for one, clock in zip(messages, free, strict=True) if clock}
    known = clocks.lock(database, timelines)
    for device, clock in told:
        key = device.id, clock.timeline
        if known[key] is None:  # the first offset holds
            known[key] = clock.offset_us
            clocks.learn(database, device.id, clock, now)
            _restamp(database, directory, room, device, clock, now)
    settled: list[Accepted | None] = []
    for message, counts in zip(messages, free, strict=True):
        if counts is None or message.envelope.kind is Kind.READINGS:
            settled.append(message)
        elif (offset_us := known[message.device.id, counts.timeline]) is not None:
            settled.append(clocks.at_its_time(message, offset_us))
        else:
            clocks.hold(database, message, now)
            settled.append(clocks.without_false_stamps(message))
    return settled


def _restamp(
    database: Connection[Any], directory: Directory, room: Room, device: DeviceRef, clock: FreeClock, now: datetime
) -> None:
    telemetry.restamp(database, room, device, clock, now)
    messages = clocks.release(database, device, clock, now)
    if messages:
        observations.restamp(database, directory, room, messages, now)
        devices.restamp(database, directory, room, messages, now)
        alarms.restamp(database, messages)
        log.info("messages.restamped", device=device.id, timeline=clock.timeline, messages=len(messages))
