"""The whole agent against a real farm broker and a relay node, with no uplink anywhere: oxygen falls, the aerator runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from contracts.commands import COMMAND_RESULT, Command
from contracts.devices import EventBatch
from contracts.topics import commands
from tests.edge.farm import Store, configuration, eventually
from tests.edge.relay_node import RelayNode
from tests.edge.test_agent import Box, Probe
from tests.servers.mosquitto import Mosquitto

NO_BROKER = 9


def with_aerator(folder: Path, port: int, **guard: Any) -> Path:
    """One tank whose aerator is behind an ESPHome node; the uplink leads nowhere."""
    path = configuration(folder, port=port)
    document = yaml.safe_load(path.read_text())
    document["mqtt"] = {**document["mqtt"], "port": NO_BROKER}
    document["sensors"][0]["channels"].append(
        {
            "name": "tank-1.current",
            "unit": "tank-1",
            "quantity": "current",
            "topic": "aerator-1/sensor/current/state",
        }
    )
    document["guard"] = {
        "timezone": "UTC",
        "broker": {"host": "127.0.0.1", "port": port, "reconnect_max_s": 0.5},
        "heartbeat": {"every_s": 1},
        "actuators": [
            {
                "name": "aerator-1",
                "unit": "tank-1",
                "output": {"type": "mqtt", "style": "esphome", "node": "aerator-1", "switch": "aerator"},
                "rules": [{"channel": "tank-1.do", "on_below": 5, "off_above": 6.5, "on_delay_s": 0, "off_delay_s": 0}],
                "min_on_s": 0,
                "min_off_s": 0,
                "max_starts_per_h": 60,
                "proof": {"channel": "tank-1.current", "min_a": 3, "within_s": 2},
            }
        ],
        **guard,
    }
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
def broker(mosquitto_factory: Callable[..., Mosquitto]) -> Mosquitto:
    return mosquitto_factory()


@pytest.fixture
def box(tmp_path: Path, broker: Mosquitto) -> Iterator[Box]:
    box = Box(with_aerator(tmp_path, broker.port))
    box.start()
    eventually(lambda: box.log.exists() and box.page, timeout_s=60)
    yield box
    if box.process is not None and box.process.poll() is None:
        box.process.kill()
        box.process.wait()


@pytest.fixture
def probe(broker: Mosquitto) -> Iterator[Probe]:
    probe = Probe(broker.port)
    yield probe
    probe.stop()


def aerator(box: Box) -> dict[str, Any]:
    return dict(box.status()["actuators"][0])


@pytest.mark.journey
def test_without_any_uplink_low_oxygen_starts_the_aerator_and_its_current_proves_it(
    box: Box, broker: Mosquitto, probe: Probe
) -> None:
    with RelayNode(broker.port) as node:
        eventually(lambda: not node.on)  # the water is good
        probe.oxygen = 4.0
        eventually(lambda: node.on)
        eventually(lambda: aerator(box)["proof"] == "proven" and aerator(box)["reported"])
        seen = aerator(box)
        assert seen["sentence"].startswith("Aerator 1 is ON because dissolved oxygen 4.00 mg/L < 5.00 mg/L since")
        assert seen["reachable"] is True
        node.broken = True
        eventually(lambda: any(a["definition"] == "aerator.no_proof" for a in box.status()["alarms"]))
        node.broken = False
        probe.oxygen = 8.0
        eventually(lambda: not node.on)
        eventually(lambda: not any(a["definition"] == "aerator.no_proof" for a in box.status()["alarms"]))
    metrics = box.get("/metrics").decode()
    assert 'shoal_edge_actuator_on{actuator="aerator-1"} 0.0' in metrics
    assert "shoal_edge_actuation_latency_seconds_count" in metrics
    eventually(lambda: aerator(box)["trouble"] == "its node is offline")


@pytest.mark.faults
def test_a_relay_that_comes_back_is_told_again_and_a_killed_agent_leaves_it_safe(
    box: Box, broker: Mosquitto, probe: Probe
) -> None:
    with RelayNode(broker.port, heartbeat_s=3) as node:
        eventually(lambda: not node.on)
        broker.stop()
        broker.start()
        node.on = True  # it restarted in its safe state while nobody could tell it
        node.commands.clear()
        eventually(lambda: node.commands and not node.on, timeout_s=60)
        box.kill()
        eventually(lambda: node.on)  # no heartbeat: the node aerates by itself


@pytest.mark.journey
def test_a_command_from_the_cloud_is_done_once_and_its_answer_reaches_the_store(
    tmp_path: Path, broker: Mosquitto, probe: Probe
) -> None:
    path = with_aerator(tmp_path, broker.port)
    document = yaml.safe_load(path.read_text())
    document["mqtt"]["port"] = broker.port
    path.write_text(yaml.safe_dump(document))
    box, store = Box(path), Store(broker.port)
    box.start()
    try:
        with RelayNode(broker.port) as node:
            eventually(lambda: not node.on, timeout_s=60)
            now = datetime.now(timezone.utc)
            command = Command(
                id=uuid4(),
                site="farm",
                device="edge-1",
                name="actuator.set",
                target="aerator-1",
                arguments={"state": "on", "minutes": 5, "reason": "before grading"},
                issued_at=now,
                expires_at=now + timedelta(minutes=1),
                issued_by="kari@farm",
            )
            for _ in range(2):  # the broker may deliver it twice
                store._client.publish(commands("farm", "edge-1"), command.model_dump_json(), qos=1)
            eventually(lambda: node.on)

            def answers() -> list[dict[str, Any]]:
                events = [event for batch in store.bodies(EventBatch) for event in batch.events]
                return [dict(event.detail) for event in events if event.name == COMMAND_RESULT]

            [answer] = eventually(answers)
            assert (answer["id"], answer["outcome"]) == (str(command.id), "done")
            assert "set ON by kari@farm" in answer["reason"]
            assert aerator(box)["override"]["reason"] == "before grading"
            assert b"shoal_edge_command_latency_seconds_count 1.0" in box.get("/metrics")
    finally:
        box.terminate()
        store.close()
