"""What changed in a pen before fish died: one list out of all that the farm knows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.cloud.api import farm as farms
from tests.cloud.api.skerry import START, Skerry, fact, write
from tests.cloud.api.test_access import is_problem

FOUND = START + timedelta(days=10)
"""When the twenty dead fish were found."""


@pytest.fixture
def a_bad_night(farm_url: str, skerry: Skerry, manager: httpx.Client) -> Iterator[None]:
    """The net was changed, the power failed, oxygen fell, the probe was doubted, and a camera saw it."""
    pen, device, oxygen = skerry.units["pen-1"], skerry.device, skerry.channels["pen-1.do_sat"]
    net = write(manager, fact("note", 9.2, unit="pen-1", topic="net_change", note="New net <script>"))
    night = FOUND - timedelta(hours=8)
    alarm, elsewhere, sha256 = uuid4(), uuid4(), "5e" * 32
    with psycopg.connect(farm_url) as database:
        for key, unit in ((alarm, "pen-1"), (elsewhere, "pen-2")):
            database.execute(
                "INSERT INTO alarm (id, site_id, unit_id, definition, severity, raised_at, cleared_at, value, limit_value,"
                " ucum, message) SELECT %s, site_id, id, 'do_sat.low.critical', 'critical', %s, %s, 40, 48, '%%',"
                " 'Oxygen is low' FROM unit WHERE id = %s",
                (key, night, night + timedelta(hours=3), skerry.units[unit]),
            )
        database.execute(
            "INSERT INTO device_event (device_id, name, occurred_at, received_at, message, detail)"
            " VALUES (%s, 'power.lost', %s, %s, 'running on battery', '{}')",
            (device, night - timedelta(minutes=5), night),
        )
        for minute, good in ((0, 60), (1, 10), (2, 10), (3, 60)):
            moment = night + timedelta(minutes=minute)
            database.execute(
                "INSERT INTO reading_1m (channel_id, bucket, n, good, usable, sum, min, max, last, last_at)"
                " VALUES (%s, %s, 60, %s, 60, 2400, 40, 40, 40, %s)",
                (oxygen, moment, good, moment),
            )
        bucket = FOUND - timedelta(hours=6)
        database.execute(
            "UPDATE reading_1h SET sum = 2400, min = 40 WHERE channel_id = %s AND bucket = %s", (oxygen, bucket)
        )
        row = database.execute(
            "INSERT INTO camera (device_id, name, unit_id) VALUES (%s, 'cam-s', %s) RETURNING id", (device, pen)
        ).fetchone()
        assert row is not None
        database.execute(
            "INSERT INTO image (sha256, camera_id, unit_id, observed_at, media_type, width, height, bytes, stored_at)"
            " VALUES (%s, %s, %s, %s, 'image/jpeg', 1, 1, 1, %s)",
            (sha256, row[0], pen, night + timedelta(minutes=9), night),
        )
    yield
    with psycopg.connect(farm_url) as database:
        database.execute("DELETE FROM alarm WHERE id = ANY(%s)", ([alarm, elsewhere],))
        database.execute("DELETE FROM device_event WHERE device_id = %s", (device,))
        database.execute("DELETE FROM reading_1m WHERE channel_id = %s", (oxygen,))
        database.execute(
            "UPDATE reading_1h SET sum = 5700, min = 95 WHERE channel_id = %s AND bucket = %s", (oxygen, bucket)
        )
        database.execute("DELETE FROM image WHERE sha256 = %s", (sha256,))
        database.execute("DELETE FROM camera WHERE name = 'cam-s'")
    manager.post(f"/api/v1/records/{net}/strike", json={"reason": "end of the test"})


def before(client: httpx.Client, unit_id: int, at: datetime, hours: int = 48) -> dict[str, Any]:
    answer = client.get(f"/api/v1/units/{unit_id}/before", params={"at": at.isoformat(), "hours": hours})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_night_before_the_fish_died(manager: httpx.Client, skerry: Skerry, a_bad_night: None) -> None:
    told = before(manager, skerry.units["pen-1"], FOUND)
    items = told["items"]
    assert [item["at"] for item in items] == sorted(item["at"] for item in items)
    assert [item["kind"] for item in items] == [
        "diary", "device", "alarm", "quality", "quality", "image", "departure", "alarm", "diary",
    ]  # fmt: skip
    words = [item["words"] for item in items]
    assert words[0] == "pen-1: net change: New net <script>"
    assert words[1] == "box-s: power.lost: running on battery"
    assert words[2] == "critical alarm do_sat.low.critical: Oxygen is low at 40 % (limit 48)"
    assert words[3:5] == [
        "pen-1.do_sat: some readings are doubted by a quality test",
        "pen-1.do_sat: readings are good again",
    ]
    assert words[7] == "critical alarm do_sat.low.critical cleared"
    assert words[6].startswith("Oxygen saturation (pen-1.do_sat) 40 %, below its habit at this hour: usually 95 %")
    assert words[8] == "pen-1: 20 dead fish, cause environment/oxygen"
    assert items[5]["image_url"].startswith("/api/v1/images/5e5e")
    assert "signature=" in items[5]["image_url"]
    assert items[6]["link"] == str(skerry.channels["pen-1.do_sat"])
    assert told["cut"] == []


def test_a_struck_out_record_tells_nothing(manager: httpx.Client, skerry: Skerry) -> None:
    wrong = write(manager, fact("feeding", 9.9, unit="pen-1", product="Wrong pen", lot="L", amount_kg=1))
    moment = START + timedelta(days=9.95)
    assert [item["link"] for item in before(manager, skerry.units["pen-1"], moment, 2)["items"]] == [wrong]
    manager.post(f"/api/v1/records/{wrong}/strike", json={"reason": "wrong pen"})
    assert before(manager, skerry.units["pen-1"], moment, 2)["items"] == []


def test_only_the_own_organization_sees_it(
    anonymous: httpx.Client, rival: httpx.Client, manager: httpx.Client, skerry: Skerry, farm: farms.Farm
) -> None:
    path = f"/api/v1/units/{skerry.units['pen-1']}/before"
    assert is_problem(anonymous.get(f"{path}?at=2026-01-01T00:00:00Z"), 401, "unauthenticated")
    assert is_problem(rival.get(f"{path}?at=2026-01-01T00:00:00Z"), 404, "not_found")
    assert is_problem(manager.get(f"{path}?at=2026-01-01T00:00:00Z&hours=169"), 422, "invalid_request")
    assert is_problem(manager.get(f"{path}?at=0001-01-01T00:00:00Z"), 400, "invalid_range")
