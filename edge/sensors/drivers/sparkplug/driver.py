"""A Sparkplug B host: hears births and data of the edge nodes on one broker, asks for rebirths, tells its own STATE.

The session is clean, as the specification wants it of hosts: nodes with this box as primary host keep their data while it is
away, and send it as historical when STATE says that it is back.
"""

from __future__ import annotations

import json
import threading
from datetime import timezone

import structlog

from edge.sensors.driver import Delivery, DriverContext, DriverHealth, RawReading
from edge.sensors.drivers.broker import FarmBroker, Incoming, Will
from edge.sensors.drivers.sparkplug.codec import DataType, Metric, Payload, decode, encode
from edge.sensors.drivers.sparkplug.settings import MetricChannel, SparkplugSensor
from edge.sensors.drivers.sparkplug.state import NAMESPACE, REBIRTH, Address, HostState, Value, address_of
from edge.sensors.drivers.sparkplug.values import NoNumberError, reading_of, troubles_of, unmatched_of
from edge.sensors.drivers.sparkplug.wire import DecodeError

log = structlog.get_logger()


class SparkplugDriver:
    """Hosts the edge nodes of one broker."""

    def __init__(self, settings: SparkplugSensor, context: DriverContext) -> None:
        self._settings = settings
        self._context = context
        self._channels: dict[tuple[str, str, str | None, str], list[MetricChannel]] = {}
        for channel in settings.channels:
            key = (channel.group, channel.node, channel.device, channel.metric)
            self._channels.setdefault(key, []).append(channel)
        self._host = HostState()
        self._nulls: dict[str, str] = {}
        """Why a channel's last message held no number."""
        self._lock = threading.Lock()  # the page reads while the network thread writes
        self._messages = 0
        self._rejected = 0
        self._state_ms = 0
        self._leaving = False
        self._broker = FarmBroker(
            settings.broker,
            sensor=settings.name,
            client_id=context.identity,
            clean=True,
            on_connected=self._connected,
            on_message=self._message,
            will=None if settings.host_id is None else self._will,
        )

    @property
    def name(self) -> str:
        """Name from the configuration."""
        return self._settings.name

    def health(self) -> DriverHealth:
        """How it is doing right now, with the metrics that were born and no channel takes."""
        with self._lock:
            troubles = troubles_of(self._host, self._settings.channels, self._nulls)
            unmatched = unmatched_of(self._host, self._settings.channels)
        return DriverHealth(
            self.name, self._broker.connected, self._messages, self._rejected, tuple(troubles), unmatched
        )

    def run(self, stop: threading.Event) -> None:
        """Host until ``stop`` is set; then say that this host is gone."""
        self._leaving = False
        self._broker.run(stop, goodbye=self._say_offline if self._settings.host_id else None)

    # -- this host -------------------------------------------------------------------------------------------------

    def _state_topic(self) -> str:
        return f"{NAMESPACE}/STATE/{self._settings.host_id}"

    def _state(self, *, online: bool) -> bytes:
        return json.dumps({"online": online, "timestamp": self._state_ms}).encode()

    def _will(self) -> Will:
        """The last will of the next connection; it and the birth that follows have one timestamp."""
        self._state_ms = self._now_ms()
        return Will(self._state_topic(), self._state(online=False), retain=True)

    def _connected(self) -> None:
        with self._lock:
            self._host.missed()
        groups = sorted(set(self._settings.groups) or {channel.group for channel in self._settings.channels}) or ["+"]
        topics = [f"{NAMESPACE}/{group}/#" for group in groups]
        if self._settings.host_id is not None:
            self._broker.subscribe([self._state_topic(), *topics])
            self._broker.publish(self._state_topic(), self._state(online=True), qos=1, retain=True)
        else:
            self._broker.subscribe(topics)

    def _say_offline(self) -> None:
        self._leaving = True
        self._broker.publish(self._state_topic(), self._state(online=False), qos=1, retain=True)

    def _heard_state(self, payload: bytes) -> None:
        """Somebody says that we are offline (the will of an earlier connection that the broker noticed late): contradict."""
        try:
            said = json.loads(payload)
        except ValueError:
            return
        if isinstance(said, dict) and said.get("online") is False and not self._leaving:
            self._broker.publish(self._state_topic(), self._state(online=True), qos=1, retain=True)

    # -- edge nodes ------------------------------------------------------------------------------------------------

    def _message(self, message: Incoming) -> None:
        if self._settings.host_id is not None and message.topic == self._state_topic():
            self._heard_state(message.payload)
            message.acknowledge()
            return
        address = address_of(message.topic)
        if address is None or message.retained:  # only STATE is retained
            message.acknowledge()
            return
        self._messages += 1
        try:
            payload = decode(message.payload)
        except DecodeError as error:
            self._reject(message.topic, [str(error)])
            message.acknowledge()
            return
        with self._lock:
            outcome = self._host.take(address, payload, self._context.clock.monotonic())
            readings = self._readings(outcome.values)
        if outcome.faults:
            self._reject(message.topic, list(outcome.faults))
        if outcome.rebirth:
            self._ask_for_rebirth(address)
        if not readings:
            message.acknowledge()
            return
        received_at, timeline = self._context.clock.label()
        received_s = self._context.clock.monotonic()
        self._context.deliver(Delivery(tuple(readings), received_at, received_s, message.acknowledge, timeline))

    def _readings(self, values: tuple[Value, ...]) -> list[RawReading]:
        found: list[RawReading] = []
        for value in values:
            for channel in self._channels.get((*value.node, value.device, value.name), ()):
                try:
                    found.append(reading_of(channel, value))
                    self._nulls.pop(channel.name, None)
                except NoNumberError as error:  # noqa: PERF203  (a fault belongs to its channel)
                    self._rejected += 1
                    self._nulls[channel.name] = str(error)
        return found

    def _reject(self, topic: str, faults: list[str]) -> None:
        self._rejected += 1
        log.info("sensor.message_rejected", sensor=self.name, topic=topic, faults=faults[:3])

    def _ask_for_rebirth(self, address: Address) -> None:
        log.info("sensor.rebirth_asked", sensor=self.name, group=address.group, node=address.node)
        self._broker.publish(
            f"{NAMESPACE}/{address.group}/NCMD/{address.node}",
            encode(Payload(self._now_ms(), (Metric(name=REBIRTH, datatype=DataType.BOOLEAN, raw=True),))),
        )

    def _now_ms(self) -> int:
        return int(self._context.clock.now().astimezone(timezone.utc).timestamp() * 1000)
