"""Who a token belongs to is remembered for moments, and never longer than it is true as far as this process knows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from sqlalchemy import text

from cloud.auth.accounts import create_user
from cloud.auth.principal import Principal
from cloud.auth.recognition import Recognition
from cloud.auth.repository import SessionRepository
from cloud.auth.tokens import AccessTokens, KeyTokens
from cloud.db.session import sqlalchemy_url
from cloud.errors import UnauthenticatedError
from cloud.kit.repository import Database
from tests.cloud.api import farm as farms
from tests.cloud.api.conftest import SECRET, Api

EMAIL = "known@fjord.example"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Gate:
    """What a process knows of one signed-in user, with a clock of its own."""

    def __init__(self, database: Database, token: str, session_id: UUID, farm_url: str) -> None:
        self.clock = Clock()
        self.token = token
        self.session_id = session_id
        self.database = database
        self._farm_url = farm_url
        self._recognition = Recognition(
            database,
            AccessTokens(SECRET.encode(), lifetime=timedelta(minutes=15)),
            KeyTokens(SECRET.encode()),
            lasts_s=2,
            clock=self.clock,
        )

    async def person(self) -> Principal:
        return await self._recognition.person(self.token)

    def sign_out_elsewhere(self) -> None:
        with psycopg.connect(self._farm_url) as connection:
            connection.execute("UPDATE auth_session SET ended_at = now() WHERE id = %s", (self.session_id,))


Story = Callable[[Gate], Awaitable[None]]


@pytest.fixture
def at_the_gate(api: Api, farm_url: str) -> Callable[[Story], None]:
    with psycopg.connect(farm_url) as connection:
        known = connection.execute("SELECT 1 FROM app_user WHERE email = %s", (EMAIL,)).fetchone()
    if known is None:
        create_user(farm_url, EMAIL, farms.PASSWORD, "viewer", "shoal")
    with api.client() as client:
        answer = client.post("/api/v1/auth/login", data={"username": EMAIL, "password": farms.PASSWORD}).json()
    token = answer["access_token"]
    claims = AccessTokens(SECRET.encode(), lifetime=timedelta(minutes=15)).read(token)
    assert claims.session_id is not None

    def tell(story: Story) -> None:
        async def told() -> None:
            database = Database(sqlalchemy_url(farm_url), pool_size=2, statement_timeout_s=15)
            database.start()
            try:
                await story(Gate(database, token, claims.session_id or uuid4(), farm_url))
            finally:
                await database.stop()

        asyncio.run(told())

    return tell


def test_a_logout_through_another_process_counts_within_two_seconds(at_the_gate: Callable[[Story], None]) -> None:
    async def story(gate: Gate) -> None:
        assert (await gate.person()).email == EMAIL
        gate.sign_out_elsewhere()
        gate.clock.now += 1.9
        assert (await gate.person()).email == EMAIL, "nobody has told this process"
        gate.clock.now += 0.1
        with pytest.raises(UnauthenticatedError):
            await gate.person()

    at_the_gate(story)


def test_a_change_through_this_process_counts_at_once(at_the_gate: Callable[[Story], None]) -> None:
    async def story(gate: Gate) -> None:
        await gate.person()
        async with gate.database.write() as writer:
            await SessionRepository(writer).end(gate.session_id, because="logout", now=datetime.now(timezone.utc))
        with pytest.raises(UnauthenticatedError):
            await gate.person()

    at_the_gate(story)


def test_a_row_that_says_nothing_of_people_commits_by_itself_and_ends_no_memory(
    at_the_gate: Callable[[Story], None],
) -> None:
    async def story(gate: Gate) -> None:
        await gate.person()
        transaction = text("SELECT pg_current_xact_id()::text")
        async with gate.database.append() as line:
            first, second = (await line.scalar(transaction), await line.scalar(transaction))
        assert first != second
        gate.sign_out_elsewhere()
        assert (await gate.person()).email == EMAIL, "known, and nobody has told this process"

    at_the_gate(story)


def test_an_answer_that_a_change_overtook_is_not_believed(at_the_gate: Callable[[Story], None]) -> None:
    async def story(gate: Gate) -> None:
        await gate.person()
        async with gate.database.write():
            pass
        # The count of writes is taken before the store is asked: here the change comes in between.
        asking = asyncio.create_task(gate.person())
        await asyncio.sleep(0)
        async with gate.database.write() as writer:
            await SessionRepository(writer).end(gate.session_id, because="logout", now=datetime.now(timezone.utc))
        await asyncio.gather(asking, return_exceptions=True)
        with pytest.raises(UnauthenticatedError):
            await gate.person()

    at_the_gate(story)


def test_a_token_that_expires_is_refused_however_well_its_owner_is_known(farm_url: str) -> None:
    async def story() -> None:
        database = Database(sqlalchemy_url(farm_url), pool_size=1, statement_timeout_s=15)
        database.start()
        tokens = AccessTokens(SECRET.encode(), lifetime=timedelta(seconds=-1))
        recognition = Recognition(database, tokens, KeyTokens(SECRET.encode()), lasts_s=2)
        try:
            with pytest.raises(UnauthenticatedError, match="expired"):
                await recognition.person(tokens.issue(1).token)
        finally:
            await database.stop()

    asyncio.run(story())


def test_a_revoked_key_is_out_with_the_answer_to_its_revocation(fleet_admin: httpx.Client, api: Api) -> None:
    asked = {"name": "forgetful", "role": "viewer", "scopes": ["farms:read"]}
    made = fleet_admin.post("/api/v1/api-keys", json=asked).json()
    with api.client(made["key"]) as machine:
        assert machine.get("/api/v1/sites").status_code == 200
        assert fleet_admin.delete(f"/api/v1/api-keys/{made['api_key']['id']}").status_code == 204
        assert machine.get("/api/v1/sites").status_code == 401
