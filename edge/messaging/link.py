"""What a device is on every broker: its birth, its last will, its topics. How bytes travel is the subclass's part.

``MqttLink`` speaks to any broker through paho, ``AwsIotLink`` to AWS IoT Core through AWS's own client; one suite of tests
holds both to the same behaviour. Callbacks only pass events on; nothing is decided here.
"""

from __future__ import annotations

import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

import structlog
from pydantic import ValidationError

from contracts.devices import DeviceState, Inventory, Status, Watermark
from contracts.envelope import MAX_MESSAGE_BYTES, encode
from contracts.topics import Kind, committed, uplink
from edge.clock import Clock
from edge.messaging.routes import Handler, Routes
from edge.messaging.state import Committed, Connected, Disconnected, LinkEvent, Outage, backoff_s

log = structlog.get_logger()

FIRST_WAIT_S = 1.0
"""Shortest wait before another attempt to connect."""


class DeviceLink(ABC):
    """The uplink of one device; reconnects by itself.

    Args:
        reconnect_max_s: longest wait between two attempts to connect.
        inventory: makes the inventory of the birth message, at the moment of connecting.
        on_event: gets every link event; called from the network thread, must return at once.
    """

    max_payload_bytes: int = MAX_MESSAGE_BYTES
    """Larger messages are not carried."""
    trouble: str = "not connected yet"
    """Why there is no connection, with the remedy where it is known; empty while there is one."""

    def __init__(
        self,
        *,
        site: str,
        device: str,
        boot: str,
        clock: Clock,
        inventory: Callable[[], Inventory],
        on_event: Callable[[LinkEvent], None],
        reconnect_max_s: float,
    ) -> None:
        self.connected = threading.Event()
        self._site, self._device, self._boot = site, device, boot
        self._clock = clock
        self._inventory = inventory
        self._on_event = on_event
        self._reconnect_max_s = reconnect_max_s
        self._leaving = False
        self._jitter = random.Random()  # noqa: S311  (spreads reconnects)
        self._outage = Outage()
        self._status_topic = uplink(site, device, Kind.STATUS)
        self._routes = Routes()
        self._routes.add(committed(site, device), self._hear_watermark)
        self._routes.add(self._status_topic, self._contradict)

    def route(self, topic_filter: str, handler: Handler) -> None:
        """Subscribe to ``topic_filter`` (QoS 1) at every connection and hand its messages to ``handler``; before ``run``.

        The handler gets topic and payload in the network thread and must return at once. A message may come twice, and a
        retained one comes again at every connection.
        """
        self._routes.add(topic_filter, handler)

    def run(self, stop: threading.Event) -> None:
        """Stay connected until ``stop`` is set."""
        attempt = 0
        while not stop.is_set():
            # The will is written at every connection: its sent_at is the time of connecting.
            accepted = self._serve(encode(self._status(DeviceState.OFFLINE, "last_will")), stop)
            attempt = 0 if accepted else attempt + 1
            if not stop.is_set():
                wait_s = backoff_s(
                    max(1, attempt),
                    first_s=FIRST_WAIT_S,
                    longest_s=self._reconnect_max_s,
                    jitter=self._jitter.random(),
                )
                stop.wait(wait_s)

    @abstractmethod
    def publish(self, topic: str, payload: bytes, trace: str | None = None) -> int:
        """Hand one QoS 1 message to the client; returns the id that its ``Acknowledged`` will name.

        ``trace`` is its ``traceparent``; a broker without user properties does not get it.

        Raises:
            LinkDownError: not connected; nothing was handed over.
        """

    def announce(self) -> None:
        """Publish the birth message again because the inventory has changed; without a connection the next birth says it."""
        if self.connected.is_set():
            self._retain(self._status_topic, encode(self._status(DeviceState.ONLINE, None, self._inventory())))

    def say_goodbye(self, *, timeout_s: float = 1.0) -> None:
        """Publish the clean offline status and disconnect; without a connection the last will says it."""
        if not self.connected.is_set():
            return
        self._leaving = True
        confirmed = self._retain(self._status_topic, encode(self._status(DeviceState.OFFLINE, "stopped")))
        if not confirmed(timeout_s):
            log.info("mqtt.goodbye_not_sent")
        self._disconnect()

    # -- for the subclass ----------------------------------------------------------------------------------------

    @abstractmethod
    def _serve(self, will: bytes, stop: threading.Event) -> bool:
        """Serve one connection until it ends; returns whether the broker had accepted it."""

    @abstractmethod
    def _retain(self, topic: str, payload: bytes) -> Callable[[float], bool]:
        """Publish a retained message; the answer waits, so many seconds, for the broker's word and tells whether it came."""

    @abstractmethod
    def _disconnect(self) -> None:
        """End the connection in good order; returns at once."""

    def _welcome(self) -> None:
        """The broker has accepted the connection and the subscriptions are on their way."""
        self._outage.ended()
        self.trouble = ""
        self.connected.set()
        self.announce()
        self._on_event(Connected())

    def _failed(self, event: str, reason: str, *, remedy: str = "", **where: object) -> None:
        """An attempt to connect came to nothing."""
        self.trouble = f"{reason}: {remedy}" if remedy else reason
        if remedy:
            where["remedy"] = remedy
        if attempts := self._outage.failed(f"{event} {reason}", time.monotonic()):
            log.warning(event, error=reason, attempts=attempts, **where)

    def _lost(self, reason: str) -> None:
        """The connection is gone; harmless when it is known already."""
        if self.connected.is_set():
            self.connected.clear()
            self.trouble = f"the connection was lost ({reason})"
            log.info("mqtt.disconnected", reason=reason)
            self._on_event(Disconnected(reason))

    # -- what it hears -------------------------------------------------------------------------------------------

    def _hear_watermark(self, _topic: str, payload: bytes) -> None:
        if not payload:
            return
        try:
            watermark = Watermark.model_validate_json(payload)
        except ValidationError as error:
            log.warning("mqtt.bad_watermark", error=str(error))
            return
        self._on_event(Committed(watermark))

    def _contradict(self, _topic: str, payload: bytes) -> None:
        """The will of an earlier connection may come after our birth: whoever reads "offline" then would be wrong."""
        try:
            status = Status.model_validate_json(payload)
        except ValidationError:
            return
        if status.state is DeviceState.OFFLINE and not self._leaving:
            self.announce()

    def _status(self, state: DeviceState, reason: str | None, inventory: Inventory | None = None) -> Status:
        return Status(
            site=self._site,
            device=self._device,
            boot=self._boot,
            sent_at=self._clock.now(),
            state=state,
            reason=reason,
            inventory=inventory,
        )
