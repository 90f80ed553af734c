"""What a box told of itself when it was asked for diagnostics: shown to the fleet's admins of its farm alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import httpx
import psycopg
import pytest

from contracts.diagnostics import DIAGNOSTICS_MADE, write_summary

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


def test_a_box_that_was_never_asked_has_none(fleet_admin: httpx.Client) -> None:
    assert fleet_admin.get(PATH).json() == {"items": []}
    assert fleet_admin.get(PATH.replace("box-1", "edge-9")).status_code == 404
