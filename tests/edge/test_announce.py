"""What the box announces: Home Assistant's own rules read it, our own host reads it, and no stale value is in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.devices import ChannelInventory
from contracts.quality import QualityFlag
from contracts.quantities import QUANTITIES
from contracts.telemetry import Reading
from edge.agent import Agent
from edge.announce.entities import Names, discovery, states
from edge.clock import SystemClock
from edge.sensors.driver import Delivery, DriverContext
from edge.sensors.drivers.home_assistant.discovery import entities_of
from edge.sensors.drivers.home_assistant.driver import HomeAssistantDriver
from edge.sensors.drivers.home_assistant.settings import HomeAssistantSensor
from edge.sensors.units import conversion
from edge.settings import load_settings
from edge.supervisor import Supervisor
from tests.edge.farm import START, configuration, eventually, publisher_client, reading
from tests.servers.mosquitto import Mosquitto

NAMES = Names("homeassistant", "farm", "edge-1")


@pytest.mark.parametrize("code", QUANTITIES)
def test_every_quantity_is_announced_in_a_unit_that_comes_back_unchanged(code: str) -> None:
    channel = ChannelInventory(name=f"tank-1.{code}", unit="tank-1", quantity=code, ucum=QUANTITIES[code].ucum)
    topic, payload = next(iter(discovery(NAMES, [channel], version="1", every_s=10)))
    entity = entities_of(topic, payload.encode(), "homeassistant")[0]
    assert conversion(code, entity.unit or "") == (1.0, 0.0)
    assert entity.expire_after_s == 30


def test_old_and_failed_values_are_not_shown() -> None:
    good, old = reading(1), reading(2, channel="tank-2.do")
    failed = reading(3, channel="tank-3.do").model_copy(update={"quality": QualityFlag.FAIL})
    said = dict(states(NAMES, [(good, 1.0), (old, 61.0), (failed, 1.0)], [("critical", "low")], oldest_s=60.0))
    assert set(said) == {"shoal/ha/farm/edge-1/tank-1.do", "shoal/ha/farm/edge-1/alarms"}
    assert json.loads(said["shoal/ha/farm/edge-1/alarms"]) == {"state": "ON", "alarms": ["critical: low"]}
    assert isinstance(good, Reading)
    assert good.observed_at == START + timedelta(seconds=1)


@pytest.mark.integration
def test_another_box_reads_what_this_box_announces(tmp_path: Path, mosquitto_factory: Callable[..., Mosquitto]) -> None:
    broker = mosquitto_factory()
    address = {"port": broker.port, "reconnect_max_s": 0.3}
    agent = Agent(
        load_settings(configuration(tmp_path, port=broker.port, model=None, announce={"broker": address, "every_s": 1}))
    )
    agent.start()
    channel: dict[str, Any] = {"name": "tank-1.do", "unit": "tank-1", "quantity": "do"}
    channel["match"] = {"unique_id": "shoal_farm_edge_1_tank_1_do"}
    settings = HomeAssistantSensor.model_validate({"name": "box", "broker": address, "channels": [channel]})
    delivered: list[Delivery] = []
    host = HomeAssistantDriver(settings, DriverContext("other", SystemClock(), delivered.append))
    supervisor = Supervisor()
    supervisor.start("host", host.run)
    probe = publisher_client(broker.port)
    try:

        def heard() -> bool:
            now = SystemClock().now().isoformat()
            probe.publish("farm/tank-1/water", json.dumps({"ts": now, "do": 9.12, "temperature": 11.8}), qos=1)
            return bool(delivered)

        eventually(heard)
        assert delivered[0].readings[0].value == 9.12
        listed = {one.source: one.quantity for one in host.health().unmatched}
        assert listed["sensor/shoal_farm_edge_1/tank_1_temperature"] == "temperature"
        agent.stop()
        eventually(lambda: host.health().troubles == ("tank-1.do: its node says that it is offline",))
    finally:
        agent.stop()
        supervisor.stop_all(timeout_s=3)
        probe.disconnect()
        probe.loop_stop()
