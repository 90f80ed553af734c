"""What a box told of itself when it was asked for diagnostics: shown to the fleet's admins of its farm alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path

import httpx
import psycopg
import pytest

from cloud.consumers import Ingest
from contracts.devices import DeviceEvent, EventBatch
from contracts.diagnostics import DIAGNOSTICS_MADE, write_summary
from contracts.topics import Kind
from edge.checkup.finding import Finding, Verdict
from edge.diagnostics.bundle import Facts, pack
from edge.diagnostics.redaction import Redaction
from tests.cloud.api import farm as farms

PATH = "/api/v1/sites/fjord/devices/box-1/diagnostics"
AT = datetime(2032, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def told(farm_url: str) -> Iterator[None]:
    """Seven times; the newest summary was damaged on its way."""
    with psycopg.connect(farm_url, autocommit=True) as database:
        for hour in range(7):
            summary = "damaged" if hour == 6 else write_summary({"about": {"hour": hour}})
            detail = {"file": f"diagnostics-{hour}.zip", "bytes": 1000 + hour, "sha256": "ab" * 32, "summary": summary}
            database.execute(
                "INSERT INTO device_event (device_id, name, occurred_at, received_at, message, detail)"
                " SELECT device.id, %s, %s, %s, 'Diagnostics for kari', %s FROM device JOIN site ON site.id = site_id"
                " WHERE site.slug = 'fjord' AND device.slug = 'box-1'",
                (DIAGNOSTICS_MADE, AT + timedelta(hours=hour), AT, json.dumps(detail)),
            )
        yield
        database.execute("DELETE FROM device_event WHERE name = %s", (DIAGNOSTICS_MADE,))


@pytest.mark.usefixtures("told")
def test_the_newest_five_are_shown_and_a_damaged_one_costs_no_other(fleet_admin: httpx.Client) -> None:
    items = fleet_admin.get(PATH).json()["items"]
    assert [one["file"] for one in items] == [f"diagnostics-{hour}.zip" for hour in (6, 5, 4, 3, 2)]
    assert [one["summary"] for one in items] == [None, *({"about": {"hour": hour}} for hour in (5, 4, 3, 2))]
    assert items[0]["bytes"] == 1006


@pytest.mark.usefixtures("told")
def test_others_do_not_see_them(operator: httpx.Client, rival: httpx.Client, anonymous: httpx.Client) -> None:
    assert anonymous.get(PATH).status_code == 401
    assert operator.get(PATH).status_code == 403
    assert "diagnostics-" not in rival.get(PATH).text


def test_what_a_box_packed_is_read_from_a_terminal(shoal: Callable[..., str], farm_url: str, storage_dir: Path) -> None:
    line = json.dumps({"event": "camera.lost", "password": "tide-4711"})
    findings = (Finding("clock", Verdict.BAD, "two hours off", "Set it"),)
    facts = Facts(datetime.now(timezone.utc), "fjord", "box-1", "kari", findings=findings, lines=[line])
    made = pack(facts, Redaction(["tide-4711"]))
    event = DeviceEvent(
        name=DIAGNOSTICS_MADE,
        occurred_at=facts.at,
        message=f"Diagnostics for kari: {made.headline}",
        detail={"file": made.name, "bytes": len(made.content), "sha256": "ab" * 32, "summary": made.summary},
    )
    ingest = Ingest(farm_url, storage_dir=storage_dir)
    try:
        box = farms.Box9(ingest, "fjord", "box-1", sequence=count(900_001))
        box.send(EventBatch(events=(event,)), Kind.EVENTS)
    finally:
        ingest.close()
    try:
        assert made.name in shoal("diagnostics", "fjord/box-1", of="fleet")
        (told,) = json.loads(shoal("diagnostics", "fjord/box-1", "--json", of="fleet"))
        assert told["summary"]["findings"][0]["what"] == "two hours off"
        assert json.loads(told["summary"]["log"][0]) == {"event": "camera.lost", "password": "***"}
    finally:
        with psycopg.connect(farm_url, autocommit=True) as database:
            database.execute("DELETE FROM device_event WHERE name = %s", (DIAGNOSTICS_MADE,))


def test_a_box_that_was_never_asked_has_none(fleet_admin: httpx.Client) -> None:
    assert fleet_admin.get(PATH).json() == {"items": []}
    assert fleet_admin.get(PATH.replace("box-1", "edge-9")).status_code == 404
