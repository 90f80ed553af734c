"""The live interface over a real PostgreSQL, with the ingest writing beside it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from pydantic import TypeAdapter
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from cloud.auth.tokens import AccessTokens
from cloud.live.hub import IDLE_S, LiveHub
from cloud.live.schemas import LiveMessage
from contracts.alarms import AlarmBatch, AlarmChange
from contracts.topics import Kind
from tests.cloud.api import farm as farms
from tests.cloud.api import reef as reefs
from tests.cloud.api.conftest import SECRET, Api
from tests.cloud.api.reef import Reef

MESSAGES: TypeAdapter[Any] = TypeAdapter(LiveMessage)
WAIT_S = 30


@pytest.fixture(scope="module")
def reef(api: Api, farm_url: str, storage_dir: Path) -> Iterator[Reef]:
    built = reefs.build(farm_url, storage_dir)
    yield built
    built.ingest.close()
    hub: LiveHub = api.app.state.live
    for stream in hub._streams.values():  # others count the statements of the API
        stream.idle_since -= IDLE_S
    while hub._sites:
        time.sleep(0.05)


@pytest.fixture(scope="module")
def token(api: Api, reef: Reef) -> str:
    del reef
    with api.client() as client:
        answer = client.post("/api/v1/auth/login", data={"username": reefs.WATCHER, "password": farms.PASSWORD})
    found: str = answer.json()["access_token"]
    return found


class Watch:
    """A client that checks what every client may rely on: known messages, numbers without gaps."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.seq: int | None = None
        self.resume: str | None = None

    def send(self, **message: object) -> None:
        self.connection.send(json.dumps(message))

    def next(self) -> dict[str, Any]:
        text = self.connection.recv(timeout=WAIT_S)
        MESSAGES.validate_json(text)
        message: dict[str, Any] = json.loads(text)
        if message["type"] == "delta" and self.seq is not None:
            assert message["seq"] == self.seq + 1
        if message["type"] in {"snapshot", "delta"}:
            self.seq, self.resume = message["seq"], message["resume"]
        return message

    def until(self, section: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first entry of a section that is wanted."""
        deadline = datetime.now(timezone.utc) + timedelta(seconds=WAIT_S)
        while datetime.now(timezone.utc) < deadline:
            for entry in self.next().get(section, ()):
                if wanted(entry):
                    found: dict[str, Any] = entry
                    return found
        raise AssertionError(f"no such change of {section} within {WAIT_S} s")


@contextmanager
def watching(
    api: Api, token: str | None, *, subscribe: dict[str, object] | None = None, by_message: bool = False
) -> Iterator[Watch]:
    offered = ["shoal.live.v1"] + ([] if token is None or by_message else [f"bearer.{token}"])
    url = api.url.replace("http", "ws") + "/api/v1/live"
    with connect(url, subprotocols=offered, max_size=None, proxy=None) as connection:  # type: ignore[arg-type]
        assert connection.subprotocol == "shoal.live.v1"
        watch = Watch(connection)
        if by_message:
            watch.send(type="authenticate", token=token)
        if subscribe is not None:
            watch.send(type="subscribe", **subscribe)
        yield watch


def ended(watch: Watch) -> tuple[str, int | None]:
    """The reason that the server gives, and the close code."""
    message = watch.next()
    while message["type"] != "closing":
        message = watch.next()
    with pytest.raises(ConnectionClosed) as closed:
        watch.connection.recv(timeout=WAIT_S)
    return message["code"], None if closed.value.rcvd is None else closed.value.rcvd.code


def test_two_clients_see_oxygen_change(api: Api, reef: Reef, token: str) -> None:
    with watching(api, token, subscribe={"sites": ["reef"]}) as one, watching(api, token, subscribe={}) as other:
        for watch in (one, other):
            snapshot = watch.next()
            assert snapshot["type"] == "snapshot"
            assert [site["site"] for site in snapshot["sites"]] == ["reef"]
            assert {each["channel"] for each in snapshot["channels"]} == {"tank-1.do", "tank-2.do"}
            assert all(each["age_s"] >= 0 and each["ucum"] == "mg/L" for each in snapshot["channels"])
            assert [device["state"] for device in snapshot["devices"]] == ["online"]
        moment = reef.measure(4.25)
        for watch in (one, other):
            reading = watch.until("readings", lambda entry: entry["value"] == 4.25)
            assert datetime.fromisoformat(reading["observed_at"].replace("Z", "+00:00")) == moment
            assert reading["quality"] == 2
            assert 0 <= reading["age_s"] < WAIT_S


def test_what_happened_while_a_client_was_away_follows_without_a_gap(api: Api, reef: Reef, token: str) -> None:
    with watching(api, token, subscribe={"sites": ["reef"]}) as witness:
        witness.next()
        with watching(api, token, subscribe={"sites": ["reef"]}) as watch:
            watch.next()
            reef.measure(6.01)
            watch.until("readings", lambda entry: entry["value"] == 6.01)
            seq, resume = watch.seq, watch.resume
        for value in (6.02, 6.03):  # the witness makes sure that each is told by itself
            reef.measure(value)
            witness.until("readings", lambda entry, value=value: entry["value"] == value)  # type: ignore[misc]
        with watching(api, token, subscribe={"sites": ["reef"], "resume": resume}) as watch:
            watch.seq = seq
            first = watch.next()
            assert (first["type"], first["readings"][0]["value"]) == ("delta", 6.02)
            assert watch.until("readings", lambda entry: entry["value"] == 6.03)


@pytest.mark.parametrize("resume", ["nonsense", "other.stream.1", "..", "a.b.99999999999999999999"])
def test_a_place_that_is_not_kept_gets_a_snapshot(api: Api, token: str, resume: str) -> None:
    with watching(api, token, subscribe={"resume": resume}) as watch:
        assert watch.next()["type"] == "snapshot"


def test_a_subscription_to_a_unit_tells_of_that_unit_alone(api: Api, reef: Reef, token: str) -> None:
    with watching(api, token, subscribe={}) as watch:
        units = {unit["slug"]: unit["id"] for unit in watch.next()["sites"][0]["units"]}
    with watching(api, token, subscribe={"units": [units["tank-2"]]}) as watch:
        snapshot = watch.next()
        assert [unit["slug"] for unit in snapshot["sites"][0]["units"]] == ["tank-2"]
        assert {each["unit_id"] for each in snapshot["channels"]} == {units["tank-2"]}
        reef.measure(3.0)
        reef.measure(3.5, unit="tank-2")
        entries: list[dict[str, Any]] = []
        while not any(entry["value"] == 3.5 for entry in entries):
            entries += watch.next().get("readings", [])
        assert {entry["unit_id"] for entry in entries} == {units["tank-2"]}
        watch.seq = None
        watch.send(type="subscribe", units=[units["tank-1"]])
        message = watch.next()
        while message["type"] != "snapshot":
            message = watch.next()
        assert {each["unit_id"] for each in message["channels"]} == {units["tank-1"]}


def test_alarm_is_raised_acknowledged_and_cleared_before_the_watchers_eyes(api: Api, reef: Reef, token: str) -> None:
    alarm = uuid4()
    now = datetime.now(timezone.utc)

    def of_ours(entry: dict[str, Any]) -> bool:
        return bool(entry["id"] == str(alarm))

    with watching(api, token, subscribe={}) as watch, api.client(token) as client:
        watch.next()
        reef.box.send(AlarmBatch(alarms=(farms._alarm(alarm, AlarmChange.RAISED, now),)), Kind.ALARMS)
        raised = watch.until("alarms", of_ours)
        assert (raised["active"], raised["acknowledged"], raised["severity"]) == (True, False, "critical")
        client.post(f"/api/v1/alarms/{alarm}/acknowledge").raise_for_status()
        assert watch.until("alarms", of_ours)["acknowledged_by"] == reefs.WATCHER
        with watching(api, token, subscribe={}) as later:
            assert str(alarm) in {each["id"] for each in later.next()["alarms"]}
        cleared = farms._alarm(alarm, AlarmChange.CLEARED, now + timedelta(seconds=1))
        reef.box.send(AlarmBatch(alarms=(cleared,)), Kind.ALARMS)
        assert watch.until("alarms", of_ours)["active"] is False


def test_new_channels_observations_and_a_lost_link_are_told(api: Api, reef: Reef, token: str) -> None:
    with watching(api, token, subscribe={}) as watch:
        watch.next()
        moment = reef.see()
        seen = watch.until("observations", lambda entry: entry["observation"] is not None)["observation"]
        assert datetime.fromisoformat(seen["observed_at"].replace("Z", "+00:00")) == moment
        reef.measure(12.0, quantity="temperature", ucum="Cel")
        channel = watch.until("channels", lambda entry: entry["quantity"] == "temperature")
        assert (channel["value"], channel["decimals"]) == (12.0, 1)
        reef.lose_the_link()
        assert watch.until("devices", lambda entry: entry["state"] == "offline")["slug"] == "box-5"


def test_another_organization_sees_nothing(api: Api, reef: Reef, token: str, token_of: Callable[[str], str]) -> None:
    with watching(api, token, subscribe={}) as watch:
        unit = watch.next()["sites"][0]["units"][0]["id"]
    for subscribe in ({"sites": ["reef"]}, {"units": [unit]}, {"sites": ["lagoon"], "units": [unit]}):
        with watching(api, token_of("rival"), subscribe=subscribe) as watch:  # type: ignore[arg-type]
            assert ended(watch) == ("not_found", 4404)
    with watching(api, token_of("rival"), subscribe={}) as rival, watching(api, token, subscribe={}) as own:
        assert {site["site"] for site in rival.next()["sites"]} == {"lagoon"}
        own.next()
        reef.measure(2.5)
        own.until("readings", lambda entry: entry["value"] == 2.5)
        with pytest.raises(TimeoutError):
            rival.connection.recv(timeout=2)  # two looks later


def test_the_token_may_come_as_the_first_message(api: Api, token: str) -> None:
    with watching(api, token, by_message=True, subscribe={"sites": ["reef"]}) as watch:
        assert watch.next()["type"] == "snapshot"


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ({"type": "subscribe"}, "unauthenticated"),
        ({"type": "authenticate", "token": "forged"}, "unauthenticated"),
        ({"type": "authenticate", "token": jwt.encode({"sub": "1"}, "x" * 32)}, "unauthenticated"),
        ({"type": "shout"}, "invalid_message"),
        ({"type": "subscribe", "units": [-1]}, "invalid_message"),
    ],
)
def test_strangers_are_turned_away_with_a_reason(api: Api, first: dict[str, object], code: str) -> None:
    with watching(api, None) as watch:
        watch.send(**first)
        assert ended(watch)[0] == code


def test_a_session_ends_with_its_token_unless_the_next_one_comes(api: Api, token: str) -> None:
    user = int(jwt.decode(token, options={"verify_signature": False})["sub"])
    brief = AccessTokens(SECRET.encode(), lifetime=timedelta(seconds=3)).issue(user).token
    with watching(api, brief, subscribe={}) as ends, watching(api, brief, subscribe={}) as goes_on:
        goes_on.send(type="authenticate", token=token)
        assert ends.next()["type"] == goes_on.next()["type"] == "snapshot"
        assert ended(ends) == ("unauthenticated", 4401)
        goes_on.send(type="subscribe")
        while goes_on.next()["type"] != "snapshot":
            pass
    expired = AccessTokens(SECRET.encode(), lifetime=timedelta(seconds=-1)).issue(user).token
    with watching(api, expired) as watch:
        assert ended(watch) == ("unauthenticated", 4401)


def test_server_sent_events_tell_the_same_and_go_on(api: Api, reef: Reef, token: str) -> None:
    with api.client(token) as client:
        with client.stream("GET", "/api/v1/live/events?site=reef") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.iter_lines()
            name, resume, data = (next(lines).partition(": ")[2] for _ in range(3))
            assert name == "snapshot"
            assert json.loads(data)["resume"] == resume
        with watching(api, token, subscribe={"sites": ["reef"]}) as witness:
            witness.next()
            reef.measure(9.75)
            witness.until("readings", lambda entry: entry["value"] == 9.75)
        with client.stream("GET", "/api/v1/live/events?site=reef", headers={"Last-Event-ID": resume}) as answer:
            lines = answer.iter_lines()
            assert next(lines) == "event: delta"
            assert any('"value":9.75' in next(lines) for _ in range(8))


def test_events_need_a_token_and_the_own_organization(anonymous: httpx.Client, rival: httpx.Client, reef: Reef) -> None:
    assert anonymous.get("/api/v1/live/events").status_code == 401
    assert rival.get("/api/v1/live/events?site=reef").status_code == 404
    assert rival.get("/api/v1/live/events?unit=0").status_code == 422
