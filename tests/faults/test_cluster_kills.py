"""SIGKILL, SIGSTOP and absence of every part of a cluster under load: nothing lost, nothing counted twice."""

from __future__ import annotations

import os
import signal
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from contracts.devices import CLOCK_SYNCED, DeviceEvent, EventBatch
from edge.clock import SteadyClock, SystemClock
from edge.outbox.store import Draft
from tests.faults.cluster import Cluster, Load, until

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]

KILLS = 3


@pytest.mark.parametrize("name", ["bridge", "ingest"])
def test_killing_a_program_three_times(cluster: Cluster, name: str) -> None:
    load = Load(cluster, f"kill-{name}")
    load.wait_for_more()
    for _ in range(KILLS):
        cluster.kill(name)
        time.sleep(0.5)
        cluster.start(name)
        load.wait_for_more()
    load.settle()


def test_killing_the_mqtt_broker_three_times(cluster: Cluster) -> None:
    load = Load(cluster, "kill-mqtt")
    load.wait_for_more()
    for _ in range(KILLS):
        cluster.mosquitto.kill()
        time.sleep(0.5)
        cluster.mosquitto.start()
        load.wait_for_more()
    load.settle()


def test_killing_kafka_three_times(cluster: Cluster) -> None:
    load = Load(cluster, "kill-kafka")
    load.wait_for_more()
    for _ in range(KILLS):
        cluster.kafka.kill()
        time.sleep(0.5)
        cluster.kafka.start()
        load.wait_for_more()
    load.settle()


def test_killing_postgresql_three_times(cluster: Cluster) -> None:
    load = Load(cluster, "kill-postgres")
    load.wait_for_more()
    for _ in range(KILLS):
        cluster.database.kill()
        time.sleep(0.5)
        cluster.database.start()
        load.wait_for_more()
    load.settle()


def test_kafka_frozen_for_four_seconds(cluster: Cluster) -> None:
    load = Load(cluster, "frozen-kafka")
    load.wait_for_more()
    os.killpg(cluster.kafka.pid, signal.SIGSTOP)
    try:
        time.sleep(4)
    finally:
        os.killpg(cluster.kafka.pid, signal.SIGCONT)
    load.wait_for_more()
    load.settle()


@pytest.mark.parametrize("down_s", [15, pytest.param(60, id="a-minute")])
def test_database_down(cluster: Cluster, down_s: int) -> None:
    load = Load(cluster, f"no-database-{down_s}", readings_per_s=600)
    load.wait_for_more()
    cluster.database.kill()
    time.sleep(down_s)
    cluster.database.start()
    load.settle(timeout_s=150)


def test_kafka_down_for_a_minute(cluster: Cluster) -> None:
    load = Load(cluster, "no-kafka", readings_per_s=600)
    load.wait_for_more()
    cluster.kafka.kill()
    time.sleep(60)
    cluster.kafka.start()
    load.settle(timeout_s=150)


def test_two_ingest_replicas_of_which_one_dies(cluster: Cluster) -> None:
    cluster.start("ingest-2")
    load = Load(cluster, "two-ingests")
    load.wait_for_more(2000)
    cluster.kill("ingest-2")
    load.wait_for_more()
    load.settle()


class MachineFrom1970(SystemClock):
    """A box without a battery for its clock, until somebody tells it the time."""

    def __init__(self) -> None:
        super().__init__()
        self._behind = datetime.now(timezone.utc) - datetime(1970, 1, 1, 0, 1, tzinfo=timezone.utc)
        self.synchronised = False

    def now(self) -> datetime:
        return datetime.now(timezone.utc) - (timedelta() if self.synchronised else self._behind)

    def trusted(self) -> bool:
        return self.synchronised


def test_boxes_that_start_in_1970_and_learn_the_time_while_the_ingest_dies(cluster: Cluster, tmp_path: Path) -> None:
    began = datetime.now(timezone.utc)
    machine = MachineFrom1970()
    clock = SteadyClock(machine, tmp_path / "clock.json", machine_boot="")
    load = Load(cluster, "from-1970", clock=clock, readings_per_s=600)

    def held() -> int:
        return cluster.one("SELECT coalesce(sum(cardinality(value)), 0) FROM reading_free")

    for device in load.devices:  # and what the box stamps itself
        lost = DeviceEvent(name="camera.lost", occurred_at=clock.now())
        device.outbox.accept([Draft.of(EventBatch(events=(lost,)))])
    until(lambda: held() > 1000, "readings wait for their clock")
    assert load.stored() == 0
    machine.synchronised = True
    clock.learn()
    (timeline,) = clock.untold()
    detail: dict[str, str | int | float | bool | None] = {"timeline": timeline.id, "offset_us": timeline.offset_us}
    event = DeviceEvent(name=CLOCK_SYNCED, occurred_at=clock.now(), detail=detail)
    for device in load.devices:
        device.outbox.accept([Draft.of(EventBatch(events=(event,)))])
    cluster.kill("ingest")
    time.sleep(1)
    cluster.start("ingest")
    names = [device.name for device in load.devices]
    load.settle(others=2 * len(load.devices))
    assert held() == 0
    assert cluster.one("SELECT count(*) FROM message_free") == 0
    assert cluster.one(_EVENTS_FROM_1970, names, began) == len(load.devices), (
        "before the clock was set, not when they came"
    )
    assert cluster.one(_FROM_1970, names, began) == load.accepted, "every one of them is stamped within this test"


_FROM_1970 = """
SELECT count(*) FROM reading JOIN channel ON channel.id = channel_id JOIN device ON device.id = device_id
WHERE device.slug = ANY(%s) AND observed_at BETWEEN %s AND now()
"""
_EVENTS_FROM_1970 = """
SELECT count(*) FROM device_event JOIN device ON device.id = device_id
WHERE device.slug = ANY(%s) AND device_event.name = 'camera.lost' AND occurred_at >= %s AND occurred_at < received_at
"""
