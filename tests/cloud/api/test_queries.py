"""Queries that are written once answer the same, straight from the driver, as SQLAlchemy answers them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Integer, String, bindparam, select, text
from sqlalchemy.exc import DBAPIError

from cloud.alarms.repository import _ACTIVE_COUNTS, _alarms
from cloud.auth.repository import _ACTIVE_BY_ID, _ACTIVE_BY_SESSION, _ACTIVE_KEY
from cloud.db.session import sqlalchemy_url
from cloud.devices.repository import _listed
from cloud.farms.repository import _site_id, _unit, _units
from cloud.farms.tables import Site
from cloud.kit.queries import Query, plan, read_all
from cloud.kit.repository import Database, ReadConnection, Repository
from cloud.overview.repository import _site, _sites
from cloud.telemetry.repository import _LATEST
from tests.cloud.api import farm as farms

_BOOLEANS = (False, True)
_QUERIES = [
    _ACTIVE_COUNTS,
    _ACTIVE_BY_ID,
    _ACTIVE_BY_SESSION,
    _ACTIVE_KEY,
    _LATEST,
    *(made(limited) for made in (_site_id, _unit, _site) for limited in _BOOLEANS),
    *(made(limited, after) for made in (_units, _sites) for limited in _BOOLEANS for after in _BOOLEANS),
    *(
        _listed(limited, of_site=of_site, tagged=tagged, grouped=grouped, after=after)
        for limited in _BOOLEANS
        for of_site in _BOOLEANS
        for tagged in _BOOLEANS
        for grouped in _BOOLEANS
        for after in _BOOLEANS
    ),
    *(
        _alarms(limited, of_site, is_open, assigned, before)
        for limited in _BOOLEANS
        for of_site in _BOOLEANS
        for is_open in (None, *_BOOLEANS)
        for assigned in _BOOLEANS
        for before in _BOOLEANS
    ),
]

Story = Callable[[Database], Awaitable[None]]


class Plain(Repository):
    """Reads like any repository."""

    async def all(self, query: Any, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        return await self._all(query, parameters)


@pytest.fixture
def on_the_farm(farm: farms.Farm, farm_url: str) -> Callable[[Story], None]:
    del farm

    def tell(story: Story) -> None:
        async def told() -> None:
            database = Database(sqlalchemy_url(farm_url), pool_size=1, statement_timeout_s=15)
            database.start()
            try:
                await story(database)
            finally:
                await database.stop()

        asyncio.run(told())

    return tell


async def parameters_of(reader: ReadConnection) -> dict[str, Any]:
    """Whatever the queries ask for, of a site with everything."""
    row = (
        await reader.execute(
            text(
                "SELECT site.id AS site_id, site.organization_id, site.slug, unit.id AS unit_id FROM site "
                "JOIN unit ON unit.site_id = site.id WHERE site.slug = 'fjord' LIMIT 1"
            )
        )
    ).one()
    later = datetime.now(timezone.utc) + timedelta(days=1)
    return {
        **row._mapping,
        "site_ids": [row.site_id],
        "rows": 50,
        "after": "",
        "after_site": "",
        "after_device": "",
        "tag": "pump-house",
        "group": "first",
        "assignee_id": 1,
        "before_at": later,
        "before_id": UUID(int=0),
        "user_id": 1,
        "session_id": UUID(int=0),
        "key_id": 1,
        "secret_hash": "0" * 64,
        "now": later,
    }


def test_every_query_answers_as_sqlalchemy_does(on_the_farm: Callable[[Story], None]) -> None:
    async def story(database: Database) -> None:
        answered = 0
        async with database.read() as reader:
            known = await parameters_of(reader)
            for query in _QUERIES:
                needed = {name: known[name] for name in query.statement.compile().params if name in known}
                statement: Any = query.statement
                by_sqlalchemy = [dict(row) for row in (await reader.execute(statement, needed)).mappings()]
                straight = await read_all(reader, query, needed)
                assert straight == by_sqlalchemy
                answered += bool(straight)
        assert answered > len(_QUERIES) / 3, "most of them are tried on rows"

    on_the_farm(story)


def test_plain_sql_is_read_with_its_types_and_in_transactions_too(on_the_farm: Callable[[Story], None]) -> None:
    statement = text("SELECT CAST(:n AS int) AS n, now() AS at, '{\"a\": [1]}'::jsonb AS held, 100 % 7 AS rest")

    async def story(database: Database) -> None:
        async with database.read() as reader:
            (row,) = await Plain(reader).all(statement, {"n": 3})
        async with database.write() as writer:
            (again,) = await Plain(writer).all(statement, {"n": 3})
            (later,) = await Plain(writer).all(statement, {"n": 4})
        assert again["at"] == later["at"], "one transaction has one now()"
        assert {**row, "at": None} == {"n": 3, "at": None, "held": {"a": [1]}, "rest": 2} | {"at": None}

    on_the_farm(story)


def test_what_the_server_refuses_is_an_error_of_sqlalchemy_and_the_connection_stays(
    on_the_farm: Callable[[Story], None],
) -> None:
    async def story(database: Database) -> None:
        async with database.read() as reader:
            with pytest.raises(DBAPIError, match="division by zero"):
                await Plain(reader).all(text("SELECT 1 / CAST(:n AS int) AS n"), {"n": 0})
            assert await Plain(reader).all(text("SELECT 1 AS n"), {}) == [{"n": 1}]

    on_the_farm(story)


def test_a_server_that_closed_its_connections_is_noticed_before_a_user_notices(
    on_the_farm: Callable[[Story], None], farm_url: str
) -> None:
    one = Query(select(Site.id).where(Site.slug == bindparam("slug")))

    async def story(database: Database) -> None:
        async with database.read() as reader:
            own = (await Plain(reader).all(text("SELECT pg_backend_pid() AS pid"), {}))[0]["pid"]
        with psycopg.connect(farm_url, autocommit=True) as administrator:
            administrator.execute("SELECT pg_terminate_backend(%s, 5000)", (own,))
        async with database.read() as reader:
            assert len(await Plain(reader).all(one, {"slug": "fjord"})) == 1

    on_the_farm(story)


def test_a_connection_that_breaks_under_a_query_is_an_outage_and_the_next_one_works(
    on_the_farm: Callable[[Story], None], farm_url: str
) -> None:
    async def story(database: Database) -> None:
        async with database.read() as reader:
            own = (await Plain(reader).all(text("SELECT pg_backend_pid() AS pid"), {}))[0]["pid"]
            with psycopg.connect(farm_url, autocommit=True) as administrator:
                administrator.execute("SELECT pg_terminate_backend(%s, 5000)", (own,))
            with pytest.raises(DBAPIError) as refused:
                await Plain(reader).all(text("SELECT 1 AS n"), {})
            assert refused.value.connection_invalidated
        async with database.read() as reader:
            assert await Plain(reader).all(text("SELECT 1 AS n"), {}) == [{"n": 1}]

    on_the_farm(story)


def test_a_query_whose_sql_depends_on_its_values_cannot_be_written_once(on_the_farm: Callable[[Story], None]) -> None:
    expanding = select(Site.id).where(Site.id.in_(bindparam("ids", expanding=True, type_=Integer)))

    async def story(database: Database) -> None:
        async with database.read() as reader:
            assert plan(expanding, reader.dialect) is None
            with pytest.raises(TypeError, match="expanding"):
                await Plain(reader).all(Query(expanding), {"ids": [1]})
            listed = text("SELECT id FROM site WHERE slug IN :slugs").bindparams(
                bindparam("slugs", expanding=True, type_=String)
            )
            assert len(await Plain(reader).all(listed, {"slugs": ["fjord", "lagoon"]})) == 2

    on_the_farm(story)
