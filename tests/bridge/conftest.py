"""A durable broker of each test's own, the farm that publishes to it, and bridges that end with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bridge.settings import BridgeSettings, load_settings
from bridge.uplink import Uplink
from tests.bridge.farm import Farm, eventually
from tests.bridge.memory_sink import MemorySink
from tests.bridge.tap import Tap
from tests.servers.mosquitto import Mosquitto

DURABLE = "set_tcp_nodelay true\nmax_queued_bytes 0"


@pytest.fixture
def broker(mosquitto_factory: Callable[..., Mosquitto]) -> Mosquitto:
    return mosquitto_factory(configuration=DURABLE)


@pytest.fixture
def farm(broker: Mosquitto) -> Iterator[Farm]:
    farm = Farm(broker.port)
    yield farm
    farm.close()


@pytest.fixture
def tap(broker: Mosquitto) -> Iterator[Tap]:
    tap = Tap(broker.port)
    yield tap
    tap.close()


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
def settings_for(broker: Mosquitto) -> Callable[..., BridgeSettings]:
    """Settings against the test's broker, impatient enough for a test."""

    def build(**overrides: Any) -> BridgeSettings:
        impatient = {
            "mqtt_port": broker.port,
            "retry_min_s": 0.05,
            "retry_max_s": 0.2,
            "drain_timeout_s": 3,
            "mqtt_reconnect_max_s": 1,
            "metrics_port": 0,
        }
        return load_settings(None, **{**impatient, **overrides})

    return build


@pytest.fixture
def start_uplink(settings_for: Callable[..., BridgeSettings], sink: MemorySink) -> Iterator[Callable[..., Uplink]]:
    """Start an uplink into ``sink`` and wait for its subscription."""
    started: list[Uplink] = []

    def start(**overrides: Any) -> Uplink:
        uplink = Uplink(settings_for(**overrides), sink)
        started.append(uplink)
        uplink.start()
        eventually(lambda: uplink.state().source.subscribed, "the uplink subscribes")
        return uplink

    yield start
    sink.holding = False
    for uplink in started:
        uplink.stop()
