"""Every MQTT topic and Kafka topic name is built and parsed here, nowhere else.

Uplink      ``shoal/1/{site}/{device}/{kind}``
Downlink    ``shoal/1/{site}/{device}/committed`` (retained watermark) and the AWS IoT shadow and jobs topics,
            so that one device code base serves AWS IoT Core and a plain broker.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from contracts.base import SLUG_PATTERN
from contracts.errors import InvalidMessageError

PREFIX = "shoal"
VERSION = 1
_SLUG = re.compile(SLUG_PATTERN)


class Kind(str, Enum):
    """What an uplink message carries. All but STATUS are sequenced and go through the outbox."""

    READINGS = "readings"
    OBSERVATIONS = "observations"
    EVIDENCE = "evidence"
    ALARMS = "alarms"
    EVENTS = "events"
    HEALTH = "health"
    STATUS = "status"


@dataclass(frozen=True)
class UplinkTopic:
    """A parsed uplink topic."""

    site: str
    device: str
    kind: Kind


def uplink(site: str, device: str, kind: Kind) -> str:
    """Topic that ``device`` publishes its ``kind`` messages on."""
    return f"{PREFIX}/{VERSION}/{_checked(site, 'site')}/{_checked(device, 'device')}/{kind.value}"


def parse_uplink(topic: str) -> UplinkTopic:
    """Split an uplink topic.

    Raises:
        InvalidMessageError: ``bad_topic`` when it is not of the uplink form, version or kinds.
    """
    parts = topic.split("/")
    shape = f"{PREFIX}/{VERSION}/{{site}}/{{device}}/{{kind}}"
    if len(parts) != 5 or parts[0] != PREFIX or parts[1] != str(VERSION):  # noqa: PLR2004  (the shape above)
        raise InvalidMessageError("bad_topic", f"{topic!r} is not of the form {shape}")
    site, device, kind = parts[2:]
    if not _SLUG.match(site) or not _SLUG.match(device):
        raise InvalidMessageError("bad_topic", f"{topic!r}: site and device must match {SLUG_PATTERN}")
    try:
        return UplinkTopic(site, device, Kind(kind))
    except ValueError:
        known = ", ".join(k.value for k in Kind)
        raise InvalidMessageError("bad_topic", f"{topic!r}: kind {kind!r} is none of {known}") from None


def uplink_filter() -> str:
    """Subscription of the bridge: every uplink message of every site."""
    return f"{PREFIX}/{VERSION}/+/+/+"


def uplink_kind_filters() -> tuple[str, ...]:
    """One subscription per uplink kind; unlike ``uplink_filter`` they do not match the downlink topics."""
    return tuple(f"{PREFIX}/{VERSION}/+/+/{kind.value}" for kind in Kind)


def committed(site: str, device: str) -> str:
    """Retained topic on which the store tells a device what it has committed."""
    return f"{PREFIX}/{VERSION}/{_checked(site, 'site')}/{_checked(device, 'device')}/committed"


def thing_name(site: str, device: str) -> str:
    """AWS IoT thing name of a device: ``{site}.{device}`` (slugs have no dot, so it splits back)."""
    return f"{_checked(site, 'site')}.{_checked(device, 'device')}"


def shadow(thing: str, name: str, suffix: str) -> str:
    """Topic of a named shadow, e.g. ``shadow(thing, "models", "update/delta")``."""
    return f"$aws/things/{thing}/shadow/name/{name}/{suffix}"


def jobs(thing: str, suffix: str) -> str:
    """Topic of the jobs service, e.g. ``jobs(thing, "notify-next")``."""
    return f"$aws/things/{thing}/jobs/{suffix}"


def commands(site: str, device: str) -> str:
    """Topic on which a device receives commands (never retained: a command has a time to live)."""
    return f"{PREFIX}/{VERSION}/{_checked(site, 'site')}/{_checked(device, 'device')}/commands"


class KafkaTopic(str, Enum):
    """Kafka topics of the cluster."""

    SENSOR_DATA = "sensor-data"
    CAMERA_EVENTS = "camera-events"
    SYSTEM_EVENTS = "system-events"
    PREDICTION_REQUESTS = "prediction-requests"
    PREDICTIONS = "predictions"
    ERROR_MESSAGES = "error-messages"
    DEVICE_DOWNLINK = "device-downlink"


KAFKA_TOPIC_OF_KIND: dict[Kind, KafkaTopic] = {
    Kind.READINGS: KafkaTopic.SENSOR_DATA,
    Kind.OBSERVATIONS: KafkaTopic.CAMERA_EVENTS,
    Kind.EVIDENCE: KafkaTopic.CAMERA_EVENTS,
    Kind.ALARMS: KafkaTopic.SYSTEM_EVENTS,
    Kind.EVENTS: KafkaTopic.SYSTEM_EVENTS,
    Kind.HEALTH: KafkaTopic.SYSTEM_EVENTS,
    Kind.STATUS: KafkaTopic.SYSTEM_EVENTS,
}
"""Where the bridge's default route sends each kind."""


def _checked(slug: str, what: str) -> str:
    if not _SLUG.match(slug):
        message = f"{what} {slug!r} must match {SLUG_PATTERN}"
        raise ValueError(message)
    return slug
