"""Diagnostics of a box: everything that helps, nothing that is secret, never too large, and there when the disk is not."""

from __future__ import annotations

import io
import json
import random
import string
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import structlog
import yaml

from contracts.commands import COMMAND_RESULT, Command
from contracts.devices import EventBatch
from contracts.diagnostics import DIAGNOSTICS_MADE, read_summary
from contracts.topics import commands
from edge.checkup.finding import Finding, Verdict
from edge.diagnostics.bundle import Bundle, Facts, pack
from edge.diagnostics.facts import gather
from edge.diagnostics.redaction import HIDDEN, Redaction, secrets_of
from edge.diagnostics.shelf import KEPT, Shelf
from edge.logs import RecentLines, configure_logging, recent
from edge.program import diagnostics
from edge.settings import load_settings
from tests.edge.farm import START, Store, VirtualClock, configuration, eventually
from tests.edge.test_agent import Box
from tests.servers.mosquitto import Mosquitto
from tests.servers.process import free_port

BROKER = 'oyster/Tide"42'
FILED = "second-line-of-defence"
CAMERA, CAMERA_ENCODED = "p@ss/w0rd", "p%40ss%2Fw0rd"
PIN = "4711"
TOKEN = "tok-of-the-sampling-server"
KEY_LINE = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg"
ENVIRONMENT = "from-the-environment-only"


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A box with a secret of each kind."""
    (tmp_path / "broker-password").write_text(f"{FILED}\n")
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "device.key").write_text(f"-----BEGIN PRIVATE KEY-----\n{KEY_LINE}\n-----END PRIVATE KEY-----\n")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ENVIRONMENT)
    broker = {"username": "edge", "password_file": str(tmp_path / "broker-password")}
    sensor = yaml.safe_load(configuration(tmp_path).read_text())["sensors"][0]
    return configuration(
        tmp_path,
        mqtt={
            "username": "edge",
            "password": BROKER,
            "tls": {"key_file": str(tmp_path / "device.key")},
        },
        sensors=[{**sensor, "broker": broker}],
        cameras=[
            {"name": "cam-1", "unit": "tank-1", "source": f"rtsp://root:{CAMERA_ENCODED}@10.0.0.9/stream2?auth=zzz9"},
            {"name": "cam-2", "unit": "tank-1", "source": "gst:souphttpsrc user-id=u user-pw=gst-secret ! appsink"},
        ],
        sampling={"upload": {"url": "https://shoal.example/uploads", "token_file": str(tmp_path / "token")}},
        guard={"pin": PIN},
    )


def secrets() -> tuple[str, ...]:
    return (
        BROKER,
        json.dumps(BROKER)[1:-1],
        FILED,
        CAMERA,
        CAMERA_ENCODED,
        TOKEN,
        KEY_LINE,
        ENVIRONMENT,
        "gst-secret",
        "zzz9",
    )


def texts(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_no_secret_of_any_kind_is_in_the_archive(config: Path) -> None:
    settings = load_settings(config)
    careless = [
        f"login with {BROKER} failed",
        f"tried {FILED}, then {CAMERA} and {CAMERA_ENCODED}",
        f"rtsp://root:{CAMERA}@10.0.0.9/stream2 is lost; the PIN {PIN} was wrong",
        f"Authorization: Bearer {TOKEN}",
        "-----BEGIN EC PRIVATE KEY-----\nneverSeenBefore1234\n-----END EC PRIVATE KEY-----",
        "mysql://app:unknownToUs@db/x?sig=unknownQuery password=unknownWord",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1bmtub3duIn0.c2lnbmF0dXJl",
        f"key {KEY_LINE} env {ENVIRONMENT} {'gst-secret'}",
    ]
    lines = [json.dumps({"event": text, "level": "info"}) for text in careless]
    lines += [
        json.dumps({"event": "x", "password": "byName1", "nested": {"api_key": ["byName2"], "token": {"v": "byName3"}}})
    ]
    lines += careless  # no JSON
    facts = gather(
        settings,
        clock=VirtualClock(),
        by="kari",
        findings=[Finding(f"camera {CAMERA}", Verdict.BAD, careless[2], careless[3])],
        status={"degraded": careless, careless[0]: 1},
    )
    facts = Facts(**{**vars(facts), "lines": lines, "errors": lines})
    bundle = pack(facts, Redaction(secrets_of(settings)))
    told = {**texts(bundle.content), "summary": json.dumps(read_summary(bundle.summary)), "headline": bundle.headline}
    unknown = (
        "neverSeen",
        "unknownToUs",
        "unknownQuery",
        "unknownWord",
        "c2lnbmF0dXJl",
        "byName1",
        "byName2",
        "byName3",
    )
    for name, text in told.items():
        assert not [secret for secret in (*secrets(), *unknown) if secret in text], name
    assert PIN not in told["log.jsonl"] + told["status.json"] + told["configuration.json"] + told["findings.json"]
    configured = json.loads(told["configuration.json"])
    assert configured["mqtt"]["password"] == HIDDEN
    assert configured["mqtt"]["username"] == "edge"
    assert configured["cameras"][0]["source"].endswith("10.0.0.9/stream2?***")  # what helps is left
    assert configured["sampling"]["upload"]["token_file"].endswith("/token")
    assert configured["sensors"][0]["channels"][0]["topic"] == "farm/tank-1/water"  # the driver's own settings too
    assert any(one.startswith("pydantic==") for one in json.loads(told["versions.json"]))
    assert json.loads(told["machine.json"])["clock"]["trusted"] is True


def test_short_secrets_leave_numbers_whole() -> None:
    hide = Redaction(["4711", "abc"])
    assert hide.data({"sha256": "ab4711cd", "bytes": 4711, "pin_was": "4711", "keys": {"pin": {"line": 3}}}) == {
        "sha256": "ab4711cd",
        "bytes": 4711,
        "pin_was": HIDDEN,
        "keys": {"pin": {"line": 3}},
    }


def noise(seed: int, size: int) -> str:
    return "".join(random.Random(seed).choices(string.ascii_letters + string.digits, k=size))


def test_archive_and_summary_stay_within_their_bounds_and_keep_the_newest() -> None:
    lines = [json.dumps({"event": noise(number, 2000), "n": number}) for number in range(400)]
    facts = Facts(
        START, "farm", "edge-1", "kari", status={"noise": noise(999, 400_000)}, errors=lines[-50:], lines=lines
    )
    bundle = pack(facts, Redaction([]), max_bytes=600_000, max_summary=4000)
    assert len(bundle.content) <= 600_000
    kept = [json.loads(line)["n"] for line in texts(bundle.content)["log.jsonl"].splitlines()]
    assert kept == list(range(kept[0], 400))
    assert 0 < len(bundle.summary) <= 4000
    assert read_summary(bundle.summary)["about"]["device"] == "edge-1"
    tiny = pack(facts, Redaction([]), max_bytes=4000)
    assert len(tiny.content) <= 4000
    assert json.loads(texts(tiny.content)["status.json"]) == {"left_out": "too large"}
    for damaged in (bundle.summary[:-8], "AAAA", "no base64!"):
        with pytest.raises(ValueError):
            read_summary(damaged)


def test_recent_lines_are_bounded_and_a_flood_washes_no_error_away() -> None:
    remembered = RecentLines(lines=100, errors=10, max_bytes=20_000)
    remembered(None, "error", {"event": "camera.lost", "level": "error"})
    for number in range(1000):
        remembered(None, "info", {"event": "tick", "n": number})
    remembered(None, "info", {"event": "long", "level": "info", "text": "x" * 50_000})
    errors, lines = remembered.lines()
    assert ["camera.lost" in one for one in errors] == [True]
    assert len(lines) == 100
    assert json.loads(lines[-2])["n"] == 999
    assert json.loads(lines[-1])["event"] == "long"
    assert sum(map(len, lines)) <= 20_000


def test_what_is_logged_is_remembered(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info")
    structlog.get_logger("of-this-diagnostics-test").warning("probe.silent", channel="tank-1.do")
    [line] = [one for one in capsys.readouterr().err.splitlines() if "probe.silent" in one]
    errors, lines = recent.lines()
    assert line in errors
    assert line in lines


def test_the_newest_few_are_kept_for_the_agent_alone(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    assert shelf.newest() is None
    for second in range(KEPT + 3):
        at = START + timedelta(seconds=second)
        path = shelf.keep(pack(Facts(at, "farm", "edge-1", "kari"), Redaction([])))
    kept = sorted(tmp_path.glob("diagnostics/*"))
    assert len(kept) == KEPT
    assert shelf.newest() == path == kept[-1]
    assert path.parent.stat().st_mode & 0o077 == 0


def test_an_examination_that_fails_costs_no_archive(config: Path) -> None:
    def broken() -> Iterator[Finding]:
        yield Finding("clock", Verdict.OK, "good")
        raise RuntimeError("the probe bites")

    facts = gather(load_settings(config), clock=VirtualClock(), by="kari", findings=broken())
    assert [one.verdict for one in facts.findings] == [Verdict.OK, Verdict.WARNING]
    assert "the probe bites" in facts.findings[1].what


def test_without_an_agent_the_command_line_tells_of_the_box_alone(tmp_path: Path) -> None:
    name, content = diagnostics(configuration(tmp_path))
    assert name.startswith("diagnostics-")
    told = texts(content)
    assert json.loads(told["status.json"]) == {}
    assert "uplink broker" in told["findings.json"]


@pytest.mark.journey
def test_a_command_makes_diagnostics_that_lie_on_the_box_and_are_told_to_the_store(
    tmp_path: Path, mosquitto_factory: Any
) -> None:
    broker: Mosquitto = mosquitto_factory()
    box, store = (
        Box(
            configuration(
                tmp_path, port=broker.port, model=None, metrics={"port": free_port()}, guard={"pin": "quay-90210"}
            )
        ),
        Store(broker.port),
    )
    box.start()
    try:
        eventually(lambda: box.log.exists() and box.page, timeout_s=60)
        now = datetime.now(timezone.utc)
        command = Command(
            id=uuid4(),
            site="farm",
            device="edge-1",
            name="diagnostics",
            issued_at=now,
            expires_at=now + timedelta(minutes=5),
            issued_by="kari@farm",
        )

        def events(name: str) -> list[Any]:
            return [one for batch in store.bodies(EventBatch) for one in batch.events if one.name == name]

        def answered() -> list[Any]:
            store._client.publish(commands("farm", "edge-1"), command.model_dump_json(), qos=1)
            return events(COMMAND_RESULT)

        [result, *_] = eventually(answered, timeout_s=60)
        assert result.detail["outcome"] == "done"
        [made, *_] = eventually(lambda: events(DIAGNOSTICS_MADE))
        assert made.detail["command"] == str(command.id)
        [kept] = (tmp_path / "data" / "diagnostics").glob("*.zip")
        assert kept.name == made.detail["file"]
        assert kept.stat().st_size == made.detail["bytes"] <= 2_000_000
        summary = read_summary(str(made.detail["summary"]))
        assert summary["about"]["by"] == "kari@farm"
        assert "agent.started" in "".join(summary["log"])
        assert summary["status"]["outbox"]["rows"] >= 0
        page = texts(box.get("/diagnostics.zip"))
        assert json.loads(page["status.json"])["device"] == "edge-1"
        assert "quay-90210" not in "".join(page.values())
        _, content = diagnostics(box.config)  # the command line asks the agent that runs
        assert json.loads(texts(content)["status.json"])["device"] == "edge-1"
        status, _ = answer_to_a_stranger(box)
        assert status == 401
    finally:
        box.terminate()
        store.close()


def answer_to_a_stranger(box: Box) -> tuple[int, bytes]:
    """A page of another site whose name was pointed at this box."""
    import http.client

    connection = http.client.HTTPConnection(box.page.removeprefix("http://").rstrip("/"), timeout=5)
    try:
        connection.request("GET", "/diagnostics.zip", headers={"Host": "evil.example"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_bundle_says_what_is_in_it() -> None:
    bundle = pack(Facts(START, "farm", "edge-1", "k", findings=[Finding("a", Verdict.BAD, "b")]), Redaction([]))
    assert isinstance(bundle, Bundle)
    assert bundle.headline == "1 of 1 findings are bad, 0 warnings and errors, 0 log lines"
