"""A rollout over the real chain of a box: controller -> broker -> a real agent -> bridge -> database -> controller."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from bridge.program import Bridge
from bridge.settings import BridgeSettings
from bridge.uplink import Uplink
from cloud.consumers import Ingest
from cloud.consumers.kafka import Consumers, access
from cloud.fleet import assigner, through
from cloud.kit.stream import open_publisher
from cloud.rollouts.controller import Controller
from cloud.rollouts.plan import Gate, Metric, Plan, Wave
from cloud.settings import load_ingest_settings, load_rollout_settings
from models.releases.keys import create_key, read_public
from models.releases.proposal import propose_agent, propose_config
from shoal.box import BoxConfig
from shoal.box_sink import BoxSink
from shoal.rollouts import BoxController
from tests.edge.deployments.agent_wheels import this_agent
from tests.edge.deployments.test_journey import Fleet as OneBox
from tests.edge.farm import eventually
from tests.servers.kafka.server import Kafka
from tests.servers.mosquitto import Mosquitto

pytestmark = [pytest.mark.integration]

PASSPHRASE = "a passphrase of the assigner"
PLAN = Plan(
    waves=(Wave(name="all", share=1, bake_s=0),),
    min_per_stratum=1,
    shadow_s=1,
    soak_s=1,
    lease_s=600,
    gates=(Gate(metric=Metric.DISAGREEMENT, at_most=0.2), Gate(metric=Metric.COUNT_RATIO, at_least=0.8)),
)


class Chain(OneBox):
    """One box of a farm, everything between it and the database, and the box's own controller."""

    MORE: ClassVar[dict[str, Any]] = {"health": {"every_s": 2}}

    def __init__(self, folder: Path, broker: Mosquitto, database_url: str) -> None:
        super().__init__(folder, broker)
        self.url = database_url
        self.box.program = ("edge.launcher", "--slots", str(folder / "data" / "agent"))
        key = create_key(folder / "keys", "assigner", PASSPHRASE)
        self.ceremony.repository.set_assigners([read_public(key)], now=self.clock.now())
        self.ceremony.sign_and_publish()
        self.key = key
        self.connect()

    def connect(self) -> None:
        """What stands between the broker and the database."""
        box_config = BoxConfig(
            ports={"mqtt": self.broker.port},
            mqtt_password="",
            database_password="",
            database_url=self.url,
            repository=str(self.ceremony.repository.folder),
            assigner_key=str(self.key),
        )
        ingest = Ingest(self.url, storage_dir=self.folder / "pictures")
        self.uplink = Uplink(self.bridge_settings(), BoxSink(ingest, lambda _: None))
        self.controller = BoxController(box_config)
        self.uplink.start()

    def bridge_settings(self, **more: Any) -> BridgeSettings:
        return BridgeSettings(
            mqtt_host="127.0.0.1", mqtt_port=self.broker.port, mqtt_reconnect_max_s=1, metrics_port=0, **more
        )

    def configure(self, text: str) -> str:
        """Two people release settings for boxes; their hash."""
        file = self.folder / "farm-settings.yaml"
        file.write_text(text)
        now, people = self.clock.now(), [one.public_key for one in (self.ceremony.ada, self.ceremony.bo)]
        self.ceremony.repository.add_model("farm-settings", people, 2, now=now)
        self.ceremony.sign_and_publish()
        release = propose_config(self.ceremony.repository, file, name="farm-settings", version="1.0.0", now=now)
        self.ceremony.sign_and_publish()
        return release.sha256

    def release_agent(self, version: str) -> str:
        """Two people release the agent of this tree under another version; the hash of its wheel."""
        now, people = self.clock.now(), [one.public_key for one in (self.ceremony.ada, self.ceremony.bo)]
        self.ceremony.repository.add_model("agent", people, 2, now=now)
        self.ceremony.sign_and_publish()
        release = propose_agent(self.ceremony.repository, this_agent(self.folder / "wheels", version), now=now)
        self.ceremony.sign_and_publish()
        return release.sha256

    def ask(self, version: str, back_to: str | None, *, kind: str = "model", name: str = "fish-detector") -> UUID:
        key = uuid4()
        self.execute(
            "INSERT INTO rollout (id, organization_id, name, kind, model, version, back_to, plan, seed, status, created_at,"
            " created_by) SELECT %s, organization_id, 'better eyes', %s, %s, %s, %s, %s, 1, 'asked', now(), 'ada'"
            " FROM site WHERE slug = 'farm'",
            (key, kind, name, version, back_to, Jsonb(PLAN.model_dump(mode="json"))),
        )
        return key

    def order(self, name: str, arguments: dict[str, Any]) -> UUID:
        key, now = uuid4(), datetime.now(timezone.utc)
        self.execute(
            "INSERT INTO device_command (id, device_id, name, arguments, issued_at, issued_by, expires_at, next_send_at)"
            " SELECT %s, id, %s, %s, %s, 'ada', %s, %s FROM device",
            (key, name, Jsonb(arguments), now, now + timedelta(minutes=10), now),
        )
        return key

    def treat(self, *, hours: float) -> UUID:
        """Somebody writes down that the fish of tank-1 are being treated."""
        key, now = uuid4(), datetime.now(timezone.utc)
        body = {"ended_at": (now + timedelta(hours=hours)).isoformat()}
        self.execute(
            "INSERT INTO diary_record (id, site_id, unit_id, kind, occurred_at, body, recorded_at, recorded_by)"
            " SELECT %s, site_id, id, 'treatment', now() - interval '1 minute', %s, now(), 'ada' FROM unit"
            " WHERE slug = 'tank-1'",
            (key, Jsonb(body)),
        )
        return key

    def status(self, key: UUID) -> str:
        return str(self.execute("SELECT status FROM rollout WHERE id = %s", (key,))[0][0])

    def words(self) -> str:
        return "\n".join(str(row[0]) for row in self.execute("SELECT words FROM rollout_entry ORDER BY id"))

    def execute(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        with psycopg.connect(self.url) as database:
            cursor = database.execute(statement, parameters)
            return [] if cursor.description is None else cursor.fetchall()

    def disconnect(self) -> None:
        self.controller.stop()
        self.uplink.stop()

    def close(self) -> None:
        super().close()
        self.disconnect()


class ClusterChain(Chain):
    """The same box before a cluster: bridge, Kafka, consumers, the cluster's controller, and back through the downlink."""

    def __init__(self, folder: Path, broker: Mosquitto, database_url: str, kafka: Kafka) -> None:
        self.kafka = kafka
        super().__init__(folder, broker, database_url)
        self.store.confirms = False  # the cloud's own word is what the box must hear

    def connect(self) -> None:
        at = {"kafka_bootstrap": self.kafka.bootstrap}
        self.bridge = Bridge(self.bridge_settings(downlink_group=f"downlink-{uuid4()}", **at))
        self.consumers = Consumers(
            load_ingest_settings(
                database_url=self.url,
                storage_dir=self.folder / "pictures",
                ingest_groups=("telemetry", "system"),
                **at,
            )
        )
        settings = load_rollout_settings(
            database_url=self.url,
            repository_dir=self.ceremony.repository.folder,
            assigner_key=self.key,
            assigner_passphrase=PASSPHRASE,
            **at,
        )
        self.publisher = open_publisher(access(settings))
        self.cluster = Controller(self.url, desk=assigner(settings), send=through(self.publisher))
        self.consumers.start()
        self.bridge.start()

    def disconnect(self) -> None:
        self.cluster.stop()
        self.publisher.close()
        self.bridge.stop()
        self.consumers.stop()


@pytest.fixture
def chain(
    tmp_path: Path,
    database_url: str,
    mosquitto_factory: Callable[..., Mosquitto],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Chain]:
    monkeypatch.setenv("SHOAL_ASSIGNER_PASSPHRASE", PASSPHRASE)
    for name in ("ROUND_S", "RETRY_S"):
        monkeypatch.setattr(f"cloud.rollouts.controller.{name}", 0.2)
    chain = Chain(tmp_path, mosquitto_factory(), database_url)
    yield chain
    chain.close()


def test_a_model_reaches_the_tank_when_its_fish_are_left_in_peace_and_goes_back_on_order(chain: Chain) -> None:
    chain.ceremony.release(chain.shipped)
    second, shipped = chain.release("2.1.0"), json.loads((chain.shipped / "manifest.json").read_text())["version"]
    chain.box.start()
    eventually(lambda: chain.models().get("running_sha256") == chain.shipped_sha256, timeout_s=120)
    eventually(lambda: chain.execute("SELECT id FROM camera"))
    treatment = chain.treat(hours=2)
    key = chain.ask("2.1.0", shipped)
    chain.controller.start()

    eventually(lambda: "held back: treatment at tank-1 until" in chain.words())
    eventually(lambda: chain.state() == "shadow_run")
    eventually(lambda: "wave all may activate" in chain.words())
    assert chain.models()["running_sha256"] == chain.shipped_sha256
    chain.controller.stop()  # and a new one goes on where it was
    chain.controller.start()
    chain.execute("UPDATE diary_record SET struck_at = now(), struck_by = 'ada' WHERE id = %s", (treatment,))
    eventually(lambda: chain.status(key) == "finished", timeout_s=120)
    assert chain.models()["running_sha256"] == second
    assert "nothing disturbs the fish any more" in chain.words()
    assert chain.execute("SELECT step FROM rollout_device") == [("done",)]

    chain.execute(
        "INSERT INTO rollout_order (organization_id, rollout_id, kind, reason, ordered_by, ordered_at)"
        " SELECT organization_id, id, 'roll_back', 'counts look wrong', 'ada', now() FROM rollout"
    )
    eventually(lambda: chain.status(key) == "rolled_back", timeout_s=120)
    assert chain.models()["running_sha256"] == chain.shipped_sha256

    # settings for boxes go the same way; the agent starts anew with them, in the place of its old self
    assert chain.box.process is not None
    sha256, pid = chain.configure("health:\n  every_s: 1\n"), chain.box.process.pid
    settings = chain.ask("1.0.0", None, kind="config", name="farm-settings")
    eventually(lambda: chain.status(settings) == "finished", timeout_s=120)
    assert chain.execute("SELECT body ->> 'config_sha256' FROM device_health ORDER BY observed_at DESC LIMIT 1") == [
        (sha256,)
    ]
    assert chain.box.process.poll() is None
    assert chain.box.process.pid == pid

    # and so does another version of the agent: in an environment of its own, still in the same process
    sha256 = chain.release_agent("0.2.0")
    newer = chain.ask("0.2.0", None, kind="agent", name="agent")
    eventually(lambda: chain.status(newer) == "finished", timeout_s=240)
    assert chain.execute("SELECT body ->> 'agent_sha256' FROM device_health ORDER BY observed_at DESC LIMIT 1") == [
        (sha256,)
    ]
    assert chain.execute("SELECT agent_version FROM device") == [("0.2.0",)]
    status = chain.box.status()
    assert (status["version"], status["agent"]["running"]) == ("0.2.0", "agent 0.2.0, slot a")
    eventually(lambda: chain.models().get("running_sha256") == chain.shipped_sha256, timeout_s=120)
    assert chain.box.process.poll() is None
    assert chain.box.process.pid == pid


def test_a_model_reaches_the_tank_through_kafka_and_the_report_comes_back_the_same_way(
    tmp_path: Path,
    database_url: str,
    mosquitto_factory: Callable[..., Mosquitto],
    fresh_kafka: Kafka,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("ROUND_S", "RETRY_S"):
        monkeypatch.setattr(f"cloud.rollouts.controller.{name}", 0.2)
    chain = ClusterChain(tmp_path, mosquitto_factory(), database_url, fresh_kafka)
    try:
        chain.ceremony.release(chain.shipped)
        second, shipped = chain.release("2.1.0"), json.loads((chain.shipped / "manifest.json").read_text())["version"]
        chain.box.start()
        eventually(lambda: chain.models().get("running_sha256") == chain.shipped_sha256, timeout_s=120)
        eventually(lambda: chain.execute("SELECT id FROM camera"), timeout_s=120)
        key = chain.ask("2.1.0", shipped)
        chain.cluster.start()
        eventually(lambda: chain.status(key) == "finished", timeout_s=180)
        assert chain.models()["running_sha256"] == second
        assert chain.execute("SELECT step FROM rollout_device") == [("done",)]
        told = "SELECT detail ->> 'state' FROM device_event WHERE name = 'deployment.status' ORDER BY id"
        assert [row[0] for row in chain.execute(told)][-1] == "committed"
        # what the cloud has stored is what the box forgets: the watermark went the way of the wish
        eventually(lambda: chain.box.status()["outbox"]["floor"] > 1)
        # and so does a command, whose answer is the box's own
        asked = chain.order("log.level", {"level": "debug", "minutes": 10})
        outcome = "SELECT outcome FROM device_command WHERE id = %s AND outcome IS NOT NULL"
        assert eventually(lambda: chain.execute(outcome, (asked,)), timeout_s=120) == [("done",)]
        assert chain.bridge.alive()
        assert chain.consumers.failure is None
    finally:
        chain.close()
