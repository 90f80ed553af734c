"""The bridge as a program: composition, signals and the order of starting and stopping.

Health first (a port in use stops the program before it connects), then the downlink, then the uplink; the other way
round on SIGTERM, so that watermarks of what was just stored still go out.
"""

from __future__ import annotations

import gc
import signal
import threading
from typing import TYPE_CHECKING

import structlog
from prometheus_client import generate_latest

from bridge.broker_watch import BrokerWatch
from bridge.downlink import Downlink, KafkaDownlink, close_publisher, open_consumer, open_publisher
from bridge.errors import UplinkBrokenError
from bridge.metrics import BrokerCollector, DownlinkCollector, UplinkCollector, registry_of
from bridge.sink import open_sink
from bridge.uplink import Uplink
from contracts.probes import Condition, ProbeServer

if TYPE_CHECKING:
    from types import FrameType

    from paho.mqtt import client as paho

    from bridge.settings import BridgeSettings

log = structlog.get_logger()

_WATCH_S = 2.0
_GC_THRESHOLD = 20_000


class Bridge:
    """Uplink, downlink and health of one process."""

    def __init__(self, settings: BridgeSettings) -> None:
        self._settings = settings
        self._uplink = Uplink(settings, open_sink(settings), typed=False)
        self._publisher: paho.Client | None = None
        self._downlink: Downlink | None = None
        self._kafka_downlink: KafkaDownlink | None = None
        self._registry = registry_of(UplinkCollector(self._uplink))
        self.probes = ProbeServer(
            settings.metrics_host,
            settings.metrics_port,
            condition=self._condition,
            metrics=lambda: generate_latest(self._registry),
        )

    def start(self) -> None:
        """Start everything.

        Raises:
            ConfigurationError: the health port cannot be bound; nothing was connected.
        """
        self.probes.start()
        if self._settings.downlink:
            self._start_downlink()
        self._uplink.start()
        log.info(
            "bridge.started", mqtt=self._settings.mqtt_host, sink=self._settings.sink.value, probes=self.probes.port
        )

    def stop(self) -> None:
        """Drain and stop. Safe twice."""
        self._uplink.stop()
        if self._kafka_downlink is not None:
            self._kafka_downlink.stop()
        if self._downlink is not None:
            self._downlink.stop()
        if self._publisher is not None:
            close_publisher(self._publisher)
        self.probes.stop()

    def alive(self) -> bool:
        """Whether every thread runs; False calls for a new process."""
        return self._condition().alive

    def _start_downlink(self) -> None:
        self._publisher = open_publisher(self._settings)
        self._downlink = Downlink(self._publisher, shadows=self._settings.mqtt_shadows)
        self._registry.register(DownlinkCollector(self._downlink))
        self._registry.register(BrokerCollector(BrokerWatch(self._publisher)))
        self._kafka_downlink = KafkaDownlink(self._downlink, lambda: open_consumer(self._settings))
        self._downlink.start()
        self._kafka_downlink.start()

    def _condition(self) -> Condition:
        state = self._uplink.state()
        downlink_alive = self._kafka_downlink is None or self._kafka_downlink.alive
        return Condition(alive=state.alive and downlink_alive, obstacles=state.obstacles)


def run(settings: BridgeSettings) -> None:
    """Run the bridge until SIGTERM or SIGINT, then drain.

    Raises:
        ConfigurationError: a setting cannot be used; nothing was started.
        UplinkBrokenError: a thread ended by a fault; a supervisor should start the program again.
    """
    stop = threading.Event()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        log.info("bridge.stopping", signal=signal.Signals(number).name)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    bridge = Bridge(settings)
    bridge.start()
    # What is there now stays; what comes is freed by its count alone, so the collector need not search for it often.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD, 20, 50)
    try:
        while not stop.wait(_WATCH_S):
            if not bridge.alive():
                raise UplinkBrokenError("a thread of the bridge has ended; start it again")
    finally:
        bridge.stop()
