"""A broker that drops what it has acknowledged is found out by its own count."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from prometheus_client import generate_latest

from bridge.broker_watch import BrokerWatch
from bridge.downlink import close_publisher, open_publisher
from bridge.metrics import BrokerCollector, registry_of
from bridge.settings import BridgeSettings
from bridge.uplink import Uplink
from tests.bridge.farm import Farm, eventually
from tests.bridge.memory_sink import MemorySink
from tests.servers.mosquitto import Mosquitto

pytestmark = pytest.mark.integration


def test_a_queue_limit_that_loses_messages_shows_in_the_metrics(
    mosquitto_factory: Callable[..., Mosquitto], settings_for: Callable[..., BridgeSettings], sink: MemorySink
) -> None:
    limits = "sys_interval 1\nmax_queued_messages 10\nmax_inflight_messages 5"
    broker = mosquitto_factory(configuration=limits)
    settings = settings_for(mqtt_port=broker.port)
    client = open_publisher(settings)
    watch = BrokerWatch(client)
    eventually(lambda: watch.dropped == 0, "the broker counts, and has dropped nothing")
    sink.holding = True
    uplink = Uplink(settings, sink)
    uplink.start()
    farm = Farm(broker.port)
    try:
        eventually(lambda: uplink.state().source.subscribed, "the uplink subscribes")
        farm.send_readings(range(1, 101))
        eventually(lambda: watch.dropped == 85, "5 in flight and 10 queued remain of 100")
        text = generate_latest(registry_of(BrokerCollector(watch))).decode()
        assert "shoal_bridge_broker_dropped 85.0" in text
    finally:
        sink.holding = False
        while sink.held:
            sink.release()
        farm.close()
        uplink.stop()
        close_publisher(client)


def test_a_broker_that_says_nothing_gives_no_metric(settings_for: Callable[..., BridgeSettings]) -> None:
    client = open_publisher(settings_for(mqtt_port=1))
    assert b"broker_dropped" not in generate_latest(registry_of(BrokerCollector(BrokerWatch(client))))
    close_publisher(client)
