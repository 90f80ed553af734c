"""Where routed messages become durable: the protocol that every sink keeps, and the choice of the Kafka client.

A sink is Kafka (``bridge.kafka_clients``) or, on a box, the ingest in the same process. It gets batches and answers each of
them exactly once; it never acknowledges anything itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bridge.settings import SinkKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from bridge.settings import BridgeSettings
    from contracts.dead_letters import DeadLetter
    from contracts.devices import Status
    from contracts.envelope import Envelope


@dataclass(frozen=True, slots=True)
class Routed:
    """One message that passed decode, authorize and route, or the dead letter that it became.

    Attributes:
        topic: Kafka topic name (a value of ``contracts.topics.KafkaTopic``).
        key: ``site/device``; for a dead letter whose device is unknown, its MQTT topic.
        value: payload exactly as received; for dead letters the JSON of the ``DeadLetter``.
        message: the same, typed; None where the sink does not look at it (``bridge.uplink.Uplink``).
        origin: MQTT topic that it arrived on.
        received_at: when the bridge received it, UTC.
        headers: record headers that the route asked for.
    """

    topic: str
    key: bytes
    value: bytes
    message: Envelope | Status | DeadLetter | None
    origin: str
    received_at: datetime
    headers: tuple[tuple[str, bytes], ...] = ()


class Sink(Protocol):
    """What the uplink needs from a store. One thread submits; answers may come from any thread."""

    def start(self) -> None:
        """Get ready. Must not fail because the store is away: that is what retries are for."""

    def submit(self, batch: Sequence[Routed], on_done: Callable[[BaseException | None], None]) -> None:
        """Take a batch; return quickly, or block while the sink is full.

        ``on_done`` is called exactly once: with ``None`` when *all* of the batch is durable, with
        ``RecordRefusedError`` when single records can never be, with any other error when the bridge should keep the
        batch and submit it again. After an error some records may be durable already: sinks are idempotent downstream.
        """

    def stop(self, *, timeout_s: float = 10.0) -> None:
        """Finish what was submitted within ``timeout_s``, then answer the rest with an error. Safe twice."""


def open_sink(settings: BridgeSettings) -> Sink:
    """The Kafka sink that the settings name; each client library is imported only when chosen."""
    if settings.sink is SinkKind.CONFLUENT:
        from bridge.kafka_clients.confluent import ConfluentSink

        return ConfluentSink(settings)
    from bridge.kafka_clients.kafka_python import KafkaPythonSink

    return KafkaPythonSink(settings)
