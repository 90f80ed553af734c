"""SIGKILL, SIGSTOP and absence of every part of a cluster under load: nothing lost, nothing counted twice."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.faults.cluster import Cluster, Load

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(240)]

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
        cluster.postgres.kill()
        time.sleep(0.5)
        cluster.postgres.start()
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
    cluster.postgres.kill()
    time.sleep(down_s)
    cluster.postgres.start()
    load.settle(timeout_s=90)


def test_two_ingest_replicas_of_which_one_dies(cluster: Cluster) -> None:
    cluster.start("ingest-2")
    load = Load(cluster, "two-ingests")
    load.wait_for_more(2000)
    cluster.kill("ingest-2")
    load.wait_for_more()
    load.settle()
