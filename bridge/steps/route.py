"""Where a message goes: the Kafka topic of its kind, and the device as the key so that its messages keep their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contracts.topics import KAFKA_TOPIC_OF_KIND

if TYPE_CHECKING:
    from contracts.topics import UplinkTopic

_NAMES = {kind: topic.value for kind, topic in KAFKA_TOPIC_OF_KIND.items()}


def route(uplink: UplinkTopic) -> tuple[str, bytes]:
    """Kafka topic name and record key of a message that arrived on ``uplink``."""
    return _NAMES[uplink.kind], key_of(uplink.site, uplink.device)


def key_of(site: str, device: str) -> bytes:
    """Record key of everything that belongs to one device: ``site/device``."""
    return f"{site}/{device}".encode()
