"""The journeys on a cluster: Mosquitto, Apache Kafka and PostgreSQL as they are, Shoal's programs as processes.

A probe's oxygen becomes an alarm, a real frame becomes an observation, and killing a program in the middle loses nothing.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from cloud.auth.accounts import create_user
from cloud.db.migrate import upgrade
from cloud.farms.provision import provision
from edge.outbox.store import read_counters
from models.runtime import shipped_bundle
from tests.cloud.postgres import Postgres
from tests.journeys.programs import Api, Program, eventually
from tests.servers.kafka.server import Kafka
from tests.servers.mosquitto import Mosquitto
from tests.servers.process import free_port

pytestmark = [pytest.mark.journey, pytest.mark.kafka, pytest.mark.timeout(600)]

SITE, UNIT, PASSWORD = "fjord-farm", "tank-1", "a-long-password-for-the-operator"


class Probe:
    """A water probe at the farm: publishes oxygen and temperature four times a second."""

    def __init__(self, port: int) -> None:
        self.do_mg_l = 9.0
        self._port = port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)

    def _run(self) -> None:
        client = Client(CallbackAPIVersion.VERSION2, client_id="probe")
        client.connect("127.0.0.1", self._port)
        client.loop_start()
        step = 0
        while not self._stop.wait(0.25):
            step += 1
            water = {
                "ts": datetime.now(timezone.utc).isoformat(),
                "do": self.do_mg_l + 0.01 * math.sin(step),
                "temperature": 12.0,
            }
            client.publish(f"farm/{UNIT}/water", json.dumps(water), qos=1)
        client.loop_stop()
        client.disconnect()


@dataclass
class Cluster:
    """Everything that runs, and how to start one part of it again."""

    folder: Path
    environment: dict[str, str]
    database_url: str
    api_url: str
    outbox: Path
    probe: Probe
    programs: dict[str, Program] = field(default_factory=dict)

    def start(self, name: str, *arguments: str) -> Program:
        self.programs[name] = Program(*arguments, log=self.folder / f"{name}.log", environment=self.environment)
        return self.programs[name]

    def kill_and_restart(self, name: str) -> None:
        program = self.programs[name]
        program.child.kill()
        program.child.wait()
        self.start(name, *program.arguments)

    def stored(self, query: str) -> int:
        with psycopg.connect(self.database_url) as database:
            row = database.execute(query).fetchone()
        return int(row[0]) if row else 0


@pytest.fixture(scope="module")
def cluster(
    kafka: Kafka, mosquitto: Mosquitto, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    kafka.reset_topics()
    frames = folder / "frames"
    frames.mkdir()
    for image in sorted((shared_data / "fish_detection" / "images").glob("7117_Caranx_sexfasciatus_juvenile_*.jpg"))[
        :30
    ]:
        (frames / image.name).write_bytes(image.read_bytes())
    with ExitStack() as stack:
        postgres = Postgres()
        postgres.start()
        stack.callback(postgres.stop)
        url = postgres.url()
        upgrade(url)
        provision(
            url,
            "fjord",
            [{"slug": SITE, "name": "Fjord farm", "timezone": "Europe/Oslo"}],
            [{"site": SITE, "slug": UNIT}],
        )
        create_user(url, "operator@fjord.example", PASSWORD, "operator", "fjord")
        port = free_port()
        config = folder / "edge.yaml"
        broker = {"host": "127.0.0.1", "port": mosquitto.port}
        channel = {"unit": UNIT, "topic": f"farm/{UNIT}/water", "time_pointer": "/ts"}
        config.write_text(
            yaml.safe_dump(
                {
                    "site": SITE,
                    "device": "edge-1",
                    "data_dir": str(folder / "edge"),
                    "units": [
                        {"slug": UNIT, "kind": "tank", "species": "salmo_salar", "stage": "fry", "salinity": 0.2}
                    ],
                    "mqtt": {**broker, "reconnect_max_s": 2},
                    "sensors": [
                        {
                            "name": "water",
                            "driver": "mqtt",
                            "broker": broker,
                            "channels": [
                                {
                                    **channel,
                                    "name": f"{UNIT}.{quantity}",
                                    "quantity": quantity,
                                    "pointer": f"/{quantity}",
                                }
                                for quantity in ("do", "temperature")
                            ],
                        }
                    ],
                    "cameras": [{"name": "cam-1", "unit": UNIT, "source": f"folder:{frames}", "fps": 2}],
                    "observations": {"window_s": 3, "evidence_every_s": 6},
                    "alarms": {"on_delay_s": 2, "off_delay_s": 2},
                    "outbox": {"resend_after_s": 5},
                    "metrics": {"port": free_port()},
                }
            )
        )
        environment = {
            "SHOAL_DATABASE_URL": url,
            "SHOAL_STORAGE_DIR": str(folder / "storage"),
            "SHOAL_SECRET_KEY_FILE": str(folder / "secret.key"),
            "SHOAL_PORT": str(port),
            "SHOAL_KAFKA_BOOTSTRAP": kafka.bootstrap,
            "SHOAL_BRIDGE_MQTT_PORT": str(mosquitto.port),
            "SHOAL_BRIDGE_KAFKA_BOOTSTRAP": kafka.bootstrap,
            "SHOAL_BRIDGE_METRICS_PORT": str(free_port()),
        }
        probe = Probe(mosquitto.port)
        running = Cluster(folder, environment, url, f"http://127.0.0.1:{port}", folder / "edge" / "outbox.db", probe)
        stack.callback(lambda: [program.stop() for program in running.programs.values()])
        running.start("api", "cloud", "api")
        running.start("ingest", "cloud", "ingest")
        running.start("bridge", "bridge", "run")
        running.start("edge", "edge", "run", "--config", str(config))
        probe.start()
        stack.callback(probe.stop)

        def ready() -> bool:
            return httpx.get(f"{running.api_url}/ready").status_code == httpx.codes.OK

        eventually(ready, timeout_s=120, what="the API is ready")
        yield running


@pytest.fixture(scope="module")
def operator(cluster: Cluster) -> Iterator[Api]:
    with Api(cluster.api_url, "operator@fjord.example", PASSWORD) as user:
        yield user


@pytest.fixture
def tank(operator: Api) -> dict[str, Any]:
    """The tank as the farm wall shows it, once it shows live values."""

    def live() -> dict[str, Any] | None:
        shown = operator.unit(SITE, UNIT)
        fresh = shown is not None and any(
            r["quantity"] == "do" and r["age_s"] is not None and r["age_s"] < 10 for r in shown["readings"]
        )
        return shown if fresh else None

    return eventually(live, timeout_s=180, what="a live oxygen value through Kafka")


def test_an_oxygen_reading_becomes_an_alarm_that_a_person_acknowledges_and_that_clears(
    cluster: Cluster, operator: Api, tank: dict[str, Any]
) -> None:
    assert any(r["quantity"] == "do_sat" and r["derived"] for r in tank["readings"])

    def alarm(**wanted: bool) -> dict[str, Any] | None:
        found = (
            operator.get("alarms", site=SITE, open="true")["items"]
            + operator.get("alarms", site=SITE, open="false")["items"]
        )
        critical = [a for a in found if a["definition"] == "do.low.critical"]
        return next((a for a in critical if all(a[name] is value for name, value in wanted.items())), None)

    cluster.probe.do_mg_l = 4.0
    raised = eventually(lambda: alarm(active=True), timeout_s=90, what="the alarm")
    assert raised["limit"] == 5.0
    assert raised["severity"] == "critical"
    assert "oxygen" in raised["action"].lower()
    operator.post(f"alarms/{raised['id']}/acknowledge")
    cluster.probe.do_mg_l = 9.0
    cleared = eventually(lambda: alarm(active=False, acknowledged=True), timeout_s=90, what="the alarm clears")
    assert cleared["id"] == raised["id"]
    assert cleared["acknowledged_by"]


def test_a_real_frame_becomes_an_observation_with_image_and_model_hash(
    cluster: Cluster, operator: Api, tank: dict[str, Any]
) -> None:
    unit_id = tank["unit"]["id"]

    def seen() -> dict[str, Any] | None:
        observations = operator.get(f"units/{unit_id}/observations")["items"]
        return next((o for o in observations if o["image_url"] and o["detections"]), None)

    observation = eventually(seen, timeout_s=120, what="an observation with an image")
    manifest = json.loads((shipped_bundle("fish-detector") / "manifest.json").read_bytes())
    assert observation["model"]["sha256"] == manifest["sha256"]
    image = httpx.get(cluster.api_url + observation["image_url"])
    assert image.status_code == httpx.codes.OK
    assert image.content[:2] == b"\xff\xd8"


def test_killing_bridge_ingest_and_edge_in_the_middle_loses_nothing_and_counts_nothing_twice(
    cluster: Cluster, tank: dict[str, Any]
) -> None:
    for name in ("bridge", "ingest", "edge"):
        cluster.kill_and_restart(name)
        time.sleep(3)
    cluster.probe.stop()

    def accepted() -> int:
        return read_counters(cluster.outbox).get("readings", 0)

    def complete() -> bool:
        return cluster.stored("SELECT count(*) FROM reading") == accepted() and accepted() > 100

    eventually(complete, timeout_s=120, what="every accepted reading is stored, and no more")
    assert (
        cluster.stored(
            "SELECT count(*) FROM (SELECT 1 FROM reading GROUP BY channel_id, observed_at HAVING count(*) > 1) d"
        )
        == 0
    )
    assert cluster.stored("SELECT count(*) FROM dead_letter") == 0


def test_what_no_program_can_read_is_a_dead_letter_and_stops_nothing(cluster: Cluster, mosquitto: Mosquitto) -> None:
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()
    client.publish(f"shoal/1/{SITE}/edge-1/readings", b'{"v":7}', qos=1).wait_for_publish(5)
    client.loop_stop()
    client.disconnect()

    def buried() -> bool:
        return cluster.stored("SELECT count(*) FROM dead_letter WHERE reason = 'unknown_version'") == 1

    eventually(buried, timeout_s=90, what="the poison is in the dead letters")
