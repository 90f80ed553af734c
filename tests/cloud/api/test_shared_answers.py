"""Shared answers over a real store: a change through any process is seen by whoever asks after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import uuid4

import httpx
import psycopg
import pytest

from cloud.db.session import sqlalchemy_url
from cloud.errors import UnavailableError
from cloud.kit.store_version import StoreVersion
from tests.cloud.api import farm as farms
from tests.cloud.api.conftest import Api


@pytest.fixture
def elsewhere(farm_url: str) -> psycopg.Connection:
    """Another process with the same store."""
    return psycopg.connect(farm_url)


def named(client: httpx.Client, unit: str = "tank-1") -> str:
    units = client.get("/api/v1/sites/fjord/units").json()["items"]
    return str(next(each["name"] for each in units if each["slug"] == unit))


def test_a_change_of_another_process_is_seen_with_its_commit_and_not_before(
    viewer: httpx.Client, elsewhere: psycopg.Connection
) -> None:
    first = named(viewer)
    with elsewhere as other:
        for name in ("Renamed elsewhere", first):
            other.execute("UPDATE unit SET name = %s WHERE slug = 'tank-1'", (name,))
            assert named(viewer) != name
            other.commit()
            assert named(viewer) == name


def test_an_alarm_acknowledged_elsewhere_is_acknowledged_everywhere_at_once(
    viewer: httpx.Client, elsewhere: psycopg.Connection, farm: farms.Farm
) -> None:
    def seen() -> tuple[bool, int]:
        alarms = viewer.get("/api/v1/alarms").json()["items"]
        alarm = next(each for each in alarms if each["id"] == str(farm.active_alarm))
        sites = viewer.get("/api/v1/sites").json()["items"]
        return alarm["acknowledged"], next(each["open_alarms"] for each in sites if each["slug"] == "fjord")

    before, open_before = seen()
    assert not before
    with elsewhere as other:
        other.execute(
            "UPDATE alarm SET acknowledged_at = now(), acknowledged_by = 'x', cleared_at = now() WHERE id = %s",
            (farm.active_alarm,),
        )
        other.commit()
        assert seen() == (True, open_before - 1)
        other.execute(
            "UPDATE alarm SET acknowledged_at = NULL, acknowledged_by = NULL, cleared_at = NULL WHERE id = %s",
            (farm.active_alarm,),
        )
    assert seen() == (False, open_before)


def test_an_answer_known_already_is_as_complete_as_the_first(viewer: httpx.Client, operator: httpx.Client) -> None:
    path = f"/api/v1/devices?limit=7&mark={uuid4()}"
    first, second = viewer.get(path), operator.get(path)
    assert second.content == first.content
    own = {"x-request-id", "date"}
    assert {k: v for k, v in second.headers.items() if k not in own} == {
        k: v for k, v in first.headers.items() if k not in own
    }
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    again = operator.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_known_answer_opens_nothing_to_others(
    viewer: httpx.Client, rival: httpx.Client, anonymous: httpx.Client
) -> None:
    assert viewer.get("/api/v1/sites/fjord/units").status_code == 200
    assert rival.get("/api/v1/sites/fjord/units").status_code == 404
    assert anonymous.get("/api/v1/sites/fjord/units").status_code == 401


def test_a_key_that_is_not_for_it_gets_no_known_answer(
    fleet_admin: httpx.Client, viewer: httpx.Client, api: Api
) -> None:
    assert viewer.get("/api/v1/devices").status_code == 200
    made = fleet_admin.post("/api/v1/api-keys", json={"name": "narrow", "role": "viewer", "scopes": ["farms:read"]})
    with api.client(made.json()["key"]) as machine:
        assert machine.get("/api/v1/devices").status_code == 403
        assert machine.get("/api/v1/sites/fjord/units").status_code == 200
    fleet_admin.delete(f"/api/v1/api-keys/{made.json()['api_key']['id']}")


def looking(farm_url: str, story: Callable[[StoreVersion], object]) -> None:
    async def told() -> None:
        version = StoreVersion(sqlalchemy_url(farm_url))
        try:
            await story(version)  # type: ignore[misc]
        finally:
            await version.stop()

    asyncio.run(told())


def test_the_version_changes_with_commits_alone(farm: farms.Farm, farm_url: str) -> None:
    del farm

    async def story(version: StoreVersion) -> None:
        other = await psycopg.AsyncConnection.connect(farm_url)
        async with other:
            await other.execute("UPDATE site SET name = name WHERE slug = 'fjord'")
            pending = await version()
            # Reading changes nothing; the tasks of the API under test, which commit now and then, do.
            while pending != (again := await version()):
                pending = again
            await other.commit()
            committed = await version()
        assert committed != pending

    looking(farm_url, story)


def test_the_version_is_looked_up_again_when_its_connection_was_cut(farm: farms.Farm, farm_url: str) -> None:
    del farm

    async def story(version: StoreVersion) -> None:
        await version()
        with psycopg.connect(farm_url, autocommit=True) as other:
            cut = other.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'shoal-api-version'"
                " AND datname = current_database()"
            ).fetchone()
            assert cut is not None
            assert cut[0] >= 1
        assert await version()

    looking(farm_url, story)


def test_a_store_that_is_away_is_said_to_be_away() -> None:
    looking("postgresql://nobody@127.0.0.1:1/none", _away)


async def _away(version: StoreVersion) -> None:
    with pytest.raises(UnavailableError):
        await asyncio.gather(version(), version())
