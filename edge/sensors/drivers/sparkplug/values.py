"""Sparkplug values to readings: which channel, which unit, what the node says of its quality. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timezone

from contracts.quality import QualityFlag
from edge.sensors.driver import RawReading, Unmatched
from edge.sensors.drivers.sparkplug.codec import DataType
from edge.sensors.drivers.sparkplug.settings import MetricChannel
from edge.sensors.drivers.sparkplug.state import BD_SEQ, HostState, Known, Node, Value
from edge.sensors.units import UnitError, conversion

GOOD_FROM = 192
"""Quality codes as of OPC: 192 and more good, 64 to 191 uncertain, less bad; Sparkplug adds 500 for stale."""
UNCERTAIN_FROM = 64
STALE = 500
_UNITS = ("engUnit", "Engineering Units", "unit")
_QUALITY = ("Quality", "quality")
_MEASURES = frozenset(range(DataType.INT8, DataType.BOOLEAN + 1))
SHOWN_UNMATCHED = 100


class NoNumberError(ValueError):
    """The value is no measurement; the message tells why."""


def reading_of(channel: MetricChannel, value: Value) -> RawReading:
    """The reading of a channel's metric.

    Raises:
        NoNumberError: it is null, no number, or in a unit of something else.
    """
    if value.value is None:
        raise NoNumberError("the node says null")
    if not isinstance(value.value, (int, float)):
        raise NoNumberError(f"{type(value.value).__name__} is no number")
    number = float(value.value)
    if not math.isfinite(number):
        raise NoNumberError(f"{number} is no finite number")
    factor, offset = _conversion(channel, value)
    quality, test = _quality(value)
    return RawReading(
        channel,
        channel.scaled(number * factor + offset),
        _moment(value.timestamp_ms),
        quality,
        test,
        historical=value.historical and value.timestamp_ms is not None,
    )


def _conversion(channel: MetricChannel, value: Value) -> tuple[float, float]:
    unit = channel.metric_unit or next(
        (str(value.properties[key]) for key in _UNITS if value.properties.get(key)), None
    )
    if unit is None:
        return 1.0, 0.0
    try:
        return conversion(channel.quantity, unit)
    except UnitError as error:
        raise NoNumberError(str(error)) from error


def _quality(value: Value) -> tuple[QualityFlag | None, str | None]:
    code = next((value.properties[key] for key in _QUALITY if key in value.properties), None)
    if not isinstance(code, int):
        return None, None
    if code == STALE:
        return QualityFlag.FAIL, "stale"
    if code >= GOOD_FROM:
        return QualityFlag.GOOD, None
    return (QualityFlag.SUSPECT if code >= UNCERTAIN_FROM else QualityFlag.FAIL), "device_quality"


def _moment(timestamp_ms: int | None) -> datetime | None:
    if timestamp_ms is None:
        return None
    try:
        return datetime.fromtimestamp(timestamp_ms / 1000, timezone.utc)
    except (ValueError, OverflowError, OSError):
        raise NoNumberError(f"{timestamp_ms} is no moment") from None


def troubles_of(host: HostState, channels: Sequence[MetricChannel], nulls: dict[str, str]) -> list[str]:
    """What is wrong now, one line per node and channel."""
    found: list[str] = []
    for group, name in sorted({(channel.group, channel.node) for channel in channels}):
        node = host.node(group, name)
        if node is None or not node.online:
            found.append(f"node {group}/{name} is {'dead' if node and node.bd_seq is not None else 'not born yet'}")
            continue
        if node.gap:
            found.append(f"node {group}/{name}: a message was missed; asked to be born again {node.rebirths} times")
        mine = [channel for channel in channels if (channel.group, channel.node) == (group, name)]
        found += [trouble for channel in mine if (trouble := _missing(node, channel))]
    return found + [f"{name}: {why}" for name, why in sorted(nulls.items())]


def _missing(node: Node, channel: MetricChannel) -> str:
    if channel.device is not None and not node.devices.get(channel.device, False):
        return (
            f"{channel.name}: device {channel.device} is {'dead' if channel.device in node.devices else 'not born yet'}"
        )
    if (channel.device, channel.metric) not in node.names:
        return f"{channel.name}: {channel.device or 'the node'} was born without a metric {channel.metric!r}"
    return ""


def unmatched_of(host: HostState, channels: Sequence[MetricChannel]) -> tuple[Unmatched, ...]:
    """Metrics with numbers that no channel takes."""
    taken = {(c.group, c.node, c.device, c.metric) for c in channels}
    found = [
        _as_unmatched(node, known)
        for node in host.nodes()
        for known in node.names.values()
        if known.datatype in _MEASURES
        and (*node.id, known.device, known.name) not in taken
        and known.name != BD_SEQ
        and not known.name.startswith(("Node Control/", "Device Control/"))
    ]
    return tuple(sorted(found, key=lambda one: one.source)[:SHOWN_UNMATCHED])


def _as_unmatched(node: Node, known: Known) -> Unmatched:
    where = "/".join(filter(None, (*node.id, known.device)))
    unit = next((str(known.properties[key]) for key in _UNITS if known.properties.get(key)), "")
    return Unmatched(f"{where}: {known.name}", f"{known.name} {unit}".strip())
