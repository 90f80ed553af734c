"""A fleet admin orders through the API; a real agent does it over a real broker, answers, and sends its archive."""

from __future__ import annotations

import hashlib
import io
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from bridge.downlink import Downlink, close_publisher, open_publisher
from bridge.settings import BridgeSettings
from bridge.uplink import Uplink
from cloud.auth.accounts import create_user
from cloud.commands.sender import CommandSender
from cloud.consumers import Ingest
from cloud.farms.writer import ensure_organization, ensure_site
from cloud.settings import CloudSettings
from shoal.box_sink import BoxSink
from shoal.cli import app as shoal_app
from tests.cloud.api.conftest import Api, Serving
from tests.edge.farm import configuration, eventually
from tests.edge.test_agent import Box
from tests.servers.mosquitto import Mosquitto
from tests.servers.process import free_port

pytestmark = [pytest.mark.integration]

EMAIL, PASSWORD = "fleet@farm.example", "correct horse battery"
COMMANDS = "/api/v1/sites/farm/devices/edge-1/commands"
PIN = "quay-90210"


class Chain:
    """Everything between the API and a box."""

    def __init__(self, folder: Path, broker: Mosquitto, database_url: str, api: Api) -> None:
        self.url, self.api, self.folder = database_url, api, folder
        bridge = BridgeSettings(mqtt_host="127.0.0.1", mqtt_port=broker.port, mqtt_reconnect_max_s=1, metrics_port=0)
        self.publisher = open_publisher(bridge)
        self.downlink = Downlink(self.publisher)
        self.uplink = Uplink(
            bridge, BoxSink(Ingest(database_url, storage_dir=folder / "pictures"), self.downlink.publish_watermark)
        )
        self.sender = CommandSender(database_url, send=self.downlink.publish, now=lambda: datetime.now(timezone.utc))
        with api.client() as client:
            answer = client.post("/api/v1/auth/login", data={"username": EMAIL, "password": PASSWORD})
        self.admin = api.client(answer.json()["access_token"])
        token = self.admin.post(
            "/api/v1/api-keys", json={"name": "edge-1", "role": "operator", "scopes": ["diagnostics:write"]}
        ).json()["key"]
        (folder / "box.token").write_text(f"{token}\n")
        upload = {"url": f"{api.url}/api/v1/device-archives", "token_file": str(folder / "box.token")}
        self.box = Box(
            configuration(
                folder,
                port=broker.port,
                model=None,
                metrics={"port": free_port()},
                guard={"pin": PIN},
                diagnostics={"upload": upload},
            )
        )
        self.token = token
        self.downlink.start()
        self.uplink.start()

    def ended(self, command: dict[str, Any]) -> dict[str, Any] | None:
        now: dict[str, Any] = self.admin.get(f"{COMMANDS}/{command['id']}").json()
        return now if now["state"] not in {"ordered", "sent"} else None

    def close(self) -> None:
        self.sender.stop()
        self.uplink.stop()
        self.downlink.stop()
        close_publisher(self.publisher)
        self.admin.close()


@pytest.fixture
def api(database_url: str, tmp_path: Path) -> Iterator[Api]:
    with psycopg.connect(database_url) as database:
        ensure_site(database, ensure_organization(database, "farm"), "farm")
    create_user(database_url, EMAIL, PASSWORD, "fleet_admin", "farm")
    settings = CloudSettings(
        database_url=SecretStr(database_url),
        storage_dir=tmp_path / "storage",
        secret_key=SecretStr("a secret of at least thirty-two characters"),
        rate_per_minute=None,
        rate_per_minute_user=None,
    )
    with Serving(settings) as running:
        yield running


@pytest.fixture
def chain(tmp_path: Path, mosquitto_factory: Callable[..., Mosquitto], database_url: str, api: Api) -> Iterator[Chain]:
    built = Chain(tmp_path, mosquitto_factory(), database_url, api)
    yield built
    built.close()


def test_diagnostics_and_a_level_of_the_log_are_ordered_done_and_fetched(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain.box.start()
    try:
        eventually(lambda: chain.admin.get(COMMANDS).status_code == 200, timeout_s=90)
        asked = chain.admin.post(COMMANDS, json={"name": "diagnostics"}).json()
        assert (asked["state"], asked["attempts"], asked["archive"]) == ("ordered", 0, None)
        again = chain.admin.post(COMMANDS, json={"name": "diagnostics", "id": asked["id"]}).json()
        assert again["id"] == asked["id"]
        chain.sender.start()
        done = eventually(lambda: chain.ended(asked), timeout_s=120)
        assert (done["state"], done["issued_by"]) == ("done", EMAIL)
        assert "goes to the platform" in done["reason"]
        archived = eventually(lambda: chain.admin.get(f"{COMMANDS}/{asked['id']}").json()["archive"], timeout_s=60)

        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("COLUMNS", "250")
        monkeypatch.delenv("SHOAL_API_KEY", raising=False)
        terminal = CliRunner()
        terminal.invoke(shoal_app, ["admin", "login", chain.api.url, "--email", EMAIL, "--password", PASSWORD])
        file = tmp_path / "fetched.zip"
        told = terminal.invoke(shoal_app, ["fleet", "diagnostics", "farm/edge-1", "--download", str(file)])
        assert told.exit_code == 0, told.output
        assert hashlib.sha256(file.read_bytes()).hexdigest() == archived["sha256"]
        [kept] = (tmp_path / "data" / "diagnostics").glob("*.zip")
        assert file.read_bytes() == kept.read_bytes()
        with zipfile.ZipFile(io.BytesIO(file.read_bytes())) as archive:
            texts = "".join(archive.read(name).decode() for name in archive.namelist())
        assert "agent.started" in texts
        assert [secret for secret in (PIN, chain.token) if secret in texts] == []
        entries = chain.admin.get("/api/v1/audit").json()["items"]
        assert {(one["action"], one["subject"]) for one in entries} >= {
            ("orderCommand", "device_command"),
            ("getCommandArchive", "device_archive"),
        }

        told = terminal.invoke(shoal_app, ["fleet", "log-level", "farm/edge-1", "debug", "--minutes", "10"])
        assert told.exit_code == 0, told.output
        level = chain.admin.get(COMMANDS).json()["items"][0]
        assert (level["state"], level["arguments"]) == ("done", {"level": "debug", "minutes": 10})
        assert level["ends_at"] > level["finished_at"]

        (tmp_path / "box.token").unlink()  # the next archive cannot come, and the old one is not given in its place
        other = tmp_path / "other.zip"
        ask = ["fleet", "diagnostics", "farm/edge-1", "--ask", "--wait", "300", "--download", str(other)]
        refused = terminal.invoke(shoal_app, ask)  # the box's answer ends the wait, not the 300 seconds
        assert refused.exit_code != 0
        assert not other.exists()
        newest = chain.admin.get(COMMANDS).json()["items"][0]
        assert (newest["state"], newest["archive"]) == ("done", None)
        assert newest["archive_stays"].startswith("diagnostics.upload.token_file: ")
        assert newest["archive_stays"] in str(refused.exception)
    finally:
        chain.box.terminate()


def test_a_box_that_is_away_is_told_when_it_is_back_and_a_late_order_expires_honestly(chain: Chain) -> None:
    with psycopg.connect(chain.url) as database:
        database.execute("INSERT INTO device (site_id, slug, name) SELECT id, 'edge-1', 'edge-1' FROM site")
    lost = chain.admin.post(COMMANDS, json={"name": "diagnostics"}).json()
    kept = chain.admin.post(COMMANDS, json={"name": "log.level", "level": "warning", "minutes": 5}).json()
    with psycopg.connect(chain.url) as database:
        database.execute("UPDATE device_command SET expires_at = issued_at WHERE id = %s", (lost["id"],))
    state = chain.admin.get(f"{COMMANDS}/{lost['id']}").json()
    assert (state["state"], state["reason"][:21]) == ("expired", "it was never sent: no")
    chain.sender.start()
    eventually(lambda: chain.admin.get(f"{COMMANDS}/{kept['id']}").json()["state"] == "sent", timeout_s=60)
    chain.box.start()  # it heard nothing of what was sent before
    try:
        done = eventually(lambda: chain.ended(kept), timeout_s=120)
        assert done["state"] == "done"
        assert done["attempts"] >= 1
        assert chain.admin.get(f"{COMMANDS}/{lost['id']}").json()["state"] == "expired"
    finally:
        chain.box.terminate()


def test_archives_are_taken_when_ordered_whole_and_kept_within_bounds(chain: Chain) -> None:
    with psycopg.connect(chain.url) as database:
        database.execute("INSERT INTO device (site_id, slug, name) SELECT id, 'edge-1', 'edge-1' FROM site")
    with chain.api.client(chain.token) as box:

        def send(command: str, content: bytes, **changes: str) -> httpx.Response:
            named = {"site": "farm", "device": "edge-1", "command": command, "file": "diagnostics-20320101T000000Z.zip"}
            params = {**named, "sha256": hashlib.sha256(content).hexdigest(), **changes}
            return box.put(
                "/api/v1/device-archives", params=params, content=content, headers={"Content-Type": "application/zip"}
            )

        def ordered() -> str:
            with psycopg.connect(chain.url) as database:  # so that no order waits for another
                database.execute("UPDATE device_command SET outcome = 'done'")
            return str(chain.admin.post(COMMANDS, json={"name": "diagnostics"}).json()["id"])

        first = ordered()
        assert send(str(uuid4()), b"PK\x03\x04 nobody asked").status_code == 404
        assert send(first, b"PK\x03\x04 torn", sha256="0" * 64).status_code == 460
        assert send(first, b"#!/bin/sh").status_code == 400
        assert send(first, b"PK\x03\x04" + bytes(2_000_000)).status_code == 413
        assert send(first, b"PK\x03\x04 first").status_code == 200
        assert send(first, b"PK\x03\x04 first").status_code == 200
        assert send(first, b"PK\x03\x04 another").status_code == 409
        assert box.get(f"{COMMANDS}/{first}/archive").status_code == 403
        large = b"PK\x03\x04" + bytes(1_900_000)
        for _ in range(5):
            assert send(ordered(), large).status_code == 200
            time.sleep(0.01)
    kept = [one["archive"] is not None for one in chain.admin.get(COMMANDS).json()["items"]]
    assert kept == [True] * 5 + [False]
    assert chain.admin.get(f"{COMMANDS}/{first}/archive").status_code == 404
    for _ in range(10):
        assert chain.admin.post(COMMANDS, json={"name": "diagnostics"}).status_code in {202, 409}
    assert chain.admin.post(COMMANDS, json={"name": "diagnostics"}).status_code == 409
    assert chain.admin.post(COMMANDS, json={"name": "actuator.set"}).status_code == 422
    assert chain.admin.post(COMMANDS, json={"name": "log.level"}).status_code == 422
