"""Publishes the box's values and alarms for Home Assistant. Only shows: nothing that arrives changes the box."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from contracts.devices import ChannelInventory
from contracts.telemetry import Reading
from edge.announce.entities import EXPIRES_AFTER, Names, discovery, states
from edge.announce.settings import AnnounceSettings
from edge.sensors.drivers.broker import FarmBroker, Incoming, Will


class Announcer:
    """One box for one Home Assistant.

    Args:
        latest: newest reading of each channel with its age in seconds.
        alarms: severity and message of each active alarm that is not shelved.
    """

    def __init__(
        self,
        settings: AnnounceSettings,
        *,
        site: str,
        device: str,
        version: str,
        channels: Iterable[ChannelInventory],
        latest: Callable[[], Iterable[tuple[Reading, float]]],
        alarms: Callable[[], Iterable[tuple[str, str]]],
    ) -> None:
        self._settings = settings
        self._names = Names(settings.prefix, site, device)
        self._discovery = tuple(discovery(self._names, channels, version=version, every_s=settings.every_s))
        self._latest = latest
        self._alarms = alarms
        self._broker = FarmBroker(
            settings.broker,
            sensor="announce",
            client_id=f"{site}.{device}.announce",
            clean=True,
            on_connected=self._connected,
            on_message=self._message,
            will=lambda: Will(self._names.availability, b"offline", retain=True),
        )

    def run(self, stop: threading.Event) -> None:
        """Publish until ``stop`` is set, then say that the box is gone."""
        ended = threading.Event()
        speaker = threading.Thread(target=self._speak, args=(ended,), name="announce-states", daemon=True)
        speaker.start()
        try:
            self._broker.run(stop, goodbye=self._say_offline)
        finally:
            ended.set()
            speaker.join(timeout=1.0)

    def _speak(self, ended: threading.Event) -> None:
        while not ended.wait(self._settings.every_s):
            if self._broker.connected:
                self._say_states()

    def _connected(self) -> None:
        self._broker.subscribe([f"{self._settings.prefix}/status"])
        self._announce()

    def _message(self, message: Incoming) -> None:
        """Home Assistant has started and has forgotten what was not retained."""
        message.acknowledge()
        if message.payload == b"online" and not message.retained:
            self._announce()

    def _announce(self) -> None:
        for topic, payload in self._discovery:
            self._broker.publish(topic, payload.encode(), qos=1, retain=True)
        self._broker.publish(self._names.availability, b"online", qos=1, retain=True)
        self._say_states()

    def _say_states(self) -> None:
        oldest_s = max(60.0, EXPIRES_AFTER * self._settings.every_s)
        for topic, payload in states(self._names, self._latest(), self._alarms(), oldest_s=oldest_s):
            self._broker.publish(topic, payload.encode())

    def _say_offline(self) -> None:
        self._broker.publish(self._names.availability, b"offline", qos=1, retain=True)
