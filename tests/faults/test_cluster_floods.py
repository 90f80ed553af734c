"""What is sent twice counts once, what cannot be read stops nothing, and a full disk only delays."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from cloud.db.migrate import upgrade
from contracts.topics import KafkaTopic
from tests.cloud.postgres import Postgres
from tests.faults.cluster import SITE, Cluster, Database, Load, TimescaleDatabase, running_cluster, until
from tests.servers.presence import MissingServerError, missing

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]

BURST, RATE_PER_S = 300, 200


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """With a rate of dead letters that a test can wait for."""
    limits = {
        "SHOAL_BRIDGE_DEAD_LETTER_BURST": str(BURST),
        "SHOAL_BRIDGE_DEAD_LETTER_RATE_PER_S": str(RATE_PER_S),
        "SHOAL_INGEST_DEAD_LETTER_BURST": str(BURST),
        "SHOAL_INGEST_DEAD_LETTER_RATE_PER_S": str(RATE_PER_S),
        # A quick machine takes a whole flood in one batch of the usual size, and then there is nothing left to pause before.
        "SHOAL_INGEST_BATCH_MESSAGES": "1000",
    }
    try:
        with running_cluster(tmp_path_factory.mktemp("cluster"), more=limits) as running:
            yield running
    except MissingServerError as error:
        missing("a server of the cluster", str(error))


def probe(cluster: Cluster, name: str, path: str) -> tuple[int, str]:
    """What a program says of itself."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{cluster.ports[name]}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def letters(cluster: Cluster, mark: str) -> int:
    return cluster.one("SELECT count(*) FROM dead_letter WHERE encode(payload, 'escape') LIKE %s", f"{mark} %")


def mark(kind: str) -> str:
    """How poison of this try begins: a second try of a test does not count what the first has left."""
    return f"{kind} {time.monotonic_ns()}"


def test_poison_through_the_broker_stops_no_device(cluster: Cluster) -> None:
    load = Load(cluster, "mqtt-poison", readings_per_s=600)
    load.wait_for_more()
    poison = mark("mqtt poison")
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", cluster.mosquitto.port)
    client.loop_start()
    for number in range(1500):
        client.publish(f"shoal/1/{SITE}/bad/readings", f"{poison} {number}", qos=1)
        if number % 100 == 0:
            time.sleep(0.1)
    load.wait_for_more()
    until(lambda: letters(cluster, poison) == 1500, "every poisonous message is kept")
    load.settle()
    client.loop_stop()
    client.disconnect()


def test_poison_behind_the_bridge_pauses_the_ingest_which_says_so(cluster: Cluster) -> None:
    load = Load(cluster, "kafka-poison", readings_per_s=600)
    load.wait_for_more()
    poison, count = mark("kafka poison"), 3000
    producer = Producer({"bootstrap.servers": cluster.kafka.bootstrap})
    for number in range(count):
        producer.produce(KafkaTopic.SENSOR_DATA.value, f"{poison} {number}".encode(), b"bad")
    assert producer.flush(20) == 0
    kept: list[int] = []

    def not_ready() -> bool:
        status, said = probe(cluster, "ingest", "/readyz")
        kept.append(letters(cluster, poison))
        return status == 503 and "telemetry: paused" in said

    # A pause lasts as long as its batch was large; each of these is seen in one or another.
    until(not_ready, "readiness says that it pauses")
    assert kept[-1] < count, "the stream was not drained into dead letters"
    paused = 'shoal_ingest_paused{group="telemetry"} 1.0'
    until(lambda: paused in probe(cluster, "ingest", "/metrics")[1], "the metric says that it pauses")
    assert probe(cluster, "ingest", "/healthz")[0] == 200, "a pause asks for no restart"
    until(lambda: letters(cluster, poison) == count, "every poisonous message is kept", timeout_s=150)
    load.settle()
    until(lambda: probe(cluster, "ingest", "/readyz")[0] == 200, "it is ready again", timeout_s=150)


def test_everything_that_kafka_holds_is_delivered_again(cluster: Cluster) -> None:
    load = Load(cluster, "kafka-again")
    load.wait_for_more(3000)
    cluster.programs.pop("ingest").stop()
    admin = AdminClient({"bootstrap.servers": cluster.kafka.bootstrap})
    start = [TopicPartition(KafkaTopic.SENSOR_DATA.value, partition, 0) for partition in range(4)]
    for done in admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions("shoal-telemetry", start)]).values():
        done.result(20)
    cluster.start("ingest")
    load.settle()
    repeats = cluster.one("SELECT sum(repeats) FROM ingest_stream")
    assert repeats > 100, "the redelivery took place"


def test_devices_that_send_everything_again_and_again(cluster: Cluster) -> None:
    load = Load(cluster, "resend", readings_per_s=400, resend_after_s=0.01)
    load.wait_for_more(2000)
    load.settle()
    assert sum(device.publisher.stats.resent for device in load.devices) > 0, "they did send again"


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 160 MB for a database."""
    folder = Path(tempfile.mkdtemp(prefix="shoal-small-disk-"))
    mount = shutil.which("mount")
    arguments = [mount or "mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(folder)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False) if mount else None
    if done is None or done.returncode != 0:
        folder.rmdir()
        pytest.skip(f"a small file system needs root and mount: {done.stderr.strip() if done else 'no mount here'}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)
    folder.rmdir()


@pytest.mark.parametrize("engine", ["postgresql", "timescaledb"])
def test_disk_of_the_database_full(cluster: Cluster, small_disk: Path, tmp_path: Path, engine: str) -> None:
    database: Database = Postgres(folder=small_disk) if engine == "postgresql" else TimescaleDatabase(small_disk / "ts")
    own = Cluster(tmp_path, cluster.mosquitto, cluster.kafka, database, more=cluster.more)
    for name in ("ingest", "bridge"):
        cluster.programs.pop(name).stop()
    try:
        try:
            database.start()
        except MissingServerError as error:
            missing(engine, str(error))
        upgrade(database.url())
        own.start("ingest")
        own.start("bridge")
        load = Load(own, f"disk-full-{engine}", readings_per_s=1000 if engine == "postgresql" else 300)
        load.wait_for_more()
        ballast = small_disk / "ballast"
        with ballast.open("wb") as file:
            try:
                while True:
                    file.write(bytes(1_000_000))
                    file.flush()
            except OSError:
                pass  # full to the last block
        until(lambda: refused(own), "the ingest says that the disk is full", timeout_s=150)
        time.sleep(3)
        ballast.unlink()
        if not alive(database):
            database.kill()
            database.start()
        load.settle(timeout_s=150)
    finally:
        for program in own.programs.values():
            program.stop()
        database.stop()
        for name in ("ingest", "bridge"):
            cluster.start(name)


def refused(cluster: Cluster) -> bool:
    return "No space left" in cluster.programs["ingest"].log.read_text() or not alive(cluster.database)


def alive(database: Database) -> bool:
    try:
        psycopg.connect(database.url(), connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True
