"""From an alarm in the store to a mail, a text, a call and a signed webhook, over real servers; and taking it on by its link."""

from __future__ import annotations

import email
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email import policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import httpx
import psycopg
import pytest
from aiosmtpd.controller import Controller
from pydantic import SecretStr

from cloud.alarms.source import StoredAlarms
from cloud.notifications.channels import DeliveryError
from cloud.notifications.channels.webhook import WebhookSender
from cloud.notifications.links import Link, Links
from cloud.notifications.messages import Message
from cloud.notifications.notifier import TESTS_EVERY, Notifier
from cloud.settings import WatchSettings, load_watch_settings
from cloud.watch import channels
from contracts.errors import ConfigurationError
from tests.cloud.api import farm as farms
from tests.cloud.api.conftest import SECRET, Api
from tests.cloud.api.test_access import is_problem
from tests.servers.process import free_port


@dataclass
class World:
    """Everything that can be reached: a mail server, and an HTTP server that is phone provider and webhook receiver."""

    mails: list[EmailMessage] = field(default_factory=list)
    posts: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    broken: bool = False
    port: int = 0
    smtp_port: int = 0

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802  (aiosmtpd's name)
        if self.broken:
            return "451 try later"
        self.mails.append(email.message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"

    def to(self, path: str) -> list[tuple[dict[str, str], bytes]]:
        return [(headers, body) for where, headers, body in self.posts if where == path]


@pytest.fixture
def world() -> Iterator[World]:
    world = World()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            world.posts.append((self.path, dict(self.headers), body))
            self.send_response(503 if world.broken else 404 if self.path == "/gone" else 201)
            answer = b'{"sid": "SM123", "id": "p1"}'
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    world.port, world.smtp_port = server.server_address[1], free_port()
    mail = Controller(world, hostname="127.0.0.1", port=world.smtp_port)
    mail.start()
    yield world
    mail.stop()
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Clock:
    """A wall clock that the test moves."""

    now: datetime = field(default_factory=lambda: datetime.now(timezone.utc))

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@dataclass
class Rounds:
    """The notifier, a round at a time."""

    notifier: Notifier
    url: str

    def __call__(self) -> int:
        with psycopg.connect(self.url, autocommit=True) as database, ThreadPoolExecutor(4) as pool:
            return self.notifier.round(database, pool)


@pytest.fixture
def rounds(
    world: World, clock: Clock, farm_url: str, farm: farms.Farm, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Rounds]:
    """A notifier for the farm, whose alarms have all been taken on before. It is no Monday, whatever day it is."""
    del farm
    monkeypatch.setattr("cloud.notifications.notifier.self_test_due", lambda *_: None)
    settings = WatchSettings(
        database_url=SecretStr(farm_url),
        secret_key=SecretStr(SECRET),
        public_url="https://farm.example",
        smtp_host="127.0.0.1",
        smtp_port=world.smtp_port,
        smtp_security="none",
        smtp_sender="shoal@farm.example",
        push_url=f"http://127.0.0.1:{world.port}/push",
        push_token=SecretStr("tk_farm"),
        phone_url=f"http://127.0.0.1:{world.port}",
        phone_account="AC1",
        phone_token=SecretStr("t"),
        phone_sender="+4700000000",
        webhook_allow_private=True,
    )
    with psycopg.connect(farm_url, autocommit=True) as database:
        taken = database.execute(
            "UPDATE alarm SET acknowledged_at = now() WHERE acknowledged_at IS NULL RETURNING id"
        ).fetchall()
        notifier = Notifier(
            farm_url,
            alarms=StoredAlarms(),
            senders=channels(settings, SECRET.encode()),
            links=Links(SECRET.encode(), settings.public_url),
            now=clock,
        )
        yield Rounds(notifier, farm_url)
        database.execute("DELETE FROM notification")
        database.execute("DELETE FROM contact")
        database.execute("DELETE FROM site_ladder")
        database.execute("DELETE FROM alarm WHERE definition = 'test.alarm'")
        database.execute("UPDATE alarm SET acknowledged_at = NULL WHERE id = ANY(%s)", ([key for (key,) in taken],))


@pytest.fixture
def contact(fleet_admin: httpx.Client, world: World, rounds: Rounds) -> dict[str, Any]:
    del rounds
    new = {
        "name": "Ana",
        "email": "ana@fjord.example",
        "phone": "+4712345678",
        "webhook_url": f"http://127.0.0.1:{world.port}/hook",
    }
    answer = fleet_admin.post("/api/v1/contacts", json=new)
    assert answer.status_code == 201, answer.text
    added: dict[str, Any] = answer.json()
    return added


def raise_alarm(url: str, at: datetime, *, severity: str = "critical") -> str:
    key = str(uuid4())
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(
            "INSERT INTO alarm (id, site_id, unit_id, definition, severity, raised_at, value, limit_value, ucum, quantity,"
            " message, action) SELECT %s, s.id, u.id, 'test.alarm', %s, %s, 4.1, 5, 'mg/L', 'do',"
            " 'Oxygen in Tank 1 was 4.1 mg/L, below 5', 'Start the aerator' FROM site s JOIN unit u ON u.site_id = s.id"
            " WHERE s.slug = 'fjord' AND u.slug = 'tank-1'",
            (key, severity, at),
        )
    return key


def test_a_critical_alarm_reaches_ana_by_every_way_and_stops_when_she_takes_it_on(
    rounds: Rounds, world: World, clock: Clock, contact: dict[str, Any], farm_url: str, api: Api
) -> None:
    alarm = raise_alarm(farm_url, clock.now)
    assert rounds() == 3
    assert rounds() == 0, "the same alarm, the same step: told once"

    mail = world.mails[0]
    assert mail["To"] == "ana@fjord.example"
    assert mail["Subject"] == "[Fjord] Oxygen in Tank 1 was 4.1 mg/L, below 5"
    text = mail.get_content()
    assert "What to do: Start the aerator" in text
    [(headers, body)] = world.to("/hook")
    stamp, _, code = headers["X-Shoal-Signature"].partition(",v1=")
    signed = f"{stamp.removeprefix('t=')}.".encode() + body
    assert code == hmac.new(contact["webhook_key"].encode(), signed, hashlib.sha256).hexdigest()
    said = json.loads(body)
    assert (said["alarm_id"], said["unit"], said["value"], said["limit"]) == (alarm, "tank-1", 4.1, 5)
    [(_, form)] = world.to("/2010-04-01/Accounts/AC1/Messages.json")
    sms = parse_qs(form.decode())
    assert sms["To"] == ["+4712345678"]
    assert sms["Body"][0].startswith(
        "Fjord: Oxygen in Tank 1 was 4.1 mg/L, below 5 - Start the aerator\nhttps://farm.example/a/"
    )

    clock.now += timedelta(seconds=121)
    assert rounds() == 1
    [(_, form)] = world.to("/2010-04-01/Accounts/AC1/Calls.json")
    assert "<Say>Shoal alarm at Fjord. Oxygen in Tank 1" in parse_qs(form.decode())["Twiml"][0]

    path = "/a/" + sms["Body"][0].rpartition("/a/")[2]
    with api.client() as phone:
        page = phone.get(path)
        assert page.status_code == 200
        assert "I take it on" in page.text
        with psycopg.connect(farm_url) as database:
            row = database.execute("SELECT acknowledged_at FROM alarm WHERE id = %s", (alarm,)).fetchone()
            assert row == (None,), "a mail program that opens links takes nothing on"
        assert "contact:Ana has taken it on" in phone.post(path).text
        assert "contact:Ana has taken it on" in phone.get(path).text
    clock.now += timedelta(hours=2)
    assert rounds() == 0


def test_on_a_monday_everybody_gets_a_test_by_every_way_once(
    rounds: Rounds, world: World, clock: Clock, contact: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rounds() == 0
    monkeypatch.setattr(
        "cloud.notifications.notifier.self_test_due", lambda last, now, _zone: now if last is None else None
    )
    clock.now += TESTS_EVERY
    assert rounds() >= 4
    assert "Test of the alarm path" in world.mails[0]["Subject"]
    assert world.mails[0]["To"] == contact["email"]
    clock.now += TESTS_EVERY
    assert rounds() == 0


def test_a_broken_world_loses_no_message(
    rounds: Rounds, world: World, clock: Clock, contact: dict[str, Any], farm_url: str, operator: httpx.Client
) -> None:
    alarm = raise_alarm(farm_url, clock.now, severity="major")
    world.broken = True
    assert rounds() == 0
    page = operator.get(f"/api/v1/sites/fjord/notifications?alarm={alarm}").json()["items"]
    assert {(item["contact"], item["attempts"], item["sent_at"]) for item in page} == {("Ana", 1, None)}
    assert all(item["error"] for item in page)
    assert rounds() == 0, "not before the wait is over"
    world.broken = False
    clock.now += timedelta(seconds=6)
    assert rounds() == 3
    assert len(world.mails) == 1


def test_a_notifier_that_dies_while_sending_sends_again_under_the_same_id(
    rounds: Rounds, world: World, clock: Clock, contact: dict[str, Any], farm_url: str
) -> None:
    raise_alarm(farm_url, clock.now, severity="minor")
    with psycopg.connect(farm_url, autocommit=True) as database:
        database.execute(  # office hours all week long
            "INSERT INTO site_ladder SELECT id, 'minor', %s FROM site WHERE slug = 'fjord'",
            (json.dumps({"steps": [{"after_s": 0, "channels": ["webhook"], "to": "primary"}]}),),
        )
    assert rounds() == 1
    with psycopg.connect(farm_url, autocommit=True) as database:
        database.execute("UPDATE notification SET sent_at = NULL, reference = NULL")  # died before it could note it
    assert rounds() == 0, "its claim still holds"
    clock.now += timedelta(seconds=61)
    assert rounds() == 1
    first, second = world.to("/hook")
    assert first[0]["Idempotency-Key"] == second[0]["Idempotency-Key"]


def test_an_alarm_that_ends_stops_the_ladder_and_relieves_those_who_were_told(
    rounds: Rounds, world: World, clock: Clock, contact: dict[str, Any], farm_url: str
) -> None:
    alarm = raise_alarm(farm_url, clock.now)
    assert rounds() == 3
    with psycopg.connect(farm_url, autocommit=True) as database:
        database.execute("UPDATE alarm SET cleared_at = %s WHERE id = %s", (clock.now, alarm))
    clock.now += timedelta(seconds=700)
    assert rounds() == 3, "mail, text and webhook say that it is over; nobody is called"
    assert rounds() == 0
    assert world.mails[-1]["Subject"] == "[Fjord] Over: Oxygen in Tank 1 was 4.1 mg/L, below 5"
    assert world.to("/2010-04-01/Accounts/AC1/Calls.json") == []


def test_two_notifiers_tell_everyone_once(
    rounds: Rounds, world: World, clock: Clock, contact: dict[str, Any], farm_url: str
) -> None:
    for _ in range(20):
        raise_alarm(farm_url, clock.now, severity="major")
    threads = [threading.Thread(target=rounds) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rounds()
    assert len(world.mails) == 20
    assert len({headers["Idempotency-Key"] for headers, _ in world.to("/hook")}) == len(world.to("/hook")) == 20


def test_a_push_rings_through_the_night_and_says_when_it_is_over(
    rounds: Rounds, world: World, clock: Clock, fleet_admin: httpx.Client, farm_url: str
) -> None:
    new = {"name": "Bo", "push_topic": "bo-7hG2kQ9x"}
    assert fleet_admin.post("/api/v1/contacts", json=new).json()["push_topic"] == "bo-7hG2kQ9x"
    short = fleet_admin.post("/api/v1/contacts", json={"name": "Cy", "push_topic": "cy"})
    assert is_problem(short, 422, "invalid_request")
    alarm = raise_alarm(farm_url, clock.now)
    assert rounds() == 1
    [(headers, body)] = world.to("/push")
    pushed = json.loads(body)
    assert headers["Authorization"] == "Bearer tk_farm"
    assert (pushed["topic"], pushed["priority"], pushed["tags"]) == ("bo-7hG2kQ9x", 5, ["rotating_light"])
    assert pushed["title"] == "[Fjord] Oxygen in Tank 1 was 4.1 mg/L, below 5"
    assert pushed["click"].startswith("https://farm.example/a/")
    world.broken = True
    clock.now += timedelta(seconds=301)
    assert rounds() == 0
    world.broken = False
    clock.now += timedelta(minutes=2)
    assert rounds() == 1, "a server that was away gets it later"
    with psycopg.connect(farm_url, autocommit=True) as database:
        database.execute("UPDATE alarm SET cleared_at = now() WHERE id = %s", (alarm,))
    clock.now += timedelta(seconds=1)
    rounds()
    over = json.loads(world.to("/push")[-1][1])
    assert (over["priority"], over["tags"], "click" in over) == (3, ["white_check_mark"], False)
    assert over["title"].startswith("[Fjord] Over: ")


def test_the_alarm_path_is_proven_by_the_person(
    rounds: Rounds, world: World, clock: Clock, contact: dict[str, Any], fleet_admin: httpx.Client, api: Api
) -> None:
    planned = fleet_admin.post("/api/v1/sites/fjord/alarm-path/test").json()
    assert planned["planned"] == 4
    clock.now = datetime.now(timezone.utc) + timedelta(seconds=1)
    assert rounds() == 4
    text = world.mails[0].get_content()
    with api.client() as phone:
        path = "/a/" + text.rpartition("/a/")[2].split()[0]
        assert "Yes, it came" in phone.get(path).text
        assert "proven for this week" in phone.post(path).text
    proofs = {
        proof["channel"]: proof["proven"]
        for proof in fleet_admin.get("/api/v1/sites/fjord/alarm-path").json()["proofs"]
    }
    assert proofs == {"email": True, "sms": False, "voice": False, "webhook": False}


def test_a_webhook_cannot_reach_into_the_servers_own_network(world: World) -> None:
    sender = WebhookSender(b"k", allow_private=False)
    message = Message(uuid4(), "alarm", "Fjord", "critical", "t", "", datetime.now(timezone.utc), "UTC", None, {})
    for host in ("127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1", "[::1]", "0.0.0.0"):
        with pytest.raises(DeliveryError, match="own network") as refused:
            sender.send(message, f"http://{host}:{world.port}/hook")
        assert refused.value.permanent
    assert world.posts == []


def test_what_can_never_work_is_not_tried_for_hours(world: World) -> None:
    sender = WebhookSender(b"k", allow_private=True)
    message = Message(uuid4(), "alarm", "Fjord", "critical", "t", "", datetime.now(timezone.utc), "UTC", None, {})
    with pytest.raises(DeliveryError, match="answered 404") as refused:
        sender.send(message, f"http://127.0.0.1:{world.port}/gone")
    assert refused.value.permanent
    world.broken = True
    with pytest.raises(DeliveryError, match="answered 503") as later:
        sender.send(message, f"http://127.0.0.1:{world.port}/hook")
    assert not later.value.permanent


def test_rosters_and_ladders_are_a_managers_and_of_the_own_organization(
    fleet_admin: httpx.Client,
    operator: httpx.Client,
    rival: httpx.Client,
    anonymous: httpx.Client,
    contact: dict[str, Any],
) -> None:
    shift = {"contact_id": contact["id"], "duty": "primary", "weekdays": [0, 6], "start": "18:00", "end": "08:00"}
    path = "/api/v1/sites/fjord/on-call"
    assert fleet_admin.put(path, json={"shifts": [shift]}).json() == {"shifts": [shift]}
    assert operator.get(path).json() == {"shifts": [shift]}
    assert is_problem(operator.put(path, json={"shifts": []}), 403, "forbidden")
    assert is_problem(rival.put(path, json={"shifts": []}), 404, "not_found")
    assert is_problem(rival.put("/api/v1/sites/lagoon/on-call", json={"shifts": [shift]}), 404, "not_found")
    assert is_problem(fleet_admin.put(path, json={"shifts": [shift | {"start": "25:00"}]}), 422, "invalid_request")
    assert rival.get("/api/v1/contacts").json() == []
    assert is_problem(rival.delete(f"/api/v1/contacts/{contact['id']}"), 404, "not_found")
    assert is_problem(
        rival.put(f"/api/v1/contacts/{contact['id']}", json={"name": "X", "email": "x@y.z"}), 404, "not_found"
    )
    for address in (
        "/contacts",
        "/sites/fjord/on-call",
        "/sites/fjord/ladders",
        "/sites/fjord/notifications",
        "/sites/fjord/alarm-path",
    ):
        assert is_problem(anonymous.get(f"/api/v1{address}"), 401, "unauthenticated")

    ladders = "/api/v1/sites/fjord/ladders"
    own = {"steps": [{"after_s": 0, "channels": ["email"], "to": "everyone"}]}
    shown = fleet_admin.put(ladders, json={"warning": own}).json()
    assert shown["own"] == ["warning"]
    assert shown["ladders"]["critical"]["repeat_s"] == 600
    assert fleet_admin.put(ladders, json={}).json()["own"] == []
    assert is_problem(fleet_admin.put(ladders, json={"minor": {"steps": [{"after_s": -1}]}}), 422, "invalid_request")


def test_a_contact_needs_a_way_and_a_name_of_its_own(fleet_admin: httpx.Client, contact: dict[str, Any]) -> None:
    path = "/api/v1/contacts"
    assert is_problem(fleet_admin.post(path, json={"name": "Nobody"}), 422, "invalid_request")
    assert is_problem(fleet_admin.post(path, json={"name": "Bo", "phone": "12345"}), 422, "invalid_request")
    assert is_problem(fleet_admin.post(path, json={"name": "Ana", "email": "a@b.c"}), 409, "conflict")
    changed = fleet_admin.put(f"{path}/{contact['id']}", json={"name": "Ana L", "email": "ana@fjord.example"}).json()
    assert (changed["name"], changed["phone"], changed["webhook_key"]) == ("Ana L", None, None)
    assert fleet_admin.delete(f"{path}/{contact['id']}").status_code == 204
    assert fleet_admin.get(path).json() == []


def test_a_link_that_was_tampered_with_takes_nothing_on(api: Api, farm: farms.Farm) -> None:
    del farm
    foreign = Links(b"x" * 32, "https://farm.example").url(Link("alarm", uuid4(), 1), datetime.now(timezone.utc))
    assert foreign is not None
    with api.client() as phone:
        for token in (foreign.rpartition("/")[2], "abc", "%00"):
            answer = phone.post(f"/a/{token}")
            assert answer.status_code == 403
            assert answer.headers["content-type"].startswith("text/html")


def test_a_phone_provider_without_an_account_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match="phone_account is needed"):
        load_watch_settings(database_url="postgresql://x", phone_url="https://p.example")
