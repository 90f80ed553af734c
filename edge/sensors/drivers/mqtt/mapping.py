"""One MQTT payload to numbers, by topic filter and JSON pointer. Pure; faults are told, never guessed around."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from edge.sensors.driver import RawReading
from edge.sensors.drivers.mqtt.settings import MqttChannel

_MILLISECONDS_FROM = 1e11  # seconds since 1970 reach this in the year 5138; milliseconds passed it in 1973


class MappingError(ValueError):
    """The payload does not hold what the mapping says."""


def topic_matches(pattern: str, topic: str) -> bool:
    """MQTT topic filter matching with ``+`` and ``#``."""
    wanted, have = pattern.split("/"), topic.split("/")
    for position, part in enumerate(wanted):
        if part == "#":
            return True
        if position >= len(have) or part not in {"+", have[position]}:
            return False
    return len(wanted) == len(have)


def resolve(document: Any, pointer: str) -> Any:
    """Value at a JSON pointer (RFC 6901).

    Raises:
        MappingError: there is nothing there.
    """
    value = document
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(key)] if isinstance(value, list) else value[key]
        except (KeyError, IndexError, ValueError, TypeError):
            raise MappingError(f"nothing at {pointer!r}") from None
    return value


def read(channels: Sequence[MqttChannel], topic: str, payload: bytes) -> tuple[list[RawReading], list[str]]:
    """Readings of one message, and what was wrong for each channel that gave none.

    A channel whose pointer finds nothing is simply not in this message (nodes send partial updates), unless no channel is.
    """
    mine = [channel for channel in channels if topic_matches(channel.topic, topic)]
    if not mine:
        return [], [f"no channel is mapped to {topic!r}"]
    try:
        document = json.loads(payload)
    except ValueError:
        return [], ["the payload is not JSON"]
    readings: list[RawReading] = []
    faults: list[str] = []
    for channel in mine:
        try:
            number = _number(resolve(document, channel.pointer))
            node_time = None if channel.time_pointer is None else _time(resolve(document, channel.time_pointer))
        except MappingError as error:  # noqa: PERF203  (a fault belongs to its channel)
            faults.append(f"{channel.name}: {error}")
        else:
            readings.append(RawReading(channel, channel.scaled(number), node_time))
    return readings, faults


def _number(value: Any) -> float:
    if isinstance(value, bool):
        return float(value)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise MappingError(f"{value!r} is not a number") from None
    if not math.isfinite(number):
        raise MappingError(f"{value!r} is not a finite number")
    return number


def _time(value: Any) -> datetime:
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value.replace("Z", "+00:00"))  # Python 3.10 does not read the Z
            return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
        number = float(value)
        return datetime.fromtimestamp(number / 1000 if number > _MILLISECONDS_FROM else number, timezone.utc)
    except (TypeError, ValueError, OverflowError, OSError):
        raise MappingError(f"{value!r} is not a time") from None
